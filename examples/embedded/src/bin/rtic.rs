//! An RTIC application: a software task waits for a driver, a hardware task of higher priority takes one if it is free.
#![no_std]
#![no_main]

use conn_pool_embedded as _;

#[rtic::app(device = lm3s6965, dispatchers = [GPIOA, GPIOB])]
mod app {
    use conn_pool::Pool;
    use conn_pool_embedded::report::Report;
    use lm3s6965::Interrupt;

    /// A pool is shared by itself: no task locks it.
    static DRIVERS: Pool<u32, 1> = Pool::from_array([0]);

    #[shared]
    struct Shared {}

    #[local]
    struct Local {
        report: Option<Report>,
        refused: u32,
    }

    #[init]
    fn init(_: init::Context) -> (Shared, Local) {
        let report = Report::begin("tasks of RTIC");
        low::spawn().expect("it does not run yet");
        (Shared {}, Local { report: Some(report), refused: 0 })
    }

    /// Holds the driver while it is interrupted, and then until a task of higher priority waits for it.
    #[task(priority = 1)]
    async fn low(_: low::Context) {
        let mut driver = DRIVERS.get_async().await.expect("the pool is open");
        *driver += 1;
        rtic::pend(Interrupt::UART0);
        high::spawn().expect("it does not run yet");
        *driver += 1;
        drop(driver);
    }

    /// Interrupts the other task, waits for what that has, and runs as soon as it is released.
    #[task(priority = 2, local = [report])]
    async fn high(cx: high::Context) {
        assert!(DRIVERS.try_get().is_err(), "the interrupted task has the driver");
        let mut driver = DRIVERS.get_async().await.expect("the pool is open");
        *driver += 1;
        let count = *driver;
        drop(driver);
        rtic::pend(Interrupt::UART0);
        let Some(mut report) = cx.local.report.take() else { panic!("it runs once") };
        report.check("each task had its turn", if count == 3 { Ok(count) } else { Err("another count") });
        let last = DRIVERS.try_get().map_or(0, |driver| *driver);
        report.check("a handler finds the driver free again", if last == 13 { Ok(1) } else { Err("it did not") });
        report.end()
    }

    /// An interrupt handler: it does not wait.
    #[task(binds = UART0, priority = 3, local = [refused])]
    fn uart0(cx: uart0::Context) {
        match DRIVERS.try_get() {
            Ok(mut driver) => *driver += 10 * *cx.local.refused,
            Err(_) => *cx.local.refused += 1,
        }
    }
}

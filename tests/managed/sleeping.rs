//! Time limits of tasks by the pool's default clock, on an executor that knows of no time.

use std::convert::Infallible;
use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use conn_pool::managed::{AsyncManager, Config, GetError, Lifecycle, Pool};
use futures::executor::block_on;

const SHORT: Option<Duration> = Some(Duration::from_millis(10));

/// Answers at first, as long as it is told to.
#[derive(Default)]
struct Silent {
    answers: AtomicBool,
}

impl Lifecycle for Silent {
    type Connection = ();
    type Error = Infallible;
}

impl AsyncManager for Silent {
    async fn connect(&self) -> Result<(), Infallible> {
        if self.answers.load(Ordering::Relaxed) { Ok(()) } else { pending().await }
    }

    async fn is_valid(&self, _connection: &mut ()) -> Result<(), Infallible> {
        if self.answers.load(Ordering::Relaxed) { Ok(()) } else { pending().await }
    }
}

#[test]
fn a_connect_that_is_not_answered_ends_after_its_limit() {
    let pool = Pool::<_, 1>::new(Silent::default(), Config::new().connect_timeout(SHORT)).unwrap();
    let error = block_on(pool.get_async()).unwrap_err();
    assert!(matches!(error, GetError::ConnectTimeout { .. }), "{error}");
}

#[test]
fn a_check_that_is_not_answered_ends_after_its_limit() {
    let config = Config::new().validation_timeout(SHORT).connect_timeout(SHORT).validate_after(Some(Duration::ZERO));
    let pool = Pool::<_, 1>::new(Silent::default(), config).unwrap();
    pool.manager().answers.store(true, Ordering::Relaxed);
    drop(block_on(pool.get_async()).unwrap());
    pool.manager().answers.store(false, Ordering::Relaxed);
    let error = block_on(pool.get_async()).unwrap_err();
    // The check, and then the connect in its place.
    assert!(matches!(error, GetError::ConnectTimeout { .. }), "{error}");
    assert_eq!(pool.metrics().checked, 1);
}

#[test]
fn a_wait_ends_after_its_timeout() {
    let pool = Pool::<_, 1>::new(Silent::default(), Config::new()).unwrap();
    pool.manager().answers.store(true, Ordering::Relaxed);
    let held = block_on(pool.get_async()).unwrap();
    let error = block_on(pool.get_async_timeout(Duration::from_millis(10))).unwrap_err();
    assert!(matches!(error, GetError::Timeout(_)), "{error}");
    drop(held);
}

#[test]
fn maintenance_by_a_task_keeps_the_floor_and_the_limits() {
    let config = Config::new().min_idle(1).connect_timeout(SHORT);
    let pool = Pool::<_, 2>::new(Silent::default(), config).unwrap();
    pool.manager().answers.store(true, Ordering::Relaxed);
    std::thread::scope(|scope| {
        scope.spawn(|| block_on(pool.run_maintenance()));
        while pool.status().idle == 0 {
            std::thread::yield_now();
        }
        pool.close();
    });
}

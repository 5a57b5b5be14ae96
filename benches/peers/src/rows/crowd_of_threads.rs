//! Rows 7 and 8: 24 threads that have to wait for each other.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

use conn_pool::{Fairness, Pool};

use crate::contest::Contest;
use crate::pace::Pace;
use crate::peer_managers::r2d2_pool;
use crate::table::{Bound, Line, Unit};
use crate::yardsticks::{HandOverPool, MutexPool};

const THREADS: usize = 24;

/// Row 7: over 8 connections, which are held for a moment.
pub(crate) fn busy(pace: &Pace) -> Vec<Line> {
    let pool = Pool::<u64, 8>::from_fn(|number| number as u64).with_fairness(Fairness::Bounded(16));
    let (r2d2, mutex) = (r2d2_pool(8), MutexPool::new(8));
    let window = pace.window;
    let outcome = Contest::in_unit(Unit::PerSecond)
        .with("`Bounded(16)`", || throughput(window, || *pool.get().expect("the pool is open") += 1))
        .with("r2d2", || throughput(window, || *r2d2.get().expect("nobody waits for long") += 1))
        .with("`Mutex<Vec>` + `Condvar`", || throughput(window, || mutex.with(|connection| *connection += 1)))
        .hold(pace);
    assert!(pool.metrics().most_overtaken <= 16, "nobody is overtaken more often than promised");
    vec![
        outcome.line("7a. 24 threads on 8, held for a moment", "`Bounded(16)`", "r2d2", Bound::AtLeast(1.0)),
        outcome.line("7b. as 7a", "`Bounded(16)`", "`Mutex<Vec>` + `Condvar`", Bound::None),
    ]
}

/// Row 8: over 4 connections, with which they sleep.
pub(crate) fn asleep(pace: &Pace) -> Vec<Line> {
    let pool = Pool::<u64, 4>::from_fn(|number| number as u64).with_fairness(Fairness::Fifo);
    let (mutex, hand_over) = (MutexPool::new(4), HandOverPool::new(4));
    let window = pace.window;
    let outcome = Contest::in_unit(Unit::PerSecond)
        .with("`Fifo`", || throughput(window, || sleep_with(pool.get())))
        .with("`Mutex<Vec>` + `Condvar`", || throughput(window, || mutex.with(|_| sleep_a_while())))
        .with("a bare hand-over", || throughput(window, || hand_over.with(|_| sleep_a_while())))
        .hold(pace);
    let overtakes = pool.metrics().overtakes;
    vec![
        outcome.line(
            "8a. 24 threads on 4, asleep for 100 µs",
            "`Fifo`",
            "`Mutex<Vec>` + `Condvar`",
            Bound::AtLeast(0.95),
        ),
        Line::exact("8b. overtakes in 8a", overtakes, "", "–", 0),
        outcome.line("8c. as 8a", "`Fifo`", "a bare hand-over", Bound::None),
    ]
}

/// Holds whatever it is given for as long.
fn sleep_with<G>(connection: G) {
    sleep_a_while();
    drop(connection);
}

fn sleep_a_while() {
    thread::sleep(Duration::from_micros(100));
}

/// Loans a second, all threads together.
fn throughput(window: Duration, borrow: impl Fn() + Sync) -> f64 {
    let is_over = AtomicBool::new(false);
    let start = Instant::now();
    let loans: u32 = thread::scope(|scope| {
        let count = || {
            let mut loans = 0;
            while !is_over.load(Relaxed) {
                borrow();
                loans += 1;
            }
            loans
        };
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(count)).collect();
        thread::sleep(window);
        is_over.store(true, Relaxed);
        threads.into_iter().map(|thread| thread.join().expect("no thread panics")).sum::<u32>()
    });
    f64::from(loans) / start.elapsed().as_secs_f64()
}

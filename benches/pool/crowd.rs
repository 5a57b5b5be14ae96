//! 24 threads over 4 connections, beside `Mutex<Vec>` and `Condvar`.

use std::hint::black_box;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

use conn_pool::{Fairness, Pool};
use criterion::Criterion;

use crate::paired::{Figure, Wanted, time};
use crate::peers::{HandOverPool, MutexPool};

const THREADS: usize = 24;
const CONNECTIONS: usize = 4;
/// How long a round of the table lasts.
const ROUND: Duration = Duration::from_millis(400);

fn fifo() -> Pool<u64, CONNECTIONS> {
    Pool::from_fn(|number| number as u64)
}

fn bounded() -> Pool<u64, CONNECTIONS> {
    fifo().with_fairness(Fairness::Bounded(16))
}

fn peer() -> MutexPool {
    MutexPool::new(CONNECTIONS as u64)
}

/// What a thread does with its connection.
#[derive(Clone, Copy)]
enum Work {
    Sleep(Duration),
    /// So many steps of [`Work::step`].
    Spin(u64),
}

impl Work {
    fn sleep_100_us() -> Self {
        Self::Sleep(Duration::from_micros(100))
    }

    /// Calibrated beforehand, because a look at the clock takes a good part of a microsecond on some machines. The
    /// quickest of several goes, which no other process has slowed down.
    fn spin_1_us() -> Self {
        let mut connection = 0;
        let steps = 100_000;
        let quickest = (0..20).map(|_| time(steps, || Self::step(&mut connection))).min().unwrap_or_default();
        Self::Spin(steps * 1_000 / u64::try_from(quickest.as_nanos()).unwrap_or(u64::MAX).max(1))
    }

    fn step(connection: &mut u64) {
        *connection = black_box(connection.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    }

    fn run(self, connection: &mut u64) {
        match self {
            Self::Sleep(time) => thread::sleep(time),
            Self::Spin(steps) => (0..steps).for_each(|_| Self::step(connection)),
        }
    }
}

/// Borrowings a second, all threads together.
fn throughput(borrow: impl Fn() + Sync) -> f64 {
    let stop = AtomicBool::new(false);
    let start = Instant::now();
    let borrowings: u32 = thread::scope(|scope| {
        let count = || {
            let mut borrowings = 0;
            while !stop.load(Relaxed) {
                borrow();
                borrowings += 1;
            }
            borrowings
        };
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(count)).collect();
        thread::sleep(ROUND);
        stop.store(true, Relaxed);
        threads.into_iter().map(|thread| thread.join().unwrap()).sum::<u32>()
    });
    f64::from(borrowings) / start.elapsed().as_secs_f64()
}

/// How long the crowd takes for so many borrowings, of which each thread does its share.
fn time_borrowings(borrowings: u64, borrow: impl Fn() + Sync) -> Duration {
    let each = borrowings.div_ceil(THREADS as u64);
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| (0..each).for_each(|_| borrow()));
        }
    });
    start.elapsed()
}

fn borrow(pool: &Pool<u64, CONNECTIONS>, work: Work) {
    work.run(&mut pool.get().unwrap());
}

fn borrow_from_peer(peer: &MutexPool, work: Work) {
    peer.with(|connection| work.run(connection));
}

pub(crate) fn bench(criterion: &mut Criterion) {
    let peer = peer();
    for (name, pool, work) in [
        ("24 threads, 4 connections, asleep for 100 us", fifo(), Work::sleep_100_us()),
        ("24 threads, 4 connections, busy for 1 us", bounded(), Work::spin_1_us()),
    ] {
        let mut group = criterion.benchmark_group(name);
        group.sample_size(10);
        group.bench_function("Mutex<Vec> + Condvar", |bencher| {
            bencher.iter_custom(|borrowings| time_borrowings(borrowings, || borrow_from_peer(&peer, work)));
        });
        group.bench_function(format!("{:?}", pool.fairness()), |bencher| {
            bencher.iter_custom(|borrowings| time_borrowings(borrowings, || borrow(&pool, work)));
        });
        group.finish();
    }
}

pub(crate) fn figures() -> Vec<Figure> {
    let (fifo, bounded, peer) = (fifo(), bounded(), peer());
    let hand_over = HandOverPool::new(CONNECTIONS as u64);
    let (sleep, spin) = (Work::sleep_100_us(), Work::spin_1_us());
    let figures = vec![
        Figure::measure(
            "4a. 24 threads, 4 connections, asleep for 100 µs, `Fifo`, beside `Mutex<Vec>` + `Condvar`",
            "/s",
            || throughput(|| borrow(&fifo, sleep)),
            || throughput(|| borrow_from_peer(&peer, sleep)),
            Wanted::AtLeast(0.95),
        ),
        Figure::measure(
            "4b. as 4a, beside the simplest pool that is first come, first served",
            "/s",
            || throughput(|| borrow(&fifo, sleep)),
            || throughput(|| hand_over.with(|connection| sleep.run(connection))),
            Wanted::AtLeast(0.95),
        ),
        Figure::measure(
            "5. 24 threads, 4 connections, busy for 1 µs, `Bounded(16)`, beside the same",
            "/s",
            || throughput(|| borrow(&bounded, spin)),
            || throughput(|| borrow_from_peer(&peer, spin)),
            Wanted::AtLeast(1.0),
        ),
    ];
    assert_eq!(fifo.metrics().overtakes, 0, "nobody is overtaken under Fifo");
    assert!(bounded.metrics().most_overtaken <= 16, "nobody is overtaken more often than promised");
    figures
}

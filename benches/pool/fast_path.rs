//! Nobody waits: one thread, a nearly empty pool, two threads.

use std::hint;
use std::sync::Barrier;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::thread;
use std::time::{Duration, Instant};

use conn_pool::{ConnGuard, Pool};
use criterion::Criterion;

use crate::floor::Floor;
use crate::paired::{Figure, Wanted, nanos_per_turn, time};

/// Turns of a round of the table: some ten milliseconds.
const TURNS: u32 = 2_000_000;
/// Turns of each thread in a race: a millisecond or two, in which the threads mostly keep their processors.
const TURNS_OF_THREADS: u32 = 200_000;
/// Races of one set of threads. They may all have been put on one processor, on a busy machine: hence several sets.
const RACES: usize = 8;
/// Sets of threads of a round.
const SETS: usize = 8;

fn pool<const N: usize>() -> Pool<u64, N> {
    Pool::from_fn(|number| number as u64)
}

#[inline(always)]
fn try_get<const N: usize>(pool: &Pool<u64, N>) {
    drop(pool.try_get());
}

#[inline(always)]
fn get<const N: usize>(pool: &Pool<u64, N>) {
    drop(pool.get());
}

/// Holds every connection but the one in the middle.
fn all_but_one<const N: usize>(pool: &Pool<u64, N>) -> Vec<ConnGuard<'_, u64, N>> {
    let mut held: Vec<_> = std::iter::from_fn(|| pool.try_get().ok()).collect();
    drop(held.remove(N / 2));
    held
}

/// How long `threads` threads take for `turns` turns each, from a common start to the last one's end.
fn time_threads(pool: &Pool<u64, 8>, threads: usize, turns: u64) -> Duration {
    let barrier = Barrier::new(threads + 1);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                barrier.wait();
                time(turns, || try_get(pool));
                barrier.wait();
            });
        }
        barrier.wait();
        let start = Instant::now();
        barrier.wait();
        start.elapsed()
    })
}

/// Millions of turns a second in the quickest of some races, one in which no thread was interrupted.
fn throughput(pool: &Pool<u64, 8>, threads: usize) -> f64 {
    let quickest = (0..SETS).map(|_| quickest_race(pool, threads)).min().unwrap_or_default();
    let turns = (0..threads).map(|_| f64::from(TURNS_OF_THREADS)).sum::<f64>();
    turns / quickest.as_secs_f64() / 1e6
}

/// The threads spin until all of them are there, so a race begins only when each has a processor.
fn quickest_race(pool: &Pool<u64, 8>, threads: usize) -> Duration {
    let arrivals = AtomicUsize::new(0);
    let meet = |all: usize| {
        arrivals.fetch_add(1, AcqRel);
        while arrivals.load(Acquire) < all * threads {
            hint::spin_loop();
        }
    };
    let race = |number: usize| {
        meet(2 * number + 1);
        let start = Instant::now();
        time(u64::from(TURNS_OF_THREADS), || try_get(pool));
        meet(2 * number + 2);
        start.elapsed()
    };
    let times: Vec<Vec<Duration>> = thread::scope(|scope| {
        let racers: Vec<_> = (0..threads).map(|_| scope.spawn(|| (0..RACES).map(race).collect())).collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).collect()
    });
    // Who is interrupted right at the start has a short time of its own, so the longest counts.
    let longest = |number: usize| times.iter().map(|times| times[number]).max();
    (0..RACES).filter_map(longest).min().unwrap_or_default()
}

pub(crate) fn bench(criterion: &mut Criterion) {
    let (floor, eight, thousand) = (Floor::new(), pool::<8>(), pool::<1024>());
    let mut group = criterion.benchmark_group("one thread");
    group.bench_function("two-RMW floor", |bencher| bencher.iter(|| floor.turn()));
    group.bench_function("try_get of 8", |bencher| bencher.iter(|| try_get(&eight)));
    group.bench_function("get of 8", |bencher| bencher.iter(|| get(&eight)));
    let first = eight.try_get();
    group.bench_function("try_get of 8, the first one held", |bencher| bencher.iter(|| try_get(&eight)));
    drop(first);
    let held = all_but_one(&thousand);
    group.bench_function("try_get of 1024, all others held", |bencher| bencher.iter(|| try_get(&thousand)));
    drop(held);
    group.finish();

    let mut group = criterion.benchmark_group("threads on 8, turns of each");
    for threads in [1, 2] {
        group.bench_function(threads.to_string(), |bencher| {
            bencher.iter_custom(|turns| time_threads(&eight, threads, turns));
        });
    }
    group.finish();
}

pub(crate) fn figures() -> Vec<Figure> {
    let (floor, eight, thousand) = (Floor::new(), pool::<8>(), pool::<1024>());
    let beside_floor = |name: &str, bound, turn: &mut dyn FnMut() -> f64| {
        Figure::measure(name, "ns", turn, || nanos_per_turn(TURNS, || floor.turn()), Wanted::AtMost(bound))
    };
    let mut figures = vec![
        beside_floor("1a. one thread, `try_get` of 8", 1.15, &mut || nanos_per_turn(TURNS, || try_get(&eight))),
        beside_floor("1b. one thread, `get` of 8", 1.15, &mut || nanos_per_turn(TURNS, || get(&eight))),
    ];
    let first = eight.try_get();
    figures
        .push(beside_floor("1c. as 1a, the first one in use", 2.0, &mut || nanos_per_turn(TURNS, || try_get(&eight))));
    drop(first);
    let held = all_but_one(&thousand);
    figures.push(beside_floor("2. one thread, `try_get` of 1024, all others held", 3.0, &mut || {
        nanos_per_turn(TURNS, || try_get(&thousand))
    }));
    drop(held);
    figures.push(Figure::measure(
        "3. two threads on 8, beside one thread",
        "M/s",
        || throughput(&eight, 2),
        || throughput(&eight, 1),
        Wanted::AtLeast(1.5),
    ));
    figures
}

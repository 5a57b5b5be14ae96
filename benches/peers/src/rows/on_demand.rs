//! Row 4: two threads at a pool beside one, from the first loan on.

use std::hint;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::thread;
use std::time::{Duration, Instant};

use conn_pool::Pool;
use conn_pool::managed::{self, Config};

use crate::contest::{Contest, Spread};
use crate::managers::Idle;
use crate::pace::Pace;
use crate::table::{Bound, Line, Unit};
use crate::timing::time;

/// Turns of each thread in a race: a fraction of a millisecond, in which the threads mostly keep their processors.
const TURNS: u32 = 4_000;
/// Races of one set of threads.
const RACES: u32 = 100;
/// Sets of a round: an odd number, so that the median is one of them.
const SETS: usize = 5;

type Managed = managed::Pool<Idle, 8>;

fn on_demand() -> Managed {
    Managed::const_new(Idle, Config::new())
}

fn connected() -> Managed {
    let pool = on_demand();
    drop([(); 8].map(|()| pool.get()));
    pool
}

fn plain() -> Pool<u64, 8> {
    Pool::from_fn(|number| number as u64)
}

pub(crate) fn lines(pace: &Pace) -> Vec<Line> {
    let managed = |pool: fn() -> Managed, threads| move || throughput(threads, pool, |pool| drop(pool.get()));
    let plain = |threads| move || throughput(threads, plain, |pool| drop(pool.get()));
    let outcome = Contest::in_unit(Unit::PerSecond)
        .with("2 threads, on demand", managed(on_demand, 2))
        .with("1 thread, on demand", managed(on_demand, 1))
        .with("2 threads, connected", managed(connected, 2))
        .with("1 thread, connected", managed(connected, 1))
        .with("2 threads, plain", plain(2))
        .with("1 thread, plain", plain(1))
        .hold(pace);
    vec![
        outcome.line(
            "4a. managed, 2 threads on 8, connections made on demand",
            "2 threads, on demand",
            "1 thread, on demand",
            Bound::AtLeast(1.5),
        ),
        outcome.line("4b. as 4a, all 8 connected first", "2 threads, connected", "1 thread, connected", Bound::None),
        outcome.line("4c. as 4a, plain", "2 threads, plain", "1 thread, plain", Bound::None),
    ]
}

/// Loans a second, all threads together: the median of some sets, each with a pool and threads of its own, since where
/// threads and connections come to lie differs from set to set.
fn throughput<P: Sync>(threads: u32, pool: fn() -> P, borrow: impl Fn(&P) + Sync) -> f64 {
    Spread::of((0..SETS).map(|_| quickest_race(threads, &pool(), &borrow)).collect()).median
}

/// Of the races of one set, the first of which makes the connections: one in which each thread has kept its processor.
fn quickest_race<P: Sync>(threads: u32, pool: &P, borrow: &(impl Fn(&P) + Sync)) -> f64 {
    let arrivals = AtomicU32::new(0);
    // They spin, so that they begin only when each of them has a processor.
    let meet = |number: u32| {
        arrivals.fetch_add(1, AcqRel);
        while arrivals.load(Acquire) < (number + 1) * threads {
            hint::spin_loop();
        }
    };
    let race = |number| {
        meet(number);
        let start = Instant::now();
        time(TURNS, || borrow(pool));
        (start, Instant::now())
    };
    let times: Vec<Vec<(Instant, Instant)>> = thread::scope(|scope| {
        let racers: Vec<_> = (0..threads).map(|_| scope.spawn(|| (0..RACES).map(race).collect())).collect();
        racers.into_iter().map(|racer| racer.join().expect("no thread panics")).collect()
    });
    let quickest = (0..RACES as usize).map(|number| from_first_to_last(times.iter().map(|times| times[number]))).min();
    f64::from(threads * TURNS) / quickest.unwrap_or_default().as_secs_f64()
}

/// From the first start to the last end.
fn from_first_to_last(times: impl Iterator<Item = (Instant, Instant)> + Clone) -> Duration {
    let start = times.clone().map(|(start, _)| start).min();
    let end = times.map(|(_, end)| end).max();
    start.zip(end).map(|(start, end)| end - start).unwrap_or_default()
}

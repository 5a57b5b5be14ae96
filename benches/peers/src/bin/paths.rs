//! One path of the host, walked so many times and nothing else, for a tool that counts instructions: `ci/instructions`.
//!
//! Without a path it prints the names of all of them.

#[path = "../by_hand.rs"]
mod by_hand;
#[path = "../managers.rs"]
mod managers;

use std::hint::black_box;
use std::pin::pin;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use conn_pool::Pool;
use conn_pool::managed::{self, CanSleep, Clock, Config, SystemClock};

use by_hand::{Line, poll};
use managers::Idle;

/// Walks one path of the host so many times.
#[derive(Parser)]
struct Args {
    /// The path. Without one, the names of all paths are printed.
    path: Option<Path>,
    /// How many times.
    #[arg(default_value_t = 1)]
    turns: u32,
}

#[derive(Clone, Copy, ValueEnum)]
enum Path {
    Pair,
    GetPair,
    Refused,
    HandOver,
    #[value(name = "hand-over-of-100")]
    HandOverOf100,
    JoinAndCancel,
    ManagedPair,
    ManagedPairMaintained,
    ManagedHandOver,
    #[value(name = "managed-hand-over-of-100")]
    ManagedHandOverOf100,
    ManagedJoinAndCancel,
}

fn main() {
    let Args { path, turns } = Args::parse();
    match path {
        Some(path) => walk(path, turns),
        None => Path::value_variants().iter().filter_map(Path::to_possible_value).for_each(|path| {
            println!("{}", path.get_name());
        }),
    }
}

fn walk(path: Path, turns: u32) {
    match path {
        Path::Pair => {
            let pool = eight();
            repeat(turns, || drop(pool.try_get()));
        }
        Path::GetPair => {
            let pool = eight();
            repeat(turns, || drop(pool.get()));
        }
        Path::Refused => refused(turns),
        Path::HandOver => hand_over(1, turns),
        Path::HandOverOf100 => hand_over(100, turns),
        Path::JoinAndCancel => join_and_cancel(turns),
        Path::ManagedPair => managed_pair(turns),
        Path::ManagedPairMaintained => managed_pair_maintained(turns),
        Path::ManagedHandOver => managed_hand_over(1, turns),
        Path::ManagedHandOverOf100 => managed_hand_over(100, turns),
        Path::ManagedJoinAndCancel => managed_join_and_cancel(turns),
    }
}

/// Not inlined into its caller, so that each loop is compiled for itself.
#[inline(never)]
fn repeat(turns: u32, mut work: impl FnMut()) {
    for _ in 0..black_box(turns) {
        work();
    }
}

fn eight() -> Pool<u64, 8> {
    Pool::from_fn(|number| number as u64)
}

fn refused(turns: u32) {
    let pool = Pool::from([0]);
    let _held = pool.try_get();
    repeat(turns, || assert!(pool.try_get().is_err()));
}

fn hand_over(waiting: usize, turns: u32) {
    let pool = Pool::from([0]);
    let mut line = Line::new(|| pool.get_async(), waiting);
    repeat(turns, || line.step());
}

fn join_and_cancel(turns: u32) {
    let pool = Pool::from([0]);
    let _held = pool.try_get();
    repeat(turns, || assert!(poll(&mut pin!(pool.get_async())).is_none()));
}

/// Read like the system's clock, at the same cost, but it stands still: what a loop takes does not depend on how long
/// it takes.
struct StoppedClock;

impl StoppedClock {
    const TIME: Duration = Duration::from_secs(1000);
}

impl Clock for StoppedClock {
    /// For ever: whoever sleeps is polled again all the same.
    const CAN_SLEEP: bool = true;

    fn now(&self) -> Duration {
        black_box(SystemClock.now());
        Self::TIME
    }

    fn coarse(&self) -> Duration {
        black_box(SystemClock.coarse());
        Self::TIME
    }
}

impl CanSleep for StoppedClock {}

type Managed<const N: usize> = managed::Pool<Idle, N, StoppedClock>;

fn managed<const N: usize>() -> Managed<N> {
    Managed::const_with_clock(Idle, Config::new(), StoppedClock)
}

/// With all its connections made.
fn connected() -> Managed<8> {
    let pool = managed();
    drop([(); 8].map(|()| pool.get()));
    pool
}

fn managed_pair(turns: u32) {
    let pool = connected();
    repeat(turns, || drop(pool.get()));
}

/// Maintenance is polled by hand, and not in the loop: what another pass takes would depend on the time.
fn managed_pair_maintained(turns: u32) {
    let pool = connected();
    let mut maintenance = pin!(pool.run_maintenance());
    // From the second pass on, which finds the pool in use, acquires rely on its marks.
    for _ in 0..2 {
        assert!(poll(&mut maintenance).is_none(), "the pool is open");
        drop(pool.get());
    }
    assert!(poll(&mut maintenance).is_none(), "the pool is open");
    repeat(turns, || drop(pool.get()));
}

fn managed_hand_over(waiting: usize, turns: u32) {
    let pool = managed::<1>();
    let mut line = Line::new(|| pool.get_async(), waiting);
    repeat(turns, || line.step());
}

fn managed_join_and_cancel(turns: u32) {
    let pool = managed::<1>();
    let _held = pool.get();
    repeat(turns, || assert!(poll(&mut pin!(pool.get_async())).is_none()));
}

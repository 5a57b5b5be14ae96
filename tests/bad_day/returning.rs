//! Point 3: callers are served by what comes back, while connects take long.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use conn_pool::managed::{Config, SystemClock};

use crate::callers::{Callers, Maintained, timed};
use crate::driver::Behaviour;
use crate::kit::lock;
use crate::kit::managed::{millis, secs};
use crate::table::{Row, shown};
use crate::timer::Timer;

const ROUNDS: usize = 5;
const BURST: usize = 50;
const USE: Duration = millis(5);

/// How much longer than over two connections alone a burst may take: the noise of the machine.
const RATIO: f64 = 1.25;

pub(crate) fn bursts() -> Vec<Row> {
    [bursts_of::<SystemClock>(), bursts_of::<Timer>()].into_iter().flatten().collect()
}

fn bursts_of<K: Callers>() -> [Row; 2] {
    let rounds: Vec<_> =
        (0..ROUNDS).map(|_| (burst::<K>(Config::new()), burst::<K>(Config::new().max_size(2)))).collect();
    let most = rounds.iter().map(|(open, _)| open.connects).max().unwrap_or_default();
    let took = median(rounds.iter().map(|(open, _)| open.took));
    let alone = median(rounds.iter().map(|(_, two)| two.took));
    let ratio = took.as_secs_f64() / alone.as_secs_f64();
    let what = format!("{}: 50 at once over 2 idle, use 5 ms, connect 250 ms", K::NAME);
    let bound = format!("≤ {RATIO} x {}", shown(alone));
    let measured = format!("{} ({ratio:.2} x two alone)", shown(took));
    [
        Row::at_most("3", format!("{what}: new connects"), 8, most),
        Row::new("3", format!("{what}: done"), bound, measured, ratio <= RATIO),
    ]
}

struct Burst {
    connects: usize,
    took: Duration,
}

fn burst<K: Callers>(config: Config) -> Burst {
    let behaviour = Behaviour { connect: millis(250), ..Behaviour::default() };
    let pool = Maintained::<K, 64>::filled(config, 2, behaviour);
    let before = pool.manager().connects();
    let calls = K::all(BURST, async |_| {
        let began = Instant::now();
        let got = K::get(&pool, secs(5)).await;
        K::pause(USE).await;
        drop(got);
        (began, Instant::now())
    });
    let began = calls.iter().map(|(began, _)| *began).min().expect("there are callers");
    let ended = calls.iter().map(|(_, ended)| *ended).max().expect("there are callers");
    Burst { connects: pool.manager().connects() - before, took: ended - began }
}

fn median(times: impl Iterator<Item = Duration>) -> Duration {
    let mut times: Vec<_> = times.collect();
    times.sort();
    times[times.len() / 2]
}

pub(crate) fn one_that_comes_back() -> Vec<Row> {
    vec![comes_back::<SystemClock>(), comes_back::<Timer>()]
}

fn comes_back<K: Callers>() -> Row {
    let behaviour = Behaviour { connect: millis(500), ..Behaviour::default() };
    let pool = Maintained::<K, 4>::filled(Config::new(), 1, behaviour);
    // The first has the connection, and the second wants one.
    let held = Mutex::new(Some(pool.get(secs(1)).expect("one is idle")));
    let times = K::all(2, async |number| {
        if number == 0 {
            K::pause(millis(20)).await;
            drop(lock(&held).take());
            return Duration::ZERO;
        }
        timed(K::get(&pool, secs(2))).await.1
    });
    let what = format!("{}: one comes back after 20 ms, connect 500 ms: served", K::NAME);
    Row::within("3", what, millis(70), times[1])
}

//! Points 6 and 7: maintenance is in time, and makes connections beside each other.

use std::thread;
use std::time::{Duration, Instant};

use conn_pool::managed::{Config, DiscardReason, SystemClock};

use crate::callers::{Callers, Maintained, comes_within};
use crate::driver::{Behaviour, Seen};
use crate::kit::managed::{millis, secs};
use crate::table::{Row, leeway, shown};
use crate::timer::Timer;

const POOLS: usize = 200;
const FLOOR: usize = 2;

/// How long the pools are quiet before they are used.
const QUIET: Duration = millis(2_500);

/// How long the floor may be missed, and how long it is waited for.
const BACK: Duration = millis(100);
const PATIENCE: Duration = secs(3);

pub(crate) fn floors() -> Vec<Row> {
    vec![floor::<SystemClock>(), floor::<Timer>()]
}

fn floor<K: Callers>() -> Row {
    let config = Config::new().min_idle(FLOOR);
    let pools: Vec<_> = (0..POOLS).map(|_| Maintained::<K, 4>::new(config, Behaviour::default())).collect();
    thread::sleep(QUIET);
    // One connection of each is taken, and kept.
    let mut taken: Vec<_> = pools.iter().map(|pool| (pool, pool.get(secs(1)), Instant::now(), None)).collect();
    let end = Instant::now() + PATIENCE;
    while taken.iter().any(|(.., back)| back.is_none()) && Instant::now() < end {
        for (pool, _, at, back) in taken.iter_mut().filter(|(.., back)| back.is_none()) {
            *back = (pool.status().idle >= FLOOR).then(|| at.elapsed());
        }
        thread::sleep(Duration::from_micros(500));
    }
    let in_time = taken.iter().filter(|(_, got, _, back)| got.is_ok() && back.is_some_and(|back| back <= BACK)).count();
    let slowest = taken.iter().map(|(.., back)| back.unwrap_or(PATIENCE)).max().unwrap_or_default();
    let what = format!("{}: 200 quiet pools, a loan of each: floor back within 100 ms", K::NAME);
    let measured = format!("{in_time} of {POOLS}, slowest {}", shown(slowest));
    Row::new("6", what, format!("{POOLS} of {POOLS}"), measured, in_time == POOLS)
}

pub(crate) fn limits() -> Vec<Row> {
    [limits_of::<SystemClock>(), limits_of::<Timer>()].into_iter().flatten().collect()
}

/// The limits side by side, each in a pool of its own.
fn limits_of<K: Callers>() -> Vec<Row> {
    let none = Config::new().idle_timeout(None).keepalive(None).lifetime_jitter_percent(0);
    let (idle, keep, leak, life) = (millis(250), millis(500), millis(300), millis(400));
    let limits = [
        ("idle_timeout", idle, none.idle_timeout(Some(idle)), Seen::Discarded(DiscardReason::Idle)),
        ("keepalive", keep, none.keepalive(Some(keep)), Seen::Checked),
        ("leak_threshold", leak, none.leak_threshold(Some(leak)), Seen::Leaked),
        ("max_lifetime", life, none.max_lifetime(Some(life)), Seen::Discarded(DiscardReason::Expired)),
    ];
    thread::scope(|scope| {
        let begin = |(name, limit, config, event)| scope.spawn(move || limit_of::<K>(name, limit, config, event));
        let trials = limits.map(begin);
        trials.into_iter().filter_map(|trial| trial.join().ok()).collect()
    })
}

/// When the first connection of a pool, whose connect took 50 ms, reaches its limit.
fn limit_of<K: Callers>(name: &str, limit: Duration, config: Config, event: Seen) -> Row {
    let pool = Maintained::<K, 2>::new(config, Behaviour { connect: millis(50), ..Behaviour::default() });
    let guard = pool.get(secs(1)).expect("the server is well");
    let from = Instant::now();
    // A leak is one that is kept; the other limits are of connections that came back.
    let _kept = (event == Seen::Leaked).then_some(guard);
    let last = limit + leeway(limit);
    let after = pool.manager().wait_for(event, from + limit + secs(2)).map(|at| at.duration_since(from));
    // The pool's coarse clock is some milliseconds behind.
    let is_kept = after.is_some_and(|after| after + millis(5) >= limit && after <= last);
    let measured = after.map_or_else(|| format!("> {}", shown(limit + secs(2))), shown);
    let bound = format!("{} to {}", limit.as_millis(), shown(last));
    Row::new("6", format!("{}: {name}, after a first connect of 50 ms", K::NAME), bound, measured, is_kept)
}

pub(crate) fn readiness() -> Vec<Row> {
    vec![ready::<SystemClock>(), ready::<Timer>()]
}

fn ready<K: Callers>() -> Row {
    let behaviour = Behaviour { connect: millis(200), ..Behaviour::default() };
    let pool = Maintained::<K, 8>::new(Config::new().min_idle(8), behaviour);
    let after = comes_within(PATIENCE, || pool.status().idle == 8);
    Row::comes_within("7", format!("{}: min_idle 8, connect 200 ms: ready", K::NAME), millis(300), after, PATIENCE)
}

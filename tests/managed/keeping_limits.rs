//! Maintenance keeps each limit to within a tenth of itself, or 20 ms, whatever the pool did when it looked last.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Context;
use std::time::Duration;

use conn_pool::managed::{Clock, Config};

use crate::kit::managed::{SimPool, get_from, maintain, millis, pool, quiet, secs};
use crate::kit::{Call, Gate, Job, Outcome, waker_that};

/// A limit, and what shows that maintenance has acted on it.
struct Limit {
    name: &'static str,
    config: Config,
    after: Duration,
    was_kept: fn(&SimPool<2>) -> bool,
    /// It runs while the connection is in use, not while it is idle.
    is_of_loans: bool,
}

fn limits() -> [Limit; 4] {
    let idle = |name, config, after, was_kept: fn(&SimPool<2>) -> bool| Limit {
        name,
        config,
        after,
        was_kept,
        is_of_loans: false,
    };
    let is_gone = |pool: &SimPool<2>| pool.status().idle == 0;
    let expires = quiet().max_lifetime(Some(millis(2_400))).lifetime_jitter_percent(0);
    [
        idle("idle_timeout", quiet().idle_timeout(Some(millis(250))), millis(250), is_gone),
        idle("keepalive", quiet().keepalive(Some(millis(500))), millis(500), |pool| {
            pool.manager().calls(Call::Check) > 0
        }),
        idle("max_lifetime", expires, millis(2_400), is_gone),
        Limit {
            name: "leak_threshold",
            config: quiet().leak_threshold(Some(millis(300))),
            after: millis(300),
            was_kept: |pool| pool.metrics().leaked > 0,
            is_of_loans: true,
        },
    ]
}

impl Limit {
    /// Lets time pass until the limit was kept, and demands that it was, counted from now.
    fn assert_kept(&self, pool: &SimPool<2>, upkeep: &mut Job<'_, ()>, case: &str) {
        let began = pool.clock().now();
        let latest = self.after + (self.after / 10).max(millis(20));
        while !(self.was_kept)(pool) {
            let late = pool.clock().now().saturating_sub(began);
            assert!(late < latest, "{}, {case}: nothing was done after {late:?}", self.name);
            step(pool, upkeep);
        }
        let taken = pool.clock().now().saturating_sub(began);
        assert!(taken + millis(1) >= self.after, "{}, {case}: kept after {taken:?} already", self.name);
    }
}

/// A millisecond passes, in which maintenance does what it was woken for.
fn step(pool: &SimPool<2>, upkeep: &mut Job<'_, ()>) {
    run_if_woken(upkeep, |_| pool.clock().advance(millis(1)));
}

/// Maintenance runs after `what` if that has woken it.
fn run_if_woken<'a>(upkeep: &mut Job<'a, ()>, what: impl FnOnce(&mut Job<'a, ()>)) {
    let rings = upkeep.rings();
    what(upkeep);
    if upkeep.rings() > rings {
        upkeep.wait_on();
    }
}

#[test]
fn of_a_connection_that_was_made_while_it_slept() {
    for limit in limits() {
        let pool = pool::<2>(limit.config);
        let mut upkeep = Job::begun(pool.run_maintenance());
        let gate = Gate::default();
        pool.manager().then(Call::Connect, Outcome::at(&gate));
        let mut caller = None;
        run_if_woken(&mut upkeep, |_| caller = Some(Job::begun(pool.get_async())));
        (0..50).for_each(|_| step(&pool, &mut upkeep));
        gate.open();
        let mut held = None;
        run_if_woken(&mut upkeep, |upkeep| {
            upkeep.wait_on();
            held = Some(caller.take().unwrap().end().unwrap());
        });
        let _held = held.filter(|_| limit.is_of_loans);
        limit.assert_kept(&pool, &mut upkeep, "connected");
    }
}

#[test]
fn of_a_connection_that_comes_back_after_a_long_use() {
    for limit in limits().into_iter().filter(|limit| !limit.is_of_loans && limit.name != "max_lifetime") {
        let pool = pool::<2>(limit.config);
        let mut upkeep = Job::begun(pool.run_maintenance());
        let mut held = None;
        run_if_woken(&mut upkeep, |upkeep| held = Some(get_from(&pool, upkeep)));
        (0..2_345).for_each(|_| step(&pool, &mut upkeep));
        drop(held);
        limit.assert_kept(&pool, &mut upkeep, "released");
    }
}

/// Maintenance had nothing to do for long, and slept; a use wakes it.
#[test]
fn of_connections_that_are_used_after_a_long_rest() {
    let [idle_timeout, _, _, leak_threshold] = limits();
    for limit in [Limit { was_kept: |pool| pool.status().idle < 2, ..idle_timeout }, leak_threshold] {
        let pool = pool::<2>(limit.config.min_idle(1));
        let mut upkeep = Job::begun(pool.run_maintenance());
        (0..12_345).for_each(|_| step(&pool, &mut upkeep));
        let mut held = Vec::new();
        for _ in 0..2 {
            run_if_woken(&mut upkeep, |upkeep| held.push(get_from(&pool, upkeep)));
        }
        if !limit.is_of_loans {
            (0..1_000).for_each(|_| step(&pool, &mut upkeep));
            run_if_woken(&mut upkeep, |_| held.clear());
        }
        limit.assert_kept(&pool, &mut upkeep, "used");
    }
}

/// Maintenance that runs as soon as it is woken must find the slot claimed, or it would sleep on beside a pool that is
/// below its floor.
#[test]
fn a_caller_has_its_connection_before_it_wakes_maintenance() {
    let pool = pool::<2>(quiet().min_idle(1));
    let (seen, idle) = (Arc::downgrade(&pool), Arc::new(AtomicUsize::new(usize::MAX)));
    let noted = Arc::clone(&idle);
    let waker = waker_that(move || noted.store(seen.upgrade().unwrap().status().idle, Ordering::SeqCst));
    let mut upkeep = Box::pin(pool.run_maintenance());
    for _ in 0..3 {
        assert!(upkeep.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        pool.clock().advance(secs(1));
    }
    assert!(upkeep.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    idle.store(usize::MAX, Ordering::SeqCst);
    let _held = pool.get().unwrap();
    assert_eq!(idle.load(Ordering::SeqCst), 0);
}

/// A check in its pass takes long, and another limit passes meanwhile.
#[test]
fn a_limit_that_passes_during_a_pass_is_kept_soon_after() {
    let pool = pool::<2>(quiet().keepalive(Some(secs(10))).idle_timeout(Some(secs(12))));
    let clock = pool.clock().clone();
    pool.manager().then(Call::Check, Outcome::after(move || clock.advance(secs(5))));
    let mut upkeep = Job::begun(pool.run_maintenance());
    run_if_woken(&mut upkeep, |upkeep| drop(get_from(&pool, upkeep)));
    while pool.manager().calls(Call::Check) == 0 {
        step(&pool, &mut upkeep);
    }
    (0..20).for_each(|_| step(&pool, &mut upkeep));
    assert_eq!(pool.status().idle, 0);
}

/// A loop of the user's that looks when it was told to keeps the limits, too.
#[test]
fn a_loop_is_told_to_look_in_time_for_each_limit() {
    for limit in limits() {
        let pool = pool::<2>(limit.config);
        let next = maintain(&pool).next;
        assert!(next <= (limit.after / 10).max(millis(20)), "{}: {next:?}", limit.name);
    }
    assert_eq!(maintain(&pool::<2>(quiet())).next, secs(30), "nothing is ever due");
}

//! Connections that are checked every so often, however busy they are.

use std::time::Duration;

use conn_pool::managed::{Clock, Config, ConnGuard, DiscardReason, Nested, Reuse};

use crate::kit::managed::{SimPool, get_from, millis, pool, quiet, secs, two_out};
use crate::kit::{Call, Job, Outcome, Script, SimClock};

/// With and without the fast path, and beside `validate_after`.
fn configs(every: Duration) -> [Config; 4] {
    let config = quiet().validate_every(Some(every));
    let fast = config.nested(Nested::Allow);
    [fast, fast.validate_after(Some(millis(500))), config.nested(Nested::Refuse), fast.reuse(Reuse::RoundRobin)]
}

/// A pool of one connection that is checked `every` so often, and its maintenance.
struct Busy<'a> {
    pool: &'a SimPool<1>,
    upkeep: Option<Job<'a, ()>>,
    every: Duration,
}

impl<'a> Busy<'a> {
    fn get(&mut self) -> ConnGuard<'a, Script, 1, SimClock> {
        match &mut self.upkeep {
            Some(upkeep) => get_from(self.pool, upkeep),
            None => self.pool.get().unwrap(),
        }
    }

    fn advance(&mut self, by: Duration) {
        self.pool.clock().advance(by);
        if let Some(upkeep) = &mut self.upkeep {
            upkeep.wait_on();
        }
    }

    /// The connection is used all the time, and never rests for long. How often was it checked?
    fn spend(&mut self, time: Duration) -> usize {
        let (end, before) = (self.pool.clock().now() + time, self.pool.manager().calls(Call::Check));
        while self.pool.clock().now() < end {
            drop(self.get());
            self.advance(self.every / 160);
        }
        self.pool.manager().calls(Call::Check) - before
    }
}

/// With maintenance and without.
fn each(work: impl Fn(Busy<'_>)) {
    for every in [millis(400), secs(8)] {
        for config in configs(every) {
            work(Busy { pool: &pool(config), upkeep: None, every });
            let pool = pool(config);
            work(Busy { pool: &pool, upkeep: Some(Job::begun(pool.run_maintenance())), every });
        }
    }
}

#[test]
fn a_connection_that_never_rests_is_checked_every_so_often() {
    each(|mut busy| {
        let checks = busy.spend(busy.every * 12);
        let expected = if busy.upkeep.is_some() { 12..=16 } else { 11..=12 };
        assert!(expected.contains(&checks), "{checks} checks");
    });
}

/// Its server is gone, and it is in use all the time.
#[test]
fn a_busy_connection_that_has_died_in_silence_is_replaced_in_time() {
    each(|mut busy| {
        busy.spend(busy.every / 2 * 5);
        let latest = busy.pool.clock().now() + busy.every;
        busy.pool.manager().then(Call::Check, Outcome::Error);
        while busy.get().number == 1 {
            assert!(busy.pool.clock().now() <= latest, "lent for too long");
            busy.spend(busy.every / 160);
        }
        assert_eq!(busy.pool.manager().discards(DiscardReason::Invalid), 1);
    });
}

#[test]
fn a_connection_that_was_in_use_for_long_is_checked_before_it_is_lent_again() {
    each(|mut busy| {
        let held = busy.get();
        (0..160).for_each(|_| busy.advance(busy.every / 160));
        busy.pool.clock().advance(millis(1));
        drop(held);
        for _ in 0..2 {
            drop(busy.get());
            assert_eq!(busy.pool.manager().calls(Call::Check), 1);
        }
    });
}

/// Another connection is used all the time, so maintenance marks, and callers read no ages from the clock.
#[test]
fn a_connection_that_comes_back_to_a_busy_pool_after_long_was_marked_meanwhile() {
    for config in configs(secs(8)) {
        let pool = pool::<2>(config);
        let mut upkeep = Job::begun(pool.run_maintenance());
        let held = get_from(&pool, &mut upkeep);
        for _ in 0..161 {
            drop(get_from(&pool, &mut upkeep));
            pool.clock().advance(millis(50));
            upkeep.wait_on();
        }
        drop(held);
        let checks = pool.manager().calls(Call::Check);
        drop(two_out(&pool));
        assert_eq!(pool.manager().calls(Call::Check), checks + 1);
    }
}

#[test]
fn a_new_connection_was_shown_to_work_by_its_connect() {
    each(|mut busy| {
        let time = busy.every / 10 * 7;
        assert_eq!(busy.spend(time), 0);
        busy.pool.evict_all();
        assert_eq!(busy.spend(time), 0);
        assert_eq!(busy.pool.manager().calls(Call::Connect), 2);
    });
}

/// A check by maintenance counts.
#[test]
fn a_keepalive_shows_that_a_connection_works() {
    let pool = pool::<1>(quiet().validate_every(Some(secs(8))).keepalive(Some(secs(3))));
    drop(pool.get().unwrap());
    for _ in 0..4 {
        pool.clock().advance(secs(3));
        assert_eq!(pool.maintain(pool.clock().now()).checked, 1);
    }
    drop(pool.get().unwrap());
    assert_eq!(pool.manager().calls(Call::Check), 4);
}

/// Nothing is marked meanwhile.
#[test]
fn what_is_due_while_the_process_stands_still_is_checked() {
    each(|mut busy| {
        busy.spend(busy.every / 2);
        busy.pool.clock().advance(busy.every);
        drop(busy.pool.get().unwrap());
        assert_eq!(busy.pool.manager().calls(Call::Check), 1);
    });
}

#[test]
fn without_it_a_connection_that_never_rests_is_never_checked() {
    let pool = pool(quiet().validate_after(Some(millis(500))));
    let mut busy = Busy { pool: &pool, upkeep: None, every: secs(8) };
    assert_eq!(busy.spend(secs(100)), 0);
}

//! Models of the managed pool's maintenance, while callers acquire and release, and while the pool is evicted or
//! closed.

use core::future::{Future, pending, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::boxed::Box;
use std::sync::Arc;

use loom::thread;

use super::managed::{
    ANY, Hands, SHORT, Server, TIMELESS, assert_whole, at_hand, fill, get, maintain, read, timed, vacant,
};
use super::{bound, client, explore, explore_up_to, join, run};
use crate::managed::{ConnGuard, GetError, ManagedParts, Marker, Pool, pause_marking};

/// Maintenance fills the only slot while a caller wants it, or is refused by the server: the caller is served in any
/// case.
fn refilling_races_with_a_caller(refusals: usize) {
    // A maintenance pass takes many steps.
    explore_up_to(1, move || {
        let pool = vacant::<1>(Server::refusing(refusals), TIMELESS.min_idle(1));
        let upkeep = client(0, &pool, |pool| maintain(pool));
        let got = get(&pool);
        join([upkeep]);
        match got {
            Ok(session) => drop(session),
            Err(GetError::Connect { .. }) => assert_eq!(refusals, 1),
            Err(other) => panic!("{other:?}"),
        }
        let metrics = pool.metrics();
        assert!(metrics.connect_failed == refusals && read(&pool.manager().made) <= 1, "{metrics:?}");
        assert_whole(&pool, 1);
    });
}

#[test]
fn the_maintenance_refills_a_slot_that_a_caller_waits_for() {
    refilling_races_with_a_caller(0);
}

#[test]
fn a_refill_that_fails_passes_the_slot_to_a_caller() {
    refilling_races_with_a_caller(1);
}

type Upkeep<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

fn maintenance_of<const N: usize>(pool: &Pool<Server, N, Hands>) -> Upkeep<'_> {
    Box::pin(pool.run_maintenance())
}

fn pass(upkeep: &mut Upkeep<'_>) {
    assert!(upkeep.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
}

/// A connection is released while maintenance begins or ends. Either the release or maintenance records since when it
/// is idle, so it is checked before it is lent after `validate_after`, or a quarter more.
fn a_connection_is_checked_after_long(begins_before: bool, goes_on: bool) {
    explore(move || {
        let config = TIMELESS.validate_after(Some(Duration::from_secs(1)));
        let pool = timed::<2>(Server::refusing(0), config, ANY);
        // The connection that is lent first stays in use, so that the model is about the other.
        let busy = at_hand(&pool);
        let held = ConnGuard::into_owned(at_hand(&pool).unwrap(), &pool).ok().unwrap();
        let mut upkeep = maintenance_of(&pool);
        if begins_before {
            pass(&mut upkeep);
        }
        let returner = thread::spawn(move || drop(held));
        pass(&mut upkeep);
        if !goes_on {
            drop(core::mem::replace(&mut upkeep, Box::pin(pending())));
        }
        join([returner]);
        drop(busy);
        for millis in [250, 500, 750, 1000, 1250].into_iter().take_while(|_| goes_on) {
            pool.clock().set(millis);
            pass(&mut upkeep);
            drop(at_hand(&pool));
        }
        pool.clock().set(1251);
        let _busy = at_hand(&pool);
        let checked = read(&pool.manager().checked);
        drop(at_hand(&pool));
        assert_eq!(read(&pool.manager().checked), checked + 1, "lent without a check");
    });
}

#[test]
fn a_connection_that_comes_back_as_the_maintenance_begins_is_checked_after_long() {
    a_connection_is_checked_after_long(false, true);
}

#[test]
fn a_connection_that_comes_back_during_the_maintenance_is_checked_after_long() {
    a_connection_is_checked_after_long(true, true);
}

#[test]
fn a_connection_that_comes_back_as_the_maintenance_ends_is_checked_after_long() {
    a_connection_is_checked_after_long(true, false);
}

/// What maintenance knows of a connection when nothing was done for three seconds, because the process stood still, or
/// there was no maintenance.
#[derive(Clone, Copy, PartialEq)]
enum Known {
    /// That it was idle before.
    Idle,
    /// Nothing: it was used after the last pass.
    Nothing,
    /// There was no pass yet.
    NoPass,
}

/// A caller comes while maintenance marks for the first time after that, and gets no connection unchecked that was idle
/// all the time: whether maintenance sees it idle, claimed, or both.
fn a_connection_is_checked_after_a_stop(preemptions: usize, known: Known) {
    explore_up_to(preemptions, move || {
        let pool = timed::<1>(Server::refusing(0), TIMELESS.validate_after(Some(Duration::from_secs(1))), ANY);
        let mut marker = Marker::new();
        let mut mark_at = |millis| {
            pool.clock().set(millis);
            pause_marking(&*pool);
            marker.mark(&*pool, ManagedParts::coarse(&*pool), Waker::noop());
        };
        drop(at_hand(&pool));
        if known != Known::NoPass {
            mark_at(250);
        }
        if known == Known::Nothing {
            drop(at_hand(&pool));
        }
        pool.clock().set(3500);
        let caller = client(0, &pool, |pool| {
            let lent = at_hand(pool);
            assert!(lent.is_none() || read(&pool.manager().checked) == 1, "lent without a check");
        });
        mark_at(3500);
        join([caller]);
    });
}

#[test]
fn a_connection_that_maintenance_sees_idle_after_a_stop_is_checked() {
    a_connection_is_checked_after_a_stop(1, Known::Nothing);
}

#[test]
fn a_connection_that_was_seen_idle_before_a_stop_is_checked() {
    // A caller that is stopped between its claim and its look, and goes on when maintenance has marked.
    a_connection_is_checked_after_a_stop(bound(), Known::Idle);
}

#[test]
fn a_connection_that_was_idle_for_long_as_maintenance_begins_is_checked() {
    a_connection_is_checked_after_a_stop(bound(), Known::NoPass);
}

/// Maintenance sleeps long while nothing happens, and must not miss the close.
#[test]
fn closing_a_pool_ends_its_maintenance() {
    explore(|| {
        let pool = timed::<1>(Server::refusing(0), TIMELESS, SHORT);
        let upkeep = client(0, &pool, |pool| run(pool.run_maintenance()));
        pool.close();
        join([upkeep]);
    });
}

/// Nor an eviction, which leaves fewer connections than `min_idle`.
#[test]
fn a_connection_that_goes_is_replaced_by_the_maintenance() {
    explore(|| {
        let pool = timed::<1>(Server::refusing(0), TIMELESS.min_idle(1), SHORT);
        fill(&pool);
        let upkeep = client(0, &pool, |pool| {
            let mut upkeep = maintenance_of(pool);
            run(poll_fn(|context| {
                assert!(upkeep.as_mut().poll(context).is_pending());
                if read(&pool.manager().made) >= 2 { Poll::Ready(()) } else { Poll::Pending }
            }));
        });
        pool.evict_all();
        join([upkeep]);
        assert_whole(&pool, 1);
    });
}

/// A claim takes no lock. It comes when maintenance has seen that nothing happens, and falls asleep for long.
#[test]
fn a_connection_that_is_claimed_is_made_up_for_by_the_maintenance() {
    // A maintenance pass takes many steps.
    explore_up_to(1, || {
        let pool = timed::<2>(Server::refusing(0), TIMELESS.min_idle(1), ANY);
        let own = Arc::clone(&pool);
        let mut upkeep: Upkeep<'static> = Box::pin(async move { own.run_maintenance().await });
        pass(&mut upkeep);
        pool.clock().end_short_sleeps_only();
        let sleeper = client(0, &pool, move |pool| {
            run(poll_fn(|context| {
                assert!(upkeep.as_mut().poll(context).is_pending());
                if read(&pool.manager().made) >= 2 { Poll::Ready(()) } else { Poll::Pending }
            }));
        });
        let held = at_hand(&pool).unwrap();
        join([sleeper]);
        drop(held);
    });
}

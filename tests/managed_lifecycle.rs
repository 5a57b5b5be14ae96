//! A connection's way through the pool: made, lent, given back, checked, parted with; whatever its manager does.
#![cfg(feature = "std")]

mod common;
#[path = "common/managed.rs"]
mod kit;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use common::{FOREVER, panics, wait_until};
use conn_pool::managed::{ConnGuard, DiscardReason, GetError, OwnedConnGuard, Retry};
use kit::{
    Call, Failed, Gate, Job, Outcome, assert_at_rest, get_async_owned, maintain, millis, owned, pool, quiet, secs,
};

const ALWAYS: Option<Duration> = Some(Duration::ZERO);

#[test]
fn a_connection_is_made_when_it_is_wanted_and_used_again() {
    let pool = pool::<2>(quiet());
    for _ in 0..3 {
        assert_eq!(pool.get().unwrap().number, 1);
        assert_eq!(Job::new(pool.get_async()).end().unwrap().number, 1);
        assert_eq!(pool.try_get().unwrap().number, 1);
        assert_eq!(pool.try_get_idle().unwrap().number, 1);
    }
    assert_eq!((pool.manager().calls(Call::Connect), pool.manager().calls(Call::Reset)), (1, 12));
    assert_at_rest(&pool);
}

#[test]
fn a_connection_that_comes_back_is_looked_at_then_reset() {
    let pool = pool::<1>(quiet());
    let script = pool.manager().clone();
    pool.manager().then(Call::Broken, Outcome::after(move || assert_eq!(script.calls(Call::Reset), 0)));
    drop(pool.get().unwrap());
    assert_eq!(pool.manager().calls(Call::Reset), 1);
}

#[test]
fn a_connection_that_cannot_be_reset_is_discarded() {
    let pool = pool::<1>(quiet());
    pool.manager().then(Call::Reset, Outcome::Error);
    drop(pool.get().unwrap());
    assert_eq!(
        (pool.manager().discards(DiscardReason::ResetFailed), pool.metrics().discarded_for(DiscardReason::ResetFailed)),
        (1, 1)
    );
    assert_eq!(pool.manager().events(), ["connected", "reset failed: Reset 1 failed"]);
    assert_at_rest(&pool);
}

#[test]
fn a_manager_that_panics_when_a_connection_comes_back_costs_no_slot() {
    for call in [Call::Broken, Call::Reset, Call::Dirty] {
        let pool = pool::<1>(quiet());
        let held = pool.get().unwrap();
        let mut waiter = Job::begun(pool.get_async());
        pool.manager().then(call, Outcome::Panic);
        assert!(panics(|| drop(held)));
        assert_eq!((waiter.woken_to_end().unwrap().number, pool.manager().live()), (2, 1));
    }
}

#[test]
fn a_manager_that_panics_when_a_connection_goes_costs_no_slot() {
    let pool = pool::<1>(quiet());
    let held = pool.get().unwrap();
    let mut waiter = Job::begun(pool.get_async());
    pool.manager().then(Call::Discard, Outcome::Panic);
    assert!(panics(|| ConnGuard::discard(held)));
    assert_eq!((waiter.woken_to_end().unwrap().number, pool.manager().live()), (2, 1));
}

#[test]
fn a_dirty_connection_is_checked_before_it_is_lent_again() {
    let pool = pool::<1>(quiet());
    pool.manager().then(Call::Dirty, Outcome::Error);
    drop(pool.get().unwrap());
    assert!(pool.try_get_idle().is_none());
    drop(pool.get().unwrap());
    drop(pool.get().unwrap());
    assert_eq!((pool.manager().calls(Call::Check), pool.manager().calls(Call::Connect)), (1, 1));
}

#[test]
fn what_fails_its_check_is_replaced_for_the_same_caller() {
    let pool = pool::<1>(quiet().validate_after(ALWAYS));
    drop(pool.get().unwrap());
    pool.manager().then(Call::Check, Outcome::Error);
    assert_eq!(pool.get().unwrap().number, 2);
    assert_eq!(pool.manager().discards(DiscardReason::Invalid), 1);
    assert!(pool.manager().events().contains(&"check failed: Check 1 failed".into()));
}

#[test]
fn a_check_that_panics_costs_its_connection_and_no_slot() {
    let pool = pool::<1>(quiet().validate_after(ALWAYS));
    for outcome in [Outcome::Ok, Outcome::Panic] {
        drop(pool.get().unwrap());
        pool.manager().then(Call::Check, Outcome::Panic).then(Call::Discard, outcome);
        assert!(panics(|| drop(pool.get())));
        assert_at_rest(&pool);
    }
    assert_eq!(pool.manager().discards(DiscardReason::CheckCancelled), 2);
}

#[test]
fn a_caller_without_time_leaves_what_is_to_be_checked() {
    let pool = pool::<1>(quiet().validate_after(ALWAYS));
    drop(pool.get().unwrap());
    assert!(matches!(pool.get_timeout(Duration::ZERO), Err(GetError::Timeout(_))));
    assert_eq!((pool.manager().calls(Call::Check), pool.metrics().pool.timed_out), (0, 1));
    assert_at_rest(&pool);
    assert_eq!(pool.get().unwrap().number, 1);
}

#[test]
fn a_caller_without_time_does_not_connect() {
    let pool = pool::<1>(quiet());
    assert!(matches!(pool.get_timeout(Duration::ZERO), Err(GetError::Timeout(_))));
    assert_eq!((pool.manager().calls(Call::Connect), pool.metrics().pool.timed_out), (0, 1));
    drop(pool.get().unwrap());
    drop(pool.get_timeout(Duration::ZERO).unwrap());
}

#[test]
fn a_failed_connect_passes_the_turn_on() {
    let pool = pool::<1>(quiet());
    let gate = Gate::default();
    pool.manager().then(Call::Connect, Outcome::error_at(&gate));
    let mut first = Job::begun(pool.get_async());
    let mut second = Job::begun(pool.get_async());
    gate.open();
    assert!(matches!(first.woken_to_end(), Err(GetError::Connect { .. })));
    assert_eq!(second.woken_to_end().unwrap().number, 1);
}

#[test]
fn a_connect_that_panics_passes_the_turn_on() {
    let pool = pool::<1>(quiet());
    let gate = Gate::default();
    pool.manager().then(Call::Connect, Outcome::panic_at(&gate));
    thread::scope(|scope| {
        let first = scope.spawn(|| panics(|| drop(pool.get())));
        gate.wait_for_arrivals(1);
        let second = scope.spawn(|| pool.get_timeout(FOREVER).unwrap().number);
        wait_until(|| pool.status().waiting == 1);
        gate.open();
        assert_eq!((first.join().unwrap(), second.join().unwrap()), (true, 1));
    });
}

#[test]
fn a_connect_whose_caller_gives_up_passes_the_turn_on() {
    let pool = pool::<1>(quiet());
    pool.manager().then(Call::Connect, Outcome::at(&Gate::default()));
    let first = Job::begun(pool.get_async());
    let mut second = Job::begun(pool.get_async());
    drop(first);
    assert_eq!(second.woken_to_end().unwrap().number, 1);
}

#[test]
fn each_of_a_crowd_learns_for_itself_that_there_is_no_connecting() {
    let pool = pool::<2>(quiet());
    let gate = Gate::default();
    pool.manager().always(Call::Connect, Outcome::error_at(&gate));
    let mut crowd: Vec<_> = (0..5).map(|_| Job::begun(pool.get_async())).collect();
    gate.open();
    for caller in &mut crowd {
        assert!(matches!(caller.woken_to_end(), Err(GetError::Connect { .. })));
    }
    assert_eq!(pool.manager().calls(Call::Connect), 5);
    assert_at_rest(&pool);
}

#[test]
fn a_slow_connect_delays_nobody_else() {
    let pool = pool::<2>(quiet());
    drop(pool.get().unwrap());
    let held = pool.get().unwrap();
    let gate = Gate::default();
    pool.manager().then(Call::Connect, Outcome::at(&gate));
    let mut slow = Job::begun(pool.get_async());
    let mut waiter = Job::begun(pool.get_async());
    drop(held);
    assert_eq!(waiter.woken_to_end().unwrap().number, 1);
    drop(pool.try_get().unwrap());
    gate.open();
    assert_eq!(slow.woken_to_end().unwrap().number, 2);
}

/// No function of the manager's is called under a lock: each may call the pool.
#[test]
fn the_manager_may_use_the_pool_in_any_call() {
    for call in [Call::Connect, Call::Check, Call::Broken, Call::Reset, Call::Dirty, Call::Discard] {
        let pool = pool::<2>(quiet().validate_after(ALWAYS).on_panic(conn_pool::managed::OnPanic::Reset));
        drop(pool.get().unwrap());
        let own = Arc::downgrade(&pool);
        let meddle = move || {
            let pool = own.upgrade().unwrap();
            drop(pool.try_get());
            pool.evict_all();
            pool.resize(2).unwrap();
            maintain(&pool);
            _ = pool.retain(|_| true);
        };
        pool.manager().then(Call::Check, if call == Call::Check { Outcome::Ok } else { Outcome::Error });
        pool.manager().then(call, Outcome::after(meddle));
        drop(pool.get().unwrap());
        drop(pool.get().unwrap());
        assert_at_rest(&pool);
    }
}

#[test]
fn what_is_idle_and_fit_is_lent_without_a_word_to_the_manager() {
    let pool = pool::<1>(quiet().validate_after(Some(millis(500))));
    assert!(pool.try_get_idle().is_none());
    drop(pool.get().unwrap());
    drop(pool.try_get_idle().unwrap());
    pool.clock().advance(millis(501));
    assert!(pool.try_get_idle().is_none());
    assert_eq!((pool.manager().calls(Call::Connect), pool.manager().calls(Call::Check)), (1, 0));
    assert_at_rest(&pool);
}

#[test]
fn a_caller_that_looks_for_an_idle_one_does_not_pass_the_line() {
    let pool = pool::<1>(quiet());
    let held = pool.get().unwrap();
    let mut waiter = Job::begun(pool.get_async());
    drop(held);
    assert!(pool.try_get_idle().is_none());
    drop(waiter.woken_to_end().unwrap());
}

#[test]
fn a_task_has_one_budget_for_waiting_connecting_and_checking() {
    let pool = pool::<1>(quiet().validate_after(ALWAYS));
    pool.manager().then(Call::Connect, Outcome::at(&Gate::default())).then(Call::Check, Outcome::at(&Gate::default()));
    for (what, expected) in [("connecting", "connect_timeout"), ("waiting", "timeout"), ("checking", "timeout")] {
        let held = (what == "waiting").then(|| pool.get().unwrap());
        let mut caller = Job::begun(pool.get_async_timeout(secs(2)));
        pool.clock().advance(secs(1));
        caller.wait_on();
        pool.clock().advance(secs(1));
        assert_eq!(caller.woken_to_end().unwrap_err().name(), expected, "{what}");
        drop(held);
        assert_at_rest(&pool);
    }
    assert_eq!(pool.manager().calls(Call::Connect), 2);
}

/// As for a thread: what went wrong is worth more to its caller than that time is up.
#[test]
fn a_deadline_of_a_task_ends_a_pause_with_the_error_that_led_to_it() {
    let retry = Retry { attempts: 9, first_pause: secs(60), longest_pause: secs(60) };
    let pool = pool::<1>(quiet().retry(retry));
    pool.manager().always(Call::Connect, Outcome::Error);
    let mut caller = Job::begun(pool.get_async_timeout(secs(2)));
    pool.clock().advance(secs(2));
    let error = caller.woken_to_end().unwrap_err();
    assert!(matches!(error, GetError::Connect { error: Failed(Call::Connect, 1), .. }), "{error}");
    assert_at_rest(&pool);
}

#[test]
fn a_task_that_gives_up_is_counted_once() {
    let pool = pool::<1>(quiet());
    let held = pool.get().unwrap();
    let mut caller = Job::begun(pool.get_async_timeout(secs(2)));
    pool.clock().advance(secs(2));
    assert!(matches!(caller.woken_to_end(), Err(GetError::Timeout(_))));
    assert_eq!((pool.metrics().pool.timed_out, pool.status().waiting), (1, 0));
    drop(held);
    drop(Job::new(pool.get_async_timeout(Duration::ZERO)).end().unwrap());
    pool.evict_all();
    assert!(matches!(Job::new(pool.get_async_timeout(Duration::ZERO)).end(), Err(GetError::Timeout(_))));
    assert_eq!((pool.metrics().pool.timed_out, pool.manager().calls(Call::Connect)), (2, 1));
}

#[test]
fn a_task_that_is_served_in_time_gets_its_connection() {
    let pool = pool::<1>(quiet());
    let held = pool.get().unwrap();
    let mut caller = Job::begun(pool.get_async_timeout(secs(2)));
    pool.clock().advance(secs(1));
    drop(held);
    assert_eq!(caller.woken_to_end().unwrap().number, 1);
    drop(Job::new(pool.get_async_timeout(Duration::ZERO)).end().unwrap());
}

#[test]
fn a_thread_gives_up_when_its_time_is_over() {
    let pool = pool::<1>(quiet());
    let held = pool.get().unwrap();
    assert!(matches!(pool.get_timeout(millis(5)), Err(GetError::Timeout(_))));
    assert!(matches!(pool.get_deadline(std::time::Instant::now()), Err(GetError::Timeout(_))));
    assert_eq!(pool.metrics().pool.timed_out, 2);
    drop(held);
    assert_at_rest(&pool);
}

#[test]
fn whoever_gives_up_while_a_connection_is_checked_passes_the_turn_on() {
    let pool = pool::<1>(quiet().validate_after(ALWAYS));
    drop(pool.get().unwrap());
    pool.manager().then(Call::Check, Outcome::at(&Gate::default()));
    let first = Job::begun(pool.get_async());
    let mut second = Job::begun(pool.get_async());
    drop(first);
    assert_eq!(second.woken_to_end().unwrap().number, 2);
}

/// Its turn had come: those who came later are served after it.
#[test]
fn a_caller_whose_connection_was_unfit_keeps_its_place() {
    let pool = pool::<2>(quiet().max_connecting(1).validate_after(ALWAYS));
    let held = [pool.get().unwrap(), pool.get().unwrap()];
    let mut early = Job::begun(pool.get_async());
    let mut late = Job::begun(pool.get_async());
    let [first, second] = held;
    let gate = Gate::default();
    pool.manager().then(Call::Broken, Outcome::Error).then(Call::Connect, Outcome::at(&gate));
    drop(first);
    early.wait_on();
    pool.manager().then(Call::Check, Outcome::Error);
    drop(second);
    late.wait_on();
    let mut last = Job::begun(pool.get_async());
    gate.open();
    let early = early.woken_to_end().unwrap();
    let late = late.woken_to_end().unwrap();
    last.wait_on();
    drop(early);
    drop(last.woken_to_end().unwrap());
    drop(late);
}

#[test]
fn threads_and_tasks_stand_in_one_line() {
    let pool = pool::<1>(quiet());
    let held = pool.get().unwrap();
    let mut first = Job::begun(pool.get_async());
    let gate = Gate::default();
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let _held = pool.get().unwrap();
            gate.wait_for_arrivals(1);
        });
        wait_until(|| pool.status().waiting == 2);
        let mut third = Job::begun(pool.get_async());
        drop(held);
        let first = first.woken_to_end().unwrap();
        third.wait_on();
        drop(first);
        third.wait_on();
        gate.arrive();
        thread.join().unwrap();
        drop(third.woken_to_end().unwrap());
    });
}

#[test]
fn an_owned_guard_keeps_its_pool() {
    let pool = pool::<2>(quiet());
    let script = pool.manager().clone();
    let guards = [owned(pool.get().unwrap(), &pool), Job::new(get_async_owned(Arc::clone(&pool))).end().unwrap()];
    assert!(pool.try_get().is_err());
    drop(pool);
    let [first, second] = guards;
    OwnedConnGuard::discard(first);
    assert_eq!((script.discards(DiscardReason::Discarded), script.live()), (1, 1));
    assert_eq!((OwnedConnGuard::uses(&second), second.number), (1, 2));
    drop(second);
    assert_eq!((script.discards(DiscardReason::Closed), script.live(), script.lost()), (1, 0, 0));
}

#[test]
fn a_guard_is_handed_back_for_the_arc_of_another_pool() {
    let pools = [pool::<1>(quiet()), pool::<1>(quiet())];
    let guard = pools[0].get().unwrap();
    let Err(guard) = ConnGuard::into_owned(guard, &pools[1]) else { panic!("it owns a pool that is not its own") };
    assert_eq!((guard.number, pools[0].status().in_use, pools[1].status().in_use), (1, 1, 0));
    assert_eq!(pools.each_ref().map(Arc::strong_count), [1, 1]);
    drop(owned(guard, &pools[0]));
    for pool in &pools {
        assert_at_rest(pool);
        assert_eq!(Arc::strong_count(pool), 1);
    }
    assert_eq!(pools.each_ref().map(|pool| pool.manager().calls(Call::Reset)), [1, 0]);
}

#[test]
fn a_guard_tells_of_its_connection() {
    let pool = pool::<1>(quiet());
    drop(pool.get().unwrap());
    pool.clock().advance(secs(3));
    let guard = pool.get().unwrap();
    assert_eq!((ConnGuard::age(&guard), ConnGuard::uses(&guard)), (secs(3), 2));
    assert_eq!(format!("{guard:?}"), "ConnGuard { slot: 0, connection: Conn 1 }");
    ConnGuard::discard(guard);
    assert_eq!((pool.manager().discards(DiscardReason::Discarded), pool.manager().calls(Call::Reset)), (1, 1));
    assert_eq!(ConnGuard::uses(&pool.get().unwrap()), 1);
}

#[test]
fn a_connection_may_be_written_to_through_its_guard() {
    let pool = pool::<1>(quiet());
    pool.get().unwrap().number = 7;
    assert_eq!(pool.get().unwrap().number, 7);
}

#[test]
fn it_is_counted_what_happens_to_connections() {
    let pool = pool::<2>(quiet().validate_after(ALWAYS));
    pool.manager().then(Call::Connect, Outcome::Error).then(Call::Check, Outcome::Error);
    assert!(pool.get().is_err());
    for _ in 0..3 {
        drop(pool.get().unwrap());
    }
    let metrics = pool.metrics();
    assert_eq!((metrics.connected, metrics.connect_failed, metrics.checked, metrics.check_failed), (2, 1, 2, 1));
    assert_eq!((metrics.discarded_for(DiscardReason::Invalid), metrics.discarded_in_all()), (1, 1));
    assert_eq!(pool.status().idle, metrics.connected - metrics.discarded_in_all());
}

#[test]
fn connects_are_timed() {
    let pool = pool::<2>(quiet());
    let clock = pool.clock().clone();
    pool.manager().then(Call::Connect, Outcome::after(move || clock.advance(millis(100))));
    drop(pool.get().unwrap());
    let times = pool.times().connect;
    assert_eq!(times.count(), 1);
    assert!((millis(100)..millis(130)).contains(&times.max().unwrap()), "{times:?}");
}

#[test]
fn a_sample_of_borrowings_is_timed() {
    let pool = pool::<1>(quiet().max_lifetime(Some(secs(3600))));
    for _ in 0..64 {
        let held = pool.get().unwrap();
        pool.clock().advance(millis(100));
        drop(held);
    }
    let times = pool.times().hold;
    assert_eq!(times.count(), 2);
    assert!((millis(100)..millis(130)).contains(&times.max().unwrap()), "{times:?}");
}

#[test]
fn with_maintenance_the_next_borrowing_is_timed() {
    let pool = pool::<1>(quiet());
    drop(pool.get().unwrap());
    for _ in 0..3 {
        maintain(&pool);
        for _ in 0..5 {
            let held = pool.get().unwrap();
            pool.clock().advance(millis(1));
            drop(held);
        }
    }
    assert_eq!(pool.times().hold.count(), 3);
}

#[test]
fn a_pool_that_goes_parts_with_its_connections() {
    let pool = pool::<3>(quiet());
    drop([pool.get().unwrap(), pool.get().unwrap()]);
    let script = pool.manager().clone();
    script.then(Call::Discard, Outcome::Panic);
    assert!(panics(|| drop(pool)));
    assert_eq!((script.discards(DiscardReason::Closed), script.live(), script.lost()), (2, 0, 0));
}

#[test]
fn the_error_of_each_caller_is_its_own() {
    let pool = pool::<2>(quiet());
    pool.manager().always(Call::Connect, Outcome::Error);
    let errors = [pool.get(), pool.get()].map(|got| got.err().and_then(GetError::into_manager_error));
    assert_eq!(errors, [Some(Failed(Call::Connect, 1)), Some(Failed(Call::Connect, 2))]);
}

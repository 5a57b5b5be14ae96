//! A call of the manager hangs, where threads of the pool's make it: nobody waits for it who need not.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use conn_pool::managed::{ConnGuard, DiscardReason};

use super::maintaining::filled;
use crate::kit::keeper::{BOTH, By, Keeper};
use crate::kit::managed::{ALWAYS, SimPool, assert_at_rest, millis, pool, quiet, retry, secs};
use crate::kit::{Call, FOREVER, Gate, Job, Outcome, lock, wait_until, waker_that};

/// The next such call hangs.
fn hang<const N: usize>(pool: &SimPool<N>, call: Call) -> Gate {
    let gate = Gate::default();
    pool.manager().then(call, Outcome::at(&gate));
    gate
}

/// The call that hung ends, and then every slot is whole.
#[track_caller]
fn assert_whole_after<const N: usize>(gate: &Gate, pool: &SimPool<N>) {
    assert!(!gate.is_open());
    gate.open();
    // A slot that was vacated may be connected in once more, for a caller that has left.
    wait_until(|| {
        let status = pool.status();
        (status.in_use, status.waiting, status.idle + status.vacant) == (0, 0, N)
    });
}

#[test]
fn who_meets_a_check_that_hangs_goes_on_to_the_next_connection() {
    let pool = filled::<2>(quiet().validate_after(ALWAYS), 2);
    let gate = hang(&pool, Call::Check);
    let _health = pool.health_check().unwrap();
    assert_eq!(pool.get_timeout(FOREVER).unwrap().number, 2);
    assert_whole_after(&gate, &pool);
    assert_eq!((pool.status().idle, pool.manager().calls(Call::Connect)), (2, 2), "the check has ended well");
}

#[test]
fn who_meets_a_check_that_hangs_gets_a_connection_that_is_made() {
    let pool = filled::<2>(quiet().validate_after(ALWAYS), 1);
    let gate = hang(&pool, Call::Check);
    let _health = pool.health_check().unwrap();
    assert_eq!(pool.get_timeout(FOREVER).unwrap().number, 2);
    assert_whole_after(&gate, &pool);
}

/// Whoever it was for has left.
#[test]
fn a_check_counts_for_the_next_loan_for_half_a_second() {
    for (idle, checks) in [(500, 1), (501, 2)] {
        let pool = filled::<1>(quiet().validate_after(ALWAYS), 1);
        let gate = hang(&pool, Call::Check);
        let _health = pool.health_check().unwrap();
        assert!(pool.get_timeout(millis(20)).is_err());
        assert_whole_after(&gate, &pool);
        pool.clock().advance(millis(idle));
        for more in 0..2 {
            drop(pool.get_timeout(FOREVER).unwrap());
            assert_eq!(pool.manager().calls(Call::Check), checks + more, "after {idle} ms");
        }
    }
}

#[test]
fn the_deadline_of_a_thread_passes_while_its_check_hangs() {
    let pool = filled::<1>(quiet().validate_after(ALWAYS), 1);
    let gate = hang(&pool, Call::Check);
    let _health = pool.health_check().unwrap();
    assert!(pool.get_timeout(millis(20)).is_err());
    assert_whole_after(&gate, &pool);
    assert_eq!(pool.get_timeout(FOREVER).unwrap().number, 1, "the check has ended well");
}

#[test]
fn a_connection_whose_check_hung_and_failed_is_discarded_and_made_up_for() {
    let pool = filled::<1>(quiet().validate_after(ALWAYS), 1);
    let gate = Gate::default();
    pool.manager().then(Call::Check, Outcome::error_at(&gate));
    let _health = pool.health_check().unwrap();
    assert!(pool.get_timeout(millis(20)).is_err());
    assert_whole_after(&gate, &pool);
    assert_eq!(pool.get_timeout(FOREVER).unwrap().number, 2);
    assert_eq!(pool.manager().discards(DiscardReason::Invalid), 1);
}

#[test]
fn the_end_of_a_pool_does_not_wait_for_a_check_that_hangs() {
    let pool = filled::<1>(quiet().validate_after(ALWAYS), 1);
    let (script, gate) = (pool.manager().clone(), hang(&pool, Call::Check));
    let health = pool.health_check().unwrap();
    assert!(pool.get_timeout(millis(20)).is_err());
    drop(health);
    pool.close();
    drop(pool);
    assert!(!gate.is_open());
    gate.open();
    wait_until(|| script.live() == 0);
    assert_eq!((script.discards(DiscardReason::Closed), script.lost()), (1, 0));
}

/// A check that keeps an idle connection alive: nobody waits for it.
#[test]
fn maintenance_goes_on_beside_its_own_check_that_hangs() {
    for by in BOTH {
        let pool = filled::<3>(quiet().keepalive(Some(millis(160))), 2);
        let gate = hang(&pool, Call::Check);
        let mut keeper = Keeper::begin(by, &pool);
        pool.clock().advance(millis(160));
        keeper.until(|| pool.manager().calls(Call::Check) == 1);
        // The other connection, and one that is made.
        let mut callers = [(); 2].map(|()| Job::new(pool.get_async()));
        let held = callers.each_mut().map(|caller| keeper.answer(caller).unwrap());
        assert_eq!((held[0].number + held[1].number, gate.is_open()), (1 + 3, false), "{by:?}");
        drop(held);
        // The other idle ones are checked, too, after a while.
        keeper.until(|| {
            pool.clock().advance(millis(10));
            pool.manager().calls(Call::Check) >= 3
        });
        assert!(!gate.is_open());
        gate.open();
        keeper.until(|| pool.status().idle == 3);
        assert_at_rest(&pool);
    }
}

#[test]
fn who_meets_an_unfit_connection_is_served_while_its_destructor_hangs() {
    let pool = filled::<2>(quiet().validate_after(ALWAYS), 1);
    pool.manager().then(Call::Check, Outcome::Error);
    let gate = hang(&pool, Call::Discard);
    let mut keeper = Keeper::begin(By::Threads, &pool);
    assert_eq!(pool.get_timeout(FOREVER).unwrap().number, 2);
    keeper.until(|| pool.manager().calls(Call::Discard) == 1);
    assert_whole_after(&gate, &pool);
}

#[test]
fn a_task_that_meets_an_unfit_connection_is_served_while_its_destructor_hangs() {
    let pool = filled::<2>(quiet().validate_after(ALWAYS), 1);
    pool.manager().then(Call::Check, Outcome::Error);
    let gate = hang(&pool, Call::Discard);
    let mut keeper = Keeper::begin(By::Threads, &pool);
    let mut caller = Job::new(pool.get_async());
    assert_eq!(keeper.answer(&mut caller).unwrap().number, 2);
    keeper.until(|| pool.manager().calls(Call::Discard) == 1);
    drop(caller);
    assert_whole_after(&gate, &pool);
}

#[test]
fn who_discards_a_connection_does_not_wait_for_its_destructor() {
    let pool = filled::<2>(quiet(), 1);
    let gate = hang(&pool, Call::Discard);
    let _health = pool.health_check().unwrap();
    ConnGuard::discard(pool.try_get().unwrap());
    gate.wait_for_arrivals(1);
    assert_eq!(pool.get_timeout(FOREVER).unwrap().number, 2);
    assert_whole_after(&gate, &pool);
}

#[test]
fn the_end_of_a_pool_does_not_wait_for_a_destructor_that_hangs() {
    let pool = filled::<2>(quiet(), 2);
    let (script, gate) = (pool.manager().clone(), Gate::default());
    script.always(Call::Discard, Outcome::at(&gate));
    let health = pool.health_check().unwrap();
    pool.close();
    gate.wait_for_arrivals(1);
    drop(health);
    assert!(!gate.is_open());
    gate.open();
    wait_until(|| script.live() == 0);
    drop(pool);
    assert_eq!((script.discards(DiscardReason::Closed), script.lost()), (2, 0));
}

#[test]
fn maintenance_that_is_quick_to_see_the_end_of_a_pool_still_ends_its_connections() {
    let pool = filled::<2>(quiet(), 2);
    let gate = Gate::default();
    pool.manager().always(Call::Discard, Outcome::at(&gate));
    pool.suspend();
    let mut waiter = Job::new(pool.get_async());
    let (health, closing) = (Arc::new(Mutex::new(None)), Arc::clone(&pool));
    let started = Arc::clone(&health);
    // Called by `close`, after the pool is closed and before its connections are handed over.
    waiter.set_waker(waker_that(move || {
        let health = closing.health_check().unwrap();
        let until = Instant::now() + millis(50);
        while health.is_running() && Instant::now() < until {
            thread::yield_now();
        }
        *lock(&started) = Some(health);
    }));
    assert!(waiter.poll().is_pending());
    pool.close();
    gate.wait_for_arrivals(2);
    assert!(!gate.is_open());
    gate.open();
    wait_until(|| pool.manager().discards(DiscardReason::Closed) == 2);
    let health = lock(&health).take().unwrap();
    wait_until(|| !health.is_running());
}

#[test]
fn callers_are_served_while_the_report_of_their_connects_hangs() {
    let pool = pool::<2>(quiet());
    let gate = Gate::default();
    pool.manager().always(Call::Event, Outcome::at(&gate));
    let _health = pool.health_check().unwrap();
    let held = [pool.get_timeout(FOREVER).unwrap(), pool.get_timeout(FOREVER).unwrap()];
    assert_eq!(held.each_ref().map(|guard| guard.number), [1, 2]);
    drop(held);
    assert_whole_after(&gate, &pool);
}

#[test]
fn connects_go_on_while_the_report_of_a_failed_one_hangs() {
    let pool = pool::<1>(quiet().retry(retry(0, millis(10))));
    pool.manager().then(Call::Connect, Outcome::Error);
    let gate = hang(&pool, Call::Event);
    let mut keeper = Keeper::begin(By::Threads, &pool);
    let mut caller = Job::begun(pool.get_async());
    keeper.until(|| pool.manager().calls(Call::Event) == 1);
    pool.clock().advance(millis(10));
    assert_eq!(keeper.answer(&mut caller).unwrap().number, 1);
    drop(caller);
    assert_whole_after(&gate, &pool);
}

#[test]
fn maintenance_goes_on_while_the_report_of_a_leak_hangs() {
    let pool = filled::<2>(quiet().leak_threshold(Some(millis(160))), 1);
    let gate = hang(&pool, Call::Event);
    let mut keeper = Keeper::begin(By::Threads, &pool);
    let held = pool.try_get().unwrap();
    keeper.until(|| {
        pool.clock().advance(millis(10));
        pool.manager().calls(Call::Event) == 1
    });
    assert_eq!(pool.get_timeout(FOREVER).unwrap().number, 2);
    drop(held);
    assert_whole_after(&gate, &pool);
}

/// A pool whose `reset` has to ask the server.
fn resets_block<const N: usize>(idle: usize) -> Arc<SimPool<N>> {
    let pool = filled::<N>(quiet(), idle);
    pool.manager().always(Call::Blocks, Outcome::Error);
    pool
}

#[test]
fn who_gives_a_connection_back_does_not_wait_for_a_reset_that_blocks() {
    let pool = resets_block::<1>(1);
    let gate = hang(&pool, Call::Reset);
    let mut keeper = Keeper::begin(By::Threads, &pool);
    let before = pool.manager().calls(Call::Reset);
    drop(pool.try_get().unwrap());
    keeper.until(|| pool.manager().calls(Call::Reset) == before + 1);
    assert!(!gate.is_open());
    let mut caller = Job::begun(pool.get_async());
    caller.wait_on();
    gate.open();
    assert_eq!(keeper.answer(&mut caller).unwrap().number, 1);
    keeper.until(|| pool.status().idle == 1);
    assert_at_rest(&pool);
}

#[test]
fn others_are_served_while_a_reset_hangs() {
    let pool = resets_block::<2>(1);
    let gate = hang(&pool, Call::Reset);
    let _health = pool.health_check().unwrap();
    drop(pool.try_get().unwrap());
    gate.wait_for_arrivals(1);
    assert_eq!(pool.get_timeout(FOREVER).unwrap().number, 2);
    assert_whole_after(&gate, &pool);
}

/// The loan has ended: what is left is the pool's business, and no leak of the last borrower's.
#[test]
fn a_connection_whose_reset_hangs_is_lent_to_nobody() {
    let pool = resets_block::<1>(1);
    let gate = hang(&pool, Call::Reset);
    let _health = pool.health_check().unwrap();
    drop(pool.try_get().unwrap());
    gate.wait_for_arrivals(1);
    let loans: Vec<_> = pool.loans().map(|loan| loan.to_string()).collect();
    assert!(loans.is_empty(), "{loans:?}");
    assert_whole_after(&gate, &pool);
}

#[test]
fn a_connection_whose_reset_failed_elsewhere_is_discarded() {
    let pool = resets_block::<1>(1);
    pool.manager().then(Call::Reset, Outcome::Error);
    let mut keeper = Keeper::begin(By::Threads, &pool);
    drop(pool.try_get().unwrap());
    keeper.until(|| pool.manager().discards(DiscardReason::ResetFailed) == 1);
    assert_eq!(pool.get_timeout(FOREVER).unwrap().number, 2);
    keeper.until(|| pool.status().idle == 1);
    assert_at_rest(&pool);
}

/// Without threads of the pool's nobody else can do it.
#[test]
fn who_gives_a_connection_back_resets_it_where_no_thread_of_the_pool_does() {
    for maintains in [false, true] {
        let pool = resets_block::<1>(1);
        let _keeper = maintains.then(|| Keeper::begin(By::Task, &pool));
        let by = Arc::new(Mutex::new(None));
        let noted = Arc::clone(&by);
        let note = Outcome::after(move || *lock(&noted) = Some(thread::current().id()));
        pool.manager().then(Call::Reset, note);
        drop(pool.try_get().unwrap());
        assert_eq!(*lock(&by), Some(thread::current().id()));
        assert_eq!(pool.try_get().unwrap().number, 1);
    }
}

#[test]
fn resets_that_were_handed_over_are_done_when_maintenance_ends() {
    let pool = resets_block::<4>(4);
    let (gate, resets) = (Gate::default(), pool.manager().calls(Call::Reset));
    pool.manager().always(Call::Reset, Outcome::at(&gate));
    let health = pool.health_check().unwrap();
    drop([(); 4].map(|()| pool.try_get().unwrap()));
    drop(health);
    assert!(!gate.is_open());
    gate.open();
    wait_until(|| pool.status().idle == 4);
    assert_eq!(pool.manager().calls(Call::Reset), resets + 4);
    assert_at_rest(&pool);
}

#[test]
fn threads_of_the_pool_outlive_a_manager_that_panics_and_no_slot_is_lost() {
    for call in [Call::Connect, Call::Check, Call::Why, Call::Reset, Call::Discard, Call::Event] {
        let pool = filled::<2>(quiet().validate_after(ALWAYS).retry(retry(0, millis(1))), 1);
        pool.manager().always(Call::Blocks, Outcome::Error);
        let health = pool.health_check().unwrap();
        if call == Call::Discard {
            pool.manager().then(Call::Reset, Outcome::Error);
        }
        let begun = pool.manager().calls(call);
        pool.manager().then(call, Outcome::Panic);
        wait_until(|| {
            drop([(); 2].map(|()| pool.get_timeout(secs(1))));
            pool.clock().advance(millis(1));
            pool.manager().calls(call) > begun
        });
        assert!(health.is_running(), "{call:?}");
        wait_until(|| pool.status().idle + pool.status().vacant == 2);
        let held = [(); 2].map(|()| pool.get_timeout(FOREVER).unwrap());
        drop((held, health));
        wait_until(|| pool.status().idle == 2);
        assert_eq!((pool.manager().live(), pool.status().in_use), (2, 0), "{call:?}");
    }
}

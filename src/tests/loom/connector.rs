//! Models of a pool that has a connector: callers wait for connections, and the connector connects for them. The
//! thread of the model is the connector, where one is at work.

use core::pin::pin;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use core::task::{Poll, Waker};
use std::sync::Arc;

use loom::thread::JoinHandle;

use super::connecting::{Pool, assert_whole, borrow, filled, ready, slot_from, vacant};
use super::{Connection, client, explore, join};
use crate::engine::{AcquireError, Position, WaiterKind};
use crate::slot::try_acquire;
use crate::sync::with_parker;

/// Connects for callers until as many have reported as `callers` starts: it gets what each is to report with.
///
/// The connector is called by demand, or when the last has reported; so if a call is lost while one of them waits, all
/// sleep, and the model fails.
fn serve<const N: usize, const M: usize>(
    pool: &Arc<Pool<N>>,
    fails_first: bool,
    callers: impl FnOnce(&dyn Fn() -> Report) -> [JoinHandle<()>; M],
) {
    with_parker(|parker, waker| {
        let left = Arc::new(AtomicUsize::new(M));
        let threads = callers(&|| Report { left: Arc::clone(&left), waker: waker.clone() });
        let mut fails = fails_first;
        while left.load(Relaxed) > 0 {
            match pool.engine().claim_wanted(0) {
                Some(slot) if core::mem::take(&mut fails) => pool.fail(slot),
                Some(slot) => pool.connect_for_callers(slot, Connection::new()),
                None if pool.engine().await_demand(waker, 0) => drop(parker.park(None)),
                None => {}
            }
        }
        join(threads);
    });
    pool.engine().ignore_demand();
}

/// How a caller tells that it needs nothing more. Its counter is not loom's, so counting adds no step to the model.
pub(super) struct Report {
    pub(super) left: Arc<AtomicUsize>,
    pub(super) waker: Waker,
}

impl Report {
    pub(super) fn done(self) {
        if self.left.fetch_sub(1, Relaxed) == 1 {
            self.waker.wake();
        }
    }
}

/// A caller that waits until it is served.
fn patient<const N: usize>(pool: &Arc<Pool<N>>, report: Report) -> JoinHandle<()> {
    client(0, pool, move |pool| {
        borrow(pool).unwrap();
        report.done();
    })
}

/// The connector's end, and the pool is whole.
fn assert_whole_without_connector<const N: usize>(pool: &Pool<N>) {
    drop(pool.engine().end_connector());
    assert_whole(pool, N);
}

/// A caller that comes before the connector begins connects itself, and one that comes later is connected for: also if
/// it joins the queue at that moment, and behind the first.
#[test]
fn a_connector_begins_while_callers_come() {
    explore(|| {
        let pool = vacant::<1>(1);
        serve(&pool, false, |report| {
            let callers = [patient(&pool, report()), patient(&pool, report())];
            assert!(pool.engine().begin_connector());
            callers
        });
        assert_whole_without_connector(&pool);
    });
}

/// A caller connects, and another waits for room to connect. The connector begins, and the connect fails: so the slot
/// is the connector's.
#[test]
fn a_connect_of_a_caller_fails_as_a_connector_begins() {
    explore(|| {
        let pool = vacant::<1>(1);
        let connecting = pool.try_slot().unwrap();
        serve(&pool, false, |report| {
            let (report, own) = (report(), report());
            let waiter = patient(&pool, report);
            let other = client(0, &pool, |pool| {
                pool.fail(connecting);
                own.done();
            });
            assert!(pool.engine().begin_connector());
            [waiter, other]
        });
        assert_whole_without_connector(&pool);
    });
}

/// Whether the connector looks for demand before or after callers join, it hears of it. Two callers share the
/// connection; a second one is not made.
#[test]
fn a_connector_that_falls_asleep_hears_of_callers() {
    explore(|| {
        let pool = vacant::<1>(1);
        pool.engine().begin_connector();
        serve(&pool, false, |report| [(); 2].map(|()| patient(&pool, report())));
        assert_whole_without_connector(&pool);
    });
}

/// As before, and the first connect fails: the waiters' demand stays.
#[test]
fn a_connect_that_fails_is_made_again_for_those_that_wait() {
    explore(|| {
        let pool = vacant::<1>(1);
        pool.engine().begin_connector();
        serve(&pool, true, |report| [(); 2].map(|()| patient(&pool, report())));
        assert_whole_without_connector(&pool);
    });
}

/// A connection is discarded while a caller waits for it: the slot is the connector's, which is called.
#[test]
fn a_discarded_connection_is_made_up_for_by_the_connector() {
    explore(|| {
        let pool = filled::<1>(1, 1);
        pool.engine().begin_connector();
        serve(&pool, false, |report| {
            let (own, report) = (report(), report());
            let user = client(0, &pool, move |pool| {
                if let Ok(slot) = pool.try_slot() {
                    pool.held(slot).discard();
                }
                own.done();
            });
            [patient(&pool, report), user]
        });
        assert_whole_without_connector(&pool);
    });
}

/// The connector ends while a caller joins, or waits: the caller connects itself.
#[test]
fn a_connector_ends_while_callers_wait() {
    explore(|| {
        let pool = vacant::<1>(1);
        pool.engine().begin_connector();
        let callers = [(); 2].map(|()| client(0, &pool, |pool| assert!(borrow(pool).is_ok())));
        drop(pool.engine().end_connector());
        join(callers);
        assert_whole(&pool, 1);
    });
}

/// As before, in the midst of a connect, which is given up before the connector ends, or goes on after it.
fn a_connector_ends_during_a_connect(gives_up: bool) {
    explore(move || {
        let pool = vacant::<1>(1);
        pool.engine().begin_connector();
        let callers = [(); 2].map(|()| client(0, &pool, |pool| assert!(borrow(pool).is_ok())));
        let connecting = pool.engine().claim_wanted(0);
        match connecting {
            Some(slot) if gives_up => {
                pool.fail(slot);
                drop(pool.engine().end_connector());
            }
            connecting => {
                drop(pool.engine().end_connector());
                if let Some(slot) = connecting {
                    pool.connect_for_callers(slot, Connection::new());
                }
            }
        }
        join(callers);
        assert_whole(&pool, 1);
    });
}

#[test]
fn a_connector_ends_and_gives_up_a_connect() {
    a_connector_ends_during_a_connect(true);
}

#[test]
fn a_connect_outlives_the_connector() {
    a_connector_ends_during_a_connect(false);
}

/// The only caller gives up at the moment when the connection comes that was made for it: the caller has it, or it is
/// idle. No second one is begun for that caller.
#[test]
fn a_connect_outlives_its_caller() {
    explore(|| {
        let pool = vacant::<2>(2);
        pool.engine().begin_connector();
        {
            let caller = pin!(pool.acquire(WaiterKind::Thread));
            let caller = caller.into_ref();
            assert_eq!(caller.poll(Waker::noop()), Poll::Pending);
            let connecting = pool.engine().claim_wanted(0).unwrap();
            let connects = client(1, &pool, |pool| pool.connect_for_callers(connecting, Connection::new()));
            let decides = client(1, &pool, |pool| assert_eq!(pool.engine().claim_wanted(0), None));
            match caller.give_up() {
                Ok(slot) => drop(ready(&*pool, slot)),
                Err(error) => assert_eq!(error, AcquireError::TimedOut),
            }
            join([connects, decides]);
        }
        assert_eq!(pool.engine().status().idle, 1);
        assert_whole_without_connector(&pool);
    });
}

/// Callers that do not wait have found nothing, before and after a connect was begun. The connection that comes is the
/// answer, also if somebody has it before the connector looks again.
#[test]
fn a_connection_that_nobody_waits_for_is_the_answer_to_those_who_asked() {
    explore(|| {
        let pool = vacant::<2>(2);
        pool.engine().begin_connector();
        assert!(try_acquire(&*pool).is_err());
        let connecting = pool.engine().claim_wanted(0).unwrap();
        assert!(try_acquire(&*pool).is_err());
        pool.connect_for_callers(connecting, Connection::new());
        let held = ready(&*pool, try_acquire(&*pool).unwrap());
        assert_eq!(pool.engine().claim_wanted(0), None);
        drop(held);
        assert_whole_without_connector(&pool);
    });
}

/// As before, with another caller behind the one that gives up. It waits for the same connection.
#[test]
fn a_connect_that_outlives_its_caller_serves_the_next() {
    explore(|| {
        let pool = vacant::<1>(1);
        pool.engine().begin_connector();
        serve(&pool, false, |report| {
            let (own, report) = (report(), report());
            let impatient = client(0, &pool, move |pool| {
                let wait = pin!(pool.acquire(WaiterKind::Thread));
                let wait = wait.into_ref();
                let got = match wait.poll(Waker::noop()) {
                    Poll::Ready(got) => got,
                    Poll::Pending => wait.give_up(),
                };
                match got {
                    Ok(slot) => drop(pool.held(slot)),
                    Err(error) => assert_eq!(error, AcquireError::TimedOut),
                }
                own.done();
            });
            [impatient, patient(&pool, report)]
        });
        assert_whole_without_connector(&pool);
    });
}

/// Two connects of the connector end at once, one of them badly, and two callers wait: neither is forgotten.
#[test]
fn a_connect_ends_well_and_another_badly() {
    explore(|| {
        let pool = vacant::<2>(2);
        pool.engine().begin_connector();
        serve(&pool, true, |report| [(); 2].map(|()| patient(&pool, report())));
        assert_whole_without_connector(&pool);
    });
}

/// One connect at a time may run. It ends elsewhere while the connector looks, and there is room for the next: both
/// waiters, which keep what they have, are served. Only demand wakes the connector.
#[test]
fn a_connect_that_ends_elsewhere_makes_room_for_the_next() {
    explore(|| {
        let pool = vacant::<2>(1);
        pool.engine().begin_connector();
        with_parker(|parker, waker| {
            let (one, other) = (pin!(pool.acquire(WaiterKind::Task)), pin!(pool.acquire(WaiterKind::Task)));
            let mut waiting = std::vec![one.into_ref(), other.into_ref()];
            let mut held = std::vec::Vec::new();
            let mut look = || {
                waiting.retain(|wait| match wait.poll(Waker::noop()) {
                    Poll::Ready(got) => {
                        held.push(pool.held(got.unwrap()));
                        false
                    }
                    Poll::Pending => true,
                });
                waiting.is_empty()
            };
            assert!(!look());
            let connecting = pool.engine().claim_wanted(0).unwrap();
            let connects = client(1, &pool, |pool| pool.connect_for_callers(connecting, Connection::new()));
            while !look() {
                match pool.engine().claim_wanted(0) {
                    Some(slot) => pool.connect_for_callers(slot, Connection::new()),
                    None if pool.engine().await_demand(waker, 0) => drop(parker.park(None)),
                    None => {}
                }
            }
            join([connects]);
        });
        assert_whole_without_connector(&pool);
    });
}

/// A caller that does not wait finds nothing, and asks for a connection: the connector makes it, also if it falls
/// asleep at that moment.
#[test]
fn what_a_caller_asks_for_that_does_not_wait_is_made() {
    explore(|| {
        let pool = vacant::<1>(1);
        pool.engine().begin_connector();
        with_parker(|parker, waker| {
            let asks = client(0, &pool, |pool| {
                assert_eq!(pool.try_slot(), Err(AcquireError::Exhausted));
            });
            while pool.engine().status().idle == 0 {
                match pool.engine().claim_wanted(0) {
                    Some(slot) => pool.connect_for_callers(slot, Connection::new()),
                    None if pool.engine().await_demand(waker, 0) => drop(parker.park(None)),
                    None => {}
                }
            }
            join([asks]);
        });
        assert_whole_without_connector(&pool);
    });
}

/// As before, while the only slot is in use: the connection is made when there is room for it.
#[test]
fn what_a_caller_asked_for_is_made_when_there_is_room() {
    explore(|| {
        let pool = filled::<1>(1, 1);
        pool.engine().begin_connector();
        let held = pool.held(pool.try_slot().unwrap());
        assert_eq!(pool.try_slot(), Err(AcquireError::Exhausted));
        with_parker(|parker, waker| {
            let (_, slot) = held.into_parts();
            let user = client(0, &pool, |pool| pool.held(slot).discard());
            while pool.engine().status().idle == 0 {
                match pool.engine().claim_wanted(0) {
                    Some(slot) => pool.connect_for_callers(slot, Connection::new()),
                    None if pool.engine().await_demand(waker, 0) => drop(parker.park(None)),
                    None => {}
                }
            }
            join([user]);
        });
        assert_whole_without_connector(&pool);
    });
}

/// Waits until it is served, and waits on in its place if its wait is ended. Answers how often that was.
fn borrow_in_spite_of_dismissals(pool: &Pool<1>) -> usize {
    let (mut dismissals, mut position) = (0, Position::Last);
    loop {
        match slot_from(pool, position) {
            Ok(slot) => {
                drop(ready(pool, slot));
                return dismissals;
            }
            Err(error) => assert_eq!(error, AcquireError::Dismissed),
        }
        (dismissals, position) = (dismissals + 1, Position::Again);
    }
}

/// All waits are ended while the connection comes back and one of the waiters leaves. Each wait ends once, and the
/// waiter that waits on is served.
#[test]
fn waits_are_ended_while_one_is_granted_and_one_leaves() {
    explore(|| {
        let pool = filled::<1>(1, 1);
        pool.engine().begin_connector();
        let held = pool.held(pool.try_slot().unwrap());
        {
            let fickle = pin!(pool.acquire(WaiterKind::Thread));
            let fickle = fickle.into_ref();
            assert_eq!(fickle.poll(Waker::noop()), Poll::Pending);
            let dismisser = client(0, &pool, |pool| drop(pool.engine().dismiss_waiters(false)));
            let patient = client(0, &pool, |pool| assert!(borrow_in_spite_of_dismissals(pool) <= 1));
            drop(held);
            match fickle.give_up() {
                Ok(slot) => drop(pool.held(slot)),
                Err(error) => assert!(matches!(error, AcquireError::TimedOut | AcquireError::Dismissed)),
            }
            join([dismisser, patient]);
        }
        assert_whole_without_connector(&pool);
    });
}

/// As before, without a connection: the connect fails, and all waits are ended. The connector hears of those that wait
/// on, and of those that came too late to be dismissed.
#[test]
fn waits_that_were_ended_and_go_on_are_connected_for() {
    explore(|| {
        let pool = vacant::<1>(1);
        pool.engine().begin_connector();
        serve(&pool, false, |report| {
            let callers = [(); 2].map(|()| {
                let report = report();
                client(0, &pool, move |pool| {
                    assert!(borrow_in_spite_of_dismissals(pool) <= 1);
                    report.done();
                })
            });
            if let Some(connecting) = pool.engine().claim_wanted(0) {
                pool.fail(connecting);
            }
            drop(pool.engine().dismiss_waiters(false));
            callers
        });
        assert_whole_without_connector(&pool);
    });
}

//! Models of a pool that connects: a caller that gets a vacant slot connects in it.

use core::future::poll_fn;
use core::pin::{Pin, pin};
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use core::task::{Poll, Waker};
use std::boxed::Box;
use std::sync::Arc;
use std::vec::Vec;

use loom::thread;

use super::{Connection, client, explore, glance, join, run};
use crate::engine::{AcquireError, Position, SlotToken, Ticket, WaiterKind};
use crate::fairness::Fairness;
use crate::slot::{Acquire, Drain, RawGuard, release_unused};
use crate::tests::rig::Rig;

pub(super) type Pool<const N: usize> = Rig<Connection, N>;

/// A pool of vacant slots; `most` callers at once may connect.
pub(super) fn vacant<const N: usize>(most: usize) -> Arc<Pool<N>> {
    Arc::new(Rig::new(most, Fairness::Fifo))
}

/// The same with `present` idle connections.
pub(super) fn filled<const N: usize>(present: usize, most: usize) -> Arc<Pool<N>> {
    let pool = vacant(most);
    (0..present).for_each(|_| pool.insert(Connection::new()).unwrap());
    pool
}

/// Waits for a slot, as a task.
pub(super) fn slot<const N: usize>(pool: &Pool<N>) -> Result<SlotToken, AcquireError> {
    slot_from(pool, Position::Last)
}

pub(super) fn slot_from<const N: usize>(pool: &Pool<N>, position: Position) -> Result<SlotToken, AcquireError> {
    let acquire = pin!(Acquire::with_ticket(pool, WaiterKind::Task, &Ticket { position, ..Ticket::NEW }));
    let acquire = acquire.into_ref();
    run(poll_fn(|context| acquire.poll(context.waker())))
}

/// The guard of a slot; connects first if the slot is vacant.
pub(super) fn ready<const N: usize>(pool: &Pool<N>, slot: SlotToken) -> RawGuard<&Pool<N>> {
    if pool.is_filled(&slot) { pool.held(slot) } else { pool.connect(slot, Connection::new()) }
}

/// Uses a connection once, and answers how often it had been used before.
pub(super) fn borrow<const N: usize>(pool: &Pool<N>) -> Result<usize, AcquireError> {
    slot(pool).map(|slot| ready(pool, slot).connection_mut().touch() - 1)
}

/// A waiter of the queue, to be polled by hand.
fn queued<const N: usize>(pool: &Pool<N>) -> Pin<Box<Acquire<'_, Pool<N>>>> {
    let wait = Box::pin(pool.acquire(WaiterKind::Task));
    assert_eq!(wait.as_ref().poll(Waker::noop()), Poll::Pending);
    wait
}

/// Nothing is in use, and `most` slots can be acquired at once: none is lost, none is claimed twice.
pub(super) fn assert_whole<const N: usize>(pool: &Pool<N>, most: usize) {
    let status = pool.engine().status();
    assert_eq!((status.in_use, status.waiting, status.idle + status.vacant), (0, 0, most), "{status:?}");
    assert!(pool.engine().is_unused(), "{status:?}");
    let held: Vec<_> = core::iter::from_fn(|| pool.try_slot().ok().map(|slot| ready(pool, slot))).collect();
    assert_eq!(held.len(), most, "{status:?}");
}

/// Two callers and one vacant slot: one of them connects, the other waits and gets that connection.
#[test]
fn two_callers_connect_once() {
    explore(|| {
        let pool = vacant::<1>(1);
        let theirs = Arc::new(AtomicUsize::new(0));
        let other = {
            let theirs = Arc::clone(&theirs);
            client(0, &pool, move |pool| theirs.store(borrow(pool).unwrap(), Relaxed))
        };
        let own = borrow(&pool).unwrap();
        join([other]);
        assert_eq!(own + theirs.load(Relaxed), 1, "the second caller got what the first had connected");
        assert_whole(&pool, 1);
    });
}

/// A failed connect leaves a vacant slot. The other caller gets it, whether it is queued by then, is joining the queue,
/// or comes later: it does not sleep beside the slot.
#[test]
fn a_failed_connect_races_with_a_caller_that_joins() {
    explore(|| {
        let pool = vacant::<1>(1);
        let connecting = pool.try_slot().unwrap();
        let other = client(0, &pool, |pool| assert_eq!(borrow(pool), Ok(0)));
        pool.fail(connecting);
        join([other]);
        assert_whole(&pool, 1);
    });
}

/// Of three callers two fail to connect. Each leaves the slot to the next, also if it got the slot from the other
/// failure.
#[test]
fn each_failed_connect_passes_the_slot_on() {
    explore(|| {
        let pool = vacant::<1>(1);
        let fails = |pool: &Pool<1>| {
            let slot = slot(pool).unwrap();
            if pool.is_filled(&slot) { drop(pool.held(slot)) } else { pool.fail(slot) }
        };
        let others = [client(0, &pool, fails), client(0, &pool, |pool| assert!(borrow(pool).is_ok()))];
        fails(&pool);
        join(others);
        assert_whole(&pool, 1);
    });
}

/// Counts the callers that connect at once. Its counter is not loom's, so counting adds no step to the model.
struct Limit {
    most: usize,
    connecting: AtomicUsize,
}

impl Limit {
    fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, connecting: AtomicUsize::new(0) })
    }

    fn enter(&self) {
        assert!(self.connecting.fetch_add(1, Relaxed) < self.most, "too many connect at once");
    }

    fn leave(&self) {
        self.connecting.fetch_sub(1, Relaxed);
    }

    fn ready<'p, const N: usize>(&self, pool: &'p Pool<N>, slot: SlotToken) -> RawGuard<&'p Pool<N>> {
        if pool.is_filled(&slot) {
            return pool.held(slot);
        }
        self.enter();
        thread::yield_now();
        self.leave();
        pool.connect(slot, Connection::new())
    }
}

/// Two slots are vacant, and one caller at a time may connect. Neither releases its slot before both have one, so the
/// caller that the limit holds back is served because the other has connected.
#[test]
fn a_connect_that_ends_lets_the_next_one_begin() {
    explore(|| {
        let (pool, limit) = (vacant::<2>(1), Limit::new(1));
        let other = {
            let limit = Arc::clone(&limit);
            client(1, &pool, move |pool| {
                let held = limit.ready(pool, slot(pool).unwrap());
                core::mem::forget(held);
            })
        };
        let held = limit.ready(&pool, slot(&pool).unwrap());
        join([other]);
        drop(held);
        assert_eq!(pool.engine().status().in_use, 1);
    });
}

/// As before, and each connect fails.
#[test]
fn a_connect_that_fails_lets_the_next_one_begin() {
    explore(|| {
        let (pool, limit) = (vacant::<2>(1), Limit::new(1));
        let fails = |pool: &Pool<2>, limit: &Limit| {
            let slot = slot(pool).unwrap();
            limit.enter();
            thread::yield_now();
            limit.leave();
            pool.fail(slot);
        };
        let other = {
            let limit = Arc::clone(&limit);
            client(1, &pool, move |pool| fails(pool, &limit))
        };
        fails(&pool, &limit);
        join([other]);
        assert_whole(&pool, 2);
    });
}

/// The limit holds for a caller that reconnects too; if it may not reconnect, it waits and is served.
#[test]
fn an_unfit_connection_is_replaced_within_the_limit() {
    explore(|| {
        let (pool, limit) = (filled::<2>(1, 1), Limit::new(1));
        let unfit = pool.held(pool.try_slot().unwrap());
        let other = {
            let limit = Arc::clone(&limit);
            client(1, &pool, move |pool| core::mem::forget(limit.ready(pool, slot(pool).unwrap())))
        };
        let own = pool.reject(unfit).unwrap_or_else(|| slot_from(&pool, Position::Again).unwrap());
        drop(limit.ready(&pool, own));
        join([other]);
        assert_eq!(pool.engine().status().in_use, 1);
    });
}

fn end_connect<const N: usize>(pool: &Pool<N>, slot: SlotToken, succeeds: bool) {
    if succeeds {
        pool.connect(slot, Connection::new()).connection_mut().touch();
    } else {
        pool.fail(slot);
    }
}

/// The pool is closed during a connect, which then succeeds or fails: the slot ends vacant, its waiter is dismissed,
/// and the drain ends.
fn closing_races_with_a_connect(succeeds: bool) {
    explore(move || {
        let pool = vacant::<1>(1);
        let connecting = pool.try_slot().unwrap();
        let closer = client(0, &pool, |pool| {
            pool.close();
            run(Drain::new(pool.engine()));
            assert_eq!((pool.engine().status().vacant, pool.engine().status().in_use), (1, 0));
        });
        let waiter = client(0, &pool, |pool| assert!(matches!(borrow(pool), Ok(_) | Err(AcquireError::Closed))));
        end_connect(&pool, connecting, succeeds);
        join([closer, waiter]);
        assert_eq!((pool.engine().status().vacant, pool.engine().status().in_use), (1, 0));
        assert_eq!(pool.try_slot(), Err(AcquireError::Closed));
    });
}

#[test]
fn closing_races_with_a_connect_that_succeeds() {
    closing_races_with_a_connect(true);
}

#[test]
fn closing_races_with_a_connect_that_fails() {
    closing_races_with_a_connect(false);
}

/// The pool shrinks to nothing and grows again during a connect: the slot is retired or not, comes back in either case,
/// and the waiter is served.
fn resizing_races_with_a_connect(succeeds: bool) {
    explore(move || {
        let pool = vacant::<1>(1);
        let connecting = pool.try_slot().unwrap();
        let resizer = client(0, &pool, |pool| {
            pool.resize(0);
            pool.drop_surplus();
            pool.resize(1);
        });
        let waiter = client(0, &pool, |pool| assert!(borrow(pool).is_ok()));
        end_connect(&pool, connecting, succeeds);
        join([resizer, waiter]);
        assert_whole(&pool, 1);
    });
}

#[test]
fn resizing_races_with_a_connect_that_succeeds() {
    resizing_races_with_a_connect(true);
}

#[test]
fn resizing_races_with_a_connect_that_fails() {
    resizing_races_with_a_connect(false);
}

/// Maintenance refills the only slot, or fails to, while a caller wants it: the caller gets the connection, or
/// connects.
fn a_refill_races_with_a_caller(succeeds: bool) {
    explore(move || {
        let pool = vacant::<1>(1);
        let upkeep = client(0, &pool, move |pool| pool.refill(succeeds.then(Connection::new)));
        assert_eq!(borrow(&pool), Ok(0));
        join([upkeep]);
        assert_whole(&pool, 1);
    });
}

#[test]
fn a_refill_that_succeeds_races_with_a_caller() {
    a_refill_races_with_a_caller(true);
}

#[test]
fn a_refill_that_fails_races_with_a_caller() {
    a_refill_races_with_a_caller(false);
}

/// The pool grows while another caller connects in the slot that it has: each caller finds a slot.
#[test]
fn a_pool_that_grows_lends_its_new_slots() {
    explore(|| {
        let pool = vacant::<2>(2);
        pool.resize(1);
        let other = client(1, &pool, |pool| core::mem::forget(ready(pool, slot(pool).unwrap())));
        pool.resize(2);
        core::mem::forget(ready(&*pool, slot(&pool).unwrap()));
        join([other]);
        assert_eq!(pool.engine().status().in_use, 2);
    });
}

/// A broken connection is discarded while a caller waits: the waiter is granted the vacant slot.
#[test]
fn a_waiter_connects_in_the_slot_of_a_discarded_connection() {
    explore(|| {
        let pool = filled::<1>(1, 1);
        let mut broken = pool.held(pool.try_slot().unwrap());
        broken.connection_mut().touch();
        let waiter = client(0, &pool, |pool| assert_eq!(borrow(pool), Ok(0)));
        broken.discard();
        join([waiter]);
        assert_whole(&pool, 1);
    });
}

/// A check fails, and the slot's owner reconnects in it: no other caller gets the slot in between, and the waiter gets
/// the new connection.
#[test]
fn an_unfit_connection_is_replaced_in_its_slot() {
    explore(|| {
        let pool = filled::<1>(1, 1);
        let unfit = pool.held(pool.try_slot().unwrap());
        let waiter = client(0, &pool, |pool| assert_eq!(borrow(pool), Ok(1)));
        let slot = pool.reject(unfit).unwrap();
        assert_eq!(pool.connect(slot, Connection::new()).connection_mut().touch(), 1);
        join([waiter]);
        assert_whole(&pool, 1);
    });
}

/// As before in a pool that is being closed: the owner reconnects or is refused, and the drain ends.
#[test]
fn closing_races_with_the_replacement_of_an_unfit_connection() {
    explore(|| {
        let pool = filled::<1>(1, 1);
        let unfit = pool.held(pool.try_slot().unwrap());
        let closer = client(0, &pool, |pool| {
            pool.close();
            run(Drain::new(pool.engine()));
        });
        if let Some(slot) = pool.reject(unfit) {
            end_connect(&pool, slot, true);
        }
        join([closer]);
        assert_eq!((pool.engine().status().vacant, pool.engine().status().in_use), (1, 0));
    });
}

/// A waiter that was granted a vacant slot leaves without picking it up: the next waiter gets it.
#[test]
fn a_vacant_slot_that_is_never_picked_up_goes_to_the_next() {
    explore(|| {
        let pool = vacant::<1>(1);
        let connecting = pool.try_slot().unwrap();
        let fickle = queued(&pool);
        let patient = client(0, &pool, |pool| assert_eq!(borrow(pool), Ok(0)));
        pool.fail(connecting);
        drop(fickle);
        join([patient]);
        assert_whole(&pool, 1);
    });
}

/// A waiter leaves while the slot is being vacated. Whether it is queued, granted the slot or not there yet, the other
/// waiter is served.
#[test]
fn a_cancelled_waiter_passes_a_vacant_slot_on() {
    explore(|| {
        let pool = vacant::<1>(1);
        let connecting = pool.try_slot().unwrap();
        let fickle = client(0, &pool, |pool| {
            let acquire = pool.acquire(WaiterKind::Task);
            if let Poll::Ready(slot) = glance(poll_once(acquire)) {
                release_unused(pool, slot.unwrap());
            }
        });
        let patient = client(0, &pool, |pool| assert_eq!(borrow(pool), Ok(0)));
        pool.fail(connecting);
        join([fickle, patient]);
        assert_whole(&pool, 1);
    });
}

async fn poll_once<const N: usize>(acquire: Acquire<'_, Pool<N>>) -> Result<SlotToken, AcquireError> {
    let acquire = pin!(acquire);
    poll_fn(|context| acquire.as_ref().poll(context.waker())).await
}

/// A deadline passes while the slot is being vacated: the late caller is granted the slot and connects, or the slot
/// stays with the pool.
#[test]
fn a_timeout_races_with_the_grant_of_a_vacant_slot() {
    explore(|| {
        let pool = vacant::<1>(1);
        let connecting = pool.try_slot().unwrap();
        let late = client(0, &pool, |pool| {
            let wait = pin!(pool.acquire(WaiterKind::Thread));
            let answer = match wait.as_ref().poll(Waker::noop()) {
                Poll::Ready(answer) => answer,
                Poll::Pending => wait.as_ref().give_up(),
            };
            match answer {
                Ok(slot) => drop(ready(pool, slot)),
                Err(error) => assert_eq!(error, AcquireError::TimedOut),
            }
        });
        pool.fail(connecting);
        join([late]);
        assert_whole(&pool, 1);
    });
}

/// An inserted connection goes to the waiter that the limit holds back, while the other caller still connects.
#[test]
fn an_inserted_connection_goes_to_a_waiter_that_the_limit_holds_back() {
    explore(|| {
        let pool = vacant::<2>(1);
        let connecting = pool.try_slot().unwrap();
        let waiter = client(1, &pool, |pool| assert_eq!(borrow(pool), Ok(0)));
        pool.insert(Connection::new()).unwrap();
        join([waiter]);
        pool.fail(connecting);
        assert_whole(&pool, 2);
    });
}

/// Under `Bounded` a waiter is woken to compete for a vacant slot and may find it taken: a failed connect wakes it
/// again.
#[test]
fn a_called_waiter_competes_for_a_vacant_slot() {
    explore(|| {
        let pool: Arc<Pool<1>> = Arc::new(Rig::new(1, Fairness::Bounded(1)));
        let waiter = client(0, &pool, |pool| assert!(borrow(pool).is_ok()));
        for _ in 0..2 {
            if let Ok(slot) = pool.try_slot() {
                if pool.is_filled(&slot) { drop(pool.held(slot)) } else { pool.fail(slot) }
            }
        }
        join([waiter]);
        assert!(pool.engine().metrics().most_overtaken <= 1);
        assert_whole(&pool, 1);
    });
}

//! Models of clients of the pool, explored by loom through every interleaving up to a bound: the code under test is the
//! crate's own, on loom's atomics and locks (see `sync`).

extern crate std;

mod connecting;
mod connector;
mod from_c;
mod maintained;
mod managed;
mod marking;
mod meeting;
mod seeing;
mod sharing;
mod upkeep;

use core::future::Future;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use std::boxed::Box;
use std::sync::Arc;
use std::time::Duration;
use std::vec::Vec;

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread::{self, JoinHandle};

use crate::sync::{set_home, with_parker};
use crate::{ConnGuard, Fairness, OwnedConnGuard, Pool, PoolError};

/// How many preemptions a schedule may have. Two were enough for every defect that these models have found so far.
fn bound() -> usize {
    std::env::var("CONN_POOL_LOOM_PREEMPTIONS").ok().and_then(|bound| bound.parse().ok()).unwrap_or(2)
}

/// Explores `model`; fails if a thread can sleep for ever, a slot can be lost, or an access can race.
fn explore(model: impl Fn() + Sync + Send + 'static) {
    explore_up_to(bound(), model);
}

fn explore_up_to(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 20_000;
    builder.check(model);
}

/// A connection that notices two users at once, and a user that does not see what the last one wrote: loom checks each
/// access to its cell.
struct Connection {
    uses: UnsafeCell<usize>,
}

// SAFETY: loom reports every access that is not ordered after the last one.
unsafe impl Send for Connection {}

impl Connection {
    fn new() -> Self {
        Self { uses: UnsafeCell::new(0) }
    }

    fn touch(&mut self) -> usize {
        self.uses.with_mut(|uses| {
            // SAFETY: if another thread could be here too, loom reports it and the model fails.
            let uses = unsafe { &mut *uses };
            *uses += 1;
            *uses
        })
    }
}

type Shared<const N: usize> = Arc<Pool<Connection, N>>;

fn filled<const N: usize>() -> Shared<N> {
    Arc::new(Pool::from_fn(|_| Connection::new()))
}

fn touch<const N: usize, E>(result: Result<ConnGuard<'_, Connection, N>, E>) -> Result<(), E> {
    result.map(|mut guard| {
        guard.touch();
    })
}

/// A guard to send to another thread.
fn owned<const N: usize>(pool: &Shared<N>) -> OwnedConnGuard<Connection, N> {
    let guard = pool.try_get().expect("a connection is free");
    ConnGuard::into_owned(guard, pool).ok().expect("it is a guard of this pool")
}

/// Another thread of the client, which looks for a slot at the word `home` first.
fn client<P: 'static>(home: usize, pool: &Arc<P>, work: impl FnOnce(&P) + 'static) -> JoinHandle<()> {
    let pool = Arc::clone(pool);
    thread::spawn(move || {
        set_home(home);
        work(&pool);
    })
}

fn join<const M: usize>(threads: [JoinHandle<()>; M]) {
    for thread in threads {
        thread.join().unwrap();
    }
}

/// Runs a future as an executor would: polls it again when its waker was called.
fn run<T>(task: impl Future<Output = T>) -> T {
    let mut task = pin!(task);
    with_parker(|parker, waker| {
        loop {
            if let Poll::Ready(result) = task.as_mut().poll(&mut Context::from_waker(waker)) {
                return result;
            }
            parker.park(None);
        }
    })
}

/// Polls a future once and drops it.
fn glance<T>(task: impl Future<Output = T>) -> Poll<T> {
    pin!(task).poll(&mut Context::from_waker(Waker::noop()))
}

/// `present` connections can be acquired at once, and no more: none is lost, none is lent twice.
fn assert_whole<const N: usize>(pool: &Pool<Connection, N>, present: usize) {
    let held: Vec<_> = core::iter::from_fn(|| pool.try_get().ok()).collect();
    assert_eq!(held.len(), present, "{pool:?}");
    assert_eq!(pool.status().waiting, 0);
}

#[test]
fn a_connection_goes_from_thread_to_thread() {
    explore(|| {
        let pool = filled::<1>();
        let other = client(0, &pool, |pool| touch(pool.get()).unwrap());
        touch(pool.get()).unwrap();
        join([other]);
        assert_eq!(pool.try_get().unwrap().touch(), 3);
    });
}

#[test]
fn two_waiters_share_one_connection() {
    explore(|| {
        let pool = filled::<1>();
        let others = [0, 1].map(|home| client(home, &pool, |pool| touch(pool.get()).unwrap()));
        touch(pool.get()).unwrap();
        join(others);
        assert_eq!(pool.try_get().unwrap().touch(), 4);
    });
}

#[test]
fn three_waiters_share_two_connections() {
    explore(|| {
        let pool = filled::<2>();
        let held = [pool.try_get().unwrap(), pool.try_get().unwrap()];
        let others = [0, 1].map(|home| client(home, &pool, |pool| touch(pool.get()).unwrap()));
        drop(held);
        touch(pool.get()).unwrap();
        join(others);
        assert_whole(&pool, 2);
    });
}

#[test]
fn a_thread_and_a_task_share_one_connection() {
    explore(|| {
        let pool = filled::<1>();
        let task = client(0, &pool, |pool| touch(run(pool.get_async())).unwrap());
        touch(pool.get()).unwrap();
        join([task]);
        assert_whole(&pool, 1);
    });
}

#[test]
fn the_oldest_waiter_is_served_first() {
    explore(|| {
        let pool = filled::<1>();
        let held = pool.try_get().unwrap();
        let mut first = Box::pin(pool.get_async());
        let mut second = Box::pin(pool.get_async());
        let poll = |future: &mut Pin<Box<crate::Get<'_, _, 1>>>| {
            let ready = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            ready.map(Result::unwrap).is_ready()
        };
        assert!(!poll(&mut first));
        assert!(!poll(&mut second));
        let newcomer = client(0, &pool, |pool| {
            touch(pool.try_get()).ok();
        });
        drop(held);
        // Whatever the newcomer has done meanwhile, the connection is granted to the first waiter.
        assert!(!poll(&mut second));
        assert!(poll(&mut first));
        assert!(poll(&mut second));
        drop((first, second));
        join([newcomer]);
        assert_whole(&pool, 1);
    });
}

#[test]
fn a_newcomer_that_looked_before_does_not_overtake() {
    explore(|| {
        let pool = filled::<1>();
        let newcomer = client(0, &pool, |pool| {
            touch(pool.try_get()).ok();
        });
        if let Ok(held) = pool.try_get() {
            let mut waiter = Box::pin(pool.get_async());
            let mut is_served = || waiter.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
            assert!(!is_served());
            drop(held);
            assert!(is_served(), "overtaken");
        }
        join([newcomer]);
        assert_whole(&pool, 1);
    });
}

#[test]
fn a_set_aside_connection_is_dropped_while_the_pool_grows() {
    explore(|| {
        let pool = filled::<2>();
        pool.resize(1).unwrap();
        let dropper = client(1, &pool, |pool| {
            pool.drop_surplus();
        });
        pool.resize(2).unwrap();
        join([dropper]);
        let status = pool.status();
        assert_eq!((status.idle + status.vacant, status.in_use), (2, 0));
        assert_whole(&pool, status.idle);
    });
}

#[test]
fn a_timeout_races_with_a_grant() {
    explore(|| {
        let pool = filled::<1>();
        let other = client(0, &pool, |pool| match touch(pool.get_timeout(Duration::from_secs(1))) {
            Ok(()) | Err(PoolError::Timeout(_)) => {}
            Err(other) => panic!("{other}"),
        });
        touch(pool.get()).unwrap();
        join([other]);
        assert_whole(&pool, 1);
    });
}

#[test]
fn a_timeout_in_the_queue_lets_the_next_waiter_pass() {
    explore(|| {
        let pool = filled::<1>();
        let impatient = client(0, &pool, |pool| {
            touch(pool.get_timeout(Duration::from_secs(1))).ok();
        });
        let patient = client(0, &pool, |pool| touch(pool.get()).unwrap());
        touch(pool.get()).unwrap();
        join([impatient, patient]);
        assert_whole(&pool, 1);
    });
}

#[test]
fn a_cancelled_task_passes_its_turn_on_queued_or_granted() {
    explore(|| {
        let pool = filled::<1>();
        let fickle = client(0, &pool, |pool| drop(glance(pool.get_async())));
        let patient = client(0, &pool, |pool| touch(pool.get()).unwrap());
        touch(pool.get()).unwrap();
        join([fickle, patient]);
        assert_whole(&pool, 1);
    });
}

#[test]
fn a_grant_that_is_never_picked_up_goes_to_the_next() {
    explore(|| {
        let pool = filled::<1>();
        let held = pool.try_get().unwrap();
        let mut fickle = Box::pin(pool.get_async());
        assert!(fickle.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let patient = client(0, &pool, |pool| touch(pool.get()).unwrap());
        drop(held);
        drop(fickle);
        join([patient]);
        assert_whole(&pool, 1);
    });
}

#[test]
fn an_inserted_connection_goes_to_a_waiter() {
    explore(|| {
        let pool: Shared<1> = Arc::new(Pool::new());
        let waiter = client(0, &pool, |pool| touch(pool.get()).unwrap());
        assert!(pool.insert(Connection::new()).is_ok());
        join([waiter]);
        assert_whole(&pool, 1);
    });
}

#[test]
fn a_discarded_connection_is_replaced_for_a_waiter() {
    explore(|| {
        let pool = filled::<1>();
        let held = pool.try_get().unwrap();
        let waiter = client(0, &pool, |pool| touch(pool.get()).unwrap());
        ConnGuard::discard(held);
        assert!(pool.insert(Connection::new()).is_ok());
        join([waiter]);
        assert_whole(&pool, 1);
    });
}

#[test]
fn a_pool_is_resized_down_and_up_under_a_waiter() {
    explore(|| {
        let pool = filled::<2>();
        let held = pool.try_get().unwrap();
        let waiter = client(1, &pool, |pool| touch(pool.get()).unwrap());
        pool.resize(0).unwrap();
        drop(held);
        pool.resize(1).unwrap();
        join([waiter]);
        assert_whole(&pool, 1);
        pool.resize(2).unwrap();
        assert_whole(&pool, 2);
    });
}

#[test]
fn a_shrunk_pool_never_lends_too_many() {
    explore(|| {
        let pool = filled::<2>();
        let out = Arc::new(AtomicUsize::new(0));
        pool.resize(1).unwrap();
        let other = {
            let out = Arc::clone(&out);
            client(1, &pool, move |pool| {
                if let Ok(guard) = pool.try_get() {
                    assert_eq!(out.fetch_add(1, Ordering::Relaxed), 0);
                    out.fetch_sub(1, Ordering::Relaxed);
                    drop(guard);
                }
            })
        };
        if let Ok(guard) = pool.try_get() {
            assert_eq!(out.fetch_add(1, Ordering::Relaxed), 0);
            out.fetch_sub(1, Ordering::Relaxed);
            drop(guard);
        }
        join([other]);
        assert_whole(&pool, 1);
    });
}

#[test]
fn closing_races_with_a_waiter() {
    explore(|| {
        let pool = filled::<1>();
        let held = pool.try_get().unwrap();
        let waiter = client(0, &pool, |pool| match touch(pool.get()) {
            Ok(()) | Err(PoolError::Closed) => {}
            Err(other) => panic!("{other}"),
        });
        let closer = {
            let pool = Arc::clone(&pool);
            thread::spawn(move || pool.close())
        };
        drop(held);
        join([waiter, closer]);
        assert_eq!((pool.status().vacant, pool.status().in_use), (1, 0));
    });
}

#[test]
fn draining_waits_for_the_last_connection() {
    explore(|| {
        let pool = filled::<2>();
        let user = client(1, &pool, |pool| {
            touch(pool.try_get()).ok();
        });
        run(pool.drain_async());
        assert_eq!((pool.status().vacant, pool.status().in_use), (2, 0));
        join([user]);
        assert_eq!((pool.status().vacant, pool.status().in_use), (2, 0));
    });
}

#[test]
fn a_waiter_is_served_from_any_word() {
    explore(|| {
        let pool = filled::<3>();
        let held: Vec<_> = (0..3).map(|_| pool.try_get().unwrap()).collect();
        let waiter = client(0, &pool, |pool| touch(pool.get()).unwrap());
        // The last slot is in the second word.
        let mut held = held.into_iter();
        let (_first, _second) = (held.next(), held.next());
        drop(held);
        join([waiter]);
    });
}

#[test]
fn try_get_is_exact_over_several_words() {
    explore(|| {
        // Slots 0 and 1 share a word, slot 2 has one of its own. First slot 2 is free, then slot 0 too, then slot 0
        // alone. So some slot is free at every moment, though each word has none for a while.
        let pool = filled::<3>();
        let [first, _second, third] = [(); 3].map(|()| owned(&pool));
        drop(third);
        let mover = client(1, &pool, |pool| {
            drop(first);
            core::mem::forget(pool.try_get());
        });
        assert!(pool.try_get().is_ok(), "{pool:?}");
        join([mover]);
    });
}

#[test]
fn bounded_overtaking_keeps_its_bound() {
    explore(|| {
        let pool: Shared<1> = Arc::new(Pool::from([Connection::new()]).with_fairness(Fairness::Bounded(1)));
        let waiter = client(0, &pool, |pool| touch(pool.get()).unwrap());
        for _ in 0..2 {
            touch(pool.try_get()).ok();
        }
        touch(pool.get()).unwrap();
        join([waiter]);
        assert!(pool.metrics().most_overtaken <= 1);
        assert_whole(&pool, 1);
    });
}

#[test]
fn a_called_waiter_that_leaves_passes_the_call_on() {
    explore(|| {
        let pool: Shared<1> = Arc::new(Pool::from([Connection::new()]).with_fairness(Fairness::Bounded(1)));
        let fickle = client(0, &pool, |pool| drop(glance(pool.get_async())));
        let patient = client(0, &pool, |pool| touch(pool.get()).unwrap());
        touch(pool.get()).unwrap();
        join([fickle, patient]);
        assert_whole(&pool, 1);
    });
}

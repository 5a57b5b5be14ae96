//! User code that calls the pool which called it: wakers, destructors, the closure of `retain`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use conn_pool::{ConnGuard, Pool};

use crate::kit::plain::{Task, assert_at_rest, hold_all, paused, waiting_tasks};
use crate::kit::{Census, waker_that};

#[test]
fn a_waker_may_call_anything_of_the_pool() {
    let pool = Arc::new(Pool::from([1, 2]));
    let held = hold_all(&pool);
    let calls = Arc::new(AtomicUsize::new(0));
    let waker = waker_that({
        let (pool, calls) = (Arc::clone(&pool), Arc::clone(&calls));
        move || {
            calls.fetch_add(1, Ordering::SeqCst);
            assert!(format!("{pool:?}").contains("waiting"));
            let _ = (pool.status(), pool.metrics(), pool.insert(3).is_err(), pool.retain(|_| true));
            pool.reset_peaks();
            drop(pool.try_get());
            drop(Task::new(&pool).poll());
            pool.resize(1).unwrap();
            assert_eq!(pool.drop_surplus(), 0, "nothing has come back yet");
            pool.resize(2).unwrap();
        }
    });
    let mut waiter = Task::waiting_with(&pool, waker);
    let mut held = held.into_iter();
    drop(held.next());
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    drop(waiter.guard());
    drop(waiter);
    drop(held);
    assert_at_rest(&pool);
}

#[test]
fn a_waker_may_close_the_pool() {
    let pool = Arc::new(paused([(); 20]));
    let closing = waker_that({
        let pool = Arc::clone(&pool);
        move || pool.close()
    });
    let mut first = Task::waiting_with(&pool, closing);
    let mut rest = waiting_tasks(&pool, 19);
    pool.resize(20).unwrap();
    // The first batch was granted before the pool was closed, the others were not.
    drop(first.guard());
    let mut granted = 0;
    for task in &mut rest {
        match task.poll() {
            std::task::Poll::Ready(answer) => granted += usize::from(answer.is_ok()),
            std::task::Poll::Pending => panic!("left in the queue of a closed pool"),
        }
    }
    // A batch is eight where threads wait, and one elsewhere.
    assert_eq!(granted, if cfg!(feature = "std") { 7 } else { 0 });
    drop((first, rest));
    let status = pool.status();
    assert_eq!((status.vacant, status.waiting), (status.max_size, 0), "{status:?}");
}

/// A connection that calls its pool when it is dropped.
struct Calling<const N: usize> {
    pool: Arc<Pool<Calling<N>, N>>,
    work: fn(&Pool<Calling<N>, N>),
}

impl<const N: usize> Drop for Calling<N> {
    fn drop(&mut self) {
        (self.work)(&self.pool);
    }
}

fn calling<const N: usize>(work: fn(&Pool<Calling<N>, N>)) -> Arc<Pool<Calling<N>, N>> {
    let pool = Arc::new(Pool::new());
    for _ in 0..N {
        assert!(pool.insert(Calling { pool: Arc::clone(&pool), work }).is_ok());
    }
    pool
}

#[test]
fn a_destructor_may_call_anything_of_the_pool() {
    let pool = calling::<3>(|pool| {
        let _ = (pool.status(), pool.metrics(), pool.is_closed());
        drop(pool.try_get());
        drop(Task::new(pool).poll());
        pool.retain(|_| true);
        let mute = Calling { pool: Arc::new(Pool::new()), work: |_| () };
        assert!(pool.status().vacant > 0 || pool.insert(mute).is_err(), "the slot is not empty yet");
    });
    ConnGuard::discard(pool.try_get().unwrap());
    assert_eq!((pool.status().vacant, pool.status().idle), (1, 2));
    let mut first = true;
    pool.retain(|_| !std::mem::take(&mut first));
    assert_eq!((pool.status().vacant, pool.status().idle), (2, 1));
    pool.close();
    assert_eq!((pool.status().vacant, pool.status().in_use), (3, 0));
}

#[test]
fn a_destructor_may_close_the_pool() {
    let pool = calling::<3>(Pool::close);
    ConnGuard::discard(pool.try_get().unwrap());
    assert!(pool.is_closed());
    assert_eq!((pool.status().vacant, pool.status().in_use), (3, 0));
}

#[test]
fn a_destructor_may_grow_the_pool_and_shrink_it() {
    let pool = calling::<3>(|pool| {
        let now = pool.status().max_size;
        pool.resize(now.saturating_sub(1)).unwrap();
        pool.resize(3).unwrap();
    });
    ConnGuard::discard(pool.try_get().unwrap());
    assert_at_rest(&pool);
    assert_eq!((pool.status().vacant, pool.status().idle), (1, 2));
    pool.close();
    assert_eq!(pool.status().vacant, 3);
}

#[test]
fn a_retain_closure_may_call_anything_of_the_pool() {
    let pool = Pool::from([0, 1, 2, 3]);
    let mut visited = Vec::new();
    let retained = pool.retain(|connection| {
        visited.push(*connection);
        assert_eq!(pool.status().in_use, 1);
        drop(pool.try_get().unwrap());
        drop(Task::new(&pool).guard());
        assert_eq!(pool.retain(|_| true).kept, pool.status().idle);
        assert!(pool.status().vacant > 0 || pool.insert(9).is_err());
        *connection % 2 == 0
    });
    assert_eq!(visited, [0, 1, 2, 3]);
    assert_eq!((retained.kept, retained.discarded), (2, 2));
    assert_at_rest(&pool);
}

#[test]
fn a_retain_closure_may_close_the_pool() {
    let census = Census::new();
    let pool: Pool<_, 3> = Pool::from_fn(|_| census.connect());
    let retained = pool.retain(|_| {
        pool.close();
        true
    });
    assert_eq!(retained.kept, 1);
    census.assert_each_dropped_once();
    assert_eq!(pool.status().vacant, 3);
}

//! Models of the life of a shared pool: its handles, its guards and those who maintain it end in any order, and the
//! last of them frees it.

use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::Arc;

use loom::cell::UnsafeCell;
use loom::thread::{self, JoinHandle};

use super::{Connection, explore, explore_up_to, join, run};
use crate::managed::{AsyncManager, Config, DiscardReason, GetError, Lifecycle, SharedPool};
use crate::sync::{Mutex, PoisonError};

/// A manager that notices if it is dropped while another thread may use it, and counts ends.
struct Watched {
    place: UnsafeCell<()>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    managers: AtomicUsize,
    connections: AtomicUsize,
}

// SAFETY: loom reports every access that is not ordered after the last one.
unsafe impl Send for Watched {}
// SAFETY: as for `Send`.
unsafe impl Sync for Watched {}

impl Watched {
    /// A use of the manager, by a thread that shares it.
    fn look(&self) {
        self.place.with(|_| ());
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.place.with_mut(|_| ());
        self.counts.managers.fetch_add(1, Relaxed);
    }
}

impl Lifecycle for Watched {
    type Connection = Connection;
    type Error = std::io::Error;

    fn has_broken(&self, _connection: &mut Connection) -> bool {
        self.look();
        false
    }

    fn on_discard(&self, mut connection: Connection, _reason: DiscardReason) {
        self.look();
        connection.touch();
        self.counts.connections.fetch_add(1, Relaxed);
    }
}

impl AsyncManager for Watched {
    async fn connect(&self) -> std::io::Result<Connection> {
        Ok(Connection::new())
    }
}

fn config() -> Config {
    Config::new().max_size(1).max_lifetime(None).validate_after(None).wait_timeout(None)
}

fn watched() -> (Watched, Arc<Counts>) {
    let counts = Arc::default();
    (Watched { place: UnsafeCell::new(()), counts: Arc::clone(&counts) }, counts)
}

/// A pool with one idle connection, which nobody maintains.
fn filled() -> (SharedPool<Watched>, Arc<Counts>) {
    let (manager, counts) = watched();
    let pool = SharedPool::unmaintained(manager, config());
    pool.insert(Connection::new()).ok().expect("there is room");
    (pool, counts)
}

fn assert_ended(counts: &Counts, connections: usize) {
    assert_eq!((counts.managers.load(Relaxed), counts.connections.load(Relaxed)), (1, connections));
}

/// The guard's release comes before the close, which ends the connection, or the close comes first, and the guard ends
/// it: once, and then the pool is freed, once.
#[test]
fn a_guard_is_dropped_while_the_last_handle_is() {
    explore(|| {
        let (pool, counts) = filled();
        let mut guard = pool.try_get().unwrap();
        let other = thread::spawn(move || {
            guard.touch();
            drop(guard);
        });
        drop(pool);
        join([other]);
        assert_ended(&counts, 1);
    });
}

#[test]
fn a_guard_is_discarded_while_the_last_handle_is_dropped() {
    explore(|| {
        let (pool, counts) = filled();
        let guard = pool.try_get().unwrap();
        let other = thread::spawn(move || crate::managed::SharedConnGuard::discard(guard));
        drop(pool);
        join([other]);
        assert_ended(&counts, 1);
    });
}

#[test]
fn two_guards_are_the_last_to_go() {
    explore(|| {
        let (manager, counts) = watched();
        let pool = SharedPool::unmaintained(manager, config().max_size(2));
        let guards = [(); 2].map(|()| pool.insert(Connection::new()).ok().expect("there is room"));
        let guards = guards.map(|()| pool.try_get().unwrap());
        drop(pool);
        join(guards.map(|guard| thread::spawn(move || drop(guard))));
        assert_ended(&counts, 2);
    });
}

#[test]
fn a_handle_that_is_dropped_comes_before_the_end() {
    explore(|| {
        let (pool, counts) = filled();
        let handle = pool.clone();
        let other = thread::spawn(move || {
            handle.manager().look();
            drop(handle);
        });
        drop(pool);
        join([other]);
        assert_ended(&counts, 1);
    });
}

#[test]
fn an_owner_that_leaves_comes_before_the_end() {
    explore(|| {
        let (pool, counts) = filled();
        let owner = pool.owner();
        let other = thread::spawn(move || {
            owner.own_manager().look();
            drop(owner);
        });
        drop(pool);
        join([other]);
        assert_ended(&counts, 1);
    });
}

/// A waiter is served by a guard that is dropped, and then the last handle goes with it.
#[test]
fn the_last_handle_goes_with_a_waiter_that_was_served() {
    explore(|| {
        let (pool, counts) = filled();
        let guard = pool.try_get().unwrap();
        let other = thread::spawn(move || {
            run(pool.get_async()).unwrap().touch();
            drop(pool);
        });
        drop(guard);
        join([other]);
        assert_ended(&counts, 1);
    });
}

type Upkeep = Arc<Mutex<std::vec::Vec<JoinHandle<()>>>>;

/// A pool whose maintenance is a thread that polls it.
fn maintained() -> (SharedPool<Watched>, Arc<Counts>, Upkeep) {
    let (manager, counts) = watched();
    let threads = Upkeep::default();
    let own = Arc::clone(&threads);
    let spawn = move |task| {
        let thread = thread::spawn(move || run(task));
        own.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
    };
    let pool = SharedPool::spawned_by(manager, config(), spawn).unwrap();
    (pool, counts, threads)
}

fn end(threads: &Upkeep) {
    while let Some(thread) = { threads.lock().unwrap_or_else(PoisonError::into_inner).pop() } {
        thread.join().unwrap();
    }
}

/// Maintenance ends with the last handle, however far it is with the connect that it was asked for.
#[test]
fn maintenance_ends_with_the_last_handle() {
    explore_up_to(1, || {
        let (pool, counts, threads) = maintained();
        assert!(matches!(pool.try_get(), Err(GetError::Exhausted) | Ok(_)));
        drop(pool);
        end(&threads);
        assert_eq!(counts.managers.load(Relaxed), 1);
    });
}

/// The task that maintains the pool is dropped while a caller waits: the caller has another one begun.
#[test]
fn a_caller_has_maintenance_begun_anew() {
    // Three threads, of which one runs all of maintenance: one preemption takes minutes.
    explore_up_to(0, || {
        let (manager, counts) = watched();
        let (threads, dropped) = (Upkeep::default(), Arc::new(Mutex::new(None)));
        let (own, first) = (Arc::clone(&threads), Arc::clone(&dropped));
        let spawned = AtomicUsize::new(0);
        let spawn = move |task| {
            if spawned.fetch_add(1, Relaxed) == 0 {
                *first.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
                return;
            }
            let thread = thread::spawn(move || run(task));
            own.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        };
        let pool = SharedPool::spawned_by(manager, config(), spawn).unwrap();
        let other = thread::spawn(move || {
            let task = dropped.lock().unwrap_or_else(PoisonError::into_inner).take();
            drop(task);
        });
        run(pool.get_async()).unwrap().touch();
        drop(pool);
        join([other]);
        end(&threads);
        assert_ended(&counts, 1);
    });
}

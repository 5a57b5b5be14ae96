//! A fork's child has a copy of the pool, and its connections are the parent's still.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use conn_pool::SharedPool;
use conn_pool::managed::{AsyncFromBlocking, Config, ConnGuard, DiscardReason, GetError, Lifecycle, Manager, Pool};
use futures::executor::block_on;

/// Counts what it is asked to do with connections.
#[derive(Default)]
struct Db {
    calls: AtomicUsize,
}

impl Lifecycle for Db {
    type Connection = usize;
    type Error = std::io::Error;

    fn reset(&self, _connection: &mut usize) -> std::io::Result<()> {
        self.calls.fetch_add(1, SeqCst);
        Ok(())
    }

    fn on_discard(&self, _connection: usize, _reason: DiscardReason) {
        self.calls.fetch_add(1, SeqCst);
    }
}

impl Manager for Db {
    fn connect(&self, _within: Option<Duration>) -> std::io::Result<usize> {
        Ok(self.calls.fetch_add(1, SeqCst))
    }
}

type Plain = Pool<AsyncFromBlocking<Db>, 2>;

fn pool() -> Plain {
    Pool::new(AsyncFromBlocking(Db::default()), Config::new()).unwrap()
}

fn calls(pool: &Plain) -> usize {
    pool.manager().0.calls.load(SeqCst)
}

/// Whether `work` answers `true` in a child. One that hangs is ended by the system, and then it is `false`.
fn in_a_child(work: impl FnOnce() -> bool) -> bool {
    // SAFETY: a call of the C library's. The child runs on in this thread alone; the allocator is told of forks.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "there is room for a process");
    if child == 0 {
        // SAFETY: as above.
        unsafe { libc::alarm(20) };
        let is_right = catch_unwind(AssertUnwindSafe(work)).unwrap_or(false);
        // SAFETY: as above: no destructors run, nor what is to be done at exit.
        unsafe { libc::_exit(i32::from(!is_right)) };
    }
    let mut status = -1;
    // SAFETY: as above; the status is written to where it is told.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    status == 0
}

#[test]
fn every_call_that_acquires_says_so() {
    let pool = pool();
    let held = pool.get().unwrap();
    drop(pool.get().unwrap());
    assert!(in_a_child(|| {
        let short = Duration::from_millis(1);
        let errors =
            [pool.try_get().err(), pool.get().err(), pool.get_timeout(short).err(), block_on(pool.get_async()).err()];
        let are_right = errors.iter().all(|error| matches!(error, Some(GetError::Forked)));
        are_right && pool.try_get_idle().is_none() && errors[0].as_ref().is_some_and(|error| error.name() == "forked")
    }));
    drop(held);
    drop(pool.get().unwrap());
}

#[test]
fn guards_and_pools_that_are_dropped_leave_connections_alone() {
    let pool = pool();
    let (one, other) = (pool.get().unwrap(), pool.get().unwrap());
    let before = calls(&pool);
    assert!(in_a_child(|| {
        drop(one);
        ConnGuard::discard(other);
        pool.close();
        pool.evict_all();
        pool.retain(|_| false);
        calls(&pool) == before
    }));
}

#[test]
fn a_detached_connection_is_the_childs_copy() {
    let pool = pool();
    let guard = pool.get().unwrap();
    assert!(in_a_child(|| ConnGuard::detach(guard) == 0));
}

#[test]
fn a_pool_that_has_not_connected_is_the_childs_own() {
    let pool = pool();
    assert!(in_a_child(|| pool.get().is_ok() && pool.get().is_ok()));
    assert!(pool.get().is_ok());
}

#[test]
fn a_shared_pool_is_given_up_at_once() {
    let pool = SharedPool::blocking(Db::default(), Config::new().max_size(1)).unwrap();
    let guard = pool.get().unwrap();
    let before = pool.manager().calls.load(SeqCst);
    assert!(in_a_child(|| {
        let is_refused = matches!(pool.get(), Err(GetError::Forked)) && matches!(pool.try_get(), Err(GetError::Forked));
        drop(guard);
        let is_kept = pool.drain(Duration::from_secs(1)).is_err();
        let unchanged = pool.manager().calls.load(SeqCst) == before;
        drop(pool);
        is_refused && is_kept && unchanged
    }));
}

/// The lock may be locked at any moment at which a child is made.
#[test]
fn no_child_waits_for_a_lock_that_was_locked_when_it_was_made() {
    let (pool, is_over) = (pool(), AtomicBool::new(false));
    drop(pool.get().unwrap());
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !is_over.load(SeqCst) {
                    drop(pool.get().unwrap());
                }
            });
        }
        for _ in 0..20 {
            assert!(in_a_child(|| {
                pool.close();
                matches!(pool.get(), Err(GetError::Forked))
                    && matches!(block_on(pool.get_async()), Err(GetError::Forked))
            }));
        }
        is_over.store(true, SeqCst);
    });
}

//! A fork's child has a copy of the pool, and its connections are the parent's still.

use std::future::Future;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use conn_pool::SharedPool;
use conn_pool::managed::{
    AsyncFromBlocking, Clock, Config, ConnGuard, DiscardReason, GetError, Lifecycle, Manager, Pool, SystemClock,
};
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
        unsafe { libc::alarm(5) };
        let is_right = catch_unwind(AssertUnwindSafe(work)).unwrap_or(false);
        // SAFETY: as above: no destructors run, nor what is to be done at exit.
        unsafe { libc::_exit(i32::from(!is_right)) };
    }
    let mut status = -1;
    // SAFETY: as above; the status is written to where it is told.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    status == 0
}

/// The same, of work with the child's copy of something, which the parent keeps.
fn with_copy_in_a_child<T>(own: T, work: impl FnOnce(T)) -> (bool, T) {
    let own = ManuallyDrop::new(own);
    let is_right = in_a_child(|| {
        // SAFETY: the child has a copy of its own, which it uses this once; the parent does not run this.
        work(unsafe { ptr::read(&raw const *own) });
        true
    });
    (is_right, ManuallyDrop::into_inner(own))
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

/// Runs `work` while threads do something again and again, in the midst of which children are made.
fn amid(threads: usize, bustle: impl Fn() + Sync, work: impl FnOnce()) {
    /// Also if the work panics: the scope waits for its threads.
    struct End<'a>(&'a AtomicBool);
    impl Drop for End<'_> {
        fn drop(&mut self) {
            self.0.store(true, SeqCst);
        }
    }
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let _end = End(&is_over);
        for _ in 0..threads {
            scope.spawn(|| {
                while !is_over.load(SeqCst) {
                    bustle();
                }
            });
        }
        work();
    });
}

/// The lock may be locked at any moment at which a child is made.
#[test]
fn no_child_waits_for_a_lock_that_was_locked_when_it_was_made() {
    let pool = pool();
    drop(pool.get().unwrap());
    let children = || {
        for _ in 0..20 {
            assert!(in_a_child(|| {
                pool.close();
                matches!(pool.get(), Err(GetError::Forked))
                    && matches!(block_on(pool.get_async()), Err(GetError::Forked))
            }));
        }
    };
    amid(3, || drop(pool.get().unwrap()), children);
}

fn poll_once<F: Future>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// The lock is locked about half of the time: callers come and go, and none is served.
fn amid_callers(pool: &Plain, work: impl FnOnce()) {
    drop(pool.get().unwrap());
    pool.suspend();
    amid(3, || assert!(poll_once(&mut Box::pin(pool.get_async())).is_pending()), work);
}

#[test]
fn what_waited_when_a_child_was_made_is_polled_and_dropped_there_without_a_lock() {
    let pool = pool();
    let children = || {
        for turn in 0..60 {
            let mut waiting = Box::pin(pool.get_async());
            assert!(poll_once(&mut waiting).is_pending());
            assert!(in_a_child(|| {
                let is_right = turn % 2 == 0 || matches!(poll_once(&mut waiting), Poll::Ready(Err(GetError::Forked)));
                drop(waiting);
                is_right
            }));
        }
    };
    amid_callers(&pool, children);
}

#[test]
fn what_was_granted_when_a_child_was_made_is_the_parents() {
    let pool = pool();
    let held = [pool.get().unwrap(), pool.get().unwrap()];
    let mut waiting = Box::pin(pool.get_async());
    assert!(poll_once(&mut waiting).is_pending());
    drop(held);
    assert!(in_a_child(|| matches!(poll_once(&mut waiting), Poll::Ready(Err(GetError::Forked)))));
    assert!(matches!(poll_once(&mut waiting), Poll::Ready(Ok(_))));
}

#[test]
fn a_child_drains_nothing() {
    let pool = pool();
    let held = pool.get().unwrap();
    let children = || {
        for turn in 0..60 {
            let mut draining = Box::pin(pool.drain_async());
            assert!(poll_once(&mut draining).is_pending());
            assert!(in_a_child(|| {
                let are_over = turn % 2 == 0
                    || poll_once(&mut draining).is_ready() && poll_once(&mut Box::pin(pool.drain_async())).is_ready();
                drop(draining);
                are_over
            }));
        }
    };
    amid(3, || assert!(poll_once(&mut Box::pin(pool.drain_async())).is_pending()), children);
    drop(held);
}

#[test]
fn a_child_reads_the_options_and_changes_none() {
    let pool = pool();
    drop(pool.get().unwrap());
    let children = || {
        for _ in 0..50 {
            assert!(in_a_child(|| {
                pool.reconfigure(|config| config.max_uses(7)).unwrap();
                pool.config().get_max_uses() != Some(7)
            }));
        }
    };
    amid(1, || pool.reconfigure(|config| config.max_uses(1000)).unwrap(), children);
}

#[test]
fn a_childs_copy_of_a_health_check_ends_nothing() {
    let pool = Arc::new(pool());
    let mut health = Some(pool.health_check().unwrap());
    drop(pool.get().unwrap());
    let children = || {
        for _ in 0..60 {
            let copy = health.take().unwrap();
            // Only the child's is dropped.
            let (is_right, copy) = with_copy_in_a_child(copy, drop);
            assert!(is_right);
            health = Some(copy);
        }
    };
    let bustle = || {
        drop(pool.get().unwrap());
        pool.evict_all();
    };
    amid(2, bustle, children);
    assert!(health.unwrap().is_running());
}

#[test]
fn a_childs_copy_of_maintenance_is_over_and_takes_no_lock() {
    let pool = pool();
    let children = || {
        for turn in 0..60 {
            let mut upkeep = Box::pin(pool.run_maintenance());
            assert!(poll_once(&mut upkeep).is_pending());
            assert!(in_a_child(|| {
                let are_over = turn % 2 == 0
                    || poll_once(&mut upkeep).is_ready()
                        && poll_once(&mut Box::pin(pool.maintain_async(Duration::ZERO))).is_ready();
                drop(upkeep);
                are_over
            }));
        }
    };
    amid_callers(&pool, children);
}

/// Those of a child have a thread of their own.
mod timers {
    use super::{
        Clock, Duration, GetError, SystemClock, amid, block_on, in_a_child, poll_once, pool, with_copy_in_a_child,
    };

    #[test]
    fn the_time_of_a_task_ends_in_a_child_too() {
        block_on(SystemClock.sleep(Duration::from_millis(1)));
        assert!(in_a_child(|| {
            let own = pool();
            let _held = [own.get().unwrap(), own.get().unwrap()];
            matches!(block_on(own.get_async_timeout(Duration::from_millis(20))), Err(GetError::Timeout(_)))
        }));
    }

    /// Timers have a lock of their own.
    #[test]
    fn a_childs_copy_of_a_sleeping_task_sleeps_on_there_and_takes_no_lock() {
        let doze = || assert!(poll_once(&mut Box::pin(SystemClock.sleep(Duration::from_secs(60)))).is_pending());
        let children = || {
            for turn in 0..20 {
                let mut sleep = Box::pin(SystemClock.sleep(Duration::from_millis(20)));
                assert!(poll_once(&mut sleep).is_pending());
                let (is_right, sleep) = with_copy_in_a_child(sleep, |mut copy| {
                    if turn % 2 == 0 {
                        block_on(&mut copy);
                    }
                    drop(copy);
                });
                assert!(is_right);
                block_on(sleep);
            }
        };
        amid(3, doze, children);
    }
}

//! Models of a managed pool whose maintenance connects for the callers: a task, which is the pool's connector while it
//! runs. Its long sleeps never end, so what it does not hear of is never done.

use core::future::{Future, pending, poll_fn};
use core::pin::Pin;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::boxed::Box;
use std::sync::Arc;

use loom::thread::JoinHandle;

use super::connector::Report;
use super::{Connection, client, explore, explore_up_to, join, run};
use crate::managed::{AsyncManager, CanSleep, Clock, Config, ConnGuard, Lifecycle, Manager, Pool};
use crate::sync::with_parker;

/// A server that never answers the first connects, and answers all others at once.
struct Silent {
    silences: AtomicUsize,
    made: AtomicUsize,
}

impl Silent {
    fn answer(&self) -> Option<Connection> {
        if self.silences.load(Relaxed) > 0 {
            self.silences.fetch_sub(1, Relaxed);
            return None;
        }
        self.made.fetch_add(1, Relaxed);
        Some(Connection::new())
    }
}

impl Lifecycle for Silent {
    type Connection = Connection;
    type Error = ();
}

impl Manager for Silent {
    fn connect(&self, _: Option<Duration>) -> Result<Connection, ()> {
        self.answer().ok_or(())
    }
}

impl AsyncManager for Silent {
    async fn connect(&self) -> Result<Connection, ()> {
        match self.answer() {
            Some(connection) => Ok(connection),
            None => pending().await,
        }
    }
}

/// Time stands still. A short sleep ends at its second poll, for which it wakes the sleeper at once; others never end.
struct Still;

impl Clock for Still {
    const CAN_SLEEP: bool = true;

    fn now(&self) -> Duration {
        Duration::ZERO
    }

    async fn sleep(&self, duration: Duration) {
        let mut was_seen = false;
        poll_fn(|context| {
            if duration > SHORT {
                return Poll::Pending;
            }
            if core::mem::replace(&mut was_seen, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

impl CanSleep for Still {}

const SHORT: Duration = Duration::from_millis(10);

type Connected<const N: usize> = Pool<Silent, N, Still>;

fn pool<const N: usize>(silences: usize) -> Arc<Connected<N>> {
    let config = Config::new().max_lifetime(None).validate_after(None).connect_timeout(None);
    let server = Silent { silences: AtomicUsize::new(silences), made: AtomicUsize::new(0) };
    Arc::new(Pool::const_with_clock(server, config, Still))
}

type Task<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

fn glance<T>(task: &mut Task<'_, T>) -> Poll<T> {
    task.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

fn borrow<const N: usize>(pool: &Connected<N>) {
    run(pool.get_async()).unwrap().touch();
}

/// Nothing is in use, and all slots can be had.
fn assert_whole<const N: usize>(pool: &Connected<N>) {
    let status = pool.status();
    assert_eq!((status.in_use, status.waiting, status.idle + status.vacant), (0, 0, N), "{status:?}");
    if !status.closed {
        let held: [_; N] = core::array::from_fn(|_| run(pool.get_async()).unwrap());
        drop(held);
    }
}

/// Runs maintenance until as many have reported as `callers` starts: it gets what each is to report with.
///
/// Maintenance is called by demand, or when the last has reported; so if a call is lost while one of them waits, all
/// sleep, and the model fails.
fn serve<const N: usize, const M: usize>(
    pool: &Arc<Connected<N>>,
    callers: impl FnOnce(&dyn Fn() -> Report) -> [JoinHandle<()>; M],
) {
    let mut upkeep: Task<'_, _> = Box::pin(pool.run_maintenance());
    with_parker(|parker, waker| {
        let left = Arc::new(AtomicUsize::new(M));
        let threads = callers(&|| Report { left: Arc::clone(&left), waker: waker.clone() });
        while left.load(Relaxed) > 0 {
            assert!(upkeep.as_mut().poll(&mut Context::from_waker(waker)).is_pending());
            parker.park(None);
        }
        join(threads);
    });
}

/// A caller comes while maintenance begins, or when it has fallen asleep: a connection is made once.
#[test]
fn maintenance_begins_while_a_caller_comes() {
    // A maintenance pass takes many steps.
    explore_up_to(1, || {
        let pool = pool::<1>(0);
        serve(&pool, |report| [patient(&pool, report())]);
        assert_eq!(pool.manager().made.load(Relaxed), 1);
        assert_whole(&pool);
    });
}

fn patient<const N: usize>(pool: &Arc<Connected<N>>, report: Report) -> JoinHandle<()> {
    client(0, pool, move |pool| {
        borrow(pool);
        report.done();
    })
}

/// A caller connects, and the server does not answer. It hears that maintenance has begun, and leaves connecting to it.
#[test]
fn maintenance_begins_while_a_caller_connects() {
    // A maintenance pass takes many steps.
    explore_up_to(1, || {
        let pool = pool::<1>(1);
        {
            let mut caller: Task<'_, _> = Box::pin(pool.get_async());
            assert!(glance(&mut caller).is_pending());
            let upkeep = client(0, &pool, |pool| run(pool.run_maintenance()));
            run(caller).unwrap().touch();
            pool.close();
            join([upkeep]);
        }
        assert_eq!(pool.manager().made.load(Relaxed), 1);
        assert_whole(&pool);
    });
}

/// Maintenance ends while a caller comes or waits, in the midst of a connect that the server does not answer, or before
/// it begins one.
fn maintenance_ends(silences: usize) {
    explore(move || {
        let pool = pool::<1>(silences);
        {
            let mut upkeep: Task<'_, _> = Box::pin(pool.run_maintenance());
            assert!(glance(&mut upkeep).is_pending());
            let caller = client(0, &pool, |pool| {
                borrow(pool);
            });
            assert!(glance(&mut upkeep).is_pending());
            // The caller itself is not to meet it: it would wait for the server.
            pool.manager().silences.store(0, Relaxed);
            drop(upkeep);
            join([caller]);
        }
        assert_whole(&pool);
    });
}

#[test]
fn maintenance_ends_while_a_caller_comes() {
    maintenance_ends(0);
}

#[test]
fn maintenance_ends_while_it_connects() {
    maintenance_ends(1);
}

/// A caller gives up while maintenance sees that it waits, and connects for it: if the connection is made, it is idle
/// in the end, and no second one is made.
#[test]
fn a_connect_of_maintenance_outlives_its_caller() {
    explore(|| {
        let pool = pool::<2>(0);
        {
            let own = Arc::clone(&pool);
            let mut upkeep: Task<'static, _> = Box::pin(async move { own.run_maintenance().await });
            assert!(glance(&mut upkeep).is_pending());
            let mut caller: Task<'_, _> = Box::pin(pool.get_async());
            assert!(glance(&mut caller).is_pending());
            let connects = client(0, &pool, move |_| assert!(glance(&mut upkeep).is_pending()));
            if let Poll::Ready(got) = glance(&mut caller) {
                got.unwrap().touch();
            }
            drop(caller);
            join([connects]);
        }
        let made = pool.manager().made.load(Relaxed);
        assert!(made <= 1 && pool.status().idle == made, "{pool:?}");
        assert_whole(&pool);
    });
}

/// A caller that does not wait asks for a connection while maintenance falls asleep: it is made.
#[test]
fn maintenance_makes_what_a_caller_asks_for_that_does_not_wait() {
    explore(|| {
        let pool = pool::<1>(0);
        {
            let mut upkeep: Task<'_, _> = Box::pin(pool.run_maintenance());
            assert!(glance(&mut upkeep).is_pending());
            let asks = client(0, &pool, |pool| assert!(pool.try_get().is_err()));
            run(poll_fn(|context| {
                assert!(upkeep.as_mut().poll(context).is_pending());
                if pool.manager().made.load(Relaxed) > 0 { Poll::Ready(()) } else { Poll::Pending }
            }));
            join([asks]);
        }
        assert_whole(&pool);
    });
}

/// A connection is discarded while another caller waits for one: maintenance makes it.
#[test]
fn maintenance_makes_up_for_a_discarded_connection() {
    explore(|| {
        let pool = pool::<1>(0);
        borrow(&pool);
        {
            let mut upkeep: Task<'_, _> = Box::pin(pool.run_maintenance());
            let mut caller: Task<'_, _> = Box::pin(pool.get_async());
            let user = client(0, &pool, |pool| {
                if let Some(held) = pool.try_get_idle() {
                    ConnGuard::discard(held);
                }
            });
            run(poll_fn(|context| {
                assert!(upkeep.as_mut().poll(context).is_pending());
                caller.as_mut().poll(context).map(|got| got.unwrap().touch())
            }));
            join([user]);
        }
        assert_whole(&pool);
    });
}

//! Models of the managed pool: what it adds to a pool that connects. Time stands still, unless a model moves it.

use core::future::poll_fn;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::boxed::Box;
use std::sync::Arc;
use std::vec::Vec;

use super::{Connection, client, explore, glance, join, run};
use crate::managed::{
    AsyncManager, CanSleep, Clock, Config, ConnGuard, DiscardReason, GetError, Lifecycle, Manager, ManagerError, Pool,
    Retry,
};

/// No option that depends on time.
pub(super) const TIMELESS: Config = Config::new().max_lifetime(None).validate_after(None).connect_timeout(None);

/// A server that refuses a number of connects, and counts. Only `steps` is a step of the model: what happens between
/// two steps happens at once.
pub(super) struct Server {
    refusals: AtomicUsize,
    pub(super) made: AtomicUsize,
    alive: AtomicUsize,
    pub(super) checked: AtomicUsize,
    /// Grows when the server is replaced by another.
    reign: AtomicUsize,
    steps: loom::sync::atomic::AtomicUsize,
}

/// A connection, and the server that it leads to.
pub(super) struct Session {
    connection: Connection,
    reign: usize,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused;

pub(super) fn read(count: &AtomicUsize) -> usize {
    count.load(Relaxed)
}

impl Server {
    pub(super) fn refusing(refusals: usize) -> Self {
        Self {
            refusals: AtomicUsize::new(refusals),
            made: AtomicUsize::new(0),
            alive: AtomicUsize::new(0),
            checked: AtomicUsize::new(0),
            reign: AtomicUsize::new(0),
            steps: loom::sync::atomic::AtomicUsize::new(0),
        }
    }

    /// Another thread may run here.
    fn step(&self) {
        self.steps.fetch_add(1, loom::sync::atomic::Ordering::Relaxed);
    }

    /// From now on connects lead to another server.
    fn replace(&self) {
        self.step();
        self.reign.fetch_add(1, Relaxed);
    }

    fn connect(&self) -> Result<Session, Refused> {
        let reign = read(&self.reign);
        self.step();
        if read(&self.refusals) > 0 {
            self.refusals.fetch_sub(1, Relaxed);
            return Err(Refused);
        }
        self.made.fetch_add(1, Relaxed);
        self.alive.fetch_add(1, Relaxed);
        Ok(Session { connection: Connection::new(), reign })
    }
}

impl Lifecycle for Server {
    type Connection = Session;
    type Error = Refused;

    fn on_discard(&self, mut session: Session, _: DiscardReason) {
        session.connection.touch();
        self.alive.fetch_sub(1, Relaxed);
    }
}

impl Manager for Server {
    fn connect(&self, _: Option<Duration>) -> Result<Session, Refused> {
        self.connect()
    }
}

impl AsyncManager for Server {
    async fn connect(&self) -> Result<Session, Refused> {
        self.connect()
    }

    async fn is_valid(&self, session: &mut Session) -> Result<(), Refused> {
        self.checked.fetch_add(1, Relaxed);
        session.connection.touch();
        Ok(())
    }
}

/// A clock whose time the model sets. A sleep of up to `longest` milliseconds ends at the second poll, for which it
/// wakes the sleeper at once; a longer one never ends.
pub(super) struct Hands {
    millis: AtomicUsize,
    longest: AtomicUsize,
}

impl Hands {
    pub(super) fn set(&self, millis: usize) {
        self.millis.store(millis, Relaxed);
    }

    /// Of the sleeps that begin from now on only short ones end.
    pub(super) fn end_short_sleeps_only(&self) {
        self.longest.store(SHORT, Relaxed);
    }
}

impl Clock for Hands {
    const CAN_SLEEP: bool = true;

    fn now(&self) -> Duration {
        Duration::from_millis(read(&self.millis) as u64)
    }

    async fn sleep(&self, duration: Duration) {
        let mut was_seen = false;
        let never_ends = duration > Duration::from_millis(read(&self.longest) as u64);
        poll_fn(|context| {
            if never_ends {
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

impl CanSleep for Hands {}

/// No sleep ends, or the shortest ones do.
const NEVER: usize = 0;
pub(super) const SHORT: usize = 10;
pub(super) const ANY: usize = usize::MAX;

pub(super) type Timed<const N: usize> = Arc<Pool<Server, N, Hands>>;

pub(super) fn vacant<const N: usize>(server: Server, config: Config) -> Arc<Pool<Server, N>> {
    Arc::new(Pool::const_new(server, config))
}

pub(super) fn timed<const N: usize>(server: Server, config: Config, longest: usize) -> Timed<N> {
    Arc::new(Pool::const_with_clock(
        server,
        config,
        Hands { millis: AtomicUsize::new(0), longest: AtomicUsize::new(longest) },
    ))
}

/// As many connections as there are slots.
fn filled<const N: usize>(config: Config) -> Arc<Pool<Server, N>> {
    let pool = vacant(Server::refusing(0), config);
    fill(&pool);
    pool
}

pub(super) fn fill<const N: usize, K: Clock>(pool: &Pool<Server, N, K>) {
    drop(core::array::from_fn::<_, N, _>(|_| at_hand(pool).unwrap()));
}

pub(super) type Got<'a, const N: usize, K> = Result<ConnGuard<'a, Server, N, K>, GetError<Refused>>;

pub(super) fn get<const N: usize, K: Clock>(pool: &Pool<Server, N, K>) -> Got<'_, N, K> {
    run(pool.get_async())
}

/// A connection that can be had without waiting.
pub(super) fn at_hand<const N: usize, K: Clock>(pool: &Pool<Server, N, K>) -> Option<ConnGuard<'_, Server, N, K>> {
    match glance(pool.get_async()) {
        Poll::Ready(Ok(session)) => Some(session),
        Poll::Pending | Poll::Ready(Err(GetError::QueueFull(_))) => None,
        Poll::Ready(Err(other)) => panic!("{other:?}"),
    }
}

/// Uses a connection once.
pub(super) fn borrow<const N: usize, K: Clock>(pool: &Pool<Server, N, K>) -> Result<(), GetError<Refused>> {
    get(pool).map(|mut session| {
        session.connection.touch();
    })
}

/// One maintenance pass.
pub(super) fn maintain<const N: usize>(pool: &Pool<Server, N>) {
    let _done = run(pool.maintain_async(Duration::ZERO));
}

/// Nothing is in use, every connection is accounted for, and `most` of them can be acquired at once.
pub(super) fn assert_whole<const N: usize, K: Clock>(pool: &Pool<Server, N, K>, most: usize) {
    let status = pool.status();
    assert_eq!((status.in_use, status.waiting, status.idle + status.vacant), (0, 0, most), "{status:?}");
    assert_eq!(read(&pool.manager().alive), status.idle);
    let held: Vec<_> = core::iter::from_fn(|| at_hand(pool)).collect();
    assert_eq!(held.len(), most, "{status:?}");
}

#[test]
fn a_vacant_slot_is_connected_in_by_one_of_two_callers() {
    explore(|| {
        let pool = vacant::<1>(Server::refusing(0), TIMELESS);
        let other = client(0, &pool, |pool| borrow(pool).unwrap());
        borrow(&pool).unwrap();
        join([other]);
        assert_eq!(read(&pool.manager().made), 1);
        assert_whole(&pool, 1);
    });
}

/// Of two callers that want the only slot, the server refuses one and not the other: neither stays asleep. The refused
/// one is served after all if the other has released its connection by then.
#[test]
fn a_refused_connect_passes_the_slot_to_the_other_caller() {
    explore(|| {
        let pool = vacant::<1>(Server::refusing(1), TIMELESS);
        let refused = Arc::new(AtomicUsize::new(0));
        let count = |refused: &AtomicUsize, got| match got {
            Ok(()) => {}
            Err(GetError::Connect { error: ManagerError::Own(Refused), .. }) => drop(refused.fetch_add(1, Relaxed)),
            Err(other) => panic!("{other:?}"),
        };
        let other = {
            let refused = Arc::clone(&refused);
            client(0, &pool, move |pool| count(&refused, borrow(pool)))
        };
        count(&refused, borrow(&pool));
        join([other]);
        assert!(read(&refused) <= 1 && pool.metrics().connect_failed == 1);
        assert_whole(&pool, 1);
    });
}

const TRIES_AGAIN: Config = TIMELESS.retry(Retry { attempts: 1, ..Retry::DEFAULT });

/// The caller that was refused pauses in the queue, and its pause never ends. The other caller connects, and the
/// connection that it releases goes to the pausing one.
#[test]
fn a_pausing_caller_lets_the_other_connect_and_gets_what_is_released() {
    explore(|| {
        let pool = timed::<1>(Server::refusing(1), TRIES_AGAIN, NEVER);
        let other = client(0, &pool, |pool| borrow(pool).unwrap());
        borrow(&pool).unwrap();
        join([other]);
        assert_eq!((read(&pool.manager().made), pool.metrics().connect_failed), (1, 1));
        assert_whole(&pool, 1);
    });
}

/// As before, with a connection that is in use when the pause begins and is released during it, while a newcomer
/// connects in the slot that the pausing caller has vacated.
#[test]
fn a_pausing_caller_gets_a_released_connection_while_a_newcomer_connects() {
    explore(|| {
        let pool = timed::<2>(Server::refusing(0), TRIES_AGAIN, NEVER);
        let held = at_hand(&pool).unwrap();
        pool.manager().refusals.store(1, Relaxed);
        let mut pausing = Box::pin(pool.get_async());
        assert!(pausing.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(pool.status().waiting, 1);
        // It keeps its connection, so the pausing caller has to get the other one.
        let newcomer = client(1, &pool, |pool| core::mem::forget(at_hand(pool).unwrap()));
        drop(held);
        join([newcomer]);
        let served = pausing.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(served.is_ready(), "{pool:?}");
    });
}

/// No more callers wait than may, and a caller is refused only while another one waits.
#[test]
fn a_full_queue_refuses_and_never_grows_longer() {
    explore(|| {
        let pool = filled::<1>(TIMELESS.max_waiting(1));
        let refused = Arc::new(AtomicUsize::new(0));
        let held = at_hand(&pool).unwrap();
        let others = [0, 0].map(|home| {
            let refused = Arc::clone(&refused);
            client(home, &pool, move |pool| match borrow(pool) {
                Ok(()) => {}
                Err(GetError::QueueFull(report)) => {
                    assert!(refused.fetch_add(1, Relaxed) == 0, "both were refused, so neither waited: {report:?}");
                }
                Err(other) => panic!("{other:?}"),
            })
        });
        drop(held);
        join(others);
        let metrics = pool.metrics();
        let common = metrics.pool;
        assert!(common.peak_waiting <= 1 && common.waited >= read(&refused), "{metrics:?}");
        assert_eq!(metrics.refused, read(&refused));
        assert_whole(&pool, 1);
    });
}

/// There are as many slots as callers: no caller has to wait, so none is told that the queue is full.
#[test]
fn a_queue_without_places_refuses_no_caller_while_there_is_room() {
    explore(|| {
        let pool = vacant::<2>(Server::refusing(0), TIMELESS.max_waiting(0));
        // One idle, one vacant.
        drop(at_hand(&pool));
        let other = client(1, &pool, |pool| borrow(pool).unwrap());
        borrow(&pool).unwrap();
        join([other]);
        assert_whole(&pool, 2);
    });
}

/// While the pool is suspended no slot is granted, idle or vacant; when it is resumed, no waiter stays asleep.
#[test]
fn a_suspended_pool_lends_nothing_and_a_resumed_one_serves_the_waiters() {
    for is_filled in [true, false] {
        explore(move || {
            let pool = vacant::<1>(Server::refusing(0), TIMELESS);
            if is_filled {
                fill(&pool);
            }
            let is_served = Arc::new(AtomicBool::new(false));
            pool.suspend();
            let caller = {
                let is_served = Arc::clone(&is_served);
                client(0, &pool, move |pool| {
                    let got = get(pool);
                    is_served.store(true, Relaxed);
                    drop(got.unwrap());
                })
            };
            assert!(at_hand(&pool).is_none());
            assert!(at_hand(&pool).is_none(), "the one that left the queue has opened the fast path");
            assert!(!is_served.load(Relaxed), "lent by a suspended pool");
            pool.resume();
            join([caller]);
            assert_whole(&pool, 1);
        });
    }
}

/// A connection is released before the pool is suspended, while it is, or after it was resumed.
#[test]
fn a_connection_comes_back_while_a_pool_is_suspended_and_resumed() {
    explore(|| {
        let pool = filled::<1>(TIMELESS);
        let held = at_hand(&pool).unwrap();
        let waiter = client(0, &pool, |pool| borrow(pool).unwrap());
        let operator = client(0, &pool, |pool| {
            pool.suspend();
            pool.resume();
        });
        drop(held);
        join([waiter, operator]);
        assert_whole(&pool, 1);
    });
}

/// The server is replaced and everything evicted during a connect: no connection to the old server is lent afterwards.
fn evicting_races_with(connects: impl Fn(&Pool<Server, 1>) + Send + Sync + Copy + 'static) {
    explore(move || {
        let pool = vacant::<1>(Server::refusing(0), TIMELESS.min_idle(1));
        let connecting = client(0, &pool, move |pool| connects(pool));
        pool.manager().replace();
        pool.evict_all();
        join([connecting]);
        assert_eq!(at_hand(&pool).unwrap().reign, 1, "lent after it was evicted");
        assert_whole(&pool, 1);
    });
}

#[test]
fn evicting_races_with_a_connect_of_a_caller() {
    evicting_races_with(|pool| borrow(pool).unwrap());
}

#[test]
fn evicting_races_with_a_connect_of_the_maintenance() {
    evicting_races_with(|pool| maintain(pool));
}

#[test]
fn evicting_races_with_a_return() {
    explore(|| {
        let pool = filled::<1>(TIMELESS);
        let held = at_hand(&pool).unwrap();
        let operator = client(0, &pool, |pool| {
            pool.manager().replace();
            pool.evict_all();
        });
        drop(held);
        join([operator]);
        assert_eq!(at_hand(&pool).unwrap().reign, 1, "lent after it was evicted");
        assert_whole(&pool, 1);
    });
}

/// A limit to uses is set during a connect: the connection keeps to it, whether its slot is filled before or after.
fn a_new_limit_races_with(connects: impl Fn(&Pool<Server, 1>) + Send + Sync + Copy + 'static, uses: usize) {
    explore(move || {
        let pool = vacant::<1>(Server::refusing(0), TIMELESS.min_idle(1));
        let connecting = client(0, &pool, move |pool| connects(pool));
        pool.reconfigure(|config| config.max_uses(2)).unwrap();
        join([connecting]);
        (uses..2).for_each(|_| borrow(&pool).unwrap());
        assert_eq!(read(&pool.manager().alive), 0, "it is used up");
        assert_whole(&pool, 1);
    });
}

#[test]
fn a_new_limit_races_with_a_connect_of_a_caller() {
    a_new_limit_races_with(|pool| borrow(pool).unwrap(), 1);
}

#[test]
fn a_new_limit_races_with_a_connect_of_the_maintenance() {
    a_new_limit_races_with(|pool| maintain(pool), 0);
}

/// Two connections are in use when the pool shrinks to one: the resize or a release discards the surplus one.
#[test]
fn a_surplus_connection_is_discarded_by_the_resize_or_a_release() {
    explore(|| {
        let pool = filled::<2>(TIMELESS);
        let [one, other] = [(); 2].map(|()| at_hand(&pool).unwrap());
        let operator = client(1, &pool, |pool| pool.resize(1).unwrap());
        drop(one);
        drop(other);
        join([operator]);
        assert_eq!((read(&pool.manager().alive), pool.status().idle), (1, 1));
        assert_whole(&pool, 1);
    });
}

/// As before, with a waiter.
#[test]
fn a_pool_that_shrinks_under_a_waiter_serves_it_and_discards_the_surplus() {
    explore(|| {
        let pool = filled::<2>(TIMELESS);
        let [one, other] = [(); 2].map(|()| at_hand(&pool).unwrap());
        let waiter = client(1, &pool, |pool| borrow(pool).unwrap());
        pool.resize(1).unwrap();
        drop(one);
        drop(other);
        join([waiter]);
        assert_eq!((read(&pool.manager().alive), pool.status().idle), (1, 1));
        assert_whole(&pool, 1);
    });
}

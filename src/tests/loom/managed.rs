//! Models of the managed pool: what it adds to the lending of vacant slots. Time stands still, unless a model moves it.

use core::future::poll_fn;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::boxed::Box;
use std::sync::Arc;
use std::vec::Vec;

use super::{Connection, client, explore, glance, join, run};
use crate::managed::{
    AsyncManager, Clock, Config, ConnGuard, DiscardReason, GetError, Lifecycle, Manager, Pool, Retry,
};

/// Whatever its config asks of a pool, it is not about time.
pub(super) const TIMELESS: Config = Config::new().max_lifetime(None).validate_after(None).connect_timeout(None);

/// A server that refuses so many connects, and counts. Only `steps` is a step of the model: what happens between two steps
/// happens at once.
pub(super) struct Server {
    refusals: AtomicUsize,
    pub(super) made: AtomicUsize,
    alive: AtomicUsize,
    pub(super) checked: AtomicUsize,
    /// Which server it is: it may be replaced.
    reign: AtomicUsize,
    steps: loom::sync::atomic::AtomicUsize,
}

/// A connection, and which server it leads to.
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

    /// Others may come in between.
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

/// A clock whose time the model sets. Sleeps up to `longest` end as soon as the sleeper is looked at again, which is soon;
/// longer ones never do.
pub(super) struct Hands {
    millis: AtomicUsize,
    longest: Duration,
}

impl Hands {
    pub(super) fn set(&self, millis: usize) {
        self.millis.store(millis, Relaxed);
    }
}

impl Clock for Hands {
    const CAN_SLEEP: bool = true;

    fn now(&self) -> Duration {
        Duration::from_millis(read(&self.millis) as u64)
    }

    async fn sleep(&self, duration: Duration) {
        let mut was_seen = false;
        poll_fn(|context| {
            if duration > self.longest {
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

/// No sleep ends, or the shortest ones do.
const NEVER: Duration = Duration::ZERO;
pub(super) const SHORT: Duration = Duration::from_millis(10);

pub(super) type Timed<const N: usize> = Arc<Pool<Server, N, Hands>>;

pub(super) fn vacant<const N: usize>(server: Server, config: Config) -> Arc<Pool<Server, N>> {
    Arc::new(Pool::const_new(server, config))
}

pub(super) fn timed<const N: usize>(server: Server, config: Config, longest: Duration) -> Timed<N> {
    Arc::new(Pool::const_with_clock(server, config, Hands { millis: AtomicUsize::new(0), longest }))
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

/// What is to be had at once.
pub(super) fn at_hand<const N: usize, K: Clock>(pool: &Pool<Server, N, K>) -> Option<ConnGuard<'_, Server, N, K>> {
    match glance(pool.get_async()) {
        Poll::Ready(Ok(session)) => Some(session),
        Poll::Pending | Poll::Ready(Err(GetError::QueueFull(_))) => None,
        Poll::Ready(Err(other)) => panic!("{other:?}"),
    }
}

/// Borrows a connection for a moment.
pub(super) fn borrow<const N: usize, K: Clock>(pool: &Pool<Server, N, K>) -> Result<(), GetError<Refused>> {
    get(pool).map(|mut session| {
        session.connection.touch();
    })
}

/// Looks after the pool once.
pub(super) fn maintain<const N: usize>(pool: &Pool<Server, N>) {
    let _done = run(pool.maintain_async(Duration::ZERO));
}

/// Nothing is out, every connection is known of, and so many can be borrowed at once.
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

/// Of two callers who want the only slot, one is refused by the server and the other is not: neither sleeps on.
#[test]
fn a_refused_connect_passes_the_turn_to_the_other_caller() {
    explore(|| {
        let pool = vacant::<1>(Server::refusing(1), TIMELESS);
        let refused = Arc::new(AtomicUsize::new(0));
        let count = |refused: &AtomicUsize, got| match got {
            Ok(()) => {}
            Err(GetError::Connect { error: Refused, .. }) => drop(refused.fetch_add(1, Relaxed)),
            Err(other) => panic!("{other:?}"),
        };
        let other = {
            let refused = Arc::clone(&refused);
            client(0, &pool, move |pool| count(&refused, borrow(pool)))
        };
        count(&refused, borrow(&pool));
        join([other]);
        assert_eq!((read(&refused), pool.figures().connect_failed), (1, 1));
        assert_whole(&pool, 1);
    });
}

const TRIES_AGAIN: Config = TIMELESS.retry(Retry { attempts: 1, ..Retry::DEFAULT });

/// Whoever was refused pauses in line, and the pause never ends: the other connects, and what it gives back goes to the one
/// that pauses.
#[test]
fn one_that_pauses_lets_the_other_connect_and_gets_what_comes_back() {
    explore(|| {
        let pool = timed::<1>(Server::refusing(1), TRIES_AGAIN, NEVER);
        let other = client(0, &pool, |pool| borrow(pool).unwrap());
        borrow(&pool).unwrap();
        join([other]);
        assert_eq!((read(&pool.manager().made), pool.figures().connect_failed), (1, 1));
        assert_whole(&pool, 1);
    });
}

/// As before, with a connection that is out when the pause begins and comes back during it, while a newcomer connects in
/// the slot that the one who pauses has put down.
#[test]
fn one_that_pauses_gets_a_connection_that_comes_back_and_a_newcomer_connects() {
    explore(|| {
        let pool = timed::<2>(Server::refusing(0), TRIES_AGAIN, NEVER);
        let held = at_hand(&pool).unwrap();
        pool.manager().refusals.store(1, Relaxed);
        let mut pausing = Box::pin(pool.get_async());
        assert!(pausing.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(pool.status().waiting, 1);
        // It never goes away again, so the one who pauses has to get the other.
        let newcomer = client(1, &pool, |pool| core::mem::forget(at_hand(pool).unwrap()));
        drop(held);
        join([newcomer]);
        let served = pausing.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(served.is_ready(), "{pool:?}");
    });
}

/// As many wait as may, and never more; who is refused was refused for one who waited.
#[test]
fn a_full_line_refuses_and_never_grows_longer() {
    explore(|| {
        let pool = filled::<1>(TIMELESS.max_waiting(1));
        let refused = Arc::new(AtomicUsize::new(0));
        let held = at_hand(&pool).unwrap();
        let others = [0, 0].map(|home| {
            let refused = Arc::clone(&refused);
            client(home, &pool, move |pool| match borrow(pool) {
                Ok(()) => {}
                Err(GetError::QueueFull(report)) => {
                    assert!(refused.fetch_add(1, Relaxed) == 0, "nobody waits any more: {report:?}");
                }
                Err(other) => panic!("{other:?}"),
            })
        });
        drop(held);
        join(others);
        let metrics = pool.metrics();
        assert!(metrics.peak_waiting <= 1 && metrics.waited >= read(&refused), "{metrics:?}");
        assert_eq!(pool.figures().refused, read(&refused));
        assert_whole(&pool, 1);
    });
}

/// There are as many slots as callers, so nobody has to wait, and nobody is told that too many do.
#[test]
fn a_line_without_places_refuses_nobody_while_there_is_room() {
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

/// While the pool is suspended nothing is claimed, idle or vacant; and nobody sleeps on when it is resumed.
#[test]
fn a_suspended_pool_lends_nothing_and_a_resumed_one_serves_who_waited() {
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
            assert!(at_hand(&pool).is_none(), "whoever left the line has opened the pool");
            assert!(!is_served.load(Relaxed), "claimed by a suspended pool");
            pool.resume();
            join([caller]);
            assert_whole(&pool, 1);
        });
    }
}

/// Whether a connection comes back before the pool is suspended, meanwhile, or after it was resumed.
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

/// The server is replaced, and everything evicted, while somebody connects: what leads to the old one is not claimed
/// afterwards.
fn evicting_races_with(connects: impl Fn(&Pool<Server, 1>) + Send + Sync + Copy + 'static) {
    explore(move || {
        let pool = vacant::<1>(Server::refusing(0), TIMELESS.min_idle(1));
        let connecting = client(0, &pool, move |pool| connects(pool));
        pool.manager().replace();
        pool.evict_all();
        join([connecting]);
        assert_eq!(at_hand(&pool).unwrap().reign, 1, "claimed after it was evicted");
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
        assert_eq!(at_hand(&pool).unwrap().reign, 1, "claimed after it was evicted");
        assert_whole(&pool, 1);
    });
}

/// Two are out when the pool shrinks to one: whoever is last to know parts with the one that is too many.
#[test]
fn a_connection_that_is_one_too_many_is_parted_with_by_somebody() {
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

/// As before, with somebody in line for it.
#[test]
fn a_pool_that_shrinks_under_a_waiter_serves_it_and_parts_with_the_rest() {
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

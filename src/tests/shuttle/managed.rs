//! The same for a managed pool: connects fail, connections turn out broken, dirty or unfit, callers give up at any
//! point, and operators resize, suspend, evict and maintain the pool meanwhile.

use core::pin::pin;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::sync::Arc;
use std::vec::Vec;

use shuttle::future::{block_on, spawn, yield_now};
use shuttle::rand::{Rng, thread_rng};
use shuttle::thread;

use super::{Connection, Counts, OPERATIONS, THREADS, count, explore, read};
use crate::Fairness;
use crate::managed::{
    AsyncManager, CanSleep, Clock, Config, ConnGuard, DiscardReason, GetError, Lifecycle, Manager, Metrics, Pool, Retry,
};

const SLOTS: usize = 3;
/// How many callers may connect at once.
const MOST: usize = 2;

const CONFIG: Config = Config::new()
    .min_idle(1)
    .max_connecting(MOST)
    .max_waiting(6)
    .retry(Retry { attempts: 1, ..Retry::DEFAULT })
    .validate_after(Some(Duration::from_millis(500)))
    .keepalive(Some(Duration::from_secs(1)))
    .idle_timeout(Some(Duration::from_millis(1500)))
    .max_lifetime(Some(Duration::from_secs(2)));

/// A sleep that is shorter takes its time by the clock: any pause between two connects.
const SHORT: Duration = Duration::from_secs(6);

/// True once in so many calls, at random.
fn once_in(times: u32) -> bool {
    thread_rng().gen_ratio(1, times)
}

/// A clock that clients move, and short sleeps: else a pause between two connects would never end. A sleep ends at a
/// random poll.
#[derive(Default)]
struct Ticks(AtomicUsize);

impl Clock for Ticks {
    const CAN_SLEEP: bool = true;

    fn now(&self) -> Duration {
        Duration::from_millis(read(&self.0) as u64)
    }

    async fn sleep(&self, duration: Duration) {
        let until = usize::try_from((self.now() + duration).as_millis()).unwrap_or(0);
        while !once_in(4) {
            yield_now().await;
        }
        if duration < SHORT {
            self.0.fetch_max(until, Relaxed);
        }
    }
}

impl CanSleep for Ticks {}

/// A server on a bad day. `reign` grows when it is replaced by another.
#[derive(Default)]
struct Server {
    counts: Arc<Counts>,
    connecting: AtomicUsize,
    reign: AtomicUsize,
}

struct Session {
    connection: Connection,
    reign: usize,
    /// A check has begun and not ended.
    is_in_doubt: bool,
}

#[derive(Debug)]
struct BadDay;

/// A connect in progress, until it is dropped.
struct Connecting<'a>(&'a Server);

impl<'a> Connecting<'a> {
    fn begin(server: &'a Server) -> (Self, usize) {
        assert!(count(&server.connecting) < MOST, "too many connect at once");
        (Self(server), read(&server.reign))
    }

    fn end(self, reign: usize) -> Result<Session, BadDay> {
        if once_in(3) {
            Err(BadDay)
        } else {
            Ok(Session { connection: Connection::new(&self.0.counts), reign, is_in_doubt: false })
        }
    }
}

impl Drop for Connecting<'_> {
    fn drop(&mut self) {
        self.0.connecting.fetch_sub(1, Relaxed);
    }
}

impl Session {
    /// The manager's use of it, which must be the only one.
    fn touch(&mut self) {
        assert!(!self.connection.held.swap(true, Relaxed), "lent while the manager uses it");
        thread::yield_now();
        assert!(self.connection.held.swap(false, Relaxed), "lent while the manager uses it");
    }
}

impl Lifecycle for Server {
    type Connection = Session;
    type Error = BadDay;

    fn has_broken(&self, session: &mut Session) -> bool {
        session.touch();
        once_in(8)
    }

    fn reset(&self, _: &mut Session) -> Result<(), BadDay> {
        if once_in(8) { Err(BadDay) } else { Ok(()) }
    }

    fn needs_check(&self, _: &mut Session) -> bool {
        once_in(4)
    }

    fn on_discard(&self, mut session: Session, _: DiscardReason) {
        session.touch();
    }
}

impl Manager for Server {
    fn connect(&self, _: Option<Duration>) -> Result<Session, BadDay> {
        let (connecting, reign) = Connecting::begin(self);
        thread::yield_now();
        connecting.end(reign)
    }

    fn is_valid(&self, session: &mut Session, _: Option<Duration>) -> Result<(), BadDay> {
        session.touch();
        if once_in(4) { Err(BadDay) } else { Ok(()) }
    }
}

impl AsyncManager for Server {
    async fn connect(&self) -> Result<Session, BadDay> {
        let (connecting, reign) = Connecting::begin(self);
        yield_now().await;
        connecting.end(reign)
    }

    async fn is_valid(&self, session: &mut Session) -> Result<(), BadDay> {
        session.is_in_doubt = true;
        session.touch();
        yield_now().await;
        session.is_in_doubt = false;
        if once_in(4) { Err(BadDay) } else { Ok(()) }
    }
}

type Guard<'a> = ConnGuard<'a, Server, SLOTS, Ticks>;

struct Client {
    pool: Pool<Server, SLOTS, Ticks>,
    fairness: Fairness,
    /// Connections to a server earlier than this one were evicted.
    evicted: AtomicUsize,
}

#[derive(Clone, Copy)]
enum Operation {
    Get,
    GetTimeout,
    Try,
    Cancel,
    Discard,
    Tick,
    Maintain,
    Resize,
    Suspend,
    Evict,
}

impl Operation {
    fn any() -> Self {
        use Operation::{Cancel, Discard, Evict, Get, GetTimeout, Maintain, Resize, Suspend, Tick, Try};
        const ALL: [Operation; 14] =
            [Get, Get, Get, Cancel, Cancel, GetTimeout, Try, Discard, Tick, Tick, Maintain, Resize, Suspend, Evict];
        ALL[thread_rng().gen_range(0..ALL.len())]
    }
}

impl Client {
    fn new(fairness: Fairness) -> Arc<Self> {
        let pool = Pool::const_with_clock(Server::default(), CONFIG.fairness(fairness), Ticks::default());
        Arc::new(Self { pool, fairness, evicted: AtomicUsize::new(0) })
    }

    /// Uses a connection for a moment; a second user at the same time is noticed, and a connection that was evicted
    /// before.
    fn used<'a>(&self, got: Result<Guard<'a>, GetError<BadDay>>, evicted: usize) -> Option<Guard<'a>> {
        match got {
            Ok(mut session) => {
                assert!(session.reign >= evicted, "lent after it was evicted");
                assert!(!session.is_in_doubt, "lent in the middle of its check");
                session.touch();
                Some(session)
            }
            Err(GetError::Closed(_)) => {
                assert!(self.pool.is_closed());
                None
            }
            Err(GetError::NoConnections | GetError::Nested { .. }) => panic!("there are slots, and no loan is nested"),
            Err(_) => None,
        }
    }

    async fn get(&self, as_task: bool) -> Option<Guard<'_>> {
        let evicted = read(&self.evicted);
        let got = if as_task { self.pool.get_async().await } else { self.pool.get() };
        self.used(got, evicted)
    }

    async fn get_timeout(&self, as_task: bool) {
        let (evicted, patience) = (read(&self.evicted), Duration::from_secs(60 * 60));
        let got = if as_task { self.pool.get_async_timeout(patience).await } else { self.pool.get_timeout(patience) };
        drop(self.used(got, evicted));
    }

    /// Gives up after some polls: in the queue, while connecting, or during a check.
    fn cancel(&self) {
        let evicted = read(&self.evicted);
        let mut wait = pin!(self.pool.get_async());
        for _ in 0..thread_rng().gen_range(1..4) {
            if let Poll::Ready(got) = wait.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                drop(self.used(got, evicted));
                return;
            }
            thread::yield_now();
        }
    }

    async fn maintain(&self, as_task: bool) {
        let now = self.pool.clock().now();
        let _done = if as_task { self.pool.maintain_async(now).await } else { self.pool.maintain(now) };
    }

    fn evict(&self) {
        let reign = count(&self.pool.manager().reign) + 1;
        self.pool.evict_all();
        self.evicted.fetch_max(reign, Relaxed);
    }

    async fn step(&self, operation: Operation, as_task: bool) {
        match operation {
            Operation::Get => drop(self.get(as_task).await),
            Operation::GetTimeout => self.get_timeout(as_task).await,
            Operation::Try => {
                let evicted = read(&self.evicted);
                drop(self.used(self.pool.try_get(), evicted));
            }
            Operation::Cancel => self.cancel(),
            Operation::Discard => {
                if let Some(session) = self.get(as_task).await {
                    Guard::discard(session);
                }
            }
            Operation::Tick => drop(self.pool.clock().0.fetch_add(300, Relaxed)),
            Operation::Maintain => self.maintain(as_task).await,
            Operation::Resize => {
                self.pool.resize(thread_rng().gen_range(0..SLOTS)).unwrap();
                thread::yield_now();
                self.pool.resize(SLOTS).unwrap();
            }
            Operation::Suspend => {
                self.pool.suspend();
                thread::yield_now();
                self.pool.resume();
            }
            Operation::Evict => self.evict(),
        }
    }

    /// Threads and tasks. If it `closes`, maintenance runs beside them, and one of each drains the pool in the end.
    fn run(self: &Arc<Self>, closes: bool) {
        let upkeep = closes.then(|| {
            let client = Arc::clone(self);
            spawn(async move { client.pool.run_maintenance().await })
        });
        let client = |number: usize, as_task: bool| {
            let client = Arc::clone(self);
            async move {
                for _ in 0..OPERATIONS {
                    client.step(Operation::any(), as_task).await;
                }
                if closes && number == 0 {
                    client.pool.drain_async().await;
                }
            }
        };
        let threads: Vec<_> = (0..THREADS)
            .map(|number| {
                let client = client(number, false);
                thread::spawn(move || block_on(client))
            })
            .collect();
        let tasks: Vec<_> = (0..THREADS).map(|number| spawn(client(number, true))).collect();
        for thread in threads {
            thread.join().unwrap();
        }
        for task in tasks.into_iter().chain(upkeep) {
            block_on(task).unwrap();
        }
    }

    /// No slot is lost, and each connection that was made is idle or was discarded.
    fn assert_whole(&self) {
        let status = self.pool.status();
        let slots = if status.closed { status.vacant } else { status.idle + status.vacant };
        assert_eq!((slots, status.in_use, status.waiting), (status.max_size, 0, 0), "{status:?}");
        let (server, metrics) = (self.pool.manager(), self.pool.metrics());
        assert_eq!((read(&server.counts.alive), read(&server.connecting)), (status.idle, 0));
        let Metrics { connected, pool: common, .. } = metrics;
        assert_eq!(
            (connected, connected - status.idle),
            (read(&server.counts.next_number), metrics.discarded_in_all())
        );
        let limit = if let Fairness::Bounded(limit) = self.fairness { limit as usize } else { 0 };
        assert!(common.most_overtaken <= limit && common.peak_in_use <= SLOTS, "{metrics:?}");
    }
}

fn clients_have_a_bad_day(fairness: Fairness) {
    explore(move || {
        let clients = Client::new(fairness);
        clients.run(false);
        clients.assert_whole();
        clients.pool.close();
        clients.assert_whole();
    });
}

#[test]
fn clients_of_a_managed_pool_lose_no_slot() {
    clients_have_a_bad_day(Fairness::Fifo);
}

#[test]
fn clients_of_a_managed_pool_that_overtake_lose_no_slot() {
    clients_have_a_bad_day(Fairness::Bounded(2));
}

#[test]
fn a_managed_pool_is_drained_and_its_maintenance_ends() {
    explore(|| {
        let clients = Client::new(Fairness::Fifo);
        clients.run(true);
        clients.assert_whole();
    });
}

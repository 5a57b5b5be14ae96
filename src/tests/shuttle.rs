//! Longer programs than loom can explore, run by shuttle under random schedules: eight threads and tasks, few
//! connections, every operation of the pool. Each next operation is chosen at random too, and recorded with the
//! schedule, so a failure can be replayed (shuttle prints how).

extern crate std;

mod connecting;
mod managed;

use core::future::Future;
use core::pin::pin;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use core::task::{Context, Waker};
use core::time::Duration;
use std::boxed::Box;
use std::sync::Arc;
use std::vec::Vec;

use shuttle::future::{block_on, spawn, yield_now};
use shuttle::rand::{Rng, thread_rng};
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, Runner, thread};

use crate::{ConnGuard, Fairness, Pool, PoolError};

/// Threads of a program; it has as many tasks.
const THREADS: usize = 4;
/// How many operations each of them does, one after the other.
const OPERATIONS: usize = 4;
/// At how many places of a schedule `PctScheduler` preempts.
const DEPTH: usize = 4;

/// How many schedules all tests together try.
fn schedules() -> usize {
    std::env::var("CONN_POOL_SHUTTLE_SCHEDULES").ok().and_then(|count| count.parse().ok()).unwrap_or(100_000)
}

/// Runs a program under its share of the schedules: half chosen uniformly, half with few, well-placed preemptions.
fn explore(program: impl Fn() + Send + Sync + 'static) {
    const PROGRAMS: usize = 14;
    let share = (schedules() / PROGRAMS / 2).max(1);
    let program = Arc::new(program);
    let mut config = Config::new();
    // shuttle takes every ordering for SeqCst, and warns of it. The orderings are explored by loom.
    config.silence_warnings = true;
    // The default of 32 KiB is too small for the message of a failed assertion, and for making a managed pool.
    config.stack_size = 0x8_0000;
    let run = Arc::clone(&program);
    Runner::new(RandomScheduler::new(share), config.clone()).run(move || run());
    Runner::new(PctScheduler::new(DEPTH, share), config).run(move || program());
}

/// What the clients did, to compare with the pool's metrics. These are not shuttle's atomics: counting adds no step.
#[derive(Default)]
struct Counts {
    alive: AtomicUsize,
    next_number: AtomicUsize,
    lent: AtomicUsize,
    lent_first: AtomicUsize,
    timed_out: AtomicUsize,
    discarded: AtomicUsize,
    cancelled: AtomicUsize,
}

fn count(counter: &AtomicUsize) -> usize {
    counter.fetch_add(1, Relaxed)
}

fn read(counter: &AtomicUsize) -> usize {
    counter.load(Relaxed)
}

/// A connection that notices a second user at once, and is counted.
struct Connection {
    number: usize,
    uses: usize,
    held: AtomicBool,
    counts: Arc<Counts>,
}

impl Connection {
    fn new(counts: &Arc<Counts>) -> Self {
        count(&counts.alive);
        Self { number: count(&counts.next_number), uses: 0, held: AtomicBool::new(false), counts: Arc::clone(counts) }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        assert!(!*self.held.get_mut(), "dropped while in use");
        self.counts.alive.fetch_sub(1, Relaxed);
    }
}

type Guard<'a, const N: usize> = ConnGuard<'a, Connection, N>;

struct Client<const N: usize> {
    pool: Pool<Connection, N>,
    counts: Arc<Counts>,
}

/// What a client may do next.
#[derive(Clone, Copy)]
enum Operation {
    TryGet,
    Get,
    GetTimeout,
    GetAsTask,
    Cancel,
    Replace,
    Resize,
    Retain,
    DropSurplus,
    Look,
}

impl Operation {
    fn any() -> Self {
        use Operation::{Cancel, DropSurplus, Get, GetAsTask, GetTimeout, Look, Replace, Resize, Retain, TryGet};
        const ALL: [Operation; 14] = [
            // Most often an operation that waits, or gives up.
            Get,
            Get,
            Get,
            GetAsTask,
            GetAsTask,
            Cancel,
            Cancel,
            GetTimeout,
            TryGet,
            Replace,
            Resize,
            Retain,
            DropSurplus,
            Look,
        ];
        ALL[thread_rng().gen_range(0..ALL.len())]
    }
}

impl<const N: usize> Client<N> {
    fn new(fairness: Fairness) -> Arc<Self> {
        let counts = Arc::default();
        let pool = Pool::from_fn(|_| Connection::new(&counts)).with_fairness(fairness);
        Arc::new(Self { pool, counts })
    }

    /// Uses a connection for a moment; a second user at the same time is noticed.
    fn used<'a>(&self, answer: Result<Guard<'a, N>, impl Into<PoolError>>) -> Option<Guard<'a, N>> {
        let mut guard = match answer.map_err(Into::into) {
            Ok(guard) => guard,
            Err(PoolError::Timeout(_)) => {
                count(&self.counts.timed_out);
                return None;
            }
            Err(PoolError::Exhausted) => return None,
            Err(PoolError::Closed) => {
                assert!(self.pool.is_closed());
                return None;
            }
            Err(other) => panic!("{other}"),
        };
        count(&self.counts.lent);
        if guard.uses == 0 {
            count(&self.counts.lent_first);
        }
        guard.uses += 1;
        assert!(!guard.held.swap(true, Relaxed), "lent twice");
        thread::yield_now();
        assert!(guard.held.swap(false, Relaxed), "lent twice");
        Some(guard)
    }

    /// Inserts new connections in place of `gone` discarded ones.
    ///
    /// While another client keeps the pool small there is no room for them; that client resizes it back.
    fn refill(&self, gone: usize) {
        for _ in 0..gone {
            let mut connection = Connection::new(&self.counts);
            while let Err(refused) = self.pool.insert(connection) {
                connection = refused.into_connection();
                if self.pool.is_closed() {
                    return;
                }
                thread::yield_now();
            }
        }
    }

    fn cancel(&self) {
        let mut wait = pin!(self.pool.get_async());
        for _ in 0..thread_rng().gen_range(1..3) {
            if let core::task::Poll::Ready(answer) = wait.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                drop(self.used(answer));
                return;
            }
            thread::yield_now();
        }
        count(&self.counts.cancelled);
    }

    /// Makes the pool smaller for a while; several clients may do so at once.
    fn resize(&self) {
        self.pool.resize(thread_rng().gen_range(0..N)).unwrap();
        thread::yield_now();
        drop(self.used(self.pool.try_get()));
        self.pool.resize(N).unwrap();
    }

    /// One operation, as a task or a thread does it.
    async fn step(&self, operation: Operation, as_task: bool) {
        match operation {
            Operation::TryGet => drop(self.used(self.pool.try_get())),
            Operation::Get if !as_task => drop(self.used(self.pool.get())),
            Operation::GetTimeout if !as_task => drop(self.used(self.pool.get_timeout(Duration::from_secs(60 * 60)))),
            Operation::Get | Operation::GetTimeout | Operation::GetAsTask => {
                let guard = self.used(self.pool.get_async().await);
                yield_now().await;
                drop(guard);
            }
            Operation::Cancel => self.cancel(),
            Operation::Replace => {
                if let Some(guard) = self.used(self.pool.get_async().await) {
                    count(&self.counts.discarded);
                    ConnGuard::discard(guard);
                    self.refill(1);
                }
            }
            Operation::Resize => self.resize(),
            Operation::Retain => {
                let gone = self.pool.retain(|connection| connection.uses < 2).discarded;
                self.counts.discarded.fetch_add(gone, Relaxed);
                self.refill(gone);
            }
            Operation::DropSurplus => {
                let gone = self.pool.drop_surplus();
                self.refill(gone);
            }
            Operation::Look => {
                let status = self.pool.status();
                assert!(status.idle <= N && status.vacant <= N && status.waiting <= 2 * THREADS, "{status:?}");
                let _metrics = self.pool.metrics();
                self.pool.reset_peaks();
            }
        }
    }

    /// Eight clients, half of them threads and half tasks.
    fn run(self: &Arc<Self>, closer: bool) {
        let threads: Vec<_> = (0..THREADS)
            .map(|number| {
                let client = Arc::clone(self);
                thread::spawn(move || {
                    for _ in 0..OPERATIONS {
                        block_on(client.step(Operation::any(), false));
                    }
                    if closer && number == 0 {
                        client.pool.drain(Duration::MAX).unwrap();
                    }
                })
            })
            .collect();
        let tasks: Vec<_> = (0..THREADS)
            .map(|number| {
                let client = Arc::clone(self);
                spawn(async move {
                    for _ in 0..OPERATIONS {
                        client.step(Operation::any(), true).await;
                    }
                    if closer && number == 0 {
                        client.pool.drain_async().await;
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        for task in tasks {
            block_on(task).unwrap();
        }
    }

    /// No connection is lost or lent twice, and the pool has counted what the clients have.
    fn assert_whole(&self) {
        let status = self.pool.status();
        assert_eq!((status.idle, status.in_use, status.vacant, status.waiting), (N, 0, 0, 0), "{:?}", self.pool);
        assert_eq!(read(&self.counts.alive), N);
        let metrics = self.pool.metrics();
        // A grant that was not picked up counts as a use to the pool; the client that cancelled does not know of it.
        let unseen = metrics.acquired - read(&self.counts.lent);
        assert!(unseen <= read(&self.counts.cancelled), "{metrics:?}");
        assert!(metrics.reused >= read(&self.counts.lent) - read(&self.counts.lent_first), "{metrics:?}");
        assert_eq!(metrics.timed_out, read(&self.counts.timed_out));
        assert_eq!(metrics.discarded, read(&self.counts.discarded));
        match self.pool.fairness() {
            Fairness::Fifo => assert_eq!((metrics.overtakes, metrics.most_overtaken), (0, 0)),
            Fairness::Bounded(limit) => assert!(metrics.most_overtaken <= limit as usize, "{metrics:?}"),
        }
        let held: Vec<_> = core::iter::from_fn(|| self.pool.try_get().ok()).collect();
        let mut numbers: Vec<_> = held.iter().map(|guard| guard.number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), N, "each connection once");
    }

    /// A closed and drained pool has dropped all its connections.
    fn assert_drained(&self) {
        let status = self.pool.status();
        assert_eq!((status.idle, status.in_use, status.waiting), (0, 0, 0), "{:?}", self.pool);
        assert_eq!(status.vacant, status.max_size, "{:?}", self.pool);
        assert_eq!(read(&self.counts.alive), 0);
    }
}

/// The clients end by themselves, and the pool is closed afterwards.
fn clients_come_and_go<const N: usize>(fairness: Fairness) {
    explore(move || {
        let clients = Client::<N>::new(fairness);
        clients.run(false);
        clients.assert_whole();
        clients.pool.drain(Duration::MAX).unwrap();
        clients.assert_drained();
    });
}

#[test]
fn clients_of_three_connections_lose_none() {
    clients_come_and_go::<3>(Fairness::Fifo);
}

#[test]
fn clients_of_two_words_lose_none() {
    clients_come_and_go::<5>(Fairness::Fifo);
}

#[test]
fn clients_that_overtake_lose_none() {
    clients_come_and_go::<3>(Fairness::Bounded(2));
}

/// With one connection, a woken waiter that leaves is the only one on its way to it: it has to wake the next.
#[test]
fn clients_that_overtake_at_one_connection_keep_it() {
    clients_come_and_go::<1>(Fairness::Bounded(u32::MAX));
}

#[test]
fn a_thread_and_a_task_drain_a_pool_in_use() {
    explore(|| {
        let clients = Client::<3>::new(Fairness::Fifo);
        clients.run(true);
        clients.assert_drained();
    });
}

/// Eight wakers are called per hold of the lock. The first eight waiters are never polled again, so the ninth and tenth
/// are served only if the resizing thread takes the lock again by itself.
#[test]
fn a_crowd_larger_than_a_batch_of_wakers_is_served() {
    explore(|| {
        const IDLERS: usize = 8;
        let clients = Client::<10>::new(Fairness::Fifo);
        clients.pool.resize(0).unwrap();
        let mut idlers: Vec<_> = (0..IDLERS).map(|_| Box::pin(clients.pool.get_async())).collect();
        for idler in &mut idlers {
            assert!(idler.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        let others = [0, 1].map(|_| {
            let clients = Arc::clone(&clients);
            thread::spawn(move || drop(clients.used(clients.pool.get()).unwrap()))
        });
        thread::yield_now();
        clients.pool.resize(10).unwrap();
        for other in others {
            other.join().unwrap();
        }
        idlers.clear();
        clients.counts.cancelled.fetch_add(IDLERS, Relaxed);
        clients.assert_whole();
    });
}

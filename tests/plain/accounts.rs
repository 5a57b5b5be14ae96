//! Real threads doing everything at once, for a fixed number of rounds; at the end the counts must balance.
//!
//! `CONN_POOL_STRESS=20` makes it twenty times as long. `ci/sanitizers` runs it under `ThreadSanitizer`: what a
//! borrower writes into its connection is written without atomics, and the counters beside it are relaxed, so nothing
//! but the pool itself orders one borrower before the next.
#![cfg(feature = "std")]

use std::env;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use conn_pool::{ConnGuard, Fairness, Get, Pool, PoolError};

use crate::kit::{Dice, alone};

/// A waiter that is never woken sleeps for ever; this is how long it may look like that.
const HANGS_AFTER: Duration = Duration::from_secs(4 * 60);

fn rounds(usual: usize) -> usize {
    let factor = env::var("CONN_POOL_STRESS").map_or(1, |factor| factor.parse().expect("CONN_POOL_STRESS is a number"));
    usual * factor
}

/// Four threads that wait, and three tasks on each of two more.
const WAITING_CLIENTS: usize = 4 + 2 * 3;

/// What all connections ever made report to.
#[derive(Default)]
struct Register {
    made: AtomicUsize,
    dropped: AtomicUsize,
    /// Uses of connections that are gone, as their borrowers wrote them down.
    uses: AtomicUsize,
}

struct Connection {
    register: Arc<Register>,
    /// Written without atomics by its borrower: a race if there are two.
    uses: usize,
    held: AtomicBool,
    alive: bool,
}

impl Connection {
    fn new(register: &Arc<Register>) -> Self {
        register.made.fetch_add(1, Relaxed);
        Self { register: Arc::clone(register), uses: 0, held: AtomicBool::new(false), alive: true }
    }

    /// What a borrower does with it.
    fn work(&mut self, dice: &mut Dice) {
        assert!(self.alive && !self.held.swap(true, Relaxed), "a connection has one borrower");
        self.uses += 1;
        for _ in 0..dice.roll(3) {
            thread::yield_now();
        }
        assert!(self.held.swap(false, Relaxed), "a connection has one borrower");
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        assert!(self.alive, "a connection is dropped once");
        self.alive = false;
        self.register.dropped.fetch_add(1, Relaxed);
        self.register.uses.fetch_add(self.uses, Relaxed);
    }
}

/// What one thread did.
#[derive(Debug, Clone, Copy, Default)]
struct Did {
    acquired: usize,
    /// Futures dropped before they were ready; some had been granted a connection by then.
    cancelled: usize,
    timed_out: usize,
    /// Of those, the ones who stood in the queue.
    timed_out_waiting: usize,
    discarded: usize,
}

impl Did {
    fn and(self, other: Self) -> Self {
        Self {
            acquired: self.acquired + other.acquired,
            cancelled: self.cancelled + other.cancelled,
            timed_out: self.timed_out + other.timed_out,
            timed_out_waiting: self.timed_out_waiting + other.timed_out_waiting,
            discarded: self.discarded + other.discarded,
        }
    }
}

/// A waker that lets its thread know which of its futures to poll.
struct Alarm {
    rung: AtomicBool,
    thread: Thread,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.rung.store(true, Relaxed);
        self.thread.unpark();
    }
}

/// A future that is polled when its waker was called.
struct Task<'a, const N: usize> {
    future: Pin<Box<Get<'a, Connection, N>>>,
    alarm: Arc<Alarm>,
}

impl<'a, const N: usize> Task<'a, N> {
    fn new(pool: &'a Pool<Connection, N>) -> Self {
        let alarm = Alarm { rung: AtomicBool::new(true), thread: thread::current() };
        Self { future: Box::pin(pool.get_async()), alarm: Arc::new(alarm) }
    }

    fn poll(&mut self) -> Poll<Result<ConnGuard<'a, Connection, N>, PoolError>> {
        // Relaxed: the pool's lock orders whatever the wake-up was for.
        if !self.alarm.rung.swap(false, Relaxed) {
            return Poll::Pending;
        }
        let waker = Waker::from(Arc::clone(&self.alarm));
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }
}

/// The pool is shared by all; each of these is what one thread does.
struct Client<'a, const N: usize> {
    pool: &'a Pool<Connection, N>,
    register: &'a Arc<Register>,
    dice: Dice,
    did: Did,
}

impl<'a, const N: usize> Client<'a, N> {
    fn new(pool: &'a Pool<Connection, N>, register: &'a Arc<Register>, seed: usize) -> Self {
        Self { pool, register, dice: Dice::new(seed as u64 + 1), did: Did::default() }
    }

    fn use_up(&mut self, mut guard: ConnGuard<'a, Connection, N>) {
        self.did.acquired += 1;
        guard.work(&mut self.dice);
        if self.dice.one_in(16) {
            self.did.discarded += 1;
            ConnGuard::discard(guard);
            self.replace(1);
        }
    }

    /// Puts new connections in for old ones; there will be room as soon as a resize is over.
    fn replace(&self, how_many: usize) {
        for _ in 0..how_many {
            let mut connection = Connection::new(self.register);
            while let Err(refused) = self.pool.insert(connection) {
                connection = refused.into_connection();
                thread::yield_now();
            }
        }
    }

    fn blocking(mut self, rounds: usize) -> Did {
        for _ in 0..rounds {
            let guard = self.pool.get().expect("nobody closes the pool");
            self.use_up(guard);
        }
        self.did
    }

    fn impatient(mut self, rounds: usize) -> Did {
        for _ in 0..rounds {
            let patience = Duration::from_micros([0, 1, 20, 200][self.dice.roll(4)]);
            match self.pool.get_timeout(patience) {
                Ok(guard) => self.use_up(guard),
                Err(PoolError::Timeout(_)) => {
                    self.did.timed_out += 1;
                    self.did.timed_out_waiting += usize::from(!patience.is_zero());
                }
                Err(other) => panic!("nobody closes the pool: {other}"),
            }
        }
        self.did
    }

    fn newcomer(mut self, rounds: usize) -> Did {
        for _ in 0..rounds {
            if let Ok(guard) = self.pool.try_get() {
                self.use_up(guard);
            } else {
                thread::yield_now();
            }
        }
        self.did
    }

    /// Three tasks on one thread, polled by hand, now and then dropped.
    fn tasks(mut self, rounds: usize, cancels: bool) -> Did {
        let mut tasks: [Task<N>; 3] = std::array::from_fn(|_| Task::new(self.pool));
        let mut done = 0;
        while done < rounds {
            let mut is_idle = true;
            for task in &mut tasks {
                match task.poll() {
                    Poll::Ready(result) => {
                        let guard = result.expect("nobody closes the pool");
                        *task = Task::new(self.pool);
                        self.use_up(guard);
                    }
                    Poll::Pending if cancels && self.dice.one_in(8) => {
                        *task = Task::new(self.pool);
                        self.did.cancelled += 1;
                    }
                    Poll::Pending => continue,
                }
                is_idle = false;
                done += 1;
            }
            if is_idle {
                // A forgotten wake-up would leave it here for good.
                thread::park();
            }
        }
        // Two may be in the queue still, or hold a grant.
        self.did.cancelled += tasks.len();
        drop(tasks);
        self.did
    }

    /// Each round ends with the pool at its full size.
    fn resizing(mut self, rounds: usize) -> Did {
        for _ in 0..rounds {
            self.pool.resize(self.dice.roll(N + 1)).expect("not too large");
            thread::yield_now();
            let dropped = if self.dice.one_in(2) { self.pool.drop_surplus() } else { 0 };
            if self.dice.one_in(2) {
                self.pool.resize(self.dice.roll(N + 1)).expect("not too large");
            }
            self.pool.resize(N).expect("not too large");
            self.replace(dropped);
        }
        self.did
    }

    fn retaining(mut self, rounds: usize) -> Did {
        for round in 0..rounds {
            let dice = &mut self.dice;
            let retained = self.pool.retain(|connection| {
                assert!(connection.alive && !connection.held.load(Relaxed), "an idle connection has no borrower");
                !dice.one_in(4)
            });
            self.did.discarded += retained.discarded;
            self.replace(retained.discarded);
            // While others move, single figures mean something, and how they relate does not.
            let (status, metrics) = (self.pool.status(), self.pool.metrics());
            assert!(status.max_size <= N && status.idle <= N && status.vacant <= N, "{status:?}");
            assert!(metrics.peak_waiting <= WAITING_CLIENTS, "{metrics:?}");
            assert!(format!("{:?}", self.pool).contains("free"));
            if round % 64 == 0 {
                self.pool.reset_peaks();
            }
        }
        self.did
    }
}

/// Stops the test run, with a word about the pool, if `work` does not come to an end.
fn watched<const N: usize, R>(pool: &Pool<Connection, N>, work: impl FnOnce() -> R) -> R {
    thread::scope(|scope| {
        let (done, waiting) = channel::<()>();
        scope.spawn(move || {
            if waiting.recv_timeout(HANGS_AFTER) == Err(RecvTimeoutError::Timeout) {
                eprintln!("nothing moves any more: {pool:?} {:?}", pool.metrics());
                std::process::abort();
            }
        });
        let result = work();
        drop(done);
        result
    })
}

fn everything_at_once<const N: usize>(fairness: Fairness, cancels: bool, rounds: usize) {
    let register = Arc::<Register>::default();
    let pool = Pool::<_, N>::from_fn(|_| Connection::new(&register)).with_fairness(fairness).with_wait_times();
    let client = |seed| Client::new(&pool, &register, seed);
    let did = watched(&pool, || {
        thread::scope(|scope| {
            let threads = [
                scope.spawn(|| client(0).blocking(rounds)),
                scope.spawn(|| client(1).blocking(rounds)),
                scope.spawn(|| client(2).impatient(rounds)),
                scope.spawn(|| client(3).impatient(rounds)),
                scope.spawn(|| client(4).newcomer(rounds)),
                scope.spawn(|| client(5).tasks(rounds, cancels)),
                scope.spawn(|| client(6).tasks(rounds, cancels)),
                scope.spawn(|| client(7).resizing(rounds / 4)),
                scope.spawn(|| client(8).retaining(rounds / 4)),
            ];
            threads.into_iter().map(|thread| thread.join().expect("no thread panics")).fold(Did::default(), Did::and)
        })
    });
    let status = pool.status();
    assert_eq!((status.idle, status.in_use, status.vacant), (N, 0, 0), "no slot is lost: {pool:?}");
    assert_eq!((status.max_size, status.waiting), (N, 0), "{pool:?}");

    let metrics = pool.metrics();
    let granted_in_vain = metrics.acquired - did.acquired;
    assert!(granted_in_vain <= did.cancelled, "{metrics:?} {did:?}");
    assert_eq!(metrics.timed_out, did.timed_out, "{metrics:?} {did:?}");
    assert_eq!(metrics.discarded, did.discarded, "{metrics:?} {did:?}");
    assert!(metrics.reused <= metrics.acquired, "{metrics:?}");
    assert!(metrics.waited >= did.timed_out_waiting, "{metrics:?} {did:?}");
    let in_vain = did.timed_out_waiting + did.cancelled;
    let callers = metrics.acquired..=metrics.acquired + in_vain;
    assert!(callers.contains(&pool.wait_times().count()), "each caller counts once: {metrics:?} {did:?}");
    assert!(metrics.cancelled <= did.cancelled, "{metrics:?} {did:?}");
    match fairness {
        Fairness::Bounded(limit) => assert!(metrics.most_overtaken <= limit as usize, "{metrics:?}"),
        _ => assert_eq!((metrics.overtakes, metrics.most_overtaken), (0, 0)),
    }

    drop(pool);
    let count = |counter: &AtomicUsize| counter.load(Relaxed);
    assert_eq!(count(&register.dropped), count(&register.made), "each connection is dropped once");
    assert_eq!(count(&register.uses), did.acquired, "no borrower's writing is lost");
}

#[test]
fn counts_balance_after_everything_at_once_in_one_word() {
    let _alone = alone();
    everything_at_once::<3>(Fairness::Fifo, false, rounds(4000));
}

#[test]
fn counts_balance_after_cancellations() {
    let _alone = alone();
    everything_at_once::<2>(Fairness::Fifo, true, rounds(4000));
}

#[test]
fn counts_balance_after_everything_at_once_in_several_words() {
    let _alone = alone();
    everything_at_once::<9>(Fairness::Fifo, true, rounds(4000));
}

#[test]
fn counts_balance_where_newcomers_may_overtake() {
    let _alone = alone();
    everything_at_once::<3>(Fairness::Bounded(2), true, rounds(4000));
}

#[test]
fn counts_balance_where_newcomers_may_overtake_in_several_words() {
    let _alone = alone();
    everything_at_once::<9>(Fairness::Bounded(3), true, rounds(4000));
}

/// Borrows in every way until it is told that the pool is closed; answers with the number of loans.
fn borrow_until_closed<const N: usize>(pool: &Pool<Connection, N>, seed: usize) -> usize {
    let mut dice = Dice::new(seed as u64 + 1);
    for borrowed in 0.. {
        let result = match dice.roll(4) {
            0 => pool.get(),
            1 => pool.get_timeout(Duration::from_secs(10 * 60)),
            _ => {
                let mut task = Task::new(pool);
                loop {
                    match task.poll() {
                        Poll::Ready(result) => break result,
                        Poll::Pending => thread::park(),
                    }
                }
            }
        };
        match result {
            Ok(mut guard) => guard.work(&mut dice),
            Err(PoolError::Closed) => return borrowed,
            Err(other) => panic!("the pool is open until it is closed: {other}"),
        }
    }
    unreachable!("it ends with the pool")
}

fn closing_sends_everybody_away<const N: usize>(fairness: Fairness, seed: usize) {
    let register = Arc::<Register>::default();
    let pool = Pool::<_, N>::from_fn(|_| Connection::new(&register)).with_fairness(fairness).with_wait_times();
    let pool = &pool;
    let borrowed: usize = watched(pool, || {
        thread::scope(|scope| {
            let borrowers = [0, 1, 2, 3].map(|n| scope.spawn(move || borrow_until_closed(pool, seed + n)));
            while pool.metrics().acquired < 8 + seed % 32 {
                thread::yield_now();
            }
            if seed.is_multiple_of(2) {
                pool.resize(seed % N).expect("smaller");
            }
            pool.drain(Duration::from_secs(10 * 60)).expect("all come back");
            let dropped = register.dropped.load(Relaxed);
            assert_eq!(dropped, N, "what is drained is gone");
            borrowers.into_iter().map(|thread| thread.join().expect("no thread panics")).sum()
        })
    });
    let status = pool.status();
    assert_eq!((status.in_use, status.idle, status.waiting, status.closed), (0, 0, 0, true), "{pool:?}");
    assert_eq!(pool.metrics().acquired, borrowed);
    assert_eq!(register.uses.load(Relaxed), borrowed, "no borrower's writing is lost");
}

#[test]
fn closing_under_load_sends_everybody_away() {
    let _alone = alone();
    for seed in 0..rounds(40) {
        closing_sends_everybody_away::<2>(Fairness::Fifo, seed);
        closing_sends_everybody_away::<9>(Fairness::Fifo, seed);
        closing_sends_everybody_away::<2>(Fairness::Bounded(3), seed);
    }
}

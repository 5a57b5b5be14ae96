//! The same for a pool that connects: connects fail, connections turn out unfit, callbacks wait in one queue with
//! threads and tasks, and the pool is resized and closed meanwhile.

use core::future::poll_fn;
use core::pin::{Pin, pin};
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use core::task::{Poll, Waker};
use std::sync::Arc;
use std::task::Wake;
use std::vec::Vec;

use shuttle::future::{block_on, spawn};
use shuttle::rand::{Rng, thread_rng};
use shuttle::thread;

use super::{Connection, Counts, OPERATIONS, THREADS, count, explore, read};
use crate::engine::{AcquireError, Joined, Position, SlotToken, Ticket, Waiter, WaiterKind};
use crate::fairness::Fairness;
use crate::slot::{Acquire, Drain, RawGuard};
use crate::tests::rig::Rig;

const SLOTS: usize = 3;

type Pool = Rig<Connection, SLOTS>;

struct Client {
    pool: Pool,
    counts: Arc<Counts>,
    /// How many callers may connect at once.
    most: usize,
    /// How many do.
    connecting: AtomicUsize,
}

#[derive(Clone, Copy)]
enum Operation {
    Try,
    Borrow,
    GiveUp,
    Cancel,
    Reject,
    Discard,
    Insert,
    Refill,
    Resize,
    Callback,
}

impl Operation {
    fn any() -> Self {
        use Operation::{Borrow, Callback, Cancel, Discard, GiveUp, Insert, Refill, Reject, Resize, Try};
        const ALL: [Operation; 13] =
            [Borrow, Borrow, Borrow, Cancel, Callback, Callback, GiveUp, Try, Reject, Discard, Insert, Refill, Resize];
        ALL[thread_rng().gen_range(0..ALL.len())]
    }
}

/// Whether a connect fails: one in three.
fn fails() -> bool {
    thread_rng().gen_range(0..3) == 0
}

impl Client {
    fn new(most: usize, fairness: Fairness) -> Arc<Self> {
        let pool = Rig::new(most, fairness);
        Arc::new(Self { pool, counts: Arc::default(), most, connecting: AtomicUsize::new(0) })
    }

    async fn slot(&self, position: Position) -> Option<SlotToken> {
        let wait = pin!(Acquire::with_ticket(&self.pool, WaiterKind::Task, &Ticket { number: None, position }));
        self.granted(poll_fn(move |context| wait.as_ref().poll(context.waker())).await)
    }

    fn granted(&self, answer: Result<SlotToken, AcquireError>) -> Option<SlotToken> {
        match answer {
            Ok(slot) => Some(slot),
            Err(AcquireError::Closed) => {
                assert!(self.pool.engine().is_closed());
                None
            }
            Err(AcquireError::Exhausted | AcquireError::TimedOut) => None,
            Err(error @ (AcquireError::NoSlots | AcquireError::QueueFull | AcquireError::Dismissed)) => {
                panic!("{error:?} in a pool without that limit")
            }
        }
    }

    /// The guard of a slot; connects first if the slot is vacant. `None` if the connect failed: the slot is vacant
    /// again.
    fn ready(&self, slot: SlotToken) -> Option<RawGuard<&Pool>> {
        if self.pool.is_filled(&slot) {
            return Some(self.pool.held(slot));
        }
        assert!(count(&self.connecting) < self.most, "too many connect at once");
        thread::yield_now();
        self.connecting.fetch_sub(1, Relaxed);
        if fails() {
            self.pool.fail(slot);
            return None;
        }
        Some(self.pool.connect(slot, Connection::new(&self.counts)))
    }

    /// Uses a connection for a moment; a second user at the same time is noticed.
    fn used(&self, slot: SlotToken) -> Option<RawGuard<&Pool>> {
        let mut held = self.ready(slot)?;
        assert!(!held.connection_mut().held.swap(true, Relaxed), "lent twice");
        thread::yield_now();
        assert!(held.connection_mut().held.swap(false, Relaxed), "lent twice");
        Some(held)
    }

    fn give_up(&self, kind: WaiterKind) {
        let wait = pin!(self.pool.acquire(kind));
        let wait = wait.into_ref();
        let answer = match wait.poll(Waker::noop()) {
            Poll::Ready(answer) => answer,
            Poll::Pending => {
                thread::yield_now();
                wait.give_up()
            }
        };
        self.granted(answer).map(|slot| self.used(slot));
    }

    fn cancel(&self) {
        let wait = pin!(self.pool.acquire(WaiterKind::Task));
        for _ in 0..thread_rng().gen_range(1..3) {
            if let Poll::Ready(answer) = wait.as_ref().poll(Waker::noop()) {
                self.granted(answer).map(|slot| self.used(slot));
                return;
            }
            thread::yield_now();
        }
    }

    async fn borrow(&self, position: Position) -> Option<RawGuard<&Pool>> {
        self.slot(position).await.and_then(|slot| self.used(slot))
    }

    async fn reject(&self) {
        let Some(unfit) = self.borrow(Position::Last).await else { return };
        match self.pool.reject(unfit) {
            Some(slot) => drop(self.used(slot)),
            None => drop(self.borrow(Position::Again).await),
        }
    }

    /// Releases by number, with the check that the slot is in use.
    fn release_once(&self, held: RawGuard<&Pool>) {
        let (_, slot) = held.into_parts();
        assert!(self.pool.release_once(slot.index()), "it was in use");
    }

    fn insert(&self) {
        let _full_or_closed = self.pool.insert(Connection::new(&self.counts));
    }

    fn resize(&self) {
        self.pool.resize(thread_rng().gen_range(0..SLOTS));
        thread::yield_now();
        self.pool.drop_surplus();
        self.pool.resize(SLOTS);
    }

    /// Waits as a C program does, and may withdraw: either the callback is called, or it was withdrawn.
    fn callback(self: &Arc<Self>) {
        let callback = Arc::new(Callback {
            client: Arc::clone(self),
            waiter: Waiter::new(WaiterKind::Callback),
            called: AtomicBool::new(false),
        });
        // SAFETY: fresh; and its wait is over before it is dropped: see below, and the waker is an `Arc` of it.
        let (joined, wakes) =
            unsafe { self.pool.engine().join(callback.place(), Arc::clone(&callback).into(), Position::Last) };
        drop(wakes);
        match joined {
            Joined::Granted(slot) => drop(self.used(slot)),
            Joined::Closed | Joined::CancelledLate => {}
            Joined::QueueFull => panic!("there is no limit"),
            Joined::Queued => {
                thread::yield_now();
                let is_withdrawn = thread_rng().r#gen::<bool>() && self.pool.engine().withdraw(callback.place());
                while !is_withdrawn && !callback.called.load(Relaxed) {
                    thread::yield_now();
                }
                thread::yield_now();
                assert_eq!(callback.called.load(Relaxed), !is_withdrawn);
            }
        }
    }

    async fn step(self: &Arc<Self>, operation: Operation) {
        match operation {
            Operation::Try => drop(self.granted(self.pool.try_slot()).and_then(|slot| self.used(slot))),
            Operation::Borrow => {
                if let Some(held) = self.borrow(Position::Last).await {
                    self.release_once(held);
                }
            }
            Operation::GiveUp => self.give_up(WaiterKind::Thread),
            Operation::Cancel => self.cancel(),
            Operation::Reject => self.reject().await,
            Operation::Discard => {
                if let Some(held) = self.borrow(Position::Last).await {
                    held.discard();
                }
            }
            Operation::Insert => self.insert(),
            Operation::Refill => self.pool.refill((!fails()).then(|| Connection::new(&self.counts))),
            Operation::Resize => self.resize(),
            Operation::Callback => self.callback(),
        }
    }

    /// Threads and tasks. If it `closes`, one of each closes the pool in the end and waits until it is drained.
    fn run(self: &Arc<Self>, closes: bool) {
        let client = |number: usize| {
            let client = Arc::clone(self);
            async move {
                for _ in 0..OPERATIONS {
                    client.step(Operation::any()).await;
                }
                if closes && number == 0 {
                    client.pool.close();
                    Drain::new(client.pool.engine()).await;
                }
            }
        };
        let threads: Vec<_> = (0..THREADS)
            .map(|number| {
                let client = client(number);
                thread::spawn(move || block_on(client))
            })
            .collect();
        let tasks: Vec<_> = (0..THREADS).map(|number| spawn(client(number))).collect();
        for thread in threads {
            thread.join().unwrap();
        }
        for task in tasks {
            block_on(task).unwrap();
        }
    }

    fn assert_whole(&self) {
        let status = self.pool.engine().status();
        let slots = if status.closed { status.vacant } else { status.idle + status.vacant };
        assert_eq!((slots, status.in_use, status.waiting), (status.max_size, 0, 0), "{status:?}");
        assert_eq!(read(&self.counts.alive), status.idle);
        assert!(self.pool.engine().is_unused(), "{status:?}");
        let (metrics, fairness) = (self.pool.engine().metrics(), self.pool.engine().fairness());
        let limit = if let Fairness::Bounded(limit) = fairness { limit as usize } else { 0 };
        assert!(metrics.most_overtaken <= limit && metrics.peak_in_use <= SLOTS, "{metrics:?}");
    }
}

struct Callback {
    client: Arc<Client>,
    waiter: Waiter,
    called: AtomicBool,
}

impl Callback {
    fn place(&self) -> Pin<&Waiter> {
        // SAFETY: it is in an `Arc`, and never moved out of it.
        unsafe { Pin::new_unchecked(&self.waiter) }
    }
}

impl Wake for Callback {
    fn wake(self: Arc<Self>) {
        let (seen, wakes) = self.client.pool.engine().check(self.place(), Waker::noop());
        drop(wakes);
        match seen {
            Poll::Ready(Some(slot)) => drop(self.client.used(slot)),
            Poll::Ready(None) => assert!(self.client.pool.engine().is_closed()),
            Poll::Pending => panic!("called without a slot"),
        }
        assert!(!self.called.swap(true, Relaxed), "called twice");
    }
}

fn clients_connect(most: usize, fairness: Fairness) {
    explore(move || {
        let clients = Client::new(most, fairness);
        clients.run(false);
        clients.assert_whole();
        clients.pool.close();
        clients.assert_whole();
        assert_eq!(read(&clients.counts.alive), 0);
    });
}

#[test]
fn clients_that_connect_two_at_a_time_lose_no_slot() {
    clients_connect(2, Fairness::Fifo);
}

#[test]
fn clients_that_connect_and_overtake_lose_no_slot() {
    clients_connect(SLOTS, Fairness::Bounded(2));
}

#[test]
fn a_pool_is_drained_while_clients_connect() {
    explore(|| {
        let clients = Client::new(1, Fairness::Fifo);
        clients.run(true);
        clients.assert_whole();
        assert_eq!(read(&clients.counts.alive), 0);
    });
}

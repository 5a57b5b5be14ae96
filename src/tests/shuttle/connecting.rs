//! The same for a pool that connects: connects fail, connections turn out unfit, callbacks wait in one queue with
//! threads and tasks, the pool is resized and closed meanwhile, and a connector comes and goes.

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
use crate::sync::with_parker;
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
    /// A connector comes and goes.
    has_connector: bool,
    /// Callbacks wait too.
    has_callbacks: bool,
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
        Arc::new(Self {
            pool,
            counts: Arc::default(),
            most,
            connecting: AtomicUsize::new(0),
            has_connector: false,
            has_callbacks: true,
        })
    }

    fn with_connector(most: usize, has_callbacks: bool) -> Arc<Self> {
        let pool = Rig::new(most, Fairness::Fifo);
        Arc::new(Self {
            pool,
            counts: Arc::default(),
            most,
            connecting: AtomicUsize::new(0),
            has_connector: true,
            has_callbacks,
        })
    }

    async fn slot(&self, position: Position) -> Option<SlotToken> {
        let wait = pin!(Acquire::with_ticket(&self.pool, WaiterKind::Task, &Ticket { position, ..Ticket::NEW }));
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
            Err(AcquireError::Dismissed) => {
                assert!(self.has_connector, "dismissed by nobody");
                None
            }
            Err(error @ (AcquireError::NoSlots | AcquireError::QueueFull)) => {
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
        match self.made() {
            Some(connection) => Some(self.pool.connect(slot, connection)),
            None => {
                self.pool.fail(slot);
                None
            }
        }
    }

    /// A connect, which may fail.
    fn made(&self) -> Option<Connection> {
        assert!(count(&self.connecting) < self.most, "too many connect at once");
        thread::yield_now();
        self.connecting.fetch_sub(1, Relaxed);
        (!fails()).then(|| Connection::new(&self.counts))
    }

    /// Connects in a slot for whoever comes first; sometimes gives that up, or ends all waits when it has failed.
    fn connect_for_callers(&self, slot: SlotToken) {
        if let Some(connection) = self.made() {
            return self.pool.connect_for_callers(slot, connection);
        }
        self.pool.fail(slot);
        // Waits of callbacks, as in pools for C, are not ended: such pools have no connector.
        if fails() && !self.has_callbacks {
            drop(self.pool.engine().dismiss_waiters(false));
        }
    }

    /// The pool has a connector, most of the time, until `is_over`. It sleeps while callers want nothing. Some connects
    /// are made beside it, and outlive it.
    fn serve(self: &Arc<Self>, caller: &Caller) {
        let mut connects = Vec::new();
        while !caller.is_over() {
            assert!(self.pool.engine().begin_connector());
            with_parker(|parker, waker| {
                caller.listen(waker);
                while !caller.is_over() {
                    match self.pool.engine().claim_wanted(thread_rng().gen_range(0..2)) {
                        Some(slot) if thread_rng().r#gen() => {
                            let own = Arc::clone(self);
                            connects.push(thread::spawn(move || own.connect_for_callers(slot)));
                        }
                        Some(slot) => self.connect_for_callers(slot),
                        None if self.pool.engine().await_demand(waker, 0) => drop(parker.park(None)),
                        None => {}
                    }
                    if thread_rng().gen_ratio(1, 8) {
                        break;
                    }
                }
            });
            drop(self.pool.engine().end_connector());
            thread::yield_now();
        }
        for connect in connects {
            connect.join().unwrap();
        }
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
        let (joined, wakes) = unsafe { self.pool.join(callback.place(), Arc::clone(&callback).into(), Position::Last) };
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
            Operation::Callback if !self.has_callbacks => drop(self.borrow(Position::Last).await),
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

/// Calls the connector for the last time.
#[derive(Default)]
struct Caller {
    is_over: AtomicBool,
    waker: shuttle::sync::Mutex<Option<Waker>>,
}

impl Caller {
    fn is_over(&self) -> bool {
        self.is_over.load(Relaxed)
    }

    fn listen(&self, waker: &Waker) {
        *self.waker.lock().unwrap() = Some(waker.clone());
    }

    fn end(&self) {
        let mut waker = self.waker.lock().unwrap();
        self.is_over.store(true, Relaxed);
        if let Some(waker) = waker.take() {
            waker.wake();
        }
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
        let (seen, wakes) = self.client.pool.check(self.place());
        drop(wakes);
        match seen {
            Poll::Ready(Some(slot)) => drop(self.client.used(slot)),
            Poll::Ready(None) => assert!(self.client.pool.engine().is_closed() || self.client.has_connector),
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

fn clients_have_a_connector(has_callbacks: bool) {
    explore(move || {
        let (clients, caller) = (Client::with_connector(2, has_callbacks), Arc::new(Caller::default()));
        let connector = {
            let (clients, caller) = (Arc::clone(&clients), Arc::clone(&caller));
            thread::spawn(move || clients.serve(&caller))
        };
        clients.run(false);
        caller.end();
        connector.join().unwrap();
        clients.assert_whole();
    });
}

#[test]
fn clients_of_a_connector_that_comes_and_goes_lose_no_slot() {
    clients_have_a_connector(false);
}

#[test]
fn callbacks_beside_a_connector_lose_no_slot() {
    clients_have_a_connector(true);
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

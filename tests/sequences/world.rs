//! The pool itself beside its model: each operation is done to both, and all that can be seen of them is compared.

use std::cell::RefCell;
use std::mem;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use conn_pool::{ConnGuard, Drain, Fairness, Get, Pool, PoolError, Status, VacancyError};

use super::model::{Answer, Drainer, Inserted, Model};
use super::operation::{Call, Operation};

/// No more waiters than this at once: more than a batch of wakers (eight) and not so many that a sequence does nothing
/// else.
const MOST_WAITERS: usize = 24;
const MOST_DRAINERS: usize = 4;

/// The numbers of the connections that were dropped, in order.
type Dropped = Rc<RefCell<Vec<usize>>>;

/// A connection that can be told from all others, and says when it is dropped.
struct Connection {
    number: usize,
    /// How often a borrower had it in hand; written through the guard.
    uses: usize,
    dropped: Dropped,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.dropped.borrow_mut().push(self.number);
    }
}

/// Where a connection is, as far as a user of the pool can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Idle, granted or set aside.
    Pool,
    Held,
    Leaked,
    Gone,
}

/// What is known of a connection.
struct Known {
    place: Place,
    uses: usize,
}

/// Counts its calls.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Bell {
    fn rung(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A future with the waker that it was polled with last.
struct Polled<F> {
    future: Pin<Box<F>>,
    bell: Arc<Bell>,
    waker: Waker,
    /// Wakers that it was given before, which must not be called any more.
    past: Vec<(Arc<Bell>, usize)>,
    name: u32,
}

impl<F: Future> Polled<F> {
    fn new(name: u32, future: F) -> Self {
        let bell = Arc::<Bell>::default();
        Self { future: Box::pin(future), waker: Waker::from(Arc::clone(&bell)), bell, past: Vec::new(), name }
    }

    fn poll(&mut self) -> Poll<F::Output> {
        self.bell.0.store(0, Ordering::Relaxed);
        self.future.as_mut().poll(&mut Context::from_waker(&self.waker))
    }

    fn change_waker(&mut self) {
        let new = Arc::<Bell>::default();
        self.waker = Waker::from(Arc::clone(&new));
        let old = mem::replace(&mut self.bell, new);
        let rung = old.rung();
        self.past.push((old, rung));
    }

    /// A waker is called once for a reason, and only the latest one.
    fn is_woken(&self) -> bool {
        for (bell, rung) in &self.past {
            assert_eq!(bell.rung(), *rung, "a waker that was replaced is not called");
        }
        assert!(self.bell.rung() <= 1, "a waker is called once");
        self.bell.rung() == 1
    }
}

struct World<'a, const N: usize> {
    pool: &'a Pool<Connection, N>,
    model: Model,
    known: Vec<Known>,
    dropped: Dropped,
    guards: Vec<ConnGuard<'a, Connection, N>>,
    waiters: Vec<Polled<Get<'a, Connection, N>>>,
    drainers: Vec<Polled<Drain<'a>>>,
    next_name: u32,
    /// Uses of connections that the test did not see, since their waiters were dropped before they picked them up.
    lost_uses: usize,
    /// The mark must be at least this: what was in use when the test looked.
    peak_seen: usize,
}

/// Does all that to a new pool, and lets everything go at the end.
pub(super) fn run<const N: usize>(fairness: Fairness, filled: usize, operations: &[Operation]) {
    let dropped = Dropped::default();
    let pool = Pool::<Connection, N>::new().with_fairness(fairness).with_wait_times();
    let mut world = World {
        pool: &pool,
        model: Model::new(N, fairness, 0),
        known: Vec::new(),
        dropped: Rc::clone(&dropped),
        guards: Vec::new(),
        waiters: Vec::new(),
        drainers: Vec::new(),
        next_name: 0,
        lost_uses: 0,
        peak_seen: 0,
    };
    for _ in 0..filled {
        world.insert();
    }
    world.compare();
    for operation in operations {
        world.apply(*operation);
        world.compare();
    }
    world.finish();
    let mut known = mem::take(&mut world.known);
    drop(world);
    assert_eq!(dropped.take(), Vec::<usize>::new(), "nothing is dropped before the pool");
    drop(pool);
    for number in dropped.take() {
        let place = mem::replace(&mut known[number].place, Place::Gone);
        assert!(matches!(place, Place::Pool | Place::Leaked), "connection {number} is dropped once, by the pool");
    }
    assert!(known.iter().all(|known| known.place == Place::Gone), "every connection is dropped");
}

fn nth(index: u8, len: usize) -> Option<usize> {
    usize::from(index).checked_rem(len)
}

/// What each operation does to both.
impl<'a, const N: usize> World<'a, N> {
    fn apply(&mut self, operation: Operation) {
        match operation {
            Operation::Borrow(call) => drop(self.borrow(call)),
            Operation::BorrowMany(most) => {
                for _ in 0..most {
                    if self.borrow(Call::TryGet) != Answer::Lent {
                        break;
                    }
                }
            }
            Operation::Release(index) => self.release(nth(index, self.guards.len())),
            Operation::ReleaseMany(most) => {
                for _ in 0..usize::from(most).min(self.guards.len()) {
                    self.release(Some(0));
                }
            }
            Operation::Discard(index) => self.discard(nth(index, self.guards.len())),
            Operation::Leak(index) => self.leak(nth(index, self.guards.len())),
            Operation::Enqueue => {
                self.start();
                self.poll(self.waiters.len().checked_sub(1));
            }
            Operation::Start => self.start(),
            Operation::Poll(index) => self.poll(nth(index, self.waiters.len())),
            Operation::PollWithNewWaker(index) => {
                let index = nth(index, self.waiters.len());
                if let Some(index) = index {
                    self.waiters[index].change_waker();
                }
                self.poll(index);
            }
            Operation::PollWoken => self.poll_woken(),
            Operation::DropWaiter(index) => self.drop_waiter(nth(index, self.waiters.len())),
            Operation::Insert => self.insert(),
            Operation::Resize(size) => self.resize(usize::from(size) * N.div_ceil(255).max(1) % (N + 2)),
            Operation::DropSurplus => self.drop_surplus(),
            Operation::Retain(mask) => self.retain(mask),
            Operation::Close => self.close(Pool::close),
            Operation::StartDrain => self.start_drain(),
            Operation::PollDrain(index) => self.poll_drain(nth(index, self.drainers.len())),
            Operation::DropDrain(index) => self.drop_drain(nth(index, self.drainers.len())),
            Operation::DrainNow => self.drain_now(),
            Operation::ResetPeaks => self.reset_peaks(),
            Operation::ReadMetrics => self.compare_metrics(),
        }
    }

    fn borrow(&mut self, call: Call) -> Answer {
        let expected = self.model.borrow(call);
        let pool = self.pool;
        let result = match call {
            Call::TryGet => pool.try_get().map_err(PoolError::from),
            Call::NoPatience => pool.get_timeout(Call::NO_TIME),
            Call::HardlyAnyPatience => pool.get_timeout(Call::HARDLY_ANY_TIME),
        };
        let answer = answer(&result);
        assert_eq!(answer, expected);
        self.take(result);
        answer
    }

    /// Keeps what was lent.
    fn take(&mut self, result: Result<ConnGuard<'a, Connection, N>, PoolError>) {
        match result {
            Ok(mut guard) => {
                let known = &mut self.known[guard.number];
                assert_eq!(known.place, Place::Pool, "connection {} was in the pool", guard.number);
                assert_eq!(known.uses, guard.uses, "connection {} is as its last borrower left it", guard.number);
                known.place = Place::Held;
                known.uses += 1;
                guard.uses += 1;
                self.guards.push(guard);
            }
            Err(PoolError::Timeout(status)) => self.compare_status(status),
            Err(_) => self.compare_status(self.pool.status()),
        }
    }

    fn release(&mut self, index: Option<usize>) {
        let Some(index) = index else { return };
        let guard = self.guards.remove(index);
        let number = guard.number;
        self.known[number].place = Place::Pool;
        self.model.release();
        drop(guard);
        let dropped = if self.model.closed { vec![number] } else { vec![] };
        self.expect_drops(&dropped, 0);
    }

    fn discard(&mut self, index: Option<usize>) {
        let Some(index) = index else { return };
        let guard = self.guards.remove(index);
        let number = guard.number;
        self.model.discard();
        ConnGuard::discard(guard);
        self.expect_drops(&[number], 0);
    }

    /// The model has nothing to say: a leaked connection is in use.
    fn leak(&mut self, index: Option<usize>) {
        let Some(index) = index else { return };
        let guard = self.guards.remove(index);
        self.known[guard.number].place = Place::Leaked;
        mem::forget(guard);
    }

    fn start(&mut self) {
        if self.waiters.len() < MOST_WAITERS {
            self.next_name += 1;
            self.model.start(self.next_name);
            self.waiters.push(Polled::new(self.next_name, self.pool.get_async()));
        }
    }

    fn poll(&mut self, index: Option<usize>) {
        let Some(index) = index else { return };
        let waiter = &mut self.waiters[index];
        let expected = self.model.poll(waiter.name);
        match waiter.poll() {
            Poll::Pending => assert_eq!(Answer::Pending, expected),
            Poll::Ready(result) => {
                assert_eq!(answer(&result), expected);
                self.waiters.remove(index);
                self.take(result);
            }
        }
    }

    fn poll_woken(&mut self) {
        let woken: Vec<u32> =
            self.waiters.iter().filter(|waiter| waiter.is_woken()).map(|waiter| waiter.name).collect();
        for name in woken {
            self.poll(self.waiters.iter().position(|waiter| waiter.name == name));
            self.compare();
        }
    }

    fn drop_waiter(&mut self, index: Option<usize>) {
        let Some(index) = index else { return };
        let waiter = self.waiters.remove(index);
        let was_granted = self.model.drop_waiter(waiter.name);
        drop(waiter);
        self.lost_uses += usize::from(was_granted);
        self.expect_drops(&[], usize::from(was_granted && self.model.closed));
    }

    fn insert(&mut self) {
        let number = self.known.len();
        self.known.push(Known { place: Place::Pool, uses: 0 });
        let connection = Connection { number, uses: 0, dropped: Rc::clone(&self.dropped) };
        let expected = self.model.insert();
        let result = self.pool.insert(connection);
        let inserted = match &result {
            Ok(()) => Inserted::Taken,
            Err(refused) => match refused.reason {
                VacancyError::Full { max_size } => {
                    assert_eq!(max_size, self.model.max_size);
                    Inserted::Full
                }
                _ => Inserted::Closed,
            },
        };
        assert_eq!(inserted, expected);
        if let Err(refused) = result {
            assert_eq!(refused.into_connection().number, number, "it is handed back");
            self.expect_drops(&[number], 0);
        }
    }

    fn resize(&mut self, size: usize) {
        let expected = self.model.resize(size);
        assert_eq!(self.pool.resize(size).is_ok(), expected);
    }

    fn drop_surplus(&mut self) {
        let expected = self.model.drop_surplus();
        assert_eq!(self.pool.drop_surplus(), expected);
        self.expect_drops(&[], expected);
    }

    fn retain(&mut self, mask: u8) {
        let (mut kept, mut discarded) = (Vec::new(), Vec::new());
        let retained = self.pool.retain(|connection| {
            let keep = mask >> (connection.number % 8) & 1 == 1;
            if keep {
                kept.push(connection.number);
            } else {
                discarded.push(connection.number);
            }
            keep
        });
        assert_eq!((retained.kept, retained.discarded), (kept.len(), discarded.len()));
        assert_eq!(kept.len() + discarded.len(), self.model.on_show(), "every idle connection is visited");
        kept.sort_unstable();
        kept.dedup();
        assert_eq!(kept.len(), retained.kept, "each is visited once");
        assert!(kept.iter().all(|number| self.known[*number].place == Place::Pool), "only idle ones are visited");
        self.model.discard_idle(discarded.len());
        self.expect_drops(&discarded, 0);
    }

    fn close(&mut self, close: impl FnOnce(&'a Pool<Connection, N>)) {
        let dropped = self.model.close();
        close(self.pool);
        self.expect_drops(&[], dropped);
    }

    fn start_drain(&mut self) {
        if self.drainers.len() == MOST_DRAINERS {
            return;
        }
        let mut future = None;
        self.close(|pool| future = Some(pool.drain_async()));
        self.drainers.extend(future.map(|future| Polled::new(0, future)));
        self.model.drainers.push(Drainer::default());
        self.poll_drain(self.drainers.len().checked_sub(1));
    }

    fn poll_drain(&mut self, index: Option<usize>) {
        let Some(index) = index else { return };
        let expected = self.model.poll_drainer(index);
        assert_eq!(self.drainers[index].poll().is_ready(), expected);
    }

    fn drop_drain(&mut self, index: Option<usize>) {
        let Some(index) = index else { return };
        self.model.drainers.remove(index);
        drop(self.drainers.remove(index));
    }

    fn drain_now(&mut self) {
        let mut result = Ok(());
        self.close(|pool| result = pool.drain(Duration::ZERO));
        match result {
            Ok(()) => assert!(self.model.is_drained()),
            Err(error) => assert_eq!((error.in_use, false), (self.model.in_use(), self.model.is_drained())),
        }
    }

    fn reset_peaks(&mut self) {
        self.pool.reset_peaks();
        self.model.peak_waiting = self.model.waiting();
        self.model.peak_in_use = self.model.in_use();
        self.peak_seen = self.model.in_use();
    }

    /// Lets everything go, the waiters first in the order of the queue, as an executor would that runs out of work.
    fn finish(&mut self) {
        self.compare_metrics();
        while self.waiters.iter().any(Polled::is_woken) {
            self.poll_woken();
            while !self.guards.is_empty() {
                self.release(Some(0));
                self.compare();
            }
        }
        while !self.waiters.is_empty() {
            self.drop_waiter(Some(0));
            self.compare();
        }
        while !self.guards.is_empty() {
            self.release(Some(0));
            self.compare();
        }
        self.compare_metrics();
    }
}

/// What is compared.
impl<const N: usize> World<'_, N> {
    fn compare(&mut self) {
        self.model.check();
        self.expect_drops(&[], 0);
        self.compare_status(self.pool.status());
        self.compare_drawing();
        for (waiter, expected) in self.waiters.iter().zip(&self.model.waiters) {
            assert_eq!((waiter.name, waiter.is_woken()), (expected.name, expected.woken), "{:?}", self.model);
        }
        for (drainer, expected) in self.drainers.iter().zip(&self.model.drainers) {
            assert_eq!(drainer.is_woken(), expected.woken, "{:?}", self.model);
        }
        let in_pool = self.known.iter().filter(|known| known.place == Place::Pool).count();
        assert_eq!(in_pool, self.model.idle + self.model.set_aside + self.model.granted());
    }

    fn compare_status(&self, status: Status) {
        let model = &self.model;
        let Status { capacity, max_size, in_use, idle, vacant, waiting, closed, .. } = status;
        assert_eq!(
            (capacity, max_size, in_use, idle, vacant, waiting, closed),
            (N, model.max_size, model.in_use(), model.idle, model.vacant, model.waiting(), model.closed),
            "capacity, max_size, in_use, idle, vacant, waiting, closed; {model:?}"
        );
    }

    /// `Debug` draws every slot.
    fn compare_drawing(&self) {
        let drawing = format!("{:?}", self.pool);
        let slots = drawing.split(['[', ']']).nth(1).expect("slots between brackets");
        let count = |sign| slots.chars().filter(|slot| *slot == sign).count();
        let model = &self.model;
        assert_eq!(
            (count('.'), count('#'), count('_'), count('x')),
            (model.idle, model.in_use(), model.vacant, model.beyond_maximum()),
            "{drawing} {model:?}"
        );
    }

    fn compare_metrics(&mut self) {
        let (metrics, model) = (self.pool.metrics(), &self.model);
        assert_eq!(
            (metrics.acquired, metrics.waited, metrics.timed_out, metrics.discarded),
            (model.acquired, model.waited, model.timed_out, model.discarded),
            "acquired, waited, timed_out, discarded; {model:?}"
        );
        assert_eq!(
            (metrics.overtakes, metrics.most_overtaken, metrics.peak_waiting),
            (model.overtakes, model.most_overtaken as usize, model.peak_waiting),
            "overtakes, most_overtaken, peak_waiting; {model:?}"
        );
        assert_eq!(metrics.cancelled, model.cancelled, "{model:?}");
        assert_eq!(self.pool.wait_times().count(), model.acquired + model.waits_in_vain, "{model:?}");

        // Each connection's first use is no reuse. Of which connections the unseen uses were is not known.
        let seen = self.known.iter().filter(|known| known.uses > 0).count();
        let most = model.acquired - seen;
        let least = most.saturating_sub(self.lost_uses + model.granted());
        assert!((least..=most).contains(&metrics.reused), "{least} <= {} <= {most}", metrics.reused);

        self.peak_seen = self.peak_seen.max(model.in_use());
        let peaks = self.peak_seen..=model.peak_in_use;
        assert!(peaks.contains(&metrics.peak_in_use), "{peaks:?}, not {}", metrics.peak_in_use);
    }

    /// These connections were dropped since the last look, and so many that were not held.
    fn expect_drops(&mut self, numbers: &[usize], more: usize) {
        let dropped = self.dropped.take();
        assert_eq!(dropped.len(), numbers.len() + more, "dropped: {dropped:?}, expected: {numbers:?} and {more} more");
        assert!(numbers.iter().all(|number| dropped.contains(number)), "dropped: {dropped:?}, expected: {numbers:?}");
        for number in dropped {
            let place = mem::replace(&mut self.known[number].place, Place::Gone);
            let may_go = place == Place::Pool || numbers.contains(&number) && place == Place::Held;
            assert!(may_go, "connection {number} was dropped while {place:?}");
        }
    }
}

fn answer<G>(result: &Result<G, PoolError>) -> Answer {
    match result {
        Ok(_) => Answer::Lent,
        Err(PoolError::Exhausted) => Answer::Exhausted,
        Err(PoolError::Timeout(_)) => Answer::TimedOut,
        Err(PoolError::Closed) => Answer::Closed,
        Err(PoolError::NoConnections) => Answer::NoConnections,
        Err(other) => panic!("an error that the model does not know: {other}"),
    }
}

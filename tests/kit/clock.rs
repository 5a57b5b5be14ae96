//! Time that passes when the test says so.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use conn_pool::managed::{CanSleep, Clock};

use super::{Gate, lock};

/// A clock that stands still until it is advanced. Clones show the same time.
#[derive(Clone, Default)]
pub(crate) struct SimClock(Arc<Sim>);

#[derive(Default)]
struct Sim {
    dial: Mutex<Dial>,
    moved: Condvar,
}

#[derive(Default)]
struct Dial {
    now: Duration,
    reads: usize,
    /// By the time at which they are to be woken, and a number of their own.
    sleepers: BTreeMap<(Duration, usize), Waker>,
    slept: usize,
    suspended: Duration,
}

impl SimClock {
    /// Lets time pass, and wakes those whose sleep is over, in the order of their times.
    pub(crate) fn advance(&self, by: Duration) {
        let due = {
            let mut dial = lock(&self.0.dial);
            dial.now += by;
            let later = (dial.now.saturating_add(Duration::from_nanos(1)), 0);
            let rest = dial.sleepers.split_off(&later);
            std::mem::replace(&mut dial.sleepers, rest)
        };
        self.0.moved.notify_all();
        due.into_values().for_each(Waker::wake);
    }

    /// The machine is suspended for so long: the time stands still.
    pub(crate) fn suspend(&self, by: Duration) {
        lock(&self.0.dial).suspended += by;
    }

    /// How often it was read.
    pub(crate) fn reads(&self) -> usize {
        lock(&self.0.dial).reads
    }

    /// Blocks the thread until the clock was advanced by so much.
    pub(crate) fn block(&self, duration: Duration) {
        let dial = lock(&self.0.dial);
        let until = dial.now + duration;
        let _later = self.0.moved.wait_while(dial, |dial| dial.now < until).unwrap_or_else(PoisonError::into_inner);
    }
}

impl Clock for SimClock {
    const CAN_SLEEP: bool = true;

    fn now(&self) -> Duration {
        let mut dial = lock(&self.0.dial);
        dial.reads += 1;
        dial.now
    }

    fn suspended(&self) -> Duration {
        lock(&self.0.dial).suspended
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        let mut dial = lock(&self.0.dial);
        dial.reads += 1;
        dial.slept += 1;
        Sleep { clock: self.clone(), until: (dial.now.saturating_add(duration), dial.slept) }
    }
}

impl CanSleep for SimClock {}

struct Sleep {
    clock: SimClock,
    until: (Duration, usize),
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut dial = lock(&self.clock.0.dial);
        if dial.now >= self.until.0 {
            return Poll::Ready(());
        }
        dial.sleepers.insert(self.until, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        lock(&self.clock.0.dial).sleepers.remove(&self.until);
    }
}

/// A clock that stops the threads of the pool's where they read it, until the gate is opened. It is always zero.
#[derive(Clone, Default)]
pub(crate) struct StopsThePool {
    pub(crate) gate: Gate,
}

impl Clock for StopsThePool {
    const CAN_SLEEP: bool = true;

    fn now(&self) -> Duration {
        if thread::current().name().is_some_and(|name| name.starts_with("conn_pool")) {
            self.gate.pass();
        }
        Duration::ZERO
    }

    fn sleep(&self, _duration: Duration) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }
}

impl CanSleep for StopsThePool {}

//! Layer 6 · part of managed · knows: acquire, manager, keep · must not know: what is done with a connection
//!
//! Who does the work of getting a connection: a thread, a task, or somebody who does not wait. The lifecycle is written once,
//! as a future; a worker that blocks never lets it wait, so that it is ready when it is polled once.

use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use super::clock::Clock;
use super::keep::{ErrorOf, Keep};
use super::manager::{AsyncManager, Manager};
use super::slot::Lent;
use crate::acquire::{Acquire, Place, try_acquire};
use crate::engine::Refusal;
use crate::line::Kind;

/// Why the manager has come to nothing.
pub(crate) enum Failure<E> {
    Error(E),
    /// It took too long.
    TimedOut,
    /// There was no time left to begin.
    NoTime,
}

pub(crate) trait Worker<P: Keep> {
    /// Whether it waits for connections without a deadline.
    fn is_patient(&self) -> bool;

    /// Whether it can pause between two attempts to connect, and has time to.
    fn can_pause(&self) -> bool;

    /// A slot, by the caller's place in line.
    async fn slot(&self, pool: P, place: &mut Place) -> Result<Lent<P>, Refusal>;

    /// A slot with a connection, if one comes free during the pause; else it has `TimedOut`.
    async fn pause(&self, pool: P, pause: Duration, place: &mut Place) -> Result<Lent<P>, Refusal>;

    async fn connect(&self, pool: P) -> Result<P::Connection, Failure<ErrorOf<P>>>;

    async fn check(&self, pool: P, connection: &mut P::Connection) -> Result<(), Failure<ErrorOf<P>>>;
}

/// Runs a future whose worker blocks.
pub(crate) fn at_once<F: Future>(work: F) -> F::Output {
    match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("a worker that blocks lets nobody wait"),
    }
}

/// The one of two futures that is ready first; the other one is over then. The first one is asked first.
///
/// They stay where they are: an async function keeps room for its arguments twice.
pub(super) async fn race<T, F: Future<Output = T>>(
    mut one: Pin<&mut impl Future<Output = T>>,
    mut other: Pin<&mut Option<F>>,
) -> T {
    let output = poll_fn(|context| match (one.as_mut().poll(context), other.as_mut().as_pin_mut()) {
        (Poll::Pending, Some(other)) => other.poll(context),
        (answer, _) => answer,
    })
    .await;
    // That may panic, if it is a clock's: not at the end of the function, where the output would be leaked by it.
    other.set(None);
    output
}

/// A caller that does not wait in line, or the maintenance of a pool whose manager blocks.
pub(crate) struct Now;

impl<P: Keep> Worker<P> for Now
where
    P::Manager: Manager,
{
    fn is_patient(&self) -> bool {
        false
    }

    fn can_pause(&self) -> bool {
        false
    }

    async fn slot(&self, pool: P, _place: &mut Place) -> Result<Lent<P>, Refusal> {
        try_acquire(pool).map(|slot| Lent::new(pool, slot))
    }

    async fn pause(&self, _pool: P, _pause: Duration, _place: &mut Place) -> Result<Lent<P>, Refusal> {
        Err(Refusal::TimedOut)
    }

    async fn connect(&self, pool: P) -> Result<P::Connection, Failure<ErrorOf<P>>> {
        pool.manager().connect(pool.keeper().config().connect_timeout).map_err(Failure::Error)
    }

    async fn check(&self, pool: P, connection: &mut P::Connection) -> Result<(), Failure<ErrorOf<P>>> {
        pool.manager().is_valid(connection, pool.keeper().config().validation_timeout).map_err(Failure::Error)
    }
}

/// A task, on whichever executor, or the maintenance of a pool whose manager awaits.
pub(super) struct Task<'k, K> {
    clock: &'k K,
    /// When the caller's time is up, if the clock can tell.
    deadline: Option<Duration>,
}

impl<'k, K: Clock> Task<'k, K> {
    pub(super) const fn new(clock: &'k K) -> Self {
        Self { clock, deadline: None }
    }

    pub(super) fn for_at_most(timeout: Duration, clock: &'k K) -> Self {
        // A sum beyond what can be expressed never comes.
        Self { clock, deadline: clock.now().checked_add(timeout) }
    }

    /// What is left of the caller's time, and at most `limit`; `None`: no end.
    fn left(&self, limit: Option<Duration>) -> Option<Duration> {
        let own = self.deadline.map(|deadline| deadline.saturating_sub(self.clock.now()));
        limit.into_iter().chain(own).min()
    }

    /// Ends `work` with `late` when its time is up, if the clock can tell.
    async fn within<T>(&self, limit: Option<Duration>, work: Pin<&mut impl Future<Output = T>>, late: T) -> T {
        match self.left(limit) {
            Some(limit) if K::SLEEPS => {
                let over = async {
                    self.clock.sleep(limit).await;
                    late
                };
                race(work, pin!(Some(over))).await
            }
            _ => work.await,
        }
    }

    /// As [`within`](Self::within), for the manager's work, which is not begun without time.
    async fn manage<T, E>(
        &self,
        limit: Option<Duration>,
        work: Pin<&mut impl Future<Output = Result<T, E>>>,
    ) -> Result<T, Failure<E>> {
        if self.is_late() {
            return Err(Failure::NoTime);
        }
        let work = pin!(async { work.await.map_err(Failure::Error) });
        self.within(limit, work, Err(Failure::TimedOut)).await
    }

    fn is_late(&self) -> bool {
        self.left(None).is_some_and(|left| left.is_zero())
    }
}

impl<P: Keep, K: Clock> Worker<P> for Task<'_, K>
where
    P::Manager: AsyncManager,
{
    fn is_patient(&self) -> bool {
        // Whose task it is that holds a connection nobody knows.
        false
    }

    fn can_pause(&self) -> bool {
        K::SLEEPS && !self.is_late()
    }

    async fn slot(&self, pool: P, place: &mut Place) -> Result<Lent<P>, Refusal> {
        let answer = self.within(None, pin!(stand_in_line(pool, place)), Err(Refusal::TimedOut)).await;
        if matches!(answer, Err(Refusal::TimedOut)) {
            pool.core().count_timeout();
        }
        answer
    }

    async fn pause(&self, pool: P, pause: Duration, place: &mut Place) -> Result<Lent<P>, Refusal> {
        self.within(Some(pause), pin!(stand_in_line(pool, place)), Err(Refusal::TimedOut)).await
    }

    async fn connect(&self, pool: P) -> Result<P::Connection, Failure<ErrorOf<P>>> {
        self.manage(pool.keeper().config().connect_timeout, pin!(pool.manager().connect())).await
    }

    async fn check(&self, pool: P, connection: &mut P::Connection) -> Result<(), Failure<ErrorOf<P>>> {
        self.manage(pool.keeper().config().validation_timeout, pin!(pool.manager().is_valid(connection))).await
    }
}

async fn stand_in_line<P: Keep>(pool: P, place: &mut Place) -> Result<Lent<P>, Refusal> {
    let mut acquire = pin!(Acquire::in_place(pool, Kind::Task, place));
    // Held exclusively: a shared reference could not be sent to another thread, and so neither could the caller's future.
    let answer = poll_fn(|context| acquire.as_mut().into_ref().poll(context.waker())).await;
    acquire.note(place);
    answer.map(|slot| Lent::new(pool, slot))
}

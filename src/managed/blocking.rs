//! Layer 6 · part of managed · knows: blocking, worker · must not know: how slots are claimed
//!
//! Threads that wait, and connect themselves.

use core::time::Duration;
use std::time::Instant;

use super::keep::{ErrorOf, Keep};
use super::manager::Manager;
use super::slot::Lent;
use super::worker::{Failure, Worker};
use crate::acquire::Place;
use crate::blocking::{Patience, acquire_in_place};
use crate::engine::Refusal;

/// A thread, and how long it has.
pub(super) struct Thread(Option<Instant>);

impl Thread {
    pub(super) fn new(patience: Patience) -> Self {
        match patience {
            Patience::Forever => Self(None),
            Patience::Until(deadline) => Self(Some(deadline)),
            // A sum beyond what the clock can express never comes.
            Patience::For(timeout) => Self(Instant::now().checked_add(timeout)),
        }
    }

    fn patience(&self) -> Patience {
        self.0.map_or(Patience::Forever, Patience::Until)
    }

    /// The limit of what is begun now: what is left of the thread's time, and at most `limit`.
    fn within<E>(&self, limit: Option<Duration>) -> Result<Option<Duration>, Failure<E>> {
        let Some(deadline) = self.0 else { return Ok(limit) };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Failure::NoTime);
        }
        Ok(Some(limit.map_or(left, |limit| limit.min(left))))
    }
}

impl<P: Keep> Worker<P> for Thread
where
    P::Manager: Manager,
{
    fn is_patient(&self) -> bool {
        self.0.is_none()
    }

    fn can_pause(&self) -> bool {
        self.0.is_none_or(|deadline| deadline > Instant::now())
    }

    async fn slot(&self, pool: P, place: &mut Place) -> Result<Lent<P>, Refusal> {
        acquire(pool, self.patience(), place)
    }

    async fn pause(&self, pool: P, pause: Duration, place: &mut Place) -> Result<Lent<P>, Refusal> {
        // A sum beyond what the clock can express never comes.
        let until = Instant::now().checked_add(pause).into_iter().chain(self.0).min();
        acquire(pool, until.map_or(Patience::Forever, Patience::Until), place)
    }

    async fn connect(&self, pool: P) -> Result<P::Connection, Failure<ErrorOf<P>>> {
        let within = self.within(pool.keeper().config().connect_timeout)?;
        pool.manager().connect(within).map_err(Failure::Error)
    }

    async fn check(&self, pool: P, connection: &mut P::Connection) -> Result<(), Failure<ErrorOf<P>>> {
        let within = self.within(pool.keeper().config().validation_timeout)?;
        pool.manager().is_valid(connection, within).map_err(Failure::Error)
    }
}

fn acquire<P: Keep>(pool: P, patience: Patience, place: &mut Place) -> Result<Lent<P>, Refusal> {
    acquire_in_place(pool, patience, place).map(|slot| Lent::new(pool, slot))
}

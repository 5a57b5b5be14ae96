// knows: clock, manager, meeting, record, shared, shared_error, times, slot · must not know: which pool it is
//! A managed pool as acquire, release and maintenance see it.

use core::time::Duration;

use super::clock::Millis;
use super::manager::Lifecycle;
use super::meeting::Meeting;
use super::record::{ConnRecord, LoanRecord};
use super::shared::Shared;
use super::shared_error::SharedError;
use super::times::TimeRecorders;
use crate::slot::PoolParts;

/// A pool whose connections a manager makes, checks, resets and ends.
pub(crate) trait ManagedParts: PoolParts {
    type Manager: Lifecycle<Connection = Self::Connection>;

    fn manager(&self) -> &Self::Manager;
    fn shared(&self) -> &Shared;
    fn record(&self, slot: usize) -> &ConnRecord;
    /// The loan of a connection, if the pool records loans.
    fn loan_record(&self, slot: usize) -> Option<&LoanRecord>;
    /// Where a caller waits for the check of the connection, if checks are made elsewhere.
    fn meeting(&self, slot: usize) -> Option<&Meeting> {
        let _ = slot;
        None
    }
    /// How long things take, if the pool records that.
    fn times(&self) -> Option<&TimeRecorders>;
    /// The time, precisely.
    fn now(&self) -> Duration;
    /// The time, less precisely, and cheap to read.
    fn coarse(&self) -> Millis;

    /// Whether the record of a connection keeps it from the fast path: it has a mark, or its loan is timed.
    #[inline(always)]
    fn has_remarks(&self, slot: usize) -> bool {
        // Both at once: mostly there is neither.
        (self.record(slot).marks() != 0) | self.loan_record(slot).is_some_and(LoanRecord::is_timed)
    }

    /// Whether callers are told what the manager says of an error.
    fn tells_errors(&self) -> bool {
        true
    }

    /// For how long the machine has been suspended. A pool for C cannot tell.
    fn suspended(&self) -> Duration {
        Duration::ZERO
    }

    /// The time, if maintenance has not marked for so long that its marks are not trusted: the process stood still, or
    /// maintenance hangs. From then on ages are told by the clock, until maintenance marks again.
    #[inline(always)]
    fn time_if_unmarked(&self) -> Option<Millis> {
        let until = self.shared().trusted_until()?;
        let now = self.coarse();
        self.shared().distrust_after(until, now).then_some(now)
    }

    /// Has a pool that sees to its maintenance itself maintained again, if a loan finds that it is not.
    #[inline(always)]
    fn ensure_maintained(&self) {}

    /// Has the pool maintained, if it sees to that itself and it is not; `false` if that cannot be.
    #[cfg(feature = "std")]
    fn ensure_connector(&self) -> bool {
        self.engine().has_connector()
    }

    /// What a caller is told that leaves all to a connector, where there can be none.
    fn why_unattended(&self) -> SharedError {
        SharedError::of("the pool is not maintained")
    }

    /// Keeps an error of the manager's in what all callers are told of it. A pool whose callers call the manager
    /// themselves hands it back: it is for the caller whose call it was.
    fn keep_error(&self, told: &SharedError, error: ErrorOf<Self>) -> Result<(), ErrorOf<Self>>
    where
        Self: Sized,
    {
        let _ = told;
        Err(error)
    }

    /// Called when there may be room to connect. A pool for C does nothing here: it may be gone with its last slot.
    fn note_room(&self) {}

    /// How long ago `earlier` was.
    fn since(&self, earlier: Duration) -> Duration {
        self.now().saturating_sub(earlier)
    }
}

/// The error of the pool's manager.
pub(crate) type ErrorOf<P> = <<P as ManagedParts>::Manager as Lifecycle>::Error;

// knows: report · must not know: pools, managers
//! What happens to connections, and why they end.

use core::fmt;
use core::time::Duration;

use super::report::Loan;

/// Why the pool ended a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum DiscardReason {
    /// [`has_broken`](super::Lifecycle::has_broken) was true at its release, or
    /// [`is_closed`](super::Lifecycle::is_closed) at an acquire.
    Broken,
    /// [`reset`](super::Lifecycle::reset) failed at its release.
    ResetFailed,
    /// It failed its check.
    Invalid,
    /// Its check was cancelled half-way, or the manager panicked while it had the connection.
    CheckCancelled,
    /// It has reached its maximum lifetime.
    Expired,
    /// It was acquired as often as [`max_uses`](super::Config::max_uses) allows.
    UsedUp,
    /// It was idle for longer than the idle timeout.
    Idle,
    /// As many others as [`max_idle`](super::Config::max_idle) says were idle beside it.
    Excess,
    /// Its guard was dropped while a panic unwound.
    Panicked,
    /// The caller that had acquired it discarded it.
    Discarded,
    /// A [`retain`](super::Pool::retain) or [`evict_all`](super::Pool::evict_all) rejected it.
    Evicted,
    /// It was one too many after a resize.
    Surplus,
    /// The pool is closed, or was dropped.
    Closed,
    /// Its holder has taken it out of the pool for good ([`ConnGuard::detach`](super::ConnGuard::detach)): it goes on
    /// without the pool, and the manager does not end it.
    Detached,
}

impl DiscardReason {
    /// All of them, in the order of [`Metrics::discards`](super::Metrics::discards).
    pub const ALL: [Self; 14] = [
        Self::Broken,
        Self::ResetFailed,
        Self::Invalid,
        Self::CheckCancelled,
        Self::Expired,
        Self::UsedUp,
        Self::Idle,
        Self::Excess,
        Self::Panicked,
        Self::Discarded,
        Self::Evicted,
        Self::Surplus,
        Self::Closed,
        Self::Detached,
    ];

    /// The reason's name in snake case, for labels of metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Broken => "broken",
            Self::ResetFailed => "reset_failed",
            Self::Invalid => "invalid",
            Self::CheckCancelled => "check_cancelled",
            Self::Expired => "expired",
            Self::UsedUp => "used_up",
            Self::Idle => "idle",
            Self::Excess => "excess",
            Self::Panicked => "panicked",
            Self::Discarded => "discarded",
            Self::Evicted => "evicted",
            Self::Surplus => "surplus",
            Self::Closed => "closed",
            Self::Detached => "detached",
        }
    }
}

impl fmt::Display for DiscardReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Broken => "was broken when it was given back",
            Self::ResetFailed => "could not be reset",
            Self::Invalid => "failed its check",
            Self::CheckCancelled => "was in the middle of a check that was cancelled",
            Self::Expired => "has reached its maximum lifetime",
            Self::UsedUp => "was used as often as it may be",
            Self::Idle => "was idle for too long",
            Self::Excess => "was idle beside as many as may be",
            Self::Panicked => "was held by a caller who panicked",
            Self::Discarded => "was discarded by its holder",
            Self::Evicted => "was evicted",
            Self::Surplus => "was one too many after a resize",
            Self::Closed => "belonged to a pool that was closed",
            Self::Detached => "was detached by its holder",
        })
    }
}

/// Why a connection is checked, for [`Lifecycle::on_check`](super::Lifecycle::on_check). Of several reasons it is told
/// the first, in the order of [`ALL`](Self::ALL).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum CheckReason {
    /// [`needs_check`](super::Lifecycle::needs_check) was true at its release.
    Dirty,
    /// Its caller has asked for the check ([`ConnGuard::require_check`](super::ConnGuard::require_check)), a request on
    /// it was cut ([`ConnGuard::scope`](super::ConnGuard::scope)), or
    /// [`is_closed`](super::Lifecycle::is_closed) has panicked.
    Required,
    /// The machine was suspended, or the process was stopped.
    Suspended,
    /// Each connection is checked each time that a caller gets it: [`validate_after`](super::Config::validate_after) is
    /// zero.
    EachTime,
    /// It was not checked for longer than [`validate_every`](super::Config::validate_every).
    Unproven,
    /// It was idle for longer than [`validate_after`](super::Config::validate_after), or it is not known for how long.
    IdleForLong,
    /// It was not used for as long as [`keepalive`](super::Config::keepalive): maintenance checks it, and no caller
    /// waits for that.
    Keepalive,
}

impl CheckReason {
    /// All of them, the first to be told first.
    pub const ALL: [Self; 7] = [
        Self::Dirty,
        Self::Required,
        Self::Suspended,
        Self::EachTime,
        Self::Unproven,
        Self::IdleForLong,
        Self::Keepalive,
    ];

    /// The reason's name in snake case, for labels of metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dirty => "dirty",
            Self::Required => "required",
            Self::Suspended => "suspended",
            Self::EachTime => "each_time",
            Self::Unproven => "unproven",
            Self::IdleForLong => "idle_for_long",
            Self::Keepalive => "keepalive",
        }
    }
}

impl fmt::Display for CheckReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dirty => "was to be checked after its last use",
            Self::Required => "is in doubt since its last use",
            Self::Suspended => "has gone through a time in which the machine or the process stood still",
            Self::EachTime => "is checked each time",
            Self::Unproven => "was not checked for long",
            Self::IdleForLong => "was idle for long",
            Self::Keepalive => "is to be kept alive",
        })
    }
}

/// What happens in a pool, for [`Lifecycle::on_event`](super::Lifecycle::on_event). It can be printed if the manager's
/// error can.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a, E> {
    /// A connection was made.
    Connected {
        /// How long that took.
        took: Duration,
    },
    /// A connect failed: that of a caller, which gets the error too, or that of maintenance, which tries again.
    ConnectFailed {
        /// The manager's error; `None` if it ran out of time.
        error: Option<&'a E>,
        /// How long it took to fail.
        took: Duration,
    },
    /// A connection failed its check, and is discarded next.
    CheckFailed {
        /// The manager's error; `None` if it ran out of time.
        error: Option<&'a E>,
    },
    /// A connection could not be reset at its release, and is discarded next.
    ResetFailed {
        /// The manager's error.
        error: &'a E,
    },
    /// A connection is in use for longer than the leak threshold. Reported once for each loan, by maintenance.
    Leaked {
        /// The loan.
        loan: Loan,
    },
}

impl<E: fmt::Display> fmt::Display for Event<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected { took } => write!(f, "connected within {took:?}"),
            Self::ConnectFailed { error: Some(error), took } => write!(f, "cannot connect: {error} (after {took:?})"),
            Self::ConnectFailed { error: None, took } => write!(f, "cannot connect: no answer within {took:?}"),
            Self::CheckFailed { error: Some(error) } => write!(f, "a connection failed its check: {error}"),
            Self::CheckFailed { error: None } => f.write_str("a connection did not answer its check in time"),
            Self::ResetFailed { error } => write!(f, "a connection could not be reset: {error}"),
            Self::Leaked { loan } => write!(f, "connection leak: {loan}"),
        }
    }
}

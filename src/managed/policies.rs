// knows: nothing · must not know: managers, slots
//! What a managed pool is to do where there is more than one way.

use core::time::Duration;

/// How a failed connect is tried again: after pauses that double, each shortened at random by up to half, so that
/// programs that failed together do not try again together.
///
/// Where the pool has a connector (`health_check`, [`run_maintenance`](super::Pool::run_maintenance)), the pauses are
/// the pool's: after each of them one connect is tried, for all callers, until one succeeds. The callers wait until
/// their deadlines. Where a caller asks for a connection no pause is longer than [`LONGEST_IN_DEMAND`], or than
/// `first_pause` if that is longer: callers are served soon after the server is back. A connection that is closed,
/// refused by a hook, or fails its check, within 100 ms of its connect and before its first use, is followed by a pause
/// as a failed connect is, and callers whose time is up are told so: else a proxy that accepts, and hangs up, would be
/// connected to without end. It ends no waits by itself, and counts as connected and discarded.
///
/// [`LONGEST_IN_DEMAND`]: Self::LONGEST_IN_DEMAND
///
/// Where callers connect themselves, each has pauses of its own, for as many `attempts` as are set. During a pause the
/// caller waits in the queue, in its place, for a connection that is released, and leaves connecting to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// How often a caller that connects itself tries again before it gets the error. It does not concern a connector,
    /// nor a caller that waits for one.
    pub attempts: u32,
    /// The first pause.
    pub first_pause: Duration,
    /// The longest pause: that of a caller that connects itself, and that of a connector while no caller asks.
    pub longest_pause: Duration,
}

/// Which idle connection is acquired next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Reuse {
    /// The one in the lowest slot, so that as few connections as will do are used: the others reach the idle timeout,
    /// and the pool shrinks to what it needs.
    #[default]
    Packed,
    /// All in turn, so that none grows stale behind a firewall or a load balancer. Costs a search of the slots one by
    /// one, and a word that every acquire writes.
    RoundRobin,
}

/// What happens to a connection whose guard is dropped by a panic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnPanic {
    /// It is discarded: the caller may have been in the middle of something.
    #[default]
    Discard,
    /// It is looked at and reset as at any other release.
    Reset,
}

/// What happens if a thread that holds every connection of the pool would wait for another one without a deadline: for
/// itself, and so for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Nested {
    /// Let it wait.
    Allow,
    /// Refuse it, with [`GetError::Nested`](super::GetError::Nested), which says where the thread acquired a connection
    /// that it holds. Costs a word written by each acquire and each release. Send guards to other threads as
    /// [`OwnedConnGuard`](super::OwnedConnGuard): a [`ConnGuard`](super::ConnGuard) still counts for the thread that
    /// acquired it. Two threads that hold a part each, and wait for each other, are not found.
    ///
    /// In a [`SharedPool`](super::SharedPool) each guard counts for the thread that acquired it, so set this only where
    /// threads release what they have acquired. There a thread is refused that calls `get`, whatever the pool's
    /// `wait_timeout` is; one that names a time waits for as long.
    Refuse,
}

/// Of which callers the time is taken that could not be served at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measured {
    /// As the kind of pool has it: none, in a shared pool a sample.
    Default,
    None,
    /// Of the first ones, and then of one in some.
    #[allow(dead_code, reason = "only shared pools do so")]
    Sample,
    All,
}

impl Measured {
    /// Of all that could not be served at once, or of none.
    pub(super) const fn of(all: bool) -> Self {
        if all { Self::All } else { Self::None }
    }

    pub(super) const fn is_on(self) -> bool {
        matches!(self, Self::Sample | Self::All)
    }

    /// The same, where the kind of pool takes a sample by default.
    #[allow(dead_code, reason = "only shared pools do so")]
    pub(super) const fn or_sample(self) -> Self {
        match self {
            Self::Default => Self::Sample,
            set => set,
        }
    }
}

/// How long a call waits that names no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WaitLimit {
    /// As the kind of pool has it.
    Default,
    None,
    After(Duration),
}

impl WaitLimit {
    pub(super) const fn of(limit: Option<Duration>) -> Self {
        match limit {
            Some(limit) => Self::After(limit),
            None => Self::None,
        }
    }

    /// The same, where the kind of pool has that limit by default.
    #[allow(dead_code, reason = "only shared pools have one by default")]
    pub(super) const fn filled(self, default: Duration) -> Self {
        match self {
            Self::Default => Self::After(default),
            set => set,
        }
    }

    /// The limit, where the kind of pool has that one by default.
    pub(super) const fn or(self, default: Option<Duration>) -> Option<Duration> {
        match self {
            Self::Default => default,
            Self::None => None,
            Self::After(limit) => Some(limit),
        }
    }
}

impl Retry {
    /// The longest pause of a connector that callers ask for a connection, unless `first_pause` is longer.
    pub const LONGEST_IN_DEMAND: Duration = Duration::from_millis(500);

    /// A caller that connects itself gets the first error at once. A connector tries again after 100 ms, then after
    /// twice as long each time, up to 500 ms while callers ask for a connection, and else up to 5 s.
    pub const DEFAULT: Self =
        Self { attempts: 0, first_pause: Duration::from_millis(100), longest_pause: Duration::from_secs(5) };

    /// The pause after so many failures in a row; `random` shortens it by up to half.
    pub(super) fn pause(&self, failures: u32, random: usize) -> Duration {
        let doubled =
            self.first_pause.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
        Self::shorten(doubled.min(self.longest_pause), random)
    }

    /// The same, where a caller asks for a connection.
    pub(super) fn pause_in_demand(&self, failures: u32, random: usize) -> Duration {
        self.pause(failures, random).min(Self::shorten(self.first_pause.max(Self::LONGEST_IN_DEMAND), random))
    }

    fn shorten(whole: Duration, random: usize) -> Duration {
        #[expect(clippy::cast_possible_truncation, reason = "below 128")]
        let part = (random % 128) as u32;
        whole.saturating_sub(whole / 256 * part)
    }
}

impl Default for Retry {
    /// [`Retry::DEFAULT`].
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::Retry;

    #[test]
    fn pauses_double_up_to_the_longest_and_are_shortened_by_up_to_half() {
        let retry = Retry::DEFAULT;
        let millis = |failures, random| retry.pause(failures, random).as_millis();
        assert_eq!([1, 2, 3, 6, 7, 40].map(|failures| millis(failures, 0)), [100, 200, 400, 3200, 5000, 5000]);
        assert!((50..60).contains(&millis(1, 127)));
    }
}

// knows: clock, policies, shared_error · must not know: who connects, who waits
//! The failures to connect, since the last connect that succeeded: what callers are told, and when to try again.

use core::mem::replace;
use core::num::NonZero;

use super::clock::{Millis, span};
use super::policies::Retry;
use super::shared_error::SharedError;

/// For whom a connect is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The caller that connects.
    Caller,
    /// The pool: the next connect is begun after a pause, if this one fails.
    Pool,
}

/// For whom a connect may be begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Demand {
    /// A caller that asks for a connection.
    Caller,
    /// The floor of idle connections alone.
    Floor,
}

/// What callers are told while connecting fails.
#[derive(Clone)]
pub(crate) struct ConnectFailure {
    pub(crate) error: SharedError,
    /// Callers are not to wait, if there is no connection.
    pub(crate) ends_waits: bool,
}

/// What ends the failures.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// The next connect that succeeds.
    Connect,
    /// That, and a pause after it: the last connection was made, and was unfit when it was new.
    ConnectAndPause,
    /// The end of that pause.
    Pause,
}

/// An attempt was begun after the last pause, and has not failed.
const TRYING: u8 = 1 << 7;

/// Failures in a row.
pub(super) struct Outage {
    /// How many attempts for the pool failed, those that ran side by side counted once.
    failures: u8,
    /// When the first of them failed.
    since: Millis,
    /// When the next connect may be begun that no caller asks for.
    not_before: Millis,
    /// How many milliseconds earlier one may be begun that a caller asks for.
    earlier_in_demand: u32,
    /// A pause is under way only if it ends in less than two to that power milliseconds; and `TRYING`. One byte, since
    /// a pool for C has no room for another.
    pause_bits: u8,
    ending: Ending,
    /// The last failure, whoever it was for, and when it was.
    last: Option<ConnectFailure>,
    last_at: Millis,
}

impl Outage {
    pub(super) const NONE: Self = Self {
        failures: 0,
        since: Millis(0),
        not_before: Millis(0),
        earlier_in_demand: 0,
        pause_bits: 0,
        ending: Ending::Connect,
        last: None,
        last_at: Millis(0),
    };

    pub(super) const fn is_on(&self) -> bool {
        self.failures > 0
    }

    /// A connect has failed `now`. One for the pool is followed by a pause. Of those that were begun side by side the
    /// first counts; and so does the attempt that was begun after a pause.
    ///
    /// Callers are told of `failure`, if that is given. Answers what they were told of until now: its error may be the
    /// manager's own, which is not to be dropped under a lock.
    #[must_use]
    pub(super) fn fail(
        &mut self,
        now: Millis,
        failure: Option<ConnectFailure>,
        purpose: Purpose,
        retry: &Retry,
        random: usize,
    ) -> Option<ConnectFailure> {
        self.ending = Ending::Connect;
        let told_until_now = failure.and_then(|failure| {
            self.last_at = now;
            self.last.replace(failure)
        });
        if purpose == Purpose::Pool && (self.pause_bits & TRYING != 0 || self.may_connect(now, Demand::Floor)) {
            if !self.is_on() {
                self.since = now;
            }
            self.pause_bits &= !TRYING;
            self.failures = self.failures.saturating_add(1);
            self.pause(now, retry, random);
        }
        told_until_now
    }

    /// A connection was unfit `now`, when it was new. As [`fail`](Self::fail).
    #[must_use]
    pub(super) fn fail_short_lived(
        &mut self,
        now: Millis,
        failure: Option<ConnectFailure>,
        retry: &Retry,
        random: usize,
    ) -> Option<ConnectFailure> {
        let told_until_now = self.fail(now, failure, Purpose::Pool, retry, random);
        self.ending = Ending::ConnectAndPause;
        told_until_now
    }

    /// A connect has succeeded `now`. Answers the failures, if they are over by that. If connections were unfit when
    /// they were new, they are not before the end of a pause in which this one is not.
    pub(super) fn succeed(&mut self, now: Millis, retry: &Retry, random: usize) -> Option<Self> {
        if self.ending == Ending::Connect {
            return Some(replace(self, Self::NONE));
        }
        if self.may_connect(now, Demand::Caller) {
            self.pause(now, retry, random);
        }
        self.ending = Ending::Pause;
        None
    }

    /// Answers the failures, if they are over since a pause was.
    pub(super) fn settle(&mut self, now: Millis) -> Option<Self> {
        let is_over = self.ending == Ending::Pause && self.may_connect(now, Demand::Caller);
        is_over.then(|| replace(self, Self::NONE))
    }

    /// An attempt is begun `now`. The next one is begun after a pause, also if this one does not end.
    pub(super) fn begin(&mut self, now: Millis, retry: &Retry, random: usize) {
        if self.is_on() {
            self.pause_bits |= TRYING;
            self.pause(now, retry, random);
        }
    }

    fn pause(&mut self, now: Millis, retry: &Retry, random: usize) {
        let failures = u32::from(self.failures);
        let (pause, in_demand) = (span(retry.pause(failures, random)), span(retry.pause_in_demand(failures, random)));
        self.not_before = Millis(now.0.wrapping_add(pause));
        self.pause_bits = self.pause_bits & TRYING | pause_bits(pause);
        self.earlier_in_demand = u32::try_from(pause.saturating_sub(in_demand)).unwrap_or(u32::MAX);
    }

    const fn not_before(&self, demand: Demand) -> Millis {
        match demand {
            Demand::Caller => Millis(self.not_before.0.wrapping_sub(self.earlier_in_demand as usize)),
            Demand::Floor => self.not_before,
        }
    }

    pub(super) const fn may_connect(&self, now: Millis, demand: Demand) -> bool {
        !self.is_on() || self.left(now, demand) == 0
    }

    /// How many milliseconds of a pause are left. After half a round of the moments its end seems to lie ahead, farther
    /// than a pause is long.
    const fn left(&self, now: Millis, demand: Demand) -> usize {
        let left = self.not_before(demand).since(now);
        if left >> (self.pause_bits & !TRYING) > 0 { 0 } else { left }
    }

    /// In how many milliseconds a connect may be begun, if it has to wait. For callers: and then, one for the floor.
    pub(super) fn due(&self, now: Millis, demand: Demand) -> Option<NonZero<usize>> {
        let due = |demand| NonZero::new(self.left(now, demand));
        if self.is_on() { due(demand).or_else(|| due(Demand::Floor)) } else { None }
    }

    /// For how many milliseconds connecting has failed.
    pub(super) const fn lasts(&self, now: Millis) -> Option<usize> {
        if self.is_on() { Some(now.since(self.since)) } else { None }
    }

    /// How many milliseconds ago the last connect failed.
    pub(super) const fn failed_ago(&self, now: Millis) -> Option<usize> {
        if self.last.is_some() { Some(now.since(self.last_at)) } else { None }
    }

    pub(super) fn failure(&self) -> Option<ConnectFailure> {
        self.last.clone()
    }
}

/// At least twice as long as the pause, and two minutes: a thread may have read the clock before the pause began. At
/// most half a round.
#[expect(clippy::cast_possible_truncation, reason = "at most the bits of a word")]
const fn pause_bits(pause: usize) -> u8 {
    let bits = 17 + usize::BITS - (pause >> 16).leading_zeros();
    (if bits < usize::BITS { bits } else { usize::BITS - 1 }) as u8
}

#[cfg(all(test, not(any(conn_pool_loom, conn_pool_shuttle))))]
mod tests {
    use core::time::Duration;

    use super::{ConnectFailure, Demand, Millis, Outage, Purpose, Retry, SharedError};

    const RETRY: Retry =
        Retry { attempts: 0, first_pause: Duration::from_millis(100), longest_pause: Duration::from_millis(300) };

    fn fail(outage: &mut Outage, now: usize) {
        let failure = ConnectFailure { error: SharedError::of("no"), ends_waits: false };
        drop(outage.fail(Millis(now), Some(failure), Purpose::Pool, &RETRY, 0));
    }

    fn due(outage: &Outage, now: usize, demand: Demand) -> usize {
        outage.due(Millis(now), demand).map_or(0, usize::from)
    }

    fn may_connect(outage: &Outage, now: usize) -> bool {
        outage.may_connect(Millis(now), Demand::Floor)
    }

    #[test]
    fn pauses_grow_up_to_the_longest() {
        let (mut outage, mut now, mut pauses) = (Outage::NONE, 50, [0; 4]);
        for pause in &mut pauses {
            fail(&mut outage, now);
            *pause = due(&outage, now, Demand::Floor);
            assert!(!may_connect(&outage, now + *pause - 1) && may_connect(&outage, now + *pause));
            now += *pause;
        }
        assert_eq!(pauses, [100, 200, 300, 300]);
        assert_eq!(outage.lasts(Millis(now)), Some(900));
    }

    #[test]
    fn where_callers_ask_pauses_grow_no_longer_than_half_a_second() {
        let retry = Retry { longest_pause: Duration::from_secs(60), ..RETRY };
        let (mut outage, mut pauses) = (Outage::NONE, [(0, 0); 4]);
        for pause in &mut pauses {
            outage.begin(Millis(50), &retry, 0);
            assert!(outage.fail(Millis(50), None, Purpose::Pool, &retry, 0).is_none());
            *pause = (due(&outage, 50, Demand::Caller), due(&outage, 50, Demand::Floor));
        }
        assert_eq!(pauses, [(100, 100), (200, 200), (400, 400), (500, 800)]);
        // What is due next, once a caller's may be begun.
        assert_eq!(due(&outage, 550, Demand::Caller), 300);
    }

    #[test]
    fn connects_that_fail_side_by_side_count_once() {
        let mut outage = Outage::NONE;
        (0..8).for_each(|later| fail(&mut outage, 50 + later));
        assert_eq!(due(&outage, 50, Demand::Floor), 100);
    }

    #[test]
    fn a_thread_that_read_the_clock_before_a_pause_began_keeps_it() {
        let mut outage = Outage::NONE;
        fail(&mut outage, 50_000);
        assert!(!may_connect(&outage, 0) && due(&outage, 0, Demand::Floor) == 50_100);
    }

    #[test]
    fn a_pause_of_half_a_round_ago_is_over() {
        let mut outage = Outage::NONE;
        fail(&mut outage, 50);
        let late = 50 + isize::MAX as usize + 200;
        assert!(may_connect(&outage, late));
        assert_eq!((due(&outage, late, Demand::Caller), due(&outage, late, Demand::Floor)), (0, 0));
    }

    #[test]
    fn the_longest_pause_is_kept() {
        let retry = Retry { first_pause: Duration::MAX, longest_pause: Duration::MAX, ..RETRY };
        let mut outage = Outage::NONE;
        assert!(outage.fail(Millis(50), None, Purpose::Pool, &retry, 0).is_none());
        assert_eq!(due(&outage, 50, Demand::Floor), isize::MAX as usize);
    }

    #[test]
    fn after_new_connections_that_were_unfit_a_success_is_believed_after_a_pause() {
        let mut outage = Outage::NONE;
        let end_soon = |outage: &mut Outage, now| drop(outage.fail_short_lived(Millis(now), None, &RETRY, 0));
        let succeed = |outage: &mut Outage, now| outage.succeed(Millis(now), &RETRY, 0);
        end_soon(&mut outage, 50);
        // One that was under way, and one after the pause.
        assert!(succeed(&mut outage, 60).is_none() && !may_connect(&outage, 60));
        end_soon(&mut outage, 61);
        assert!(outage.settle(Millis(150)).is_none());
        outage.begin(Millis(150), &RETRY, 0);
        assert!(succeed(&mut outage, 151).is_none() && outage.settle(Millis(151)).is_none());
        end_soon(&mut outage, 152);
        assert_eq!(due(&outage, 152, Demand::Floor), 200);
        outage.begin(Millis(352), &RETRY, 0);
        assert!(succeed(&mut outage, 360).is_none() && outage.settle(Millis(551)).is_none());
        assert!(outage.settle(Millis(552)).is_some() && outage.settle(Millis(552)).is_none());
        assert!(!outage.is_on());
        // One that was under way for longer than the pause.
        end_soon(&mut outage, 600);
        assert!(succeed(&mut outage, 750).is_none() && outage.settle(Millis(750)).is_none());
        assert!(outage.settle(Millis(850)).is_some());
        // A failure to connect is over with the next success.
        end_soon(&mut outage, 900);
        fail(&mut outage, 1100);
        assert!(succeed(&mut outage, 1101).is_some());
    }

    #[test]
    fn an_attempt_that_does_not_end_is_followed_by_another_after_a_pause() {
        let mut outage = Outage::NONE;
        fail(&mut outage, 50);
        // This one hangs.
        outage.begin(Millis(150), &RETRY, 0);
        assert!(!may_connect(&outage, 249) && may_connect(&outage, 250));
        outage.begin(Millis(250), &RETRY, 0);
        fail(&mut outage, 260);
        assert_eq!(due(&outage, 260, Demand::Floor), 200);
        // The end of the one that hung says nothing new.
        fail(&mut outage, 270);
        assert_eq!(due(&outage, 260, Demand::Floor), 200);
    }
}

// knows: clock, policies, shared_error · must not know: who connects, who waits
//! The failures to connect, since the last connect that succeeded: what callers are told, and when to try again.

use core::mem::replace;
use core::num::NonZero;

use super::clock::{Millis, span};
use super::policies::Retry;
use super::shared_error::SharedError;

/// How many milliseconds a connection is new.
pub(crate) const NEW: usize = 100;

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

/// Failures in a row.
pub(super) struct Outage {
    /// How many attempts for the pool failed, those that ran side by side counted once.
    failures: u16,
    /// When the first of them failed.
    since: Millis,
    /// When the next connect may be begun that no caller asks for.
    not_before: Millis,
    /// How many milliseconds earlier one may be begun that a caller asks for.
    earlier_in_demand: u32,
    /// An attempt was begun after the last pause, and has not failed.
    is_trying: bool,
    /// The last failure was not one to connect: the connection was unfit when it was new.
    died_young: bool,
    /// A connect has succeeded after that, and its connection may be unfit too.
    is_on_probation: bool,
    on_probation_from: Millis,
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
        is_trying: false,
        died_young: false,
        is_on_probation: false,
        on_probation_from: Millis(0),
        last: None,
        last_at: Millis(0),
    };

    pub(super) const fn is_on(&self) -> bool {
        self.failures > 0
    }

    /// A connect has failed `now`. One for the pool is followed by a pause. Of those that were begun side by side the
    /// first counts; and so does the attempt that was begun after a pause.
    ///
    /// Callers are told of `failure`, if that is given.
    pub(super) fn fail(
        &mut self,
        now: Millis,
        failure: Option<ConnectFailure>,
        purpose: Purpose,
        retry: &Retry,
        random: usize,
    ) {
        self.died_young = false;
        self.is_on_probation = false;
        if failure.is_some() {
            self.last = failure;
            self.last_at = now;
        }
        if purpose == Purpose::Pool && (self.is_trying || self.may_connect(now, Demand::Floor)) {
            if !self.is_on() {
                self.since = now;
            }
            self.is_trying = false;
            self.failures = self.failures.saturating_add(1);
            self.pause(now, retry, random);
        }
    }

    /// A connection was unfit `now`, when it was new.
    pub(super) fn fail_young(&mut self, now: Millis, failure: Option<ConnectFailure>, retry: &Retry, random: usize) {
        self.fail(now, failure, Purpose::Pool, retry, random);
        self.died_young = true;
    }

    /// A connect has succeeded `now`. Answers the failures, if they are over by that; they are not before the
    /// connection is new no longer, if others were unfit when they were.
    pub(super) fn succeed(&mut self, now: Millis) -> Option<Self> {
        if !self.died_young {
            return Some(replace(self, Self::NONE));
        }
        if !self.is_on_probation {
            (self.is_on_probation, self.on_probation_from) = (true, now);
        }
        None
    }

    /// Answers the failures, if they are over since no connection has been unfit for long enough.
    pub(super) fn settle(&mut self, now: Millis) -> Option<Self> {
        (self.is_on_probation && self.probation_left(now) == 0).then(|| replace(self, Self::NONE))
    }

    const fn probation_left(&self, now: Millis) -> usize {
        NEW.saturating_sub(now.since(self.on_probation_from))
    }

    /// An attempt is begun `now`. The next one is begun after a pause, also if this one does not end.
    pub(super) fn begin(&mut self, now: Millis, retry: &Retry, random: usize) {
        if self.is_on() {
            self.is_trying = true;
            self.pause(now, retry, random);
        }
    }

    fn pause(&mut self, now: Millis, retry: &Retry, random: usize) {
        let failures = u32::from(self.failures);
        let (pause, in_demand) = (span(retry.pause(failures, random)), span(retry.pause_in_demand(failures, random)));
        self.not_before = Millis(now.0.wrapping_add(pause));
        self.earlier_in_demand = u32::try_from(pause.saturating_sub(in_demand)).unwrap_or(u32::MAX);
    }

    const fn not_before(&self, demand: Demand) -> Millis {
        match demand {
            Demand::Caller => Millis(self.not_before.0.wrapping_sub(self.earlier_in_demand as usize)),
            Demand::Floor => self.not_before,
        }
    }

    pub(super) const fn may_connect(&self, now: Millis, demand: Demand) -> bool {
        !self.is_on() || self.not_before(demand).since(now) == 0
    }

    /// In how many milliseconds a connect may be begun, if it has to wait. For callers: and then, one for the floor. Or
    /// when the failures are [over](Self::settle).
    pub(super) fn due(&self, now: Millis, demand: Demand) -> Option<NonZero<usize>> {
        if !self.is_on() {
            return None;
        }
        let due = |demand| NonZero::new(self.not_before(demand).since(now));
        let settles = if self.is_on_probation { NonZero::new(self.probation_left(now)) } else { None };
        due(demand).or_else(|| due(Demand::Floor)).into_iter().chain(settles).min()
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

#[cfg(all(test, not(any(conn_pool_loom, conn_pool_shuttle))))]
mod tests {
    use core::time::Duration;

    use super::{ConnectFailure, Demand, Millis, Outage, Purpose, Retry, SharedError};

    const RETRY: Retry =
        Retry { attempts: 0, first_pause: Duration::from_millis(100), longest_pause: Duration::from_millis(300) };

    fn fail(outage: &mut Outage, now: usize) {
        let failure = ConnectFailure { error: SharedError::of("no"), ends_waits: false };
        outage.fail(Millis(now), Some(failure), Purpose::Pool, &RETRY, 0);
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
            outage.fail(Millis(50), None, Purpose::Pool, &retry, 0);
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
    fn after_new_connections_that_were_unfit_a_success_is_believed_when_it_is_old() {
        let mut outage = Outage::NONE;
        let die = |outage: &mut Outage, now| outage.fail_young(Millis(now), None, &RETRY, 0);
        die(&mut outage, 50);
        // One that was under way, and one after the pause.
        assert!(outage.succeed(Millis(60)).is_none() && !may_connect(&outage, 60));
        die(&mut outage, 61);
        outage.begin(Millis(150), &RETRY, 0);
        assert!(outage.succeed(Millis(151)).is_none() && outage.settle(Millis(151)).is_none());
        die(&mut outage, 152);
        assert_eq!(due(&outage, 152, Demand::Floor), 200);
        outage.begin(Millis(352), &RETRY, 0);
        assert!(outage.succeed(Millis(360)).is_none() && outage.succeed(Millis(400)).is_none());
        assert_eq!(due(&outage, 400, Demand::Floor), 60);
        assert!(outage.settle(Millis(459)).is_none() && outage.settle(Millis(460)).is_some());
        assert!(!outage.is_on() && outage.settle(Millis(460)).is_none());
        // A failure to connect is over with the next success.
        die(&mut outage, 500);
        fail(&mut outage, 700);
        assert!(outage.succeed(Millis(701)).is_some());
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

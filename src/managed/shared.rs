// knows: clock, config, jobs, metrics, outage, policies, record, settings, engine, sync · must not know: managers,
// connections, slots
//! What a managed pool keeps beside its engine: its configuration, its counters, the flags that its fast path reads,
//! and the state of maintenance.

use core::mem::{replace, swap};
use core::num::NonZero;
use core::task::Waker;
use core::time::Duration;

use super::clock::{FOR_EVER, Millis, span, span_or_for_ever};
use super::config::Config;
use super::jobs::{Attendant, Job, Jobs, Work};
use super::metrics::Counters;
use super::outage::{ConnectFailure, Demand, Outage, Purpose};
use super::policies::{Nested, OnPanic, Reuse};
use super::record::ConnRecord;
use super::settings::Settings;
use crate::engine::SlotToken;
use crate::sync::{AtomicUsize, Lock, PlainBool, PlainUsize, Relaxed, cold_path, const_fn, drop_once, ord};

/// Maintenance does not mark connections that grow old or stale: each acquire reads the clock.
pub(crate) const SELF_TIMED: usize = 1 << 0;
/// Each connection is checked before a caller gets it.
pub(super) const CHECK_EACH: usize = 1 << 1;
/// Idle connections are acquired in turn.
pub(super) const ROUND_ROBIN: usize = 1 << 2;
/// Maintenance sleeps, and is to be woken when connections are in use again.
pub(super) const ASLEEP: usize = 1 << 4;
/// A release has to call the manager: only in pools for C, whose manager may have nothing to do at a release.
#[cfg(feature = "ffi")]
pub(crate) const ON_RETURN: usize = 1 << 5;
/// An acquire has to call what looks on: only in pools for C.
#[cfg(feature = "ffi")]
pub(crate) const ON_LEND: usize = 1 << 6;

pub(crate) struct Shared {
    settings: Settings,
    /// `validate_after` and `validate_every` in milliseconds; `FOR_EVER` if they are not set.
    stale_after: usize,
    unproven_after: usize,
    tracks: bool,
    /// What keeps acquire and release from the fast path. Written when the pool is made, and by maintenance.
    flags: AtomicUsize,
    /// The process that the connections are of; 0 before the first one.
    pub(super) process: AtomicUsize,
    /// Until when acquires may rely on the marks, unless maintenance marks again; `FOR_EVER` if no mark tells that a
    /// connection has to be checked, so that no acquire needs to read the clock.
    trusted_until: PlainUsize,
    /// For how long the machine had been suspended when maintenance looked last, in milliseconds and one more; 0 if it
    /// has not looked yet.
    suspended: AtomicUsize,
    /// How often all connections were evicted.
    epoch: AtomicUsize,
    /// The slot acquired last, if connections are acquired in turn.
    last: PlainUsize,
    /// The state of the random numbers.
    pub(super) random: AtomicUsize,
    upkeep: Lock<Upkeep>,
    /// Called when the pool has no connector any more: one that stands by.
    standby: Lock<Option<Waker>>,
    /// What is to be done elsewhere than by a caller.
    jobs: Lock<Jobs>,
    /// The failures to connect, and whether there were any.
    outage: Lock<Outage>,
    has_failed: PlainBool,
    counters: Counters,
}

/// The state of maintenance.
struct Upkeep {
    /// A pass is running.
    is_busy: bool,
    /// The waker of maintenance, while it sleeps.
    sleeper: Option<Waker>,
    /// When maintenance last marked all connections; `None` if it does not do so regularly.
    marked_at: Option<Millis>,
    /// Checks of idle connections that were handed over and have not ended, and when the last one was.
    probes: usize,
    probed_at: Millis,
    /// How many connects were begun for the floor of idle connections, and since when they are counted.
    fills: usize,
    fills_since: Millis,
}

impl Upkeep {
    const NEW: Self = Self {
        is_busy: false,
        sleeper: None,
        marked_at: None,
        probes: 0,
        probed_at: Millis(0),
        fills: 0,
        fills_since: Millis(0),
    };
}

impl Shared {
    const_fn! {
        pub(crate) const fn new(config: Config) -> Self {
            Self {
                flags: AtomicUsize::new(Self::flags_for(&config)),
                process: AtomicUsize::new(0),
                trusted_until: PlainUsize::new(Self::trust_for(&config)),
                suspended: AtomicUsize::new(0),
                stale_after: span_or_for_ever(config.validate_after),
                unproven_after: span_or_for_ever(config.validate_every),
                tracks: !matches!(config.nested, Some(Nested::Allow)),
                settings: Settings::new(config),
                epoch: AtomicUsize::new(0),
                last: PlainUsize::new(usize::MAX),
                random: AtomicUsize::new(0),
                upkeep: Lock::new(Upkeep::NEW),
                standby: Lock::new(None),
                jobs: Lock::new(Jobs::NONE),
                outage: Lock::new(Outage::NONE),
                has_failed: PlainBool::new(false),
                counters: Counters::new(),
            }
        }
    }

    /// Sets options in a pool that is being made where it lies. Which thread holds what cannot be set here.
    #[cfg(feature = "ffi")]
    pub(crate) fn set_up(&mut self, set: impl FnOnce(&mut Config)) {
        set(self.settings.built_mut());
        let config = self.settings.built();
        self.flags.store(Self::flags_for(config), Relaxed);
        self.trusted_until.store(Self::trust_for(config), Relaxed);
        self.stale_after = span_or_for_ever(config.validate_after);
        self.unproven_after = span_or_for_ever(config.validate_every);
    }

    const fn trust_for(config: &Config) -> usize {
        // No pass was made yet. Before the first one `SELF_TIMED` is set.
        if Self::needs_fresh_marks(config) { 0 } else { FOR_EVER }
    }

    const fn flags_for(config: &Config) -> usize {
        let mut flags = if Self::needs_ages(config, config.max_lifetime) { SELF_TIMED } else { 0 };
        if let Some(Duration::ZERO) = config.validate_after {
            flags |= CHECK_EACH;
        }
        if matches!(config.reuse, Reuse::RoundRobin) {
            flags |= ROUND_ROBIN;
        }
        flags
    }

    /// Whether acquires have to know how old a connection is, or how long it was idle.
    const fn needs_ages(config: &Config, max_lifetime: Option<Duration>) -> bool {
        max_lifetime.is_some() || Self::needs_fresh_marks(config)
    }

    /// Whether marks tell which connections have to be checked.
    const fn needs_fresh_marks(config: &Config) -> bool {
        config.validate_every.is_some() || matches!(config.validate_after, Some(after) if !after.is_zero())
    }

    /// The options as the pool was built: for those that cannot be changed.
    pub(crate) const fn config(&self) -> &Config {
        self.settings.built()
    }

    pub(crate) const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// For how many milliseconds a connection may have been idle, for a caller to get it unchecked.
    #[inline(always)]
    pub(super) const fn stale_after(&self) -> usize {
        self.stale_after
    }

    /// For how many milliseconds a connection may go unproven.
    #[inline(always)]
    pub(super) const fn unproven_after(&self) -> usize {
        self.unproven_after
    }

    pub(crate) const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Whether the pool records which thread holds which connection.
    #[inline(always)]
    pub(super) const fn tracks(&self) -> bool {
        self.tracks
    }

    #[inline(always)]
    pub(crate) fn flags(&self) -> usize {
        self.flags.load(Relaxed)
    }

    #[inline(always)]
    pub(crate) fn has(&self, flags: usize) -> bool {
        self.flags() & flags != 0
    }

    /// Sets flags, which keep acquire and release from the fast path from now on.
    #[cfg(feature = "ffi")]
    pub(crate) fn set(&self, flags: usize) {
        self.flags.fetch_or(flags, Relaxed);
    }

    /// Sets whether acquire and release may rely on maintenance to mark connections that grow old or stale.
    pub(super) fn trust_marks(&self, trust: bool) {
        if trust || !Self::needs_ages(self.config(), self.settings.max_lifetime()) {
            self.flags.fetch_and(!SELF_TIMED, Relaxed);
        } else {
            self.flags.fetch_or(SELF_TIMED, Relaxed);
        }
    }

    /// Until when the marks may be relied on, if that has an end.
    #[inline(always)]
    pub(super) fn trusted_until(&self) -> Option<Millis> {
        // Pairs with O17: who relies on a pass sees the marks that it has made. With an old value an acquire tells ages
        // by the clock without need.
        let until = self.trusted_until.load(ord!(O16, Acquire));
        (until != FOR_EVER).then_some(Millis(until))
    }

    /// The marks of a pass that began to mark `now` may be relied on for so many milliseconds.
    pub(super) fn extend_trust(&self, now: Millis, trusted_for: usize) {
        if self.trusted_until().is_some() {
            let until = now.0.wrapping_add(trusted_for);
            // Pairs with O16: after the marks of the pass.
            self.trusted_until.store(if until == FOR_EVER { until - 1 } else { until }, ord!(O17, Release));
        }
    }

    /// Whether the time until which the marks may be relied on is over. Then the next acquires and releases do not rely
    /// on them either.
    #[inline(always)]
    pub(super) fn distrust_after(&self, until: Millis, now: Millis) -> bool {
        let is_over = now.since(until) > 0;
        if is_over {
            cold_path();
            self.trust_marks(false);
        }
        is_over
    }

    /// Whether the machine was suspended since this was called last, for longer than `limit`. It has been suspended for
    /// `suspended` in all.
    pub(super) fn was_suspended(&self, suspended: Duration, limit: Duration) -> bool {
        let now = span(suspended).saturating_add(1);
        if now <= self.suspended.load(Relaxed) {
            return false;
        }
        // One modification: of two maintenance passes one sees that the machine was suspended.
        let before = self.suspended.fetch_max(now, Relaxed);
        before != 0 && now.saturating_sub(before) > span(limit)
    }

    pub(super) fn discards_on_panic(&self) -> bool {
        self.config().on_panic == OnPanic::Discard
    }

    #[inline]
    pub(crate) fn epoch(&self) -> usize {
        self.epoch.load(Relaxed)
    }

    pub(super) fn begin_epoch(&self) {
        self.epoch.fetch_add(1, Relaxed);
    }

    pub(super) fn last_lent(&self) -> usize {
        self.last.load(Relaxed)
    }

    pub(super) fn note_lent(&self, slot: usize) {
        // A store, and no read-modify-write: that now and then one connection is acquired twice in a row does no harm.
        self.last.store(slot, Relaxed);
    }

    /// Begins a pass of maintenance, unless one is running; it ends with [`end_upkeep`](Self::end_upkeep).
    pub(super) fn begin_upkeep(&self) -> bool {
        self.upkeep.with(|upkeep| !replace(&mut upkeep.is_busy, true))
    }

    pub(super) fn end_upkeep(&self) {
        self.upkeep.with(|upkeep| upkeep.is_busy = false);
    }

    /// Whether a connect may be begun: not too soon after a failure.
    pub(super) fn may_connect(&self, now: Millis, demand: Demand) -> bool {
        if self.has_failed() {
            self.end_outage(|outage| outage.settle(now));
        }
        self.outage.with(|outage| outage.may_connect(now, demand))
    }

    /// Notes that a connect has succeeded.
    pub(super) fn note_connected(&self, now: impl FnOnce() -> Millis) {
        let Some(now) = self.has_failed().then(now) else { return };
        self.end_outage(|outage| outage.succeed(now, &self.config().retry, self.random()));
    }

    fn end_outage(&self, end: impl FnOnce(&mut Outage) -> Option<Outage>) {
        drop_once(self.outage.with(|outage| {
            let ended = end(outage);
            if ended.is_some() {
                self.has_failed.store(false, Relaxed);
            }
            ended
        }));
    }

    /// Notes that a new connection is unfit, which counts as a connect that has failed.
    pub(super) fn note_short_lived(&self, now: Millis, failure: Option<ConnectFailure>) {
        let random = self.random();
        drop_once(self.outage.with(|outage| {
            self.has_failed.store(true, Relaxed);
            outage.fail_short_lived(now, failure, &self.config().retry, random)
        }));
    }

    /// Notes that a connect has failed, and so how long to wait before the next.
    pub(super) fn note_failure(&self, now: Millis, failure: Option<ConnectFailure>, purpose: Purpose) {
        let random = if purpose == Purpose::Caller { 0 } else { self.random() };
        drop_once(self.outage.with(|outage| {
            self.has_failed.store(true, Relaxed);
            outage.fail(now, failure, purpose, &self.config().retry, random)
        }));
    }

    /// Whether a connect has failed, and none has succeeded since: without the lock.
    #[inline(always)]
    pub(super) fn has_failed(&self) -> bool {
        self.has_failed.load(Relaxed)
    }

    /// Whether the last connect for the pool has failed.
    pub(super) fn is_failing(&self) -> bool {
        self.has_failed() && self.outage.with(|outage| outage.is_on())
    }

    /// Notes that a connect for the pool is begun.
    pub(super) fn note_attempt(&self, now: Millis) {
        if self.has_failed() {
            let random = self.random();
            self.outage.with(|outage| outage.begin(now, &self.config().retry, random));
        }
    }

    /// In how many milliseconds a connect may be begun, if it has to wait. For callers: and then, one for the floor.
    pub(super) fn connect_due(&self, now: Millis, demand: Demand) -> Option<NonZero<usize>> {
        self.outage.with(|outage| outage.due(now, demand))
    }

    /// For how many milliseconds connecting has failed; `None` if the last connect succeeded.
    pub(super) fn failing_for(&self, now: Millis) -> Option<usize> {
        self.outage.with(|outage| outage.lasts(now))
    }

    /// How many milliseconds ago the last connect failed; `None` if it succeeded.
    pub(super) fn failed_ago(&self, now: Millis) -> Option<usize> {
        self.outage.with(|outage| outage.failed_ago(now))
    }

    /// Why connecting fails, if it does.
    pub(super) fn failure(&self) -> Option<ConnectFailure> {
        self.outage.with(|outage| outage.failure())
    }

    /// Sets who does the jobs.
    pub(super) fn attend_jobs(&self, attendant: Attendant) {
        self.jobs.with(|jobs| jobs.set_attendant(attendant));
    }

    /// Has `waker` called when the pool has no connector any more.
    pub(super) fn stand_by(&self, waker: &Waker) {
        let waker = Some(waker.clone());
        // What is replaced is dropped without the lock: that is user code.
        let _replaced = self.standby.with(|standby| replace(standby, waker));
    }

    /// Calls the one that stands by.
    pub(super) fn call_standby(&self) {
        if let Some(waker) = self.standby.with(Option::take) {
            waker.wake();
        }
    }

    /// Whether a job of this kind is taken.
    pub(super) fn takes(&self, job: Job) -> bool {
        self.jobs.with(|jobs| jobs.takes(job))
    }

    /// Hands a slot over; hands it back if there is no connector.
    pub(super) fn push_job<'r>(
        &self,
        slot: SlotToken,
        job: Job,
        record: impl Fn(usize) -> &'r ConnRecord,
    ) -> Result<(), SlotToken> {
        self.jobs.with(|jobs| jobs.push(slot, job, record))
    }

    /// Takes what was handed over first.
    pub(super) fn take_work<'r>(&self, record: impl Fn(usize) -> &'r ConnRecord) -> Option<Work> {
        self.jobs.with(|jobs| jobs.take(record))
    }

    /// Takes the slot of a connect that was not begun.
    pub(super) fn take_connect<'r>(&self, record: impl Fn(usize) -> &'r ConnRecord) -> Option<SlotToken> {
        self.jobs.with(|jobs| jobs.take_connect(record))
    }

    /// How many jobs wait to be begun.
    pub(super) fn jobs(&self) -> usize {
        self.jobs.with(|jobs| jobs.len())
    }

    /// A thread closes the pool: its connector waits for what is handed over, until the thread
    /// [ends](Self::end_closing) that.
    #[cfg(feature = "std")]
    pub(super) fn begin_closing(&self) {
        self.jobs.with(Jobs::begin_closing);
    }

    #[cfg(feature = "std")]
    pub(super) fn end_closing(&self) {
        self.jobs.with(Jobs::end_closing);
        self.wake();
    }

    /// Whether jobs wait to be begun, or the closing of the pool hands some over.
    #[cfg(feature = "std")]
    pub(super) fn has_jobs_to_come(&self) -> bool {
        self.jobs.with(|jobs| jobs.len() > 0 || jobs.is_closing())
    }

    /// There is something to report.
    pub(super) fn ask_report(&self) {
        self.jobs.with(Jobs::ask_report);
    }

    /// A connection that was handed over was ended.
    pub(super) fn end_discard(&self) {
        if let Some(waker) = self.jobs.with(Jobs::end_discard) {
            waker.wake();
        }
    }

    /// Has `waker` called when no connection is left to be ended; `false` if none is left by now.
    #[cfg(feature = "std")]
    pub(super) fn await_discards(&self, waker: &Waker) -> bool {
        let mut waker = Some(waker.clone());
        self.jobs.with(|jobs| jobs.await_discards(&mut waker))
    }

    pub(super) fn end_report(&self) {
        self.jobs.with(Jobs::end_report);
    }

    /// Whether an idle connection may be checked beside those that are: one at a time, so that callers find the others
    /// idle, unless its check takes longer than `patience`.
    pub(super) fn begin_probe(&self, now: Millis, patience: usize) -> bool {
        self.upkeep.with(|upkeep| {
            let may = upkeep.probes == 0 || now.since(upkeep.probed_at) >= patience;
            if may {
                upkeep.probes += 1;
                upkeep.probed_at = now;
            }
            may
        })
    }

    /// Whether another connect may be begun for the floor of idle connections: twice as many within `span` as the floor
    /// has, and two more. Connections that end as soon as they are made would keep the server busy otherwise.
    pub(super) fn may_fill(&self, now: Millis, span: usize) -> bool {
        self.upkeep.with(|upkeep| {
            if now.since(upkeep.fills_since) >= span {
                upkeep.fills_since = now;
                upkeep.fills = 0;
            }
            upkeep.fills < 2 * self.settings.min_idle() + 2
        })
    }

    pub(super) fn note_fill(&self) {
        self.upkeep.with(|upkeep| upkeep.fills += 1);
    }

    /// Counts the check of a connection that was released: it is idle soon.
    pub(super) fn add_probe(&self) {
        self.upkeep.with(|upkeep| upkeep.probes += 1);
    }

    pub(super) fn end_probe(&self) {
        self.upkeep.with(|upkeep| upkeep.probes -= 1);
    }

    /// How many idle connections are being checked.
    pub(super) fn probes(&self) -> usize {
        self.upkeep.with(|upkeep| upkeep.probes)
    }

    /// Maintenance has marked all connections `now`, and sleeps until it is woken.
    pub(super) fn sleep(&self, waker: &Waker, now: Millis) {
        let mut waker = Some(waker.clone());
        // What is replaced is dropped without the lock: that is user code.
        self.upkeep.with(|upkeep| {
            swap(&mut upkeep.sleeper, &mut waker);
            upkeep.marked_at = Some(now);
        });
    }

    /// When maintenance has last marked all connections, if it does so regularly. What that pass has recorded is
    /// visible to the caller, since it was recorded before the lock was taken.
    pub(super) fn marked_at(&self) -> Option<Millis> {
        self.upkeep.with(|upkeep| upkeep.marked_at)
    }

    /// Maintenance has stopped marking.
    pub(super) fn forget_marking(&self) {
        self.upkeep.with(|upkeep| upkeep.marked_at = None);
    }

    /// As [`sleep`](Self::sleep), for maintenance that sleeps already; `false` if it was woken meanwhile.
    pub(super) fn sleep_on(&self, waker: &Waker) -> bool {
        let mut waker = Some(waker.clone());
        self.upkeep.with(|upkeep| {
            let is_asleep = upkeep.sleeper.is_some();
            if is_asleep {
                swap(&mut upkeep.sleeper, &mut waker);
            }
            is_asleep
        })
    }

    /// Sets whether the next acquire wakes maintenance.
    pub(super) fn note_sleep(&self, is_asleep: bool) {
        if is_asleep {
            self.flags.fetch_or(ASLEEP, Relaxed);
        } else if self.has(ASLEEP) {
            self.flags.fetch_and(!ASLEEP, Relaxed);
        }
    }

    /// Wakes maintenance, if acquires are to do that.
    #[inline(always)]
    pub(super) fn wake_if_asleep(&self) {
        if self.has(ASLEEP) {
            cold_path();
            self.wake();
        }
    }

    /// Wakes maintenance: there is something to do.
    pub(super) fn wake(&self) {
        if let Some(waker) = self.take_sleeper() {
            waker.wake();
        }
    }

    /// Takes out the waker of maintenance, if it sleeps.
    pub(super) fn take_sleeper(&self) -> Option<Waker> {
        self.note_sleep(false);
        self.upkeep.with(|upkeep| upkeep.sleeper.take())
    }
}

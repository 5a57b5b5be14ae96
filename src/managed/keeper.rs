//! Layer 6 · part of managed · knows: config, metrics, sync · must not know: managers, connections, slots
//!
//! What a managed pool keeps beside its engine: its configuration, what it has counted, and what its borrowers have to
//! pay attention to.

use core::num::NonZero;
use core::task::Waker;
use core::time::Duration;

use super::clock::{Millis, span};
use super::config::{Config, Nested, OnPanic, Reuse};
use super::figures::Figures;
use super::manager::Reason;
use super::notes::FOR_EVER;
use super::observe::Published;
use crate::metrics::Recorder;
use crate::sync::{AtomicUsize, Lock, Relaxed, const_fn};

/// Nobody marks connections that grow old or stale: each borrower and returner looks at the clock.
pub(crate) const SELF_TIMED: usize = 1 << 0;
/// Each connection is checked before it is lent.
pub(super) const CHECK_EACH: usize = 1 << 1;
/// Connections are lent in turn.
pub(super) const IN_TURN: usize = 1 << 2;
/// It is written down which thread holds what.
pub(super) const TRACK: usize = 1 << 3;

/// The maintenance sleeps, and is to be roused when connections are in use again.
pub(super) const ASLEEP: usize = 1 << 4;

/// Something is to be done with a connection that comes back: for pools whose fast path has to ask.
#[cfg(feature = "ffi")]
pub(crate) const ON_RETURN: usize = 1 << 5;

pub(crate) struct Keeper {
    config: Config,
    /// What the fast path leaves to a slower one. Written at the pool's making, and by the maintenance.
    attention: AtomicUsize,
    /// How often everything was evicted.
    epoch: AtomicUsize,
    /// The slot lent last, where connections are lent in turn.
    last: AtomicUsize,
    /// The last random number.
    random: AtomicUsize,
    upkeep: Lock<Upkeep>,
    tallies: Tallies,
}

/// How long things take.
pub(crate) struct Times {
    pub(super) connect: Recorder,
    pub(super) hold: Recorder,
    /// What of it was told to others.
    pub(super) published: Published,
}

impl Times {
    const_fn! {
        pub(super) const fn new() -> Self {
            Self { connect: Recorder::new(), hold: Recorder::new(), published: Published::new() }
        }
    }
}

/// What the maintenance keeps.
struct Upkeep {
    /// Somebody is at it.
    is_busy: bool,
    /// Who sleeps until there is something to do.
    sleeper: Option<Waker>,
    /// When the sleeper had looked at all connections, as long as it means to do so again.
    surveyed_at: Option<Millis>,
    /// Connects that failed in a row, and when the next may be tried.
    failures: u32,
    not_before: Option<Millis>,
}

/// Counts, each added to by read-modify-writes off the fast path.
struct Tallies {
    connected: AtomicUsize,
    connect_failed: AtomicUsize,
    checked: AtomicUsize,
    check_failed: AtomicUsize,
    refused: AtomicUsize,
    leaked: AtomicUsize,
    discarded: [AtomicUsize; Reason::ALL.len()],
}

/// What is counted, besides what is discarded.
#[derive(Clone, Copy)]
pub(super) enum Count {
    Connected,
    ConnectFailed,
    Checked,
    CheckFailed,
    Refused,
    Leaked,
}

impl Keeper {
    const_fn! {
        pub(crate) const fn new(config: Config) -> Self {
            Self {
                attention: AtomicUsize::new(Self::attention_for(&config)),
                config,
                epoch: AtomicUsize::new(0),
                last: AtomicUsize::new(usize::MAX),
                random: AtomicUsize::new(0),
                upkeep: Lock::new(Upkeep { is_busy: false, sleeper: None, surveyed_at: None, failures: 0, not_before: None }),
                tallies: Tallies::new(),
            }
        }
    }

    const fn attention_for(config: &Config) -> usize {
        let mut attention = 0;
        if config.max_lifetime.is_some() {
            attention |= SELF_TIMED;
        }
        match config.validate_after {
            Some(Duration::ZERO) => attention |= CHECK_EACH,
            Some(_) => attention |= SELF_TIMED,
            None => {}
        }
        if matches!(config.reuse, Reuse::Rotating) {
            attention |= IN_TURN;
        }
        if matches!(config.nested, Nested::Refuse) {
            attention |= TRACK;
        }
        attention
    }

    pub(crate) const fn config(&self) -> &Config {
        &self.config
    }

    #[inline(always)]
    pub(crate) fn attention(&self) -> usize {
        self.attention.load(Relaxed)
    }

    #[inline(always)]
    pub(crate) fn pays(&self, attention: usize) -> bool {
        self.attention() & attention != 0
    }

    /// From now on the fast path is to look out for this too.
    #[cfg(feature = "ffi")]
    pub(crate) fn pay(&self, attention: usize) {
        self.attention.fetch_or(attention, Relaxed);
    }

    /// Whether somebody marks connections that grow old or stale, and says so in time.
    pub(super) fn trust_marks(&self, trust: bool) {
        if trust {
            self.attention.fetch_and(!SELF_TIMED, Relaxed);
        } else {
            self.attention.fetch_or(Self::attention_for(&self.config) & SELF_TIMED, Relaxed);
        }
    }

    pub(super) fn discards_on_panic(&self) -> bool {
        self.config.on_panic == OnPanic::Discard
    }

    pub(super) fn epoch(&self) -> usize {
        self.epoch.load(Relaxed)
    }

    pub(super) fn begin_epoch(&self) {
        self.epoch.fetch_add(1, Relaxed);
    }

    pub(super) fn last_lent(&self) -> usize {
        self.last.load(Relaxed)
    }

    pub(super) fn note_lent(&self, slot: usize) {
        // A store, and no read-modify-write: that now and then one is lent twice in a row does no harm.
        self.last.store(slot, Relaxed);
    }

    /// A number that cannot be foreseen well, to spread things that would happen all at once: a Weyl sequence, mixed
    /// (after SplitMix, <https://doi.org/10.1145/2660193.2660195>).
    pub(super) fn random(&self) -> usize {
        let address = core::ptr::from_ref(self).addr();
        #[expect(clippy::cast_possible_truncation, reason = "as many bits as a word has")]
        let step = 0x9E37_79B9_7F4A_7C15_u64 as usize | 1;
        let mut mixed = self.random.fetch_add(step, Relaxed) ^ address;
        for _ in 0..2 {
            mixed ^= mixed >> (usize::BITS / 2 - 1);
            mixed = mixed.wrapping_mul(step);
        }
        mixed ^ mixed >> (usize::BITS / 2 - 1)
    }

    /// How long a connection that begins now may live, in milliseconds.
    pub(super) fn lifetime(&self) -> usize {
        let Some(longest) = self.config.max_lifetime else { return FOR_EVER };
        let longest = span(longest);
        let jitter = longest / 100 * usize::from(self.config.lifetime_jitter_percent);
        longest - if jitter == 0 { 0 } else { self.random() % (jitter + 1) }
    }

    pub(super) fn count(&self, what: Count) {
        let tallies = &self.tallies;
        let tally = match what {
            Count::Connected => &tallies.connected,
            Count::ConnectFailed => &tallies.connect_failed,
            Count::Checked => &tallies.checked,
            Count::CheckFailed => &tallies.check_failed,
            Count::Refused => &tallies.refused,
            Count::Leaked => &tallies.leaked,
        };
        tally.fetch_add(1, Relaxed);
    }

    pub(super) fn count_discard(&self, reason: Reason) {
        self.tallies.discarded[reason as usize].fetch_add(1, Relaxed);
    }

    pub(crate) fn figures(&self) -> Figures {
        let tallies = &self.tallies;
        let read = |tally: &AtomicUsize| tally.load(Relaxed);
        Figures {
            connected: read(&tallies.connected),
            connect_failed: read(&tallies.connect_failed),
            checked: read(&tallies.checked),
            check_failed: read(&tallies.check_failed),
            refused: read(&tallies.refused),
            leaked: read(&tallies.leaked),
            discarded: tallies.discarded.each_ref().map(read),
        }
    }

    /// Whether the caller is the only one to do the upkeep, until it says that it has [ended](Self::end_upkeep).
    pub(super) fn begin_upkeep(&self) -> bool {
        self.upkeep.with(|upkeep| !core::mem::replace(&mut upkeep.is_busy, true))
    }

    pub(super) fn end_upkeep(&self) {
        self.upkeep.with(|upkeep| upkeep.is_busy = false);
    }

    /// Whether the maintenance may try to connect: not so soon after a failure.
    pub(super) fn may_refill(&self, now: Millis) -> bool {
        self.upkeep.with(|upkeep| upkeep.not_before.is_none_or(|not_before| not_before.since(now) == 0))
    }

    /// A connect of the maintenance has failed or not: how long to wait before the next.
    pub(super) fn note_refill(&self, now: Millis, has_failed: bool) {
        let random = self.random();
        self.upkeep.with(|upkeep| {
            upkeep.failures = if has_failed { upkeep.failures.saturating_add(1) } else { 0 };
            let pause = || span(self.config.retry.pause(upkeep.failures, random));
            upkeep.not_before = has_failed.then(|| Millis(now.0.wrapping_add(pause())));
        });
    }

    /// How many milliseconds until the maintenance may try to connect.
    pub(super) fn refill_due(&self, now: Millis) -> Option<NonZero<usize>> {
        self.upkeep.with(|upkeep| NonZero::new(upkeep.not_before?.since(now)))
    }

    /// Somebody has looked at all connections `now`, and sleeps until there is something to do, to be woken then.
    pub(super) fn sleep(&self, waker: &Waker, now: Millis) {
        let mut waker = Some(waker.clone());
        // What is replaced is dropped without the lock: that is user code.
        self.upkeep.with(|upkeep| {
            core::mem::swap(&mut upkeep.sleeper, &mut waker);
            upkeep.surveyed_at = Some(now);
        });
    }

    /// When somebody who does so again and again has last looked at all connections. What was written down by that is seen
    /// now, since it was before the lock was taken.
    pub(super) fn surveyed_at(&self) -> Option<Millis> {
        self.upkeep.with(|upkeep| upkeep.surveyed_at)
    }

    /// Nobody looks again.
    pub(super) fn survey_no_more(&self) {
        self.upkeep.with(|upkeep| upkeep.surveyed_at = None);
    }

    /// As [`sleep`](Self::sleep), for one who sleeps already; `false` if it was woken meanwhile.
    pub(super) fn sleep_on(&self, waker: &Waker) -> bool {
        let mut waker = Some(waker.clone());
        self.upkeep.with(|upkeep| {
            let sleeps = upkeep.sleeper.is_some();
            if sleeps {
                core::mem::swap(&mut upkeep.sleeper, &mut waker);
            }
            sleeps
        })
    }

    /// Whether the first borrower is to wake the sleeper.
    pub(super) fn note_sleep(&self, is_asleep: bool) {
        if is_asleep {
            self.attention.fetch_or(ASLEEP, Relaxed);
        } else if self.pays(ASLEEP) {
            self.attention.fetch_and(!ASLEEP, Relaxed);
        }
    }

    /// Wakes the sleeper, if borrowers are to do that.
    pub(super) fn rouse(&self) {
        if self.pays(ASLEEP) {
            self.wake();
        }
    }

    /// Wakes the sleeper: there is something to do.
    pub(super) fn wake(&self) {
        if let Some(waker) = self.take_sleeper() {
            waker.wake();
        }
    }

    /// Who is to be woken, and is not in the pool's keeping any more.
    pub(super) fn take_sleeper(&self) -> Option<Waker> {
        self.note_sleep(false);
        self.upkeep.with(|upkeep| upkeep.sleeper.take())
    }
}

impl Tallies {
    const_fn! {
        const fn new() -> Self {
            Self {
                connected: AtomicUsize::new(0),
                connect_failed: AtomicUsize::new(0),
                checked: AtomicUsize::new(0),
                check_failed: AtomicUsize::new(0),
                refused: AtomicUsize::new(0),
                leaked: AtomicUsize::new(0),
                discarded: discards(),
            }
        }
    }
}

const_fn! {
    const fn discards() -> [AtomicUsize; Reason::ALL.len()] {
        // loom's atomics cannot be made in a constant.
        #[cfg(not(conn_pool_loom))]
        { [const { AtomicUsize::new(0) }; Reason::ALL.len()] }
        #[cfg(conn_pool_loom)]
        { core::array::from_fn(|_| AtomicUsize::new(0)) }
    }
}

#[cfg(all(test, not(any(conn_pool_loom, conn_pool_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn what_happens_at_random_is_spread() {
        let low: fn(usize) -> usize = |random| random % 10;
        let high = |random: usize| (random / (usize::MAX / 10)).min(9);
        for tenth in [low, high] {
            let keeper = Keeper::new(Config::new());
            let mut shares = [0; 10];
            (0..10_000).for_each(|_| shares[tenth(keeper.random())] += 1);
            assert!(shares.iter().all(|share| (750..1250).contains(share)), "{shares:?}");
        }
    }

    /// Neighbours in time, as those that are connected one after the other.
    #[test]
    fn random_numbers_that_follow_each_other_are_apart() {
        let keeper = Keeper::new(Config::new());
        let rises = (0..10_000).filter(|_| keeper.random() < keeper.random()).count();
        assert!((4_500..5_500).contains(&rises), "{rises} rises");
    }
}

//! Layer 1 · part of metrics · knows: `Tally` · must not know: whose time it was
//!
//! How long callers waited: counts in buckets whose width grows with the time, four to each doubling, so a percentile
//! is at most a quarter too high at any scale. The idea is that of HDR histograms (<https://hdrhistogram.org>).

use core::time::Duration;

use super::Tally;
use crate::sync::Relaxed;

/// Steps within a doubling, as a power of two.
const STEP_BITS: u32 = 2;
const STEPS: usize = 1 << STEP_BITS;
/// Times are counted in microseconds, up to 2^36 of them: 19 hours.
const DOUBLINGS: usize = 36;
const BUCKETS: usize = STEPS + (DOUBLINGS - STEP_BITS as usize) * STEPS;

fn bucket_of(waited: Duration) -> usize {
    let micros = u64::try_from(waited.as_micros()).unwrap_or(u64::MAX).min((1 << DOUBLINGS) - 1);
    let Some(top) = micros.checked_ilog2().filter(|top| *top >= STEP_BITS) else {
        return usize::try_from(micros).unwrap_or(0);
    };
    let shift = top - STEP_BITS;
    // `micros >> shift` lies in STEPS..2 * STEPS.
    shift as usize * STEPS + usize::try_from(micros >> shift).unwrap_or(0)
}

/// The longest time that falls into a bucket.
fn upper_end(bucket: usize) -> Duration {
    if bucket < STEPS {
        return Duration::from_micros(bucket as u64);
    }
    let (shift, step) = (bucket / STEPS - 1, bucket % STEPS + STEPS);
    Duration::from_micros((((step as u64) + 1) << shift) - 1)
}

/// The pool's own counts; written under the line's lock.
pub(crate) struct Recorder {
    buckets: [Tally; BUCKETS],
}

impl Recorder {
    crate::sync::const_fn! {
        pub(crate) const fn new() -> Self {
            Self { buckets: new_buckets() }
        }
    }

    pub(crate) fn record(&self, waited: Duration) {
        self.buckets[bucket_of(waited)].add(1);
    }

    /// As [`record`](Self::record), by anybody at any time: with a read-modify-write.
    pub(crate) fn record_shared(&self, took: Duration) {
        self.buckets[bucket_of(took)].0.fetch_add(1, Relaxed);
    }

    pub(crate) fn read(&self) -> Histogram {
        Histogram { counts: core::array::from_fn(|bucket| self.buckets[bucket].get()) }
    }
}

crate::sync::const_fn! {
    const fn new_buckets() -> [Tally; BUCKETS] {
        // A `const` block cannot call loom's constructors, so the array is written out by repetition of a constant
        // off loom only.
        #[cfg(not(conn_pool_loom))]
        { [const { Tally::new(0) }; BUCKETS] }
        #[cfg(conn_pool_loom)]
        { core::array::from_fn(|_| Tally::new(0)) }
    }
}

/// How long callers waited in line, those who were served and those who gave up: from
/// [`Pool::wait_times`](crate::Pool::wait_times). Whoever did not have to wait is not in it.
///
/// ```
/// use std::time::Duration;
///
/// let pool = conn_pool::Pool::from(["only one"]);
/// let held = pool.get()?;
/// pool.get_timeout(Duration::from_millis(5)).unwrap_err();
///
/// let waits = pool.wait_times();
/// assert_eq!(waits.count(), 1);
/// assert!(waits.percentile(99.0).unwrap() >= Duration::from_millis(5));
/// # Ok::<(), conn_pool::PoolError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Histogram {
    counts: [usize; BUCKETS],
}

impl Histogram {
    /// How many waits were measured.
    #[must_use]
    pub fn count(&self) -> usize {
        self.counts.iter().sum()
    }

    /// The time within which `percent` of the waits ended, at most a quarter (and one microsecond) too high; `None` if
    /// nobody has waited. A percentage outside 0 to 100 counts as the nearer of the two.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a rank among the waits, rounded to a whole one between 1 and their count"
    )]
    pub fn percentile(&self, percent: f64) -> Option<Duration> {
        let rank = (self.count() as f64 * percent.clamp(0.0, 100.0) / 100.0).ceil().max(1.0) as usize;
        let mut seen = 0;
        self.counts
            .iter()
            .position(|count| {
                seen += count;
                seen >= rank
            })
            .map(upper_end)
    }

    /// The longest wait, as precisely as a percentile.
    #[must_use]
    pub fn longest(&self) -> Option<Duration> {
        self.counts.iter().rposition(|count| *count > 0).map(upper_end)
    }

    /// The buckets that have waits in them: the longest time that falls into each, and how many did. For exporters.
    pub fn buckets(&self) -> impl Iterator<Item = (Duration, usize)> {
        self.counts
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0)
            .map(|(bucket, count)| (upper_end(bucket), *count))
    }
}

impl core::fmt::Debug for Histogram {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Histogram")
            .field("count", &self.count())
            .field("p50", &self.percentile(50.0))
            .field("p99", &self.percentile(99.0))
            .field("longest", &self.longest())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{BUCKETS, DOUBLINGS, Duration, Recorder, bucket_of, upper_end};

    #[test]
    fn each_bucket_ends_where_the_next_begins() {
        for bucket in 0..BUCKETS {
            assert_eq!(bucket_of(upper_end(bucket)), bucket);
        }
        for bucket in 0..BUCKETS - 1 {
            assert_eq!(bucket_of(upper_end(bucket) + Duration::from_micros(1)), bucket + 1);
        }
    }

    #[test]
    fn a_bucket_ends_at_most_a_quarter_above_its_times() {
        for micros in (0..DOUBLINGS).map(|power| 1_u64 << power) {
            let end = upper_end(bucket_of(Duration::from_micros(micros)));
            assert!(end >= Duration::from_micros(micros));
            assert!(end.as_micros() <= u128::from(micros + micros / 4), "{micros} µs in a bucket up to {end:?}");
        }
    }

    #[test]
    fn a_wait_beyond_the_scale_counts_in_the_last_bucket() {
        assert_eq!(bucket_of(Duration::MAX), BUCKETS - 1);
    }

    #[test]
    fn percentiles_are_ranks_among_the_waits() {
        let recorder = Recorder::new();
        for millis in 1..=100 {
            recorder.record(Duration::from_millis(millis));
        }
        let waits = recorder.read();
        assert_eq!(waits.count(), 100);
        for (percent, millis) in [(0.0, 1), (1.0, 1), (50.0, 50), (99.0, 99), (100.0, 100), (250.0, 100)] {
            let (found, exact) = (waits.percentile(percent).unwrap(), Duration::from_millis(millis));
            assert!(found >= exact && found <= exact * 5 / 4, "{percent} %: {found:?} for {exact:?}");
        }
        assert_eq!(waits.longest(), waits.percentile(100.0));
        assert_eq!(waits.buckets().map(|(_, count)| count).sum::<usize>(), 100);
    }

    #[test]
    fn nobody_waited_has_no_percentiles() {
        let waits = Recorder::new().read();
        assert_eq!((waits.count(), waits.percentile(50.0), waits.longest()), (0, None, None));
    }
}

// knows: total · must not know: what is measured
//! How long something took: counts in buckets whose width grows with the time, four to each doubling, so a percentile
//! is at most a quarter too high at any scale. The idea is that of HDR histograms (<https://hdrhistogram.org>).

use core::time::Duration;

use super::total::Total;

/// Steps within a doubling, as a power of two.
const STEP_BITS: u32 = 2;
const STEPS: usize = 1 << STEP_BITS;
/// Times are counted in microseconds, up to 2^36 of them: 19 hours.
const DOUBLINGS: usize = 36;
const BUCKETS: usize = STEPS + (DOUBLINGS - STEP_BITS as usize) * STEPS;

/// In whole microseconds, up to the end of the scale.
fn micros_of(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX).min((1 << DOUBLINGS) - 1)
}

fn bucket_of(took: Duration) -> usize {
    let micros = micros_of(took);
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

/// The pool's own counts.
pub(crate) struct Recorder {
    buckets: [Total; BUCKETS],
    sum: Sum,
}

impl Recorder {
    pub(crate) const fn new() -> Self {
        Self { buckets: [const { Total::new(0) }; BUCKETS], sum: Sum::new() }
    }

    /// Records a time: by any thread at any moment, with two read-modify-writes.
    pub(crate) fn record(&self, took: Duration) {
        self.record_many(took, 1);
    }

    /// Records a time so often at once.
    pub(crate) fn record_many(&self, took: Duration, times: u32) {
        self.buckets[bucket_of(took)].add(times as usize);
        self.sum.add(took.saturating_mul(times));
    }

    pub(crate) fn read(&self) -> Histogram {
        let counts = core::array::from_fn(|bucket| self.buckets[bucket].get());
        Histogram { counts, sum: self.sum.get() }
    }
}

/// A sum of times in microseconds, which may exceed a word: `high` counts how often `low` has wrapped.
struct Sum {
    low: Total,
    high: Total,
}

impl Sum {
    const fn new() -> Self {
        Self { low: Total::new(0), high: Total::new(0) }
    }

    fn add(&self, took: Duration) {
        let micros = micros_of(took);
        #[expect(clippy::cast_possible_truncation, reason = "the two halves of the number")]
        let (low, mut high) = (micros as usize, micros.checked_shr(usize::BITS).unwrap_or(0) as usize);
        if self.low.add(low).checked_add(low).is_none() {
            high += 1;
        }
        if high > 0 {
            self.high.add(high);
        }
    }

    /// Behind by one wrap of `low` at the very moment of a wrap.
    fn get(&self) -> Duration {
        let micros = (self.high.get() as u128) << usize::BITS | self.low.get() as u128;
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }
}

/// How long something took: the waits of callers ([`Pool::wait_times`](crate::Pool::wait_times)), and in a managed pool
/// also what else takes time ([`managed::Pool::times`](crate::managed::Pool::times)).
///
/// Waits are recorded in pools that were asked to:
/// [`Pool::with_wait_times`](crate::Pool::with_wait_times),
/// [`Config::wait_times`](crate::managed::Config::wait_times).
///
/// A copy of the pool's counts, which does not change any more. Times above 19 hours count as 19 hours.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// let pool = conn_pool::Pool::from(["only one"]).with_wait_times();
/// let held = pool.get()?;
/// pool.get_timeout(Duration::from_millis(5)).unwrap_err();
///
/// // One caller was served at once, and one has waited.
/// let waits = pool.wait_times();
/// assert_eq!(waits.count(), 2);
/// assert_eq!(waits.percentile(50.0), Some(Duration::ZERO));
/// assert!(waits.percentile(99.0).unwrap() >= Duration::from_millis(5));
/// # Ok::<(), conn_pool::PoolError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Histogram {
    counts: [usize; BUCKETS],
    sum: Duration,
}

impl Histogram {
    /// The same with so many times of zero more.
    #[must_use]
    pub(crate) const fn with_zeros(mut self, zeros: usize) -> Self {
        self.counts[0] += zeros;
        self
    }

    /// How many times were measured.
    #[must_use]
    pub fn count(&self) -> usize {
        self.counts.iter().sum()
    }

    /// All times together, in whole microseconds.
    #[must_use]
    pub const fn sum(&self) -> Duration {
        self.sum
    }

    /// The average, or `None` if nothing was measured.
    #[must_use]
    pub fn mean(&self) -> Option<Duration> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        u32::try_from(count)
            .map_or_else(|_| Some(self.sum.div_f64(as_float(count))), |count| self.sum.checked_div(count))
    }

    /// The time that `percent` of all measured times do not exceed, at most a quarter (and one microsecond) too high;
    /// `None` if nothing was measured. A percentage outside 0 to 100 counts as the nearer of the two.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank among the times, rounded to a whole one between 1 and their count"
    )]
    pub fn percentile(&self, percent: f64) -> Option<Duration> {
        let rank = (as_float(self.count()) * percent.clamp(0.0, 100.0) / 100.0).ceil().max(1.0) as usize;
        let mut seen = 0;
        let is_reached = |count: &usize| {
            seen += count;
            seen >= rank
        };
        self.counts.iter().position(is_reached).map(upper_end)
    }

    /// The longest time, as precisely as a percentile; `None` if nothing was measured.
    #[must_use]
    pub fn max(&self) -> Option<Duration> {
        self.counts.iter().rposition(|count| *count > 0).map(upper_end)
    }

    /// The buckets that are not empty: the longest time that falls into each, and how many times did. For exporters.
    pub fn buckets(&self) -> impl Iterator<Item = (Duration, usize)> {
        let filled = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        filled.map(|(bucket, count)| (upper_end(bucket), *count))
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
const fn as_float(count: usize) -> f64 {
    count as f64
}

impl core::fmt::Debug for Histogram {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Histogram")
            .field("count", &self.count())
            .field("p50", &self.percentile(50.0))
            .field("p99", &self.percentile(99.0))
            .field("mean", &self.mean())
            .field("max", &self.max())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{BUCKETS, DOUBLINGS, Duration, Recorder, Sum, Total, bucket_of, upper_end};

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
        assert_eq!(waits.max(), waits.percentile(100.0));
        assert_eq!(waits.buckets().map(|(_, count)| count).sum::<usize>(), 100);
    }

    #[test]
    fn nobody_waited_has_no_percentiles() {
        let waits = Recorder::new().read();
        assert_eq!((waits.count(), waits.percentile(50.0), waits.max(), waits.mean()), (0, None, None, None));
        assert_eq!(waits.sum(), Duration::ZERO);
    }

    #[test]
    fn sum_and_mean_are_those_of_the_times_and_not_of_their_buckets() {
        let recorder = Recorder::new();
        for micros in [1_000, 1_001, 9_999] {
            recorder.record(Duration::from_micros(micros));
            recorder.record(Duration::from_micros(micros));
        }
        let times = recorder.read();
        assert_eq!((times.count(), times.sum()), (6, Duration::from_millis(24)));
        assert_eq!(times.mean(), Some(Duration::from_millis(4)));
    }

    /// In 32 bits after 71 minutes; here the low word is full from the start.
    #[test]
    fn a_sum_goes_on_where_a_word_ends() {
        let sum = Sum { low: Total::new(usize::MAX), high: Total::new(0) };
        sum.add(Duration::from_micros(1));
        assert_eq!((sum.low.get(), sum.high.get()), (0, 1));
        sum.add(Duration::from_micros(7));
        assert_eq!((sum.low.get(), sum.high.get()), (7, 1));
    }
}

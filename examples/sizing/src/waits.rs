//! Times, of which the mean and percentiles are asked for.

use std::time::Duration;

/// The waits of all requests, those that did not wait included.
#[derive(Debug, Clone, PartialEq)]
pub struct Waits {
    /// In seconds, the shortest first.
    sorted: Vec<f64>,
}

impl Waits {
    pub(crate) fn new(mut seconds: Vec<f64>) -> Self {
        seconds.sort_unstable_by(f64::total_cmp);
        Self { sorted: seconds }
    }

    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 requests")]
    pub fn mean(&self) -> Duration {
        Duration::from_secs_f64(self.sorted.iter().sum::<f64>() / self.sorted.len().max(1) as f64)
    }

    /// No more than this share of the requests waited for longer; 1 is the longest wait.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 requests")]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of their number")]
    pub fn percentile(&self, share: f64) -> Duration {
        let rank = (share.clamp(0.0, 1.0) * self.sorted.len() as f64).ceil() as usize;
        let seconds = self.sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0.0);
        Duration::from_secs_f64(seconds)
    }

    /// The share of the requests that waited at all.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 requests")]
    pub fn share_that_waited(&self) -> f64 {
        let waited = self.sorted.len() - self.sorted.partition_point(|wait| *wait <= 0.0);
        waited as f64 / self.sorted.len().max(1) as f64
    }
}

//! Layer 6 · part of managed · knows: keep, figures, the `metrics` facade · must not know: who reads it
//!
//! What a pool has counted, for whichever recorder the program has installed with the `metrics` facade.
//!
//! The pool goes on counting for itself, and the facade is told what it has come to: so a recorder never runs on a borrower's
//! thread, and there is one place where each figure is counted.

use core::time::Duration;
use std::vec::Vec;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use crate::managed::clock::Clock;
use crate::managed::figures::Figures;
use crate::managed::keep::Keep;
use crate::managed::keeper::Times;
use crate::managed::manager::{Manage, Reason};
use crate::managed::pool::Pool;
use crate::metrics::{Histogram, Metrics, Status};
use crate::sync::{Lock, const_fn};

/// Publishing (feature `metrics`).
impl<M: Manage, const N: usize, K: Clock> Pool<M, N, K> {
    /// Tells the recorder of the [`metrics`] facade what the pool has counted, each with the label `pool`, the pool's
    /// [name](super::super::Config::name).
    ///
    /// Each look of the maintenance does so too; but that sleeps while nobody uses the pool, so call this before figures are
    /// read, for each scrape for one. Give each pool a name of its own: two of one name are one to the recorder.
    ///
    /// | gauge | |
    /// |---|---|
    /// | `conn_pool_connections` | slots by `state`: `idle`, `in_use`, `connecting`, `vacant`; together the maximum size |
    /// | `conn_pool_max_size` | the maximum size |
    /// | `conn_pool_waiting` | callers in line |
    ///
    /// | counter | |
    /// |---|---|
    /// | `conn_pool_acquires_total` | connections lent |
    /// | `conn_pool_reuses_total` | of those, the ones that had been lent before |
    /// | `conn_pool_waits_total` | callers who had to wait in line |
    /// | `conn_pool_timeouts_total` | callers whose time was up |
    /// | `conn_pool_refusals_total` | callers refused because the line was full |
    /// | `conn_pool_connects_total` | connections made |
    /// | `conn_pool_connect_failures_total` | attempts to make one that failed |
    /// | `conn_pool_checks_total` | checks of connections |
    /// | `conn_pool_check_failures_total` | of those, the ones that failed |
    /// | `conn_pool_leaks_total` | borrowings that exceeded the leak threshold |
    /// | `conn_pool_discards_total` | connections parted with, by `reason`: see [`Reason::name`] |
    ///
    /// | histogram | |
    /// |---|---|
    /// | `conn_pool_wait_seconds` | how long callers waited in line |
    /// | `conn_pool_hold_seconds` | how long connections were held: a sample, see [`hold_times`](Self::hold_times) |
    /// | `conn_pool_connect_seconds` | how long it took to make a connection |
    ///
    /// Gauges and counters are set to what the pool has counted itself. Histograms are told of each time once: of those that
    /// were measured since they were last published, whoever did that. Times come out of the pool's own histograms, so each
    /// is the middle of a bucket, off by an eighth at most (and half a microsecond).
    ///
    /// Install the recorder before the pool is used: times that are published without one are lost, counts are not.
    /// Allocates, as the facade does. What the pool had published when it was dropped stays with the recorder.
    ///
    /// # Panics
    ///
    /// If the recorder does.
    ///
    /// # Examples
    ///
    /// ```
    /// # use conn_pool::managed::{Config, Manage, Manager, Pool};
    /// # use std::time::Duration;
    /// # struct Server;
    /// # impl Manage for Server { type Connection = (); type Error = (); }
    /// # impl Manager for Server { fn connect(&self, _: Option<Duration>) -> Result<(), ()> { Ok(()) } }
    /// static POOL: Pool<Server, 8> = Pool::fixed(Server, Config::new().name("orders"));
    ///
    /// // In the handler of `GET /metrics`:
    /// POOL.publish();
    /// // ... and then whatever the recorder has to render.
    /// ```
    pub fn publish(&self) {
        super::publish(self);
    }
}

/// What the histograms of a recorder have been told so far.
pub(in crate::managed) struct Published(Lock<Told>);

struct Told {
    /// Whether the recorder knows what the figures mean.
    meaning: bool,
    wait: Counts,
    hold: Counts,
    connect: Counts,
}

/// The buckets of a histogram that are not empty: the longest time of each, and how many times were in it.
type Counts = Vec<(Duration, usize)>;

impl Published {
    const_fn! {
        pub(in crate::managed) const fn new() -> Self {
            Self(Lock::new(Told { meaning: false, wait: Vec::new(), hold: Vec::new(), connect: Vec::new() }))
        }
    }
}

pub(in crate::managed) fn publish<P: Keep>(pool: P, times: &Times, published: &Published) {
    let name = pool.keeper().config().name;
    // Read under the lock, so that of two who publish the later one has the later figures; told without it.
    let (is_first, [waits, holds, connects]) = published.0.with(|told| {
        let waits = news(&mut told.wait, &pool.core().wait_times());
        let holds = news(&mut told.hold, &times.hold.read());
        let connects = news(&mut told.connect, &times.connect.read());
        (!core::mem::replace(&mut told.meaning, true), [waits, holds, connects])
    });
    if is_first {
        describe();
    }
    publish_status(name, &pool.core().status());
    publish_metrics(name, &pool.core().metrics());
    publish_figures(name, &pool.keeper().figures());
    publish_times(name, "conn_pool_wait_seconds", &waits);
    publish_times(name, "conn_pool_hold_seconds", &holds);
    publish_times(name, "conn_pool_connect_seconds", &connects);
}

/// What a histogram counts that was not told yet. It is told from now on.
fn news(told: &mut Counts, histogram: &Histogram) -> Counts {
    let counts: Counts = histogram.buckets().collect();
    // A bucket that is not empty stays so: all that were told of are among the present ones, in the same order.
    let mut before = told.iter().peekable();
    let untold = counts.iter().map(|(end, count)| {
        let known = before.next_if(|(before, _)| before == end).map_or(0, |(_, known)| *known);
        (*end, count.wrapping_sub(known))
    });
    let untold = untold.filter(|(_, count)| *count > 0).collect();
    *told = counts;
    untold
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn publish_status(pool: &'static str, status: &Status) {
    let connections = [
        ("idle", status.idle),
        // A status counts those who connect as in use too.
        ("in_use", status.in_use.saturating_sub(status.connecting)),
        ("connecting", status.connecting),
        ("vacant", status.vacant),
    ];
    for (state, count) in connections {
        gauge!("conn_pool_connections", "pool" => pool, "state" => state).set(count as f64);
    }
    gauge!("conn_pool_max_size", "pool" => pool).set(status.max_size as f64);
    gauge!("conn_pool_waiting", "pool" => pool).set(status.waiting as f64);
}

fn publish_metrics(pool: &'static str, metrics: &Metrics) {
    counter!("conn_pool_acquires_total", "pool" => pool).absolute(metrics.borrowed as u64);
    counter!("conn_pool_reuses_total", "pool" => pool).absolute(metrics.reused as u64);
    counter!("conn_pool_waits_total", "pool" => pool).absolute(metrics.waited as u64);
    counter!("conn_pool_timeouts_total", "pool" => pool).absolute(metrics.timed_out as u64);
}

fn publish_figures(pool: &'static str, figures: &Figures) {
    let counters = [
        ("conn_pool_refusals_total", figures.refused),
        ("conn_pool_connects_total", figures.connected),
        ("conn_pool_connect_failures_total", figures.connect_failed),
        ("conn_pool_checks_total", figures.checked),
        ("conn_pool_check_failures_total", figures.check_failed),
        ("conn_pool_leaks_total", figures.leaked),
    ];
    for (name, count) in counters {
        counter!(name, "pool" => pool).absolute(count as u64);
    }
    for reason in Reason::ALL {
        let count = figures.discarded_for(reason);
        counter!("conn_pool_discards_total", "pool" => pool, "reason" => reason.name()).absolute(count as u64);
    }
}

fn publish_times(pool: &'static str, name: &'static str, times: &Counts) {
    let histogram = histogram!(name, "pool" => pool);
    for (end, count) in times {
        histogram.record_many(middle(*end), *count);
    }
}

/// The middle of the bucket that ends here, in seconds. Four buckets make up a doubling, and the first four are of one
/// microsecond each.
fn middle(end: Duration) -> f64 {
    let longest = end.as_micros();
    let width = 1_u64 << longest.checked_ilog2().unwrap_or(0).saturating_sub(2);
    (end + Duration::from_micros(1)).as_secs_f64() - Duration::from_micros(width).as_secs_f64() / 2.0
}

fn describe() {
    describe_gauge!("conn_pool_connections", Unit::Count, "Slots of the pool by what is in them.");
    describe_gauge!("conn_pool_max_size", Unit::Count, "The most connections that there may be.");
    describe_gauge!("conn_pool_waiting", Unit::Count, "Callers in line.");
    let counters = [
        ("conn_pool_acquires_total", "Connections lent."),
        ("conn_pool_reuses_total", "Connections lent that had been lent before."),
        ("conn_pool_waits_total", "Callers who had to wait in line."),
        ("conn_pool_timeouts_total", "Callers whose time was up."),
        ("conn_pool_refusals_total", "Callers refused because the line was full."),
        ("conn_pool_connects_total", "Connections made."),
        ("conn_pool_connect_failures_total", "Attempts to make a connection that failed."),
        ("conn_pool_checks_total", "Checks of connections."),
        ("conn_pool_check_failures_total", "Checks that found a connection unfit."),
        ("conn_pool_leaks_total", "Borrowings that exceeded the leak threshold."),
        ("conn_pool_discards_total", "Connections parted with."),
    ];
    for (name, meaning) in counters {
        describe_counter!(name, Unit::Count, meaning);
    }
    describe_histogram!("conn_pool_wait_seconds", Unit::Seconds, "How long callers waited in line.");
    describe_histogram!("conn_pool_hold_seconds", Unit::Seconds, "How long connections were held: a sample.");
    describe_histogram!("conn_pool_connect_seconds", Unit::Seconds, "How long it took to make a connection.");
}

#[cfg(test)]
mod tests {
    use super::{Duration, Vec, middle, news};
    use crate::metrics::Recorder;

    #[test]
    fn a_time_is_told_once() {
        let (recorder, mut told) = (Recorder::new(), Vec::new());
        let mut news = || news(&mut told, &recorder.read()).iter().map(|(_, count)| *count).collect::<Vec<_>>();
        assert_eq!(news(), []);
        recorder.record(Duration::from_millis(5));
        assert_eq!((news(), news()), (Vec::from([1]), Vec::new()));
        recorder.record(Duration::from_millis(1));
        recorder.record(Duration::from_millis(5));
        recorder.record(Duration::from_millis(5));
        recorder.record(Duration::from_millis(90));
        assert_eq!((news(), news()), (Vec::from([1, 2, 1]), Vec::new()));
    }

    #[test]
    fn the_middle_of_a_bucket_is_near_all_its_times() {
        for micros in (0..36).flat_map(|power| [1_u64 << power, (1 << power) + 1, (1 << power) * 7 / 4]) {
            let (recorder, time) = (Recorder::new(), Duration::from_micros(micros));
            recorder.record(time);
            let (end, _) = recorder.read().buckets().next().unwrap();
            let off = (middle(end) - time.as_secs_f64()).abs();
            assert!(off <= time.as_secs_f64() / 8.0 + 0.5e-6, "{micros} µs told as {} s", middle(end));
        }
    }
}

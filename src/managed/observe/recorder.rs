// knows: event, metrics, parts, published, times, stats · must not know: who reads it
//! What a pool has counted, for the recorder that the program has installed with the `metrics` facade.
//!
//! The pool counts for itself, and publishes its totals to the facade: so no acquire and no release runs a recorder,
//! and each number is counted in one place.

use core::time::Duration;
use std::borrow::ToOwned;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use crate::managed::event::DiscardReason;
use crate::managed::metrics::Metrics;
use crate::managed::parts::ManagedParts;
use crate::managed::published::Counts;
use crate::managed::times::TimeRecorders;
use crate::stats::{Histogram, Status};

pub(super) fn publish<P: ManagedParts>(pool: &P, times: &TimeRecorders) {
    let name = pool.shared().config().name.as_str();
    // Read under the lock, so that of two threads that publish the later one has the later numbers; published without
    // it.
    let (is_first, times) = times.published.0.with(|told| {
        let waits = untold(&mut told.wait, &times.wait.read());
        let acquires = untold(&mut told.acquire, &times.acquire.read());
        let holds = untold(&mut told.hold, &times.hold.read());
        let connects = untold(&mut told.connect, &times.connect.read());
        (!core::mem::replace(&mut told.is_described, true), [waits, acquires, holds, connects])
    });
    let metrics = pool.shared().counters().read(pool.engine().metrics());
    if is_first {
        describe(&metrics);
    }
    publish_status(name, &pool.engine().status());
    publish_settings(name, pool);
    publish_metrics(name, &metrics);
    for ((histogram, _), times) in HISTOGRAMS.into_iter().zip(&times) {
        publish_times(name, histogram, times);
    }
}

/// The counts of a histogram that were not published yet. From now on they count as published.
fn untold(told: &mut Counts, histogram: &Histogram) -> Counts {
    let counts: Counts = histogram.buckets().collect();
    // A bucket that is not empty stays so: all buckets that were told are among the present ones, in the same order.
    let mut before = told.iter().peekable();
    let new = counts.iter().map(|(end, count)| {
        let known = before.next_if(|(before, _)| before == end).map_or(0, |(_, known)| *known);
        (*end, count.wrapping_sub(known))
    });
    let new = new.filter(|(_, count)| *count > 0).collect();
    *told = counts;
    new
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn publish_status(pool: &str, status: &Status) {
    let connections = [
        ("idle", status.idle),
        // In a status, slots in which a caller connects count as in use too.
        ("in_use", status.in_use.saturating_sub(status.connecting)),
        ("connecting", status.connecting),
        ("vacant", status.vacant),
    ];
    for (state, count) in connections {
        gauge!("conn_pool_connections", "pool" => pool.to_owned(), "state" => state).set(count as f64);
    }
    gauge!("conn_pool_max_size", "pool" => pool.to_owned()).set(status.max_size as f64);
    gauge!("conn_pool_capacity", "pool" => pool.to_owned()).set(status.capacity as f64);
    gauge!("conn_pool_waiting", "pool" => pool.to_owned()).set(status.waiting as f64);
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn publish_settings<P: ManagedParts>(name: &str, pool: &P) {
    let (settings, max_size) = (pool.shared().settings(), pool.engine().status().max_size);
    let max_idle = settings.max_idle().map_or(max_size, |most| most.min(max_size));
    gauge!("conn_pool_min_idle", "pool" => name.to_owned()).set(settings.min_idle() as f64);
    gauge!("conn_pool_max_idle", "pool" => name.to_owned()).set(max_idle as f64);
}

/// The times of a pool: name and meaning for exporters.
///
/// Callers that are served at once are not among them, though their number is known: an exporter keeps every single
/// time that it is told, and there may be millions of these a second.
const HISTOGRAMS: [(&str, &str); 4] = [
    (
        "conn_pool_slow_acquire_wait_seconds",
        "how long callers waited for others, of those that could not be served at once",
    ),
    (
        "conn_pool_slow_acquire_seconds",
        "from asking to having: waiting, connecting and checking, of callers that could not be served at once",
    ),
    (
        "conn_pool_sampled_hold_seconds",
        "how long connections were in use, of a sample: its count and its rate say nothing of how many loans there were",
    ),
    ("conn_pool_connect_seconds", "how long connects took that succeeded"),
];

/// The counters of every pool: name and meaning for exporters, and the count.
const fn common(metrics: &crate::stats::Metrics) -> [(&'static str, &'static str, usize); 5] {
    [
        ("conn_pool_acquires_total", "connections lent", metrics.acquired),
        ("conn_pool_reuses_total", "connections lent that had been lent before", metrics.reused),
        ("conn_pool_waits_total", "callers who had to wait", metrics.waited),
        ("conn_pool_timeouts_total", "callers whose deadline passed", metrics.timed_out),
        ("conn_pool_cancellations_total", "callers that gave up: their future was dropped", metrics.cancelled),
    ]
}

fn publish_metrics(pool: &str, metrics: &Metrics) {
    for (name, _, count) in common(&metrics.pool).into_iter().chain(metrics.exported()) {
        counter!(name, "pool" => pool.to_owned()).absolute(count as u64);
    }
    for reason in DiscardReason::ALL {
        let count = metrics.discarded_for(reason);
        counter!("conn_pool_discards_total", "pool" => pool.to_owned(), "reason" => reason.name())
            .absolute(count as u64);
    }
}

fn publish_times(pool: &str, name: &'static str, times: &Counts) {
    let histogram = histogram!(name, "pool" => pool.to_owned());
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

fn describe(metrics: &Metrics) {
    describe_gauge!("conn_pool_connections", Unit::Count, "slots by what is in them");
    describe_gauge!("conn_pool_max_size", Unit::Count, "the most connections that there may be");
    describe_gauge!("conn_pool_capacity", Unit::Count, "slots: the most that the maximum can be set to");
    describe_gauge!("conn_pool_min_idle", Unit::Count, "idle connections that maintenance sees to");
    describe_gauge!("conn_pool_max_idle", Unit::Count, "idle connections that are kept at most");
    describe_gauge!("conn_pool_waiting", Unit::Count, "callers that wait");
    for (name, meaning, _) in common(&metrics.pool).into_iter().chain(metrics.exported()) {
        describe_counter!(name, Unit::Count, meaning);
    }
    describe_counter!("conn_pool_discards_total", Unit::Count, "connections ended, by reason");
    for (name, meaning) in HISTOGRAMS {
        describe_histogram!(name, Unit::Seconds, meaning);
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, middle, untold};
    use crate::stats::Recorder;
    use std::vec::Vec;

    #[test]
    fn a_time_is_told_once() {
        let (recorder, mut told) = (Recorder::new(), Vec::new());
        let mut news = || untold(&mut told, &recorder.read()).iter().map(|(_, count)| *count).collect::<Vec<_>>();
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

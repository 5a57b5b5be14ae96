// knows: clock, manager, metrics, observe, pool · must not know: how it is published
//! Publishing through the `metrics` facade.

use super::clock::Clock;
use super::manager::Lifecycle;
use super::metrics::counter_rows;
use super::observe;
use super::pool::Pool;

/// Publishing (feature `metrics`).
impl<M: Lifecycle, const N: usize, K: Clock> Pool<M, N, K> {
    /// Tells the recorder of the [`metrics`] facade what the pool has counted, each with the label `pool`, the pool's
    /// [name](super::Config::name).
    ///
    /// Each pass of maintenance does so too; but maintenance sleeps while the pool is not used, so call this before the
    /// metrics are read, for each scrape for instance. Give each pool a name of its own: the recorder takes two pools
    /// of one name for one.
    ///
    /// | gauge | |
    /// |---|---|
    /// | `conn_pool_connections` | slots by `state`: `idle`, `in_use`, `connecting`, `vacant`; together the maximum size |
    /// | `conn_pool_max_size` | the maximum size |
    /// | `conn_pool_capacity` | slots: the most that the maximum can be set to |
    /// | `conn_pool_min_idle` | [`Config::min_idle`](super::Config::min_idle) |
    /// | `conn_pool_max_idle` | [`Config::max_idle`](super::Config::max_idle), or the maximum size if there is no such limit |
    /// | `conn_pool_waiting` | callers that wait |
    ///
    /// | counter | |
    /// |---|---|
    /// | `conn_pool_acquires_total` | connections lent |
    /// | `conn_pool_reuses_total` | of those, connections that had been lent before |
    /// | `conn_pool_waits_total` | callers who had to wait |
    /// | `conn_pool_timeouts_total` | callers whose deadline passed |
    /// | `conn_pool_cancellations_total` | callers that gave up: their future was dropped |
    #[doc = counter_rows!()]
    /// | `conn_pool_discards_total` | connections ended, by `reason`: see [`DiscardReason::name`](super::DiscardReason::name) |
    ///
    /// | histogram | |
    /// |---|---|
    /// | `conn_pool_slow_acquire_seconds` | from asking to having, of callers that could not be served at once, if [`Config::wait_times`](super::Config::wait_times) says so |
    /// | `conn_pool_slow_acquire_wait_seconds` | how long these waited for others, and those that were not served |
    /// | `conn_pool_sampled_hold_seconds` | for how long connections were in use: a sample, whose count is not that of the loans; see [`Times::hold`](super::Times::hold) |
    /// | `conn_pool_connect_seconds` | how long connects took that succeeded |
    ///
    /// Callers that were served at once took no time. [`times`](Self::times) has them as zeros, the two histograms of
    /// slow acquires leave them out: an exporter keeps each time that it is told until it is asked, and there may be
    /// millions. `conn_pool_acquires_total` counts them, so the share of callers that take longer than 100 ms is
    /// `(slow_acquire_seconds_count - slow_acquire_seconds_bucket{le="0.1"}) / acquires_total`, as rates. The example
    /// `examples/prometheus` has more of these, and a dashboard.
    ///
    /// Gauges and counters are set to what the pool has counted itself. Each time that was measured is recorded in its
    /// histogram once, by the next publication. Times come out of the pool's own histograms, so each is the middle of a
    /// bucket, off by an eighth at most (and half a microsecond).
    ///
    /// Install the recorder before the pool is used: times that are published without one are lost, counts are not.
    /// Allocates, as the facade does. What was published stays with the recorder after the pool is dropped.
    ///
    /// # Panics
    ///
    /// If the recorder does.
    ///
    /// # Examples
    ///
    /// ```
    /// # use conn_pool::managed::{Config, Lifecycle, Manager, Pool};
    /// # use std::time::Duration;
    /// # struct Server;
    /// # impl Lifecycle for Server { type Connection = (); type Error = (); }
    /// # impl Manager for Server { fn connect(&self, _: Option<Duration>) -> Result<(), ()> { Ok(()) } }
    /// static POOL: Pool<Server, 8> = Pool::const_new(Server, Config::new().name("orders"));
    ///
    /// // In the handler of `GET /metrics`:
    /// POOL.publish_metrics();
    /// // ... and then whatever the recorder has to render.
    /// ```
    pub fn publish_metrics(&self) {
        observe::publish(self);
    }
}

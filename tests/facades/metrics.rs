//! What a managed pool publishes through the `metrics` facade: names, labels, and numbers that agree with its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use conn_pool::managed::{AsyncManager, Clock, Config, ConnGuard, DiscardReason, Lifecycle, Manager, Nested, Pool};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

use crate::kit::managed::millis;
use crate::kit::{Job, SimClock, comes, wait_until, watched};

/// Each connect takes 3 ms.
#[derive(Default)]
struct Server(SimClock);

impl Lifecycle for Server {
    type Connection = ();
    type Error = ();
}

impl Manager for Server {
    fn connect(&self, _: Option<Duration>) -> Result<(), ()> {
        self.0.advance(millis(3));
        Ok(())
    }
}

impl AsyncManager for Server {
    async fn connect(&self) -> Result<(), ()> {
        Manager::connect(self, None)
    }
}

type Orders = Pool<Server, 4, SimClock>;

fn pool(config: Config) -> Orders {
    let clock = SimClock::default();
    Pool::with_clock(Server(clock.clone()), config.name("orders").nested(Nested::Allow), clock).unwrap()
}

/// What a recorder was told, by name and labels but for `pool`, which has to be there.
#[derive(Debug, Default)]
struct Told {
    gauges: BTreeMap<String, String>,
    counters: BTreeMap<String, u64>,
    times: BTreeMap<String, Vec<f64>>,
    undescribed: BTreeSet<String>,
}

impl Told {
    fn of(snapshotter: &Snapshotter) -> Self {
        let mut told = Self::default();
        for (key, _, description, value) in snapshotter.snapshot().into_vec() {
            let key = key.key();
            let (mut name, mut pools) = (key.name().to_owned(), 0);
            for label in key.labels() {
                match (label.key(), label.value()) {
                    ("pool", pool) => {
                        assert_eq!(pool, "orders");
                        pools += 1;
                    }
                    (_, value) => name = format!("{name} {value}"),
                }
            }
            assert_eq!(pools, 1, "{key}");
            if description.is_none() {
                told.undescribed.insert(name.clone());
            }
            match value {
                DebugValue::Gauge(value) => drop(told.gauges.insert(name, value.to_string())),
                DebugValue::Counter(count) => drop(told.counters.insert(name, count)),
                DebugValue::Histogram(times) => {
                    drop(told.times.insert(name, times.iter().map(|time| time.0).collect()));
                }
            }
        }
        told
    }

    /// What a recorder is told that hears `work` alone.
    fn during(work: impl FnOnce()) -> Self {
        let recorder = DebuggingRecorder::new();
        metrics::with_local_recorder(&recorder, work);
        Self::of(&recorder.snapshotter())
    }

    #[track_caller]
    fn counter(&self, name: &str) -> u64 {
        self.counters[&format!("conn_pool_{name}_total")]
    }

    fn times_of(&self, name: &str) -> &[f64] {
        self.times.get(&format!("conn_pool_{name}_seconds")).map_or(&[], Vec::as_slice)
    }
}

#[test]
fn every_figure_is_published_and_described_under_its_conventional_name() {
    let told = Told::during(|| pool(Config::new()).publish_metrics());
    let gauges = ["capacity", "connections connecting", "connections idle", "connections in_use", "connections vacant"];
    let settings = ["max_idle", "max_size", "min_idle", "waiting"];
    let gauges = gauges.into_iter().chain(settings).map(|name| format!("conn_pool_{name}"));
    assert_eq!(told.gauges.keys().cloned().collect::<Vec<_>>(), gauges.collect::<Vec<_>>());
    let counters = [
        "acquires",
        "cancellations",
        "check_failures",
        "checks",
        "connect_failures",
        "connects",
        "leaks",
        "refusals",
        "reuses",
        "timeouts",
        "waits",
    ];
    let counters = counters.into_iter().map(|name| format!("conn_pool_{name}_total"));
    let discards = DiscardReason::ALL.iter().map(|reason| format!("conn_pool_discards_total {}", reason.name()));
    assert_eq!(told.counters.keys().cloned().collect::<BTreeSet<_>>(), counters.chain(discards).collect());
    let times = ["connect", "sampled_hold", "slow_acquire", "slow_acquire_wait"]
        .map(|name| format!("conn_pool_{name}_seconds"));
    assert_eq!(told.times.keys().cloned().collect::<Vec<_>>(), times);
    assert_eq!(told.undescribed, BTreeSet::new());
}

/// The page's table names what is published.
#[test]
fn what_opentelemetry_calls_otherwise_is_published() {
    let told = Told::during(|| pool(Config::new()).publish_metrics());
    let is_published = |name: &str| {
        let of_gauge = |gauge: &String| gauge.split(' ').next() == Some(name);
        told.gauges.keys().any(of_gauge) || told.counters.contains_key(name) || told.times.contains_key(name)
    };
    let page = include_str!("../../docs/managed.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `db.client.connection."));
    let ours: Vec<_> = rows.map(|row| row.split("conn_pool_").nth(1).unwrap().split('`').next().unwrap()).collect();
    assert_eq!(ours.len(), 10);
    let missing: Vec<_> = ours.iter().filter(|name| !is_published(&format!("conn_pool_{name}"))).collect();
    assert!(missing.is_empty(), "not published: {missing:?}");
}

#[test]
fn the_states_of_the_slots_are_apart_and_come_to_the_maximum() {
    /// Publishes while it connects.
    struct Looks;
    static POOL: Pool<Looks, 4> =
        Pool::const_new(Looks, Config::new().max_size(3).name("orders").nested(Nested::Allow));

    impl Lifecycle for Looks {
        type Connection = ();
        type Error = ();
    }

    impl Manager for Looks {
        fn connect(&self, _: Option<Duration>) -> Result<(), ()> {
            POOL.publish_metrics();
            Ok(())
        }
    }

    let first = POOL.get().unwrap();
    let told = Told::during(|| drop(POOL.get()));
    let gauges = ["connecting", "idle", "in_use", "vacant"].map(|state| format!("conn_pool_connections {state}"));
    assert_eq!(gauges.map(|gauge| told.gauges[&gauge].as_str()), ["1", "0", "1", "1"]);
    assert_eq!(told.gauges["conn_pool_max_size"], "3");
    drop(first);
}

#[test]
fn counters_agree_with_the_pool() {
    let pool = pool(Config::new().max_size(1).max_waiting(0));
    for _ in 0..5 {
        drop(pool.get().unwrap());
    }
    let held = pool.get().unwrap();
    assert!(pool.get().is_err());
    assert!(pool.get_timeout(Duration::ZERO).is_err());
    ConnGuard::discard(held);
    let told = Told::during(|| pool.publish_metrics());
    let counters = ["acquires", "reuses", "connects", "refusals", "timeouts", "waits"];
    assert_eq!(counters.map(|name| told.counter(name)), [6, 5, 1, 1, 1, 0]);
    assert_eq!(told.counters["conn_pool_discards_total discarded"], 1);
    assert_eq!(told.counters.values().sum::<u64>(), 15);
}

#[test]
fn counters_are_of_the_pools_whole_life_however_often_they_are_published() {
    let pool = pool(Config::new());
    let recorder = DebuggingRecorder::new();
    metrics::with_local_recorder(&recorder, || {
        for _ in 0..3 {
            drop(pool.get().unwrap());
            pool.publish_metrics();
        }
    });
    let told = Told::of(&recorder.snapshotter());
    assert_eq!((told.counter("acquires"), told.counter("reuses"), told.counter("connects")), (3, 2, 1));
    assert_eq!(told.counters, Told::during(|| pool.publish_metrics()).counters);
}

#[test]
fn each_time_is_published_once() {
    let pool = pool(Config::new().validate_after(None));
    let first = Told::during(|| {
        drop(pool.get().unwrap());
        pool.publish_metrics();
        pool.publish_metrics();
    });
    assert_eq!((first.times_of("connect").len(), first.times_of("sampled_hold").len()), (1, 1));
    let second = Told::during(|| {
        let _two = (pool.get().unwrap(), pool.get().unwrap());
        pool.publish_metrics();
    });
    assert_eq!(second.times_of("connect").len(), 1);
    assert_eq!(pool.times().connect.count(), 2);
}

#[test]
fn times_are_in_seconds_and_near_what_was_measured() {
    let pool = pool(Config::new());
    let told = Told::during(|| {
        let held = pool.get().unwrap();
        pool.clock().advance(millis(2000));
        drop(held);
        pool.publish_metrics();
    });
    let is_near = |times: &[f64], exact: f64| times.len() == 1 && (times[0] - exact).abs() <= exact / 8.0;
    assert!(is_near(told.times_of("connect"), 0.003), "{told:?}");
    assert!(is_near(told.times_of("sampled_hold"), 2.0), "{told:?}");
}

#[test]
fn waits_are_published_as_the_pool_has_measured_them() {
    let pool = pool(Config::new().max_size(1).wait_times(true));
    (0..10).for_each(|_| drop(pool.get().unwrap()));
    let held = pool.get().unwrap();
    let mut waits = Job::begun(pool.get_async());
    pool.clock().advance(millis(20));
    drop(held);
    drop(waits.end().unwrap());
    let told = Told::during(|| pool.publish_metrics());
    // The first caller has connected, which took 3 ms, and the last has waited.
    let [waits, acquires] = ["slow_acquire_wait", "slow_acquire"].map(|name| told.times_of(name));
    let is_near = |time: f64, exact: f64| (time - exact).abs() <= exact / 8.0 + 0.5e-6;
    assert!(waits.len() == 2 && is_near(waits[0], 0.0) && is_near(waits[1], 0.02), "{told:?}");
    assert!(acquires.len() == 2 && is_near(acquires[0], 0.003) && is_near(acquires[1], 0.02), "{told:?}");
    assert_eq!((told.counter("acquires"), pool.times().acquire.count()), (12, 12), "the others took no time");
}

#[test]
fn callers_that_give_up_are_published() {
    let pool = pool(Config::new().max_size(1));
    let _held = pool.get().unwrap();
    drop(Job::begun(pool.get_async()));
    let told = Told::during(|| pool.publish_metrics());
    assert_eq!((told.counter("cancellations"), told.counter("timeouts")), (1, 0));
}

#[test]
fn the_limits_of_the_pool_are_published_beside_what_is_in_it() {
    let pool = pool(Config::new().max_size(3).min_idle(2));
    pool.resize(1).unwrap();
    let told = Told::during(|| pool.publish_metrics());
    let gauges = ["capacity", "max_idle", "max_size", "min_idle"];
    let read = |told: &Told| gauges.map(|name| told.gauges[&format!("conn_pool_{name}")].clone());
    assert_eq!(read(&told), ["4", "1", "1", "2"]);
    pool.reconfigure(|config| config.max_size(4).min_idle(1).max_idle(3)).unwrap();
    assert_eq!(read(&Told::during(|| pool.publish_metrics())), ["4", "3", "4", "1"]);
}

#[test]
fn several_who_publish_tell_each_time_once() {
    let pool = pool(Config::new());
    let recorder = DebuggingRecorder::new();
    let rounds = 50;
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                metrics::with_local_recorder(&recorder, || {
                    for _ in 0..rounds {
                        ConnGuard::discard(pool.get().unwrap());
                        pool.publish_metrics();
                    }
                });
            });
        }
    });
    let told = Told::of(&recorder.snapshotter());
    assert_eq!(told.times_of("connect").len(), pool.times().connect.count());
    assert_eq!(told.counter("connects"), pool.metrics().connected as u64);
}

#[test]
fn a_look_of_the_maintenance_publishes_too_and_a_borrower_does_not() {
    let pool = pool(Config::new().min_idle(2));
    let told = Told::during(|| drop(pool.get().unwrap()));
    assert!(told.counters.is_empty() && told.gauges.is_empty() && told.times.is_empty());
    let told = Told::during(|| assert_eq!(pool.maintain(pool.clock().now()).connected, 1));
    assert_eq!((told.counter("connects"), told.gauges["conn_pool_connections idle"].as_str()), (2, "2"));
}

/// A pass asks for a report, and a report must not ask for a pass.
#[test]
fn maintenance_that_publishes_sleeps_afterwards() {
    let pool = Arc::new(pool(Config::new().min_idle(1)));
    let seen = Arc::clone(&pool);
    let rings = watched("maintenance", move || {
        let mut upkeep = Job::begun(seen.run_maintenance());
        seen.clock().advance(millis(1));
        upkeep.wait_on();
        upkeep.rings()
    });
    assert_eq!(rings, 0);
    let health = pool.health_check().unwrap();
    wait_until(|| pool.status().idle == 1);
    // The reads of the clock come to an end.
    assert!(comes(|| {
        let reads = pool.clock().reads();
        (0..1000).for_each(|_| std::thread::yield_now());
        pool.clock().reads() == reads
    }));
    drop(health);
}

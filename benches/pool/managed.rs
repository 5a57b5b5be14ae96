//! What the managed pool adds to the plain one, with a manager that has nothing to do.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use conn_pool::managed::{self, Config, Lifecycle, Manager};
use conn_pool::{Pool, SharedPool};
use criterion::Criterion;

use crate::paired::{Figure, Wanted, nanos_per_turn};

/// Turns of a round of the table.
const TURNS: u32 = 2_000_000;

struct Idle;

impl Lifecycle for Idle {
    type Connection = u64;
    type Error = Infallible;
}

impl Manager for Idle {
    fn connect(&self, _: Option<Duration>) -> Result<u64, Infallible> {
        Ok(7)
    }
}

type Managed = managed::Pool<Idle, 8>;

const DEFAULTS: Config = Config::new();
const TIMELESS: Config = DEFAULTS.max_lifetime(None).validate_after(None);

/// A pool with all its connections made.
fn pool(config: Config) -> Arc<Managed> {
    let pool = Arc::new(Managed::const_new(Idle, config));
    drop([(); 8].map(|()| pool.get()));
    pool
}

/// A shared pool with all its connections made.
fn shared() -> SharedPool<Idle> {
    let pool = SharedPool::blocking(Idle, DEFAULTS.max_size(8)).unwrap();
    drop([(); 8].map(|()| pool.get()));
    pool
}

#[inline(always)]
fn get(pool: &Managed) {
    drop(pool.get());
}

#[inline(always)]
fn get_plain(pool: &Pool<u64, 8>) {
    drop(pool.get());
}

pub(crate) fn bench(criterion: &mut Criterion) {
    let (plain, timeless, kept, self_timed) = (Pool::from_fn(|_| 7), pool(TIMELESS), pool(DEFAULTS), pool(DEFAULTS));
    let _health = kept.health_check().unwrap();
    let mut group = criterion.benchmark_group("managed");
    group.bench_function("plain", |bencher| bencher.iter(|| get_plain(&plain)));
    group.bench_function("without times", |bencher| bencher.iter(|| get(&timeless)));
    group.bench_function("with maintenance", |bencher| bencher.iter(|| get(&kept)));
    group.bench_function("without maintenance", |bencher| bencher.iter(|| get(&self_timed)));
    group.finish();
}

pub(crate) fn figures() -> Vec<Figure> {
    let (plain, timeless, kept, self_timed) = (Pool::from_fn(|_| 7), pool(TIMELESS), pool(DEFAULTS), pool(DEFAULTS));
    let _health = kept.health_check().unwrap();
    let beside_plain = |name: &str, pool: &Managed, bound| {
        Figure::measure(
            name,
            "ns",
            || nanos_per_turn(TURNS, || get(pool)),
            || nanos_per_turn(TURNS, || get_plain(&plain)),
            Wanted::AtMost(bound),
        )
    };
    let figures = vec![
        beside_plain("7a. managed, a health check runs, `get` of 8, beside the plain pool", &kept, 2.0),
        beside_plain("7b. the same without an option about time, and no health check", &timeless, 1.5),
        beside_plain("7c. with the defaults, and no health check", &self_timed, 8.0),
    ];
    assert_eq!(kept.metrics().checked, 0, "a pool in use checks nothing");
    figures.into_iter().chain([beside_managed(&kept)]).collect()
}

fn beside_managed(kept: &Managed) -> Figure {
    let shared = shared();
    Figure::measure(
        "7d. a shared pool, `get` of 8, beside the managed pool whose health check runs",
        "ns",
        || nanos_per_turn(TURNS, || drop(shared.get())),
        || nanos_per_turn(TURNS, || get(kept)),
        Wanted::AtMost(1.2),
    )
}

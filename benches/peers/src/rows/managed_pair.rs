//! Row 5: what the managed pool adds to the plain one, with a manager that has nothing to do.

use std::sync::Arc;
use std::time::Instant;

use conn_pool::managed::{self, Config};
use conn_pool::{Pool, SharedPool};
use tokio::runtime::Builder;

use crate::contest::Contest;
use crate::managers::Idle;
use crate::pace::Pace;
use crate::peer_managers::{bb8_pool, r2d2_pool};
use crate::table::{Bound, Line, Unit};
use crate::timing::{nanos_of_slices, nanos_per_turn};

type Managed = managed::Pool<Idle, 8>;

/// A pool with the defaults and all its connections made.
fn pool() -> Arc<Managed> {
    let pool = Arc::new(Managed::const_new(Idle, Config::new()));
    drop([(); 8].map(|()| pool.get()));
    pool
}

pub(crate) fn lines(pace: &Pace) -> Vec<Line> {
    let (plain, kept, self_timed) = (Pool::<u64, 8>::from_fn(|number| number as u64), pool(), pool());
    let health = kept.health_check().expect("a thread starts");
    let runtime = Builder::new_current_thread().enable_time().build().expect("tokio starts");
    let (r2d2, bb8) = (r2d2_pool(8), runtime.block_on(bb8_pool(8)));
    let time_bb8 = |turns| {
        runtime.block_on(async {
            let start = Instant::now();
            for _ in 0..turns {
                drop(bb8.get().await);
            }
            start.elapsed()
        })
    };
    let shared = SharedPool::blocking(Idle, Config::new().max_size(8)).expect("a thread starts");
    drop([(); 8].map(|()| shared.get()));
    let turns = pace.turns;
    let outcome = Contest::in_unit(Unit::Nanos)
        .with("plain", || nanos_per_turn(turns, || drop(plain.get())))
        .with("maintained", || nanos_per_turn(turns, || drop(kept.get())))
        .with("shared", || nanos_per_turn(turns, || drop(shared.get())))
        .with("not maintained", || nanos_per_turn(turns, || drop(self_timed.get())))
        .with("r2d2", || nanos_per_turn(turns, || drop(r2d2.get())))
        .with("bb8", || nanos_of_slices(turns, time_bb8))
        .hold(pace);
    assert!(health.is_running(), "the pool is maintained");
    let line = |path, ours, peer, must| outcome.line(path, ours, peer, must);
    vec![
        line("5a. managed `get` and drop, maintained, beside plain", "maintained", "plain", Bound::AtMost(2.0)),
        line("5b. as 5a, not maintained", "not maintained", "plain", Bound::AtMost(3.5)),
        line("5c. as 5a", "maintained", "r2d2", Bound::None),
        line("5d. as 5a", "maintained", "bb8", Bound::None),
        line("5e. shared `get` and drop, beside managed, maintained", "shared", "maintained", Bound::AtMost(1.2)),
    ]
}

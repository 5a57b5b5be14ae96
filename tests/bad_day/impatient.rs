//! Point 1: callers that are less patient than a connect takes.

use std::time::Duration;

use conn_pool::managed::{Config, SystemClock};

use crate::callers::{Callers, Maintained, timed};
use crate::driver::Behaviour;
use crate::kit::managed::millis;
use crate::table::Row;
use crate::timer::Timer;

const CALLERS: usize = 16;
const TRIES: usize = 20;
const CONNECT: Duration = millis(300);
const PATIENCE: Duration = millis(200);

pub(crate) fn trial() -> Vec<Row> {
    [rows::<SystemClock>(), rows::<Timer>()].into_iter().flatten().collect()
}

fn rows<K: Callers>() -> [Row; 2] {
    let pool = Maintained::<K, 4>::new(Config::new(), Behaviour { connect: CONNECT, ..Behaviour::default() });
    let served = K::all(CALLERS, |_| serve(&pool)).into_iter().sum();
    let what = format!("{}: connect 300 ms, patience 200 ms, 16 over 4", K::NAME);
    [
        Row::at_least("1", format!("{what}: served"), 300, CALLERS * TRIES, served),
        Row::at_most("1", format!("{what}: connects begun"), 8, pool.manager().connects()),
    ]
}

/// How often a caller was served, and in time.
async fn serve<K: Callers>(pool: &Maintained<K, 4>) -> usize {
    let mut served = 0;
    for _ in 0..TRIES {
        let (got, took) = timed(K::get(pool, PATIENCE)).await;
        served += usize::from(got.is_ok() && took <= PATIENCE + millis(50));
        drop(got);
        K::pause(millis(20)).await;
    }
    served
}

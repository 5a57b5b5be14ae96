//! Point 13: connections are evicted more often than they are made.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use conn_pool::managed::{Config, SystemClock};

use crate::callers::{Callers, Maintained};
use crate::driver::Behaviour;
use crate::kit::managed::{millis, secs};
use crate::table::Row;
use crate::timer::Timer;

const CALLERS: usize = 4;

pub(crate) fn trial() -> Vec<Row> {
    vec![row::<SystemClock>(), row::<Timer>()]
}

fn row<K: Callers>() -> Row {
    let behaviour = Behaviour { connect: millis(5), ..Behaviour::default() };
    let pool = Maintained::<K, 4>::new(Config::new(), behaviour);
    let is_over = AtomicBool::new(false);
    let served: Vec<usize> = thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                pool.evict_all();
                thread::sleep(millis(1));
            }
        });
        let end = Instant::now() + secs(1);
        let tries = std::iter::from_fn(|| (Instant::now() < end).then(|| served_at_once(&pool))).collect();
        is_over.store(true, Ordering::Relaxed);
        tries
    });
    let (tries, calls) = (served.len(), served.len() * CALLERS);
    let (starved, sum) = (served.iter().filter(|served| **served == 0).count(), served.iter().sum::<usize>());
    let what = format!("{}: evict_all each ms, connect 5 ms: tries that serve none of 4", K::NAME);
    let measured = format!("{starved} of {tries}; {sum} of {calls} calls served");
    Row::new("13", what, "0", measured, starved == 0)
}

/// How many of the callers are served within 200 ms.
fn served_at_once<K: Callers>(pool: &Maintained<K, 4>) -> usize {
    let served = K::all(CALLERS, async |_| K::get(pool, millis(200)).await.is_ok());
    thread::sleep(millis(10));
    served.into_iter().filter(|served| *served).count()
}

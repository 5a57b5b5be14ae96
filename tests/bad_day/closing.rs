//! Point 8: what a caller need not wait for.

use std::time::{Duration, Instant};

use conn_pool::managed::{Config, GetError, SystemClock};

use crate::callers::Maintained;
use crate::driver::Behaviour;
use crate::kit::managed::{ALWAYS, millis, secs};
use crate::table::{Row, shown};

const PATIENCE: Duration = millis(500);

pub(crate) fn trial() -> Vec<Row> {
    vec![a_destructor_that_blocks(), a_reset_that_blocks()]
}

fn a_reset_that_blocks() -> Row {
    let behaviour = Behaviour { reset: secs(1), ..Behaviour::default() };
    let pool = Maintained::<SystemClock, 2>::filled(Config::new(), 1, behaviour);
    let guard = pool.get(PATIENCE);
    let began = Instant::now();
    drop(guard);
    let took = began.elapsed();
    // The rest is reset at once.
    pool.manager().set(|behaviour| behaviour.reset = Duration::ZERO);
    let what = "threads: a reset asks a server that is silent for 1 s: the guard is dropped";
    Row::new("8b", what, "≤ 50 ms", shown(took), took <= millis(50))
}

fn a_destructor_that_blocks() -> Row {
    let behaviour = Behaviour { close: secs(3), unfit: 1, ..Behaviour::default() };
    let pool = Maintained::<SystemClock, 2>::filled(Config::new().validate_after(ALWAYS), 1, behaviour);
    let began = Instant::now();
    let got = pool.get(PATIENCE);
    let took = began.elapsed();
    // The rest closes at once.
    pool.manager().set(|behaviour| behaviour.close = Duration::ZERO);
    let answer = got.as_ref().map_or_else(GetError::name, |_| "served");
    let is_kept = got.is_ok() && took <= millis(550);
    let what = "threads: an unfit connection closes for 3 s, a slot is vacant: served";
    Row::new("8a", what, "≤ 550 ms", format!("{answer}, {}", shown(took)), is_kept)
}

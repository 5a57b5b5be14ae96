//! Point 5: a server that refuses everyone, and says why.

use conn_pool::managed::{Config, Retry, SystemClock};

use crate::callers::{Callers, Maintained};
use crate::driver::Behaviour;
use crate::kit::managed::millis;
use crate::table::Row;
use crate::timer::Timer;

const CALLERS: usize = 32;
const REFUSAL: &str = "password authentication failed";

pub(crate) fn trial() -> Vec<Row> {
    let retry = Retry { attempts: 10, first_pause: millis(20), longest_pause: millis(80) };
    let (once, again) = (Config::new(), Config::new().retry(retry));
    vec![
        row::<SystemClock>("by default", once),
        row::<SystemClock>("with retries", again),
        row::<Timer>("by default", once),
        row::<Timer>("with retries", again),
    ]
}

fn row<K: Callers>(how: &str, config: Config) -> Row {
    let behaviour = Behaviour { connect: millis(30), refusal: Some(REFUSAL), ..Behaviour::default() };
    let pool = Maintained::<K, 4>::new(config, behaviour);
    let told = K::all(CALLERS, async |_| {
        let refused = K::get(&pool, millis(300)).await.err();
        refused.is_some_and(|error| error.to_string().contains(REFUSAL))
    });
    let told = told.into_iter().filter(|told| *told).count();
    Row::at_least(
        "5",
        format!("{}, {how}: wrong password, 32 over 4, patience 300 ms: told", K::NAME),
        CALLERS,
        CALLERS,
        told,
    )
}

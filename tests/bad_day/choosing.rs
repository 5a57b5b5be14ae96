//! Point 4: an idle connection that is unfit, beside good ones, while connecting fails.

use conn_pool::managed::{Config, SystemClock};

use crate::callers::{Callers, Maintained};
use crate::driver::Behaviour;
use crate::kit::managed::{ALWAYS, secs};
use crate::table::Row;
use crate::timer::Timer;

pub(crate) fn trial() -> Vec<Row> {
    vec![row::<SystemClock>(), row::<Timer>()]
}

fn row<K: Callers>() -> Row {
    let behaviour = Behaviour { refusal: Some("too many clients"), unfit: 1, ..Behaviour::default() };
    let pool = Maintained::<K, 3>::filled(Config::new().validate_after(ALWAYS), 3, behaviour);
    let what = format!("{}: of three idle the first fails its check, no connect succeeds", K::NAME);
    match pool.get(secs(1)) {
        Ok(_) => Row::new("4", what, "served", "served", true),
        Err(error) => Row::new("4", what, "served", format!("refused: {}", error.name()), false),
    }
}

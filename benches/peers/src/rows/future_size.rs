//! Row 6: how much room the future of an acquire takes in its task.

use conn_pool::managed::{self, Config};
use tokio::runtime::Builder;

use crate::managers::Idle;
use crate::pace::Pace;
use crate::peer_managers::{bb8_pool, deadpool_pool};
use crate::table::Line;

pub(crate) fn lines(_: &Pace) -> Vec<Line> {
    let pool = managed::Pool::<_, 8>::const_new(Idle, Config::new());
    let deadpool = deadpool_pool(8);
    // Needs a runtime already when it is made.
    let bb8 = Builder::new_current_thread().enable_time().build().expect("tokio starts").block_on(bb8_pool(8));
    let peers = format!("deadpool: {} B, bb8: {} B", size_of_val(&deadpool.get()), size_of_val(&bb8.get()));
    vec![Line::exact("6. size of a managed `get_async()`", size_of_val(&pool.get_async()), " B", &peers, 320)]
}

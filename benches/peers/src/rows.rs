//! The rows of the table, by number.

mod crowd_of_tasks;
mod crowd_of_threads;
mod future_size;
mod hand_over;
mod managed_pair;
mod on_demand;
mod pair;

use crate::pace::Pace;
use crate::table::Line;

/// Row 1 is the first one.
pub(crate) const ROWS: [fn(&Pace) -> Vec<Line>; 8] = [
    pair::lines,
    hand_over::lines,
    crowd_of_tasks::lines,
    on_demand::lines,
    managed_pair::lines,
    future_size::lines,
    crowd_of_threads::busy,
    crowd_of_threads::asleep,
];

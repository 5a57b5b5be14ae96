//! Threads that wait.

extern crate std;

use std::time::Instant;

use super::Rig;
use super::tests::assert_counts;
use crate::engine::{AcquireError, Position, Ticket};
use crate::fairness::Fairness;
use crate::slot::{Patience, acquire_with};

/// Neither a vacant slot nor a connection, and it does not count as a wait that timed out.
#[test]
fn a_pause_that_is_over_at_once_leaves_everything_as_it_is() {
    let pool = Rig::<u32, 1>::new(1, Fairness::Fifo);
    let mut pausing = Ticket { position: Position::Pausing, ..Ticket::NEW };
    let at_once = Patience::Until(Instant::now());
    assert_eq!(acquire_with(&pool, at_once, &mut pausing), Err(AcquireError::TimedOut));
    assert_counts(&pool, [0, 0, 1, 0]);
    let _connecting = pool.try_slot().unwrap();
    assert_eq!(acquire_with(&pool, at_once, &mut pausing), Err(AcquireError::TimedOut));
    assert_eq!(pool.engine().metrics().timed_out, 0);
}

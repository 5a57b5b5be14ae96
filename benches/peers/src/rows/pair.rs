//! Row 1: one thread takes a connection and gives it back, and nobody is in its way.

use conn_pool::Pool;
use crossbeam_queue::ArrayQueue;
use lockfree_object_pool::LinearObjectPool;

use crate::contest::Contest;
use crate::pace::Pace;
use crate::table::{Bound, Line, Unit};
use crate::timing::nanos_per_turn;
use crate::yardsticks::{Floor, MutexPool};

pub(crate) fn lines(pace: &Pace) -> Vec<Line> {
    let (pool, floor, mutex) = (Pool::<u64, 8>::from_fn(|number| number as u64), Floor::new(), MutexPool::new(8));
    let objects = LinearObjectPool::new(|| 7_u64, |_| ());
    let queue = ArrayQueue::new(8);
    (0..8_u64).for_each(|number| queue.push(number).expect("there is room for eight"));
    let turns = pace.turns;
    let outcome = Contest::in_unit(Unit::Nanos)
        .with("`try_get`", || nanos_per_turn(turns, || drop(pool.try_get())))
        .with("two RMWs", || nanos_per_turn(turns, || floor.turn()))
        .with("crossbeam `ArrayQueue`", || {
            nanos_per_turn(turns, || {
                if let Some(connection) = queue.pop() {
                    let _ = queue.push(connection);
                }
            })
        })
        .with("lockfree-object-pool", || nanos_per_turn(turns, || drop(objects.pull())))
        .with("`Mutex<Vec>` + `Condvar`", || nanos_per_turn(turns, || mutex.with(|_| ())))
        .hold(pace);
    let line = |path, peer, must| outcome.line(path, "`try_get`", peer, must);
    vec![
        line("1a. `try_get` and drop of 8", "two RMWs", Bound::AtMost(1.15)),
        line("1b. as 1a", "crossbeam `ArrayQueue`", Bound::None),
        line("1c. as 1a", "lockfree-object-pool", Bound::None),
        line("1d. as 1a", "`Mutex<Vec>` + `Condvar`", Bound::None),
    ]
}

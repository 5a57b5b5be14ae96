//! Row 2: one connection goes from hand to hand along a line of tasks that are polled by hand.

use conn_pool::managed::{self, Config};
use conn_pool::{Fairness, Pool};
use tokio::sync::Semaphore;

use crate::by_hand::Line as Queue;
use crate::contest::Contest;
use crate::managers::Idle;
use crate::pace::Pace;
use crate::peer_managers::{deadpool_pool, unmanaged_pool};
use crate::table::{Bound, Line, Unit};
use crate::timing::nanos_per_turn;

pub(crate) fn lines(pace: &Pace) -> Vec<Line> {
    [(["2a", "2b", "2c", "2d"], 1), (["2e", "2f", "2g", "2h"], 100)]
        .into_iter()
        .flat_map(|(numbers, waiting)| beside(pace, numbers, waiting))
        .collect()
}

fn beside(pace: &Pace, numbers: [&str; 4], waiting: usize) -> Vec<Line> {
    let (plain, managed) = (Pool::from([0_u64]), managed::Pool::<_, 1>::const_new(Idle, Config::new()));
    assert_eq!(plain.fairness(), Fairness::Fifo, "as with the peers");
    let (unmanaged, deadpool, semaphore) = (unmanaged_pool(1), deadpool_pool(1), Semaphore::new(1));
    let mut of_plain = Queue::new(|| plain.get_async(), waiting);
    let mut of_managed = Queue::new(|| managed.get_async(), waiting);
    let mut of_unmanaged = Queue::new(|| unmanaged.get(), waiting);
    let mut of_deadpool = Queue::new(|| deadpool.get(), waiting);
    let mut of_semaphore = Queue::new(|| semaphore.acquire(), waiting);
    let turns = pace.turns;
    let outcome = Contest::in_unit(Unit::Nanos)
        .with("plain", || nanos_per_turn(turns, || of_plain.step()))
        .with("managed", || nanos_per_turn(turns, || of_managed.step()))
        .with("deadpool unmanaged", || nanos_per_turn(turns, || of_unmanaged.step()))
        .with("deadpool managed", || nanos_per_turn(turns, || of_deadpool.step()))
        .with("tokio `Semaphore`", || nanos_per_turn(turns, || of_semaphore.step()))
        .hold(pace);
    let line = |number: usize, ours, peer, must| {
        let path = format!("{}. hand-over by hand, {waiting} waiting", numbers[number]);
        outcome.line(&path, ours, peer, must)
    };
    vec![
        line(0, "plain", "deadpool unmanaged", Bound::AtMost(1.0)),
        line(1, "plain", "tokio `Semaphore`", Bound::None),
        line(2, "managed", "plain", Bound::AtMost(1.3)),
        line(3, "managed", "deadpool managed", Bound::None),
    ]
}

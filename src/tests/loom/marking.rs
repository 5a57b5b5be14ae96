//! Where a releaser does not wait for the lock: whoever holds it serves the queue for it.

use std::sync::Arc;

use loom::thread;

use super::{Shared, assert_whole, client, explore, explore_up_to, filled, join, owned, touch};
use crate::slot::PoolParts;

fn filled_with_marks<const N: usize>() -> Shared<N> {
    let pool = filled::<N>();
    PoolParts::engine(&*pool).leave_marks();
    pool
}

#[test]
fn a_releaser_that_finds_the_lock_taken_leaves_nobody_waiting() {
    explore(|| {
        let pool = filled_with_marks::<1>();
        let mut held = owned(&pool);
        let waiter = client(0, &pool, |pool| touch(pool.get()).unwrap());
        held.touch();
        drop(held);
        join([waiter]);
        assert_whole(&pool, 1);
    });
}

#[test]
fn two_releasers_at_once_leave_nobody_waiting() {
    explore_up_to(1, || {
        let pool = filled_with_marks::<2>();
        let held = [owned(&pool), owned(&pool)];
        let waiter = client(0, &pool, |pool| touch(pool.get()).unwrap());
        let releasers = held.map(|held| thread::spawn(move || drop(held)));
        touch(pool.get()).unwrap();
        join(releasers);
        join([waiter]);
        assert_whole(&pool, 2);
    });
}

#[test]
fn closing_races_with_a_releaser_that_does_not_wait() {
    explore(|| {
        let pool = filled_with_marks::<1>();
        let held = owned(&pool);
        let releaser = thread::spawn(move || drop(held));
        Arc::clone(&pool).close();
        join([releaser]);
        assert_eq!((pool.status().vacant, pool.status().in_use), (1, 0));
    });
}

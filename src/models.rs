//! Models of clients of the pool, explored by loom through every interleaving up to a bound: the code under test is the
//! crate's own, on loom's atomics and locks (see `sync`).

extern crate std;

use std::sync::Arc;
use std::time::Duration;
use std::vec::Vec;

use loom::thread;

use crate::Pool;

/// Explores `model`; fails if a thread can sleep for ever, a slot can be lost, or an access can race.
fn explore(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

/// Every connection is back, and is handed out exactly once.
fn assert_whole<const N: usize>(pool: &Pool<usize, N>, present: usize) {
    let held: Vec<_> = std::iter::from_fn(|| pool.try_get().ok()).collect();
    assert_eq!(held.len(), present, "{pool:?}");
}

#[test]
fn a_connection_goes_from_hand_to_hand() {
    explore(3, || {
        let pool = Arc::new(Pool::from([0_usize]));
        let other = {
            let pool = Arc::clone(&pool);
            thread::spawn(move || *pool.get().unwrap() += 1)
        };
        *pool.get().unwrap() += 1;
        other.join().unwrap();
        assert_eq!(*pool.try_get().unwrap(), 2);
    });
}

#[test]
fn two_waiters_share_one_connection() {
    explore(2, || {
        let pool = Arc::new(Pool::from([0_usize]));
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let pool = Arc::clone(&pool);
                thread::spawn(move || *pool.get().unwrap() += 1)
            })
            .collect();
        *pool.get().unwrap() += 1;
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(*pool.try_get().unwrap(), 3);
    });
}

#[test]
fn a_timeout_races_with_a_grant() {
    explore(3, || {
        let pool = Arc::new(Pool::from([0_usize]));
        let other = {
            let pool = Arc::clone(&pool);
            thread::spawn(move || drop(pool.get_timeout(Duration::from_secs(1))))
        };
        drop(pool.get().unwrap());
        other.join().unwrap();
        assert_whole(&pool, 1);
    });
}

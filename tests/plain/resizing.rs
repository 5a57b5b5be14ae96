//! A pool that is made smaller and larger while it is in use.

use conn_pool::{ConnGuard, Fairness, Pool, TryGetError, VacancyError};

use crate::kit::plain::{Task, assert_at_rest, hold_all, waiting_tasks};
use crate::kit::{Census, Dice, poll_once};

#[test]
fn resized_to_nothing_callers_wait_until_it_grows() {
    let pool = Pool::from([1, 2]);
    pool.resize(0).unwrap();
    assert!(matches!(pool.try_get(), Err(TryGetError::Exhausted)));
    assert_eq!(pool.status().max_size, 0);
    let mut tasks = waiting_tasks(&pool, 3);
    pool.resize(1).unwrap();
    let first = tasks[0].guard();
    assert!(tasks[1].poll().is_pending());
    pool.resize(2).unwrap();
    let second = tasks[1].guard();
    assert!(tasks[2].poll().is_pending());
    drop(first);
    drop(tasks[2].guard());
    drop(second);
    assert_at_rest(&pool);
}

#[test]
fn growing_wakes_as_many_waiters_as_there_is_room_for_however_many_that_are() {
    for fairness in [Fairness::Fifo, Fairness::Bounded(0), Fairness::Bounded(5)] {
        for grown in [1, 7, 8, 9, 16, 17, 24, 40] {
            let pool = Pool::from([(); 40]).with_fairness(fairness);
            pool.resize(0).unwrap();
            let mut tasks = waiting_tasks(&pool, 40);
            pool.resize(grown).unwrap();
            let rings: Vec<usize> = tasks.iter().map(Task::rings).collect();
            assert!(rings[..grown].iter().all(|rings| *rings == 1), "{fairness:?}, {grown}: {rings:?}");
            assert!(rings[grown..].iter().all(|rings| *rings == 0), "{fairness:?}, {grown}: {rings:?}");
            let guards: Vec<_> = tasks[..grown].iter_mut().map(Task::guard).collect();
            assert!(tasks[grown..].iter_mut().all(|task| task.poll().is_pending()));
            assert_eq!(pool.status().in_use, grown);
            drop(guards);
        }
    }
}

#[test]
fn shrunk_while_everything_is_out_it_serves_nobody_until_the_surplus_is_back() {
    for fairness in [Fairness::Fifo, Fairness::Bounded(0), Fairness::Bounded(5)] {
        let pool = Pool::from([0, 1, 2, 3, 4, 5]).with_fairness(fairness);
        let mut held = hold_all(&pool);
        let mut waiter = Task::waiting(&pool);
        pool.resize(2).unwrap();
        assert_eq!(pool.status().in_use, 6, "what is out stays out");
        while pool.status().in_use > 2 {
            drop(held.pop());
            assert!(waiter.poll().is_pending());
            assert!(pool.try_get().is_err());
            assert_eq!(pool.status().idle, 0);
        }
        drop(held.pop());
        drop(waiter.guard());
        assert_eq!((pool.status().in_use, pool.status().idle), (1, 1));
        drop(held);
        assert_at_rest(&pool);
        assert_eq!(hold_all(&pool).len(), 2);
        pool.resize(6).unwrap();
        assert_eq!(hold_all(&pool).len(), 6);
    }
}

#[test]
fn shrinking_takes_vacant_slots_first_then_idle_ones_then_held_ones() {
    let pool: Pool<usize, 6> = Pool::new();
    for number in 0..4 {
        pool.insert(number).unwrap();
    }
    let held = (pool.try_get().unwrap(), pool.try_get().unwrap());
    let shape = || {
        let status = pool.status();
        (status.in_use, status.idle, status.vacant)
    };
    assert_eq!(shape(), (2, 2, 2));
    pool.resize(4).unwrap();
    assert_eq!(shape(), (2, 2, 0));
    pool.resize(3).unwrap();
    assert_eq!(shape(), (2, 1, 0));
    pool.resize(1).unwrap();
    assert_eq!(shape(), (2, 0, 0));
    drop(held);
    assert_eq!(shape(), (0, 1, 0));
    pool.resize(6).unwrap();
    assert_eq!(shape(), (0, 4, 2));
}

#[test]
fn growing_while_the_surplus_is_still_out_lets_it_stay() {
    let pool = Pool::from([0, 1, 2, 3]);
    let held = hold_all(&pool);
    pool.resize(1).unwrap();
    pool.resize(3).unwrap();
    drop(held);
    let status = pool.status();
    assert_eq!((status.idle, status.max_size), (3, 3));
    assert_eq!(hold_all(&pool).len(), 3);
}

#[test]
fn what_is_set_aside_can_be_dropped() {
    let census = Census::new();
    let pool: Pool<_, 5> = Pool::from_fn(|_| census.connect());
    let held = pool.try_get().unwrap();
    pool.resize(2).unwrap();
    assert_eq!(census.dropped(), 0);
    assert_eq!(pool.drop_surplus(), 3);
    assert_eq!(census.dropped(), 3);
    assert_eq!(pool.drop_surplus(), 0);
    drop(held);
    assert_eq!(pool.status().idle, 2);
    pool.resize(5).unwrap();
    let status = pool.status();
    assert_eq!((status.idle, status.vacant), (2, 3));
    assert_eq!(pool.metrics().discarded, 0, "dropped for want of room, not as unfit");
}

#[test]
fn beyond_the_slots_that_it_was_built_with_there_is_an_error_and_nothing_changes() {
    let pool = Pool::from([1, 2]);
    pool.resize(1).unwrap();
    let error = pool.resize(3).unwrap_err();
    assert_eq!((error.requested, error.capacity), (3, 2));
    assert_eq!((pool.status().max_size, pool.status().idle), (1, 1));
    assert!(pool.resize(usize::MAX).is_err());
    pool.resize(2).unwrap();
}

#[test]
fn after_shrinking_there_is_room_for_no_more_than_the_new_size() {
    let pool: Pool<usize, 4> = Pool::new();
    pool.resize(1).unwrap();
    pool.insert(0).unwrap();
    let refused = pool.insert(1).unwrap_err();
    assert_eq!((refused.reason, refused.connection), (VacancyError::Full { max_size: 1 }, 1));
    pool.resize(2).unwrap();
    pool.insert(2).unwrap();
    assert!(pool.insert(3).is_err());
    let held = hold_all(&pool);
    pool.resize(1).unwrap();
    for guard in held {
        ConnGuard::discard(guard);
    }
    assert_eq!(pool.status().vacant, 1);
    pool.insert(4).unwrap();
    assert!(pool.insert(5).is_err());
}

#[test]
fn a_surplus_connection_may_be_discarded_instead_of_given_back() {
    let census = Census::new();
    let pool: Pool<_, 3> = Pool::from_fn(|_| census.connect());
    let mut held = hold_all(&pool);
    let mut waiter = Task::waiting(&pool);
    pool.resize(1).unwrap();
    ConnGuard::discard(held.pop().unwrap());
    ConnGuard::discard(held.pop().unwrap());
    assert_eq!((pool.status().vacant, pool.status().in_use), (0, 1));
    assert!(waiter.poll().is_pending());
    drop(held);
    drop(waiter.guard());
    assert_at_rest(&pool);
    pool.resize(3).unwrap();
    assert_eq!(pool.status().vacant, 2);
}

#[test]
fn a_grant_that_nobody_picked_up_counts_as_out_when_the_pool_shrinks() {
    let pool = Pool::from([()]);
    let held = pool.try_get().unwrap();
    let granted = Task::waiting(&pool);
    let mut next = Task::waiting(&pool);
    drop(held);
    pool.resize(0).unwrap();
    drop(granted);
    assert!(next.poll().is_pending());
    assert_eq!(pool.status().in_use, 0);
    pool.resize(1).unwrap();
    drop(next.guard());
}

#[test]
fn debug_shows_what_is_set_aside() {
    let pool = Pool::from([0, 1, 2, 3]);
    let held = pool.try_get().unwrap();
    pool.resize(2).unwrap();
    let drawn = format!("{pool:?}");
    assert_eq!(drawn.matches('x').count(), 2, "{drawn}");
    assert!(drawn.starts_with("Pool { 1/2 free [#"), "{drawn}");
    drop(held);
}

/// What a pool of 7 slots should look like.
#[derive(Default)]
struct Model {
    max_size: usize,
    out: usize,
    idle: usize,
    set_aside: usize,
}

impl Model {
    const fn vacant(&self) -> usize {
        self.max_size.saturating_sub(self.out + self.idle)
    }
}

#[test]
fn a_random_life_goes_as_the_model_says() {
    const SLOTS: usize = 7;
    for seed in 0..60 {
        let mut dice = Dice::new(seed);
        let census = Census::new();
        let fairness = if seed % 2 == 0 { Fairness::Fifo } else { Fairness::Bounded(2) };
        let pool: Pool<_, SLOTS> = Pool::new().with_fairness(fairness);
        let mut model = Model { max_size: SLOTS, ..Model::default() };
        let mut held: Vec<ConnGuard<'_, _, SLOTS>> = Vec::new();
        for step in 0..400 {
            match dice.roll(8) {
                0 | 1 => match pool.try_get() {
                    Ok(guard) => {
                        assert!(model.idle > 0, "seed {seed}, step {step}: {pool:?}");
                        held.push(guard);
                        model.idle -= 1;
                        model.out += 1;
                    }
                    Err(_) => assert_eq!(model.idle, 0, "seed {seed}, step {step}: {pool:?}"),
                },
                2 | 3 if !held.is_empty() => {
                    drop(held.swap_remove(dice.roll(held.len())));
                    model.out -= 1;
                    if model.out + model.idle < model.max_size {
                        model.idle += 1;
                    } else {
                        model.set_aside += 1;
                    }
                }
                4 if !held.is_empty() => {
                    ConnGuard::discard(held.swap_remove(dice.roll(held.len())));
                    model.out -= 1;
                }
                5 => {
                    let inserted = pool.insert(census.connect()).is_ok();
                    assert_eq!(inserted, model.vacant() > 0, "seed {seed}, step {step}: {pool:?}");
                    model.idle += usize::from(inserted);
                }
                6 => {
                    let before = model.max_size;
                    model.max_size = dice.roll(SLOTS + 1);
                    pool.resize(model.max_size).unwrap();
                    if model.max_size < before {
                        // Vacant slots go first, so nothing is set aside that there is room for.
                        let surplus = (model.out + model.idle).saturating_sub(model.max_size).min(model.idle);
                        model.idle -= surplus;
                        model.set_aside += surplus;
                    } else {
                        // What was set aside comes back first, as far as the growth goes beyond what is out.
                        let room = model.max_size.saturating_sub(before.max(model.out));
                        let back = room.min(model.set_aside);
                        model.set_aside -= back;
                        model.idle += back;
                    }
                }
                7 if dice.roll(4) == 0 => {
                    assert_eq!(pool.drop_surplus(), std::mem::take(&mut model.set_aside));
                }
                _ => {}
            }
            let status = pool.status();
            assert_eq!(
                (status.max_size, status.in_use, status.idle, status.vacant),
                (model.max_size, model.out, model.idle, model.vacant()),
                "seed {seed}, step {step}: {pool:?}"
            );
            assert_eq!(held.len(), model.out);
            assert_eq!(census.made() - census.dropped(), model.out + model.idle + model.set_aside);
        }
        drop(held);
        pool.close();
        assert!(poll_once(&mut Box::pin(pool.drain_async())).is_ready());
        census.assert_each_dropped_once();
    }
}

#[cfg(feature = "std")]
mod with_threads {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::sync::{Arc, Weak, mpsc};
    use std::thread;

    use conn_pool::{Fairness, Pool};

    use crate::kit::plain::{Task, assert_at_rest, hold_all, wait_for_waiting};
    use crate::kit::{Census, Dice, FOREVER, wait_until};

    #[test]
    fn growing_wakes_threads_and_tasks() {
        let pool = Pool::from([(); 20]);
        pool.resize(0).unwrap();
        thread::scope(|scope| {
            let mut tasks: Vec<_> = (0..10).map(|_| Task::waiting(&pool)).collect();
            let threads: Vec<_> = (0..10).map(|_| scope.spawn(|| pool.get_timeout(FOREVER).map(drop))).collect();
            wait_for_waiting(&pool, 20);
            pool.resize(20).unwrap();
            for thread in threads {
                thread.join().unwrap().unwrap();
            }
            for task in &mut tasks {
                drop(task.guard());
            }
        });
        assert_at_rest(&pool);
    }

    #[test]
    fn a_guard_dropped_on_another_thread_after_the_pool_shrank_below_its_slot_is_set_aside() {
        let census = Census::new();
        let pool: Pool<_, 3> = Pool::from_fn(|_| census.connect());
        let held = hold_all(&pool);
        pool.resize(1).unwrap();
        thread::scope(|scope| {
            for guard in held {
                scope.spawn(move || drop(guard));
            }
        });
        assert_eq!((pool.status().idle, pool.status().in_use), (1, 0));
        assert_eq!(pool.drop_surplus(), 2);
    }

    #[test]
    fn once_the_surplus_is_back_no_more_than_the_maximum_are_out() {
        const ROUNDS: usize = 60;
        let pool = Pool::from([(); 6]);
        let (out, limit) = (AtomicUsize::new(0), AtomicUsize::new(6));
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while !done.load(Ordering::SeqCst) {
                        let guard = pool.get_timeout(FOREVER).unwrap();
                        // The limit is lowered only when so few are out, and raised before the pool is.
                        let now = out.fetch_add(1, Ordering::SeqCst) + 1;
                        assert!(now <= limit.load(Ordering::SeqCst), "{now} are out of {pool:?}");
                        thread::yield_now();
                        out.fetch_sub(1, Ordering::SeqCst);
                        drop(guard);
                    }
                });
            }
            let mut dice = Dice::new(5);
            for _ in 0..ROUNDS {
                let max_size = 1 + dice.roll(6);
                if max_size >= pool.status().max_size {
                    limit.store(max_size, Ordering::SeqCst);
                    pool.resize(max_size).unwrap();
                } else {
                    pool.resize(max_size).unwrap();
                    wait_until(|| pool.status().in_use <= max_size);
                    // A guard counts as out here until just before it is given back.
                    limit.store(max_size, Ordering::SeqCst);
                }
                let borrowed = pool.metrics().acquired;
                wait_until(|| pool.metrics().acquired > borrowed + 20);
            }
            done.store(true, Ordering::SeqCst);
        });
        assert_at_rest(&pool);
    }

    #[test]
    fn a_paused_pool_lends_nothing_while_its_connections_come_back() {
        // The guards are dropped in the very moments in which the other thread looks, as a newcomer and in the queue.
        const ROUNDS: usize = 2000;
        for fairness in [Fairness::Fifo, Fairness::Bounded(1)] {
            for round in 0..ROUNDS {
                let pool = Pool::from([(); 64]).with_fairness(fairness);
                let held = hold_all(&pool);
                pool.resize(0).unwrap();
                let back = AtomicBool::new(false);
                thread::scope(|scope| {
                    scope.spawn(|| {
                        let mut waiter = Task::new(&pool);
                        while !back.load(Ordering::SeqCst) {
                            assert!(pool.try_get().is_err(), "{fairness:?}, {round}: lent by a paused pool");
                            if round % 2 == 0 {
                                assert!(waiter.poll().is_pending(), "{fairness:?}, {round}: served by a paused pool");
                            }
                        }
                    });
                    for guard in held {
                        drop(guard);
                    }
                    back.store(true, Ordering::SeqCst);
                });
                pool.resize(64).unwrap();
                assert_at_rest(&pool);
            }
        }
    }

    #[test]
    fn dropping_what_is_set_aside_leaves_the_rest_alone_while_destructors_run() {
        // One may be out and one is set aside. While that one's destructor runs, the other goes out and comes back.
        struct Busy(Weak<Pool<Busy, 2>>);
        impl Drop for Busy {
            fn drop(&mut self) {
                if let Some(pool) = self.0.upgrade() {
                    assert!(!pool.is_closed() && pool.try_get().is_ok(), "it was idle");
                }
            }
        }
        let pool = Arc::new(Pool::new());
        for _ in 0..2 {
            assert!(pool.insert(Busy(Arc::downgrade(&pool))).is_ok());
        }
        pool.resize(1).unwrap();
        let dropped = pool.drop_surplus();
        assert_eq!((dropped, pool.status().idle, pool.status().vacant), (1, 1, 0));
    }

    /// Resizes its pool, as often as told, while it is being dropped.
    struct Resizing(Weak<Pool<Resizing, 3>>, &'static [usize]);

    impl Drop for Resizing {
        fn drop(&mut self) {
            if let Some(pool) = self.0.upgrade() {
                self.1.iter().for_each(|size| pool.resize(*size).unwrap());
            }
        }
    }

    /// Of three connections one is set aside and dropped, and the pool is resized to `sizes` meanwhile; says how many
    /// were dropped in the end.
    fn resized_while_dropping(sizes: &'static [usize]) -> (usize, Arc<Pool<Resizing, 3>>) {
        let pool = Arc::new(Pool::new());
        for _ in 0..3 {
            assert!(pool.insert(Resizing(Arc::downgrade(&pool), sizes)).is_ok());
        }
        pool.resize(2).unwrap();
        (pool.drop_surplus(), pool)
    }

    /// Nothing is out and nothing is on its way, so closing and draining is all there is to do.
    fn assert_drains(pool: &Pool<Resizing, 3>) {
        assert_eq!(pool.drain(std::time::Duration::from_secs(9)), Ok(()));
        assert_eq!((pool.status().in_use, pool.status().idle), (0, 0));
    }

    #[test]
    fn a_slot_whose_surplus_was_dropped_no_longer_keeps_a_drain_waiting() {
        let (dropped, pool) = resized_while_dropping(&[]);
        assert_eq!((dropped, pool.status().idle, pool.status().vacant, pool.status().in_use), (1, 2, 0, 0));
        assert_drains(&pool);
    }

    #[test]
    fn a_pool_that_grows_while_its_surplus_is_dropped_gets_the_slot_back() {
        let (dropped, pool) = resized_while_dropping(&[3]);
        assert_eq!((dropped, pool.status().idle, pool.status().vacant, pool.status().in_use), (1, 2, 1, 0));
        // And again: the first time has left nothing behind.
        pool.resize(1).unwrap();
        assert_eq!((pool.drop_surplus(), pool.status().idle, pool.status().vacant), (1, 1, 2));
        for _ in 0..2 {
            assert!(pool.insert(Resizing(Weak::new(), &[])).is_ok());
        }
        assert!(pool.insert(Resizing(Weak::new(), &[])).is_err());
        assert_drains(&pool);
    }

    #[test]
    fn a_pool_that_grows_and_shrinks_while_its_surplus_is_dropped_does_not() {
        for sizes in [&[3, 2][..], &[3, 2, 3, 2], &[3, 2, 2]] {
            let (dropped, pool) = resized_while_dropping(sizes);
            assert_eq!(
                (dropped, pool.status().idle, pool.status().vacant, pool.status().in_use),
                (1, 2, 0, 0),
                "{sizes:?}"
            );
            assert!(pool.insert(Resizing(Weak::new(), &[])).is_err());
            assert_drains(&pool);
        }
    }

    #[test]
    fn a_pool_that_shrinks_below_what_it_had_grown_to_while_its_surplus_is_dropped_retires_an_idle_one_too() {
        let (dropped, pool) = resized_while_dropping(&[3, 1]);
        assert_eq!((dropped, pool.status().max_size), (2, 1));
        assert_eq!((pool.status().idle, pool.status().vacant, pool.status().in_use), (1, 0, 0));
        assert_drains(&pool);
    }

    #[test]
    fn a_connection_that_comes_back_while_the_surplus_is_being_dropped_serves_the_queue() {
        struct Slow(mpsc::Sender<()>, mpsc::Receiver<()>);
        impl Drop for Slow {
            fn drop(&mut self) {
                let _ = (self.0.send(()), self.1.recv());
            }
        }
        let (started, has_started) = mpsc::channel();
        let mut goes_on = Vec::new();
        let pool: Pool<_, 2> = Pool::from_fn(|_| {
            let (go_on, receiver) = mpsc::channel();
            goes_on.push(go_on);
            Slow(started.clone(), receiver)
        });
        let held = pool.try_get().unwrap();
        pool.resize(1).unwrap();
        let mut waiter = Task::waiting(&pool);
        thread::scope(|scope| {
            let dropping = scope.spawn(|| pool.drop_surplus());
            has_started.recv().unwrap();
            drop(held);
            goes_on.clear();
            assert_eq!(dropping.join().unwrap(), 1);
        });
        drop(waiter.guard());
    }
}

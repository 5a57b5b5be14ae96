//! What holds in every build: with nothing counted and one word for all slots too, and whoever closes the fast path.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;

use conn_pool::{ConnGuard, Fairness, Pool};

use crate::kit::Dice;
use crate::kit::plain::{Task, assert_at_rest, hold_all, waiting_tasks};

/// In this order tasks wait, and in this order they are served.
fn waiters_are_served_in_order<const N: usize>() {
    let pool: Pool<usize, N> = Pool::from_fn(|number| number);
    let mut held = hold_all(&pool);
    assert_eq!(held.len(), N);
    assert!(pool.try_get().is_err());
    let mut tasks = waiting_tasks(&pool, 3 * N);
    let mut served = VecDeque::new();
    for task in &mut tasks {
        drop(if served.len() == N { served.pop_front() } else { held.pop() });
        served.push_back(task.woken_to_end().unwrap());
    }
    drop((tasks, served, held));
    assert_at_rest(&pool);
    assert_eq!(hold_all(&pool).len(), N, "no slot is lost");
}

#[test]
fn waiters_are_served_in_order_whatever_the_number_of_words() {
    waiters_are_served_in_order::<1>();
    waiters_are_served_in_order::<4>();
    waiters_are_served_in_order::<28>();
    waiters_are_served_in_order::<29>();
    waiters_are_served_in_order::<60>();
    waiters_are_served_in_order::<61>();
    waiters_are_served_in_order::<64>();
    waiters_are_served_in_order::<70>();
    waiters_are_served_in_order::<300>();
}

#[test]
fn a_static_pool_may_be_filled_by_its_constructor() {
    static POOL: Pool<u8, 5> = Pool::from_array([1, 2, 3, 4, 5]);
    let mut found: Vec<u8> = hold_all(&POOL).iter().map(|guard| **guard).collect();
    found.sort_unstable();
    assert_eq!(found, [1, 2, 3, 4, 5]);
    assert!(POOL.insert(6).is_err());
}

/// Draws what happens next, and keeps account of it.
fn a_drawn_course<const N: usize>(seed: u64, fairness: Fairness) {
    let pool: Pool<u64, N> = Pool::new().with_fairness(fairness);
    let (mut dice, mut inserted) = (Dice::new(seed), 0);
    let mut held: Vec<ConnGuard<'_, u64, N>> = Vec::new();
    let mut tasks: VecDeque<Task<'_, u64, N>> = VecDeque::new();
    for _ in 0..400 {
        match dice.roll(9) {
            0 | 1 => inserted += u64::from(pool.insert(inserted).is_ok()),
            2 => held.extend(pool.try_get().ok()),
            3 => tasks.push_back(Task::new(&pool)),
            4 if !tasks.is_empty() => drop(tasks.remove(dice.roll(tasks.len()))),
            5 if !held.is_empty() => ConnGuard::discard(held.swap_remove(dice.roll(held.len()))),
            6 => pool.resize(dice.roll(N + 1)).unwrap(),
            7 => drop(pool.drop_surplus()),
            _ if !held.is_empty() => drop(held.swap_remove(dice.roll(held.len()))),
            _ => {}
        }
        for mut task in std::mem::take(&mut tasks) {
            match task.poll() {
                Poll::Ready(answer) => held.push(answer.unwrap()),
                Poll::Pending => tasks.push_back(task),
            }
        }
        let status = pool.status();
        assert_eq!((status.in_use, status.waiting), (held.len(), tasks.len()), "{pool:?}");
        assert!(tasks.is_empty() || status.idle == 0, "a task waits beside a free connection: {pool:?}");
        let mut numbers: Vec<u64> = held.iter().map(|guard| **guard).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), held.len(), "one connection was lent twice");
    }
    drop((held, tasks));
    pool.resize(N).unwrap();
    pool.close();
    assert_eq!(pool.status().vacant, N, "{pool:?}");
    assert!(pool.try_get().is_err());
}

#[test]
fn whatever_is_drawn_no_slot_is_lost_and_none_is_lent_twice() {
    for seed in 1..60 {
        a_drawn_course::<1>(seed, Fairness::Fifo);
        a_drawn_course::<4>(seed, Fairness::Bounded(2));
        a_drawn_course::<6>(seed, Fairness::Fifo);
        a_drawn_course::<33>(seed, Fairness::Bounded(0));
        a_drawn_course::<40>(seed, Fairness::Fifo);
    }
}

/// Threads that poll their futures share a few connections; each of them counts in it without an atomic.
fn threads_share<const N: usize>(fairness: Fairness, resizes: bool) {
    const TURNS: usize = 3_000;
    let pool: Pool<usize, N> = Pool::from_fn(|_| 0).with_fairness(fairness);
    let is_over = AtomicBool::new(false);
    let turn = || {
        let mut get = pin!(pool.get_async());
        let mut guard = loop {
            match get.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(guard) => break guard.unwrap(),
                Poll::Pending => thread::yield_now(),
            }
        };
        *guard += 1;
    };
    thread::scope(|scope| {
        let workers = [(); 4].map(|()| scope.spawn(|| (0..TURNS).for_each(|_| turn())));
        if resizes {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    pool.resize(N / 2).unwrap();
                    pool.resize(N).unwrap();
                }
            });
        }
        for worker in workers {
            worker.join().unwrap();
        }
        is_over.store(true, Ordering::Relaxed);
    });
    assert_at_rest(&pool);
    assert_eq!(hold_all(&pool).iter().map(|guard| **guard).sum::<usize>(), 4 * TURNS);
}

#[test]
fn threads_that_poll_share_connections_one_at_a_time() {
    threads_share::<1>(Fairness::Fifo, false);
    threads_share::<2>(Fairness::Fifo, false);
    threads_share::<3>(Fairness::Bounded(3), false);
    threads_share::<40>(Fairness::Fifo, false);
    threads_share::<4>(Fairness::Fifo, true);
    threads_share::<40>(Fairness::Bounded(1), true);
}

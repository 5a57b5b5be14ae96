//! A thread that waits no longer than it wants to.
#![cfg(feature = "std")]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use conn_pool::{ConnGuard, Fairness, OwnedConnGuard, Pool, PoolError};

use crate::kit::plain::{Task, assert_at_rest, hold_all, owned, wait_for_waiting, waiting_tasks};
use crate::kit::{Census, Dice, FOREVER, alone, poll_with, wait_until, waker_that};

const SHORT: Duration = Duration::from_millis(20);

#[test]
fn zero_is_one_try() {
    let pool = Pool::from([()]);
    let held = pool.get_timeout(Duration::ZERO).unwrap();
    let error = pool.get_timeout(Duration::ZERO).unwrap_err();
    assert!(matches!(error, PoolError::Timeout(status) if status.in_use == 1 && status.waiting == 0));
    let metrics = pool.metrics();
    assert_eq!((metrics.waited, metrics.timed_out), (0, 1));
    drop(held);
    assert_at_rest(&pool);
}

#[test]
fn zero_does_not_overtake_the_queue() {
    let pool = Pool::from([()]);
    let held = pool.try_get().unwrap();
    let mut task = Task::waiting(&pool);
    drop(held);
    assert!(matches!(pool.get_timeout(Duration::ZERO), Err(PoolError::Timeout(_))));
    drop(task.guard());
}

#[test]
fn the_longest_duration_waits_until_there_is_something() {
    let pool = Pool::from([7]);
    let held = pool.get_timeout(Duration::MAX).unwrap();
    thread::scope(|scope| {
        let waiter = scope.spawn(|| *pool.get_timeout(Duration::MAX).unwrap());
        wait_for_waiting(&pool, 1);
        drop(held);
        assert_eq!(waiter.join().unwrap(), 7);
    });
    assert_eq!(pool.metrics().timed_out, 0);
}

#[test]
fn a_deadline_in_the_past_is_one_try() {
    let pool = Pool::from([()]);
    let past = Instant::now();
    let held = pool.get_deadline(past).unwrap();
    assert!(matches!(pool.get_deadline(past), Err(PoolError::Timeout(_))));
    assert_eq!((pool.metrics().waited, pool.metrics().timed_out), (0, 1));
    drop(held);
}

#[test]
fn time_out_comes_not_before_the_deadline_and_says_how_full_the_pool_is() {
    let pool = Pool::from([1, 2]);
    let held = hold_all(&pool);
    let start = Instant::now();
    let error = pool.get_timeout(SHORT).unwrap_err();
    assert!(start.elapsed() >= SHORT);
    assert!(matches!(error, PoolError::Timeout(status) if status.in_use == 2 && status.waiting == 0), "{error}");
    let deadline = Instant::now() + SHORT;
    assert!(pool.get_deadline(deadline).is_err());
    assert!(Instant::now() >= deadline);
    assert_eq!((pool.metrics().waited, pool.metrics().timed_out), (2, 2));
    drop(held);
    assert_at_rest(&pool);
}

#[test]
fn a_connection_in_time_ends_the_wait() {
    let pool = Pool::from([7]);
    let held = pool.try_get().unwrap();
    thread::scope(|scope| {
        let waiters = [
            scope.spawn(|| *pool.get_timeout(FOREVER).unwrap()),
            scope.spawn(|| *pool.get_deadline(Instant::now() + FOREVER).unwrap()),
        ];
        wait_for_waiting(&pool, 2);
        drop(held);
        for waiter in waiters {
            assert_eq!(waiter.join().unwrap(), 7);
        }
    });
    assert_eq!(pool.metrics().timed_out, 0);
}

#[test]
fn who_times_out_at_the_head_in_the_middle_or_at_the_tail_leaves_the_others_in_the_queue() {
    let _alone = alone();
    for place in 0..3 {
        let pool = Pool::from([()]);
        let held = pool.try_get().unwrap();
        thread::scope(|scope| {
            let mut tasks = waiting_tasks(&pool, place);
            let impatient = scope.spawn(|| pool.get_timeout(SHORT * 5).map(drop));
            wait_for_waiting(&pool, place + 1);
            tasks.extend(waiting_tasks(&pool, 2 - place));
            assert!(matches!(impatient.join().unwrap(), Err(PoolError::Timeout(_))));
            assert_eq!(pool.status().waiting, 2);
            drop(held);
            for mut task in tasks {
                drop(task.guard());
            }
        });
        assert_at_rest(&pool);
    }
}

#[test]
fn a_connection_granted_before_the_deadline_is_taken_after_it() {
    let _alone = alone();
    // Both waiters are granted in one go; the first one's waker runs before the second, a thread, is woken, and does
    // not return before that thread's time is up.
    let pool = Pool::from([1, 2]);
    let held = hold_all(&pool);
    pool.resize(0).unwrap();
    drop(held);
    let finished = Arc::new(AtomicBool::new(false));
    let waker = waker_that({
        let finished = Arc::clone(&finished);
        move || wait_until(|| finished.load(Ordering::SeqCst))
    });
    thread::scope(|scope| {
        let mut task = Task::waiting_with(&pool, waker);
        let impatient = scope.spawn(|| {
            let start = Instant::now();
            let answer = pool.get_timeout(SHORT * 5).map(|guard| *guard);
            finished.store(true, Ordering::SeqCst);
            (answer, start.elapsed())
        });
        wait_for_waiting(&pool, 2);
        pool.resize(2).unwrap();
        let (answer, elapsed) = impatient.join().unwrap();
        assert!(elapsed >= SHORT * 5, "it was woken in time, so the test shows nothing");
        assert!(answer.is_ok(), "{answer:?}");
        drop(task.guard());
    });
    assert_eq!(pool.metrics().timed_out, 0);
    assert_at_rest(&pool);
}

#[test]
fn a_pool_closed_before_the_deadline_answers_closed_after_it() {
    let _alone = alone();
    // As above: the thread is sent away, and its time is up before it is woken.
    let pool = Pool::from([()]);
    let held = pool.try_get().unwrap();
    let finished = Arc::new(AtomicBool::new(false));
    let waker = waker_that({
        let finished = Arc::clone(&finished);
        move || wait_until(|| finished.load(Ordering::SeqCst))
    });
    thread::scope(|scope| {
        let mut task = Task::waiting_with(&pool, waker);
        let impatient = scope.spawn(|| {
            let start = Instant::now();
            let answer = pool.get_timeout(SHORT * 5).map(drop);
            finished.store(true, Ordering::SeqCst);
            (answer, start.elapsed())
        });
        wait_for_waiting(&pool, 2);
        pool.close();
        let (answer, elapsed) = impatient.join().unwrap();
        assert!(elapsed >= SHORT * 5, "it was woken in time, so the test shows nothing");
        assert!(matches!(answer, Err(PoolError::Closed)), "{answer:?}");
        assert!(matches!(task.error(), PoolError::Closed));
    });
    assert_eq!(pool.metrics().timed_out, 0);
    drop(held);
}

#[test]
fn being_woken_for_nothing_does_not_start_the_time_again() {
    /// Takes all that is free past the queue, as long as the test goes on.
    struct Thief {
        pool: Arc<Pool<(), 2>>,
        loot: Mutex<Vec<OwnedConnGuard<(), 2>>>,
        active: AtomicBool,
    }
    impl Thief {
        fn steal(&self) {
            if self.active.load(Ordering::SeqCst) {
                self.loot
                    .lock()
                    .unwrap()
                    .extend(std::iter::from_fn(|| Some(owned(self.pool.try_get().ok()?, &self.pool))));
            }
        }
    }
    const PATIENCE: Duration = Duration::from_millis(300);

    let pool = Arc::new(Pool::from([(); 2]).with_fairness(Fairness::Bounded(u32::MAX)));
    let thief = Arc::new(Thief { pool: Arc::clone(&pool), loot: Mutex::default(), active: AtomicBool::new(true) });
    thief.steal();
    let waker = waker_that({
        let thief = Arc::clone(&thief);
        move || thief.steal()
    });
    // The first in the queue is called first, and takes the second one's connection as well.
    let mut accomplice = Box::pin(pool.get_async());
    assert!(poll_with(&mut accomplice, &waker).is_pending());
    let answered = AtomicBool::new(false);
    let mut calls = 0;
    thread::scope(|scope| {
        let victim = scope.spawn(|| {
            let answer = pool.get_timeout(PATIENCE).map(drop);
            answered.store(true, Ordering::SeqCst);
            answer
        });
        wait_for_waiting(&pool, 2);
        let started = Instant::now();
        while !answered.load(Ordering::SeqCst) {
            assert!(started.elapsed() < FOREVER, "woken again and again, it never times out");
            // Both connections come free in one go, so both waiters are called.
            pool.resize(0).unwrap();
            thief.loot.lock().unwrap().clear();
            pool.resize(2).unwrap();
            calls += 1;
            assert!(poll_with(&mut accomplice, &waker).is_pending());
            let next_call = Instant::now() + PATIENCE / 10;
            wait_until(|| Instant::now() > next_call || answered.load(Ordering::SeqCst));
        }
        assert!(matches!(victim.join().unwrap(), Err(PoolError::Timeout(_))));
    });
    assert!(calls > 1);
    thief.active.store(false, Ordering::SeqCst);
    drop(accomplice);
    thief.loot.lock().unwrap().clear();
    assert_at_rest(&pool);
}

#[test]
fn a_wait_in_a_waker_does_not_use_up_the_wake_up_of_the_wait_around_it() {
    const PATIENCE: Duration = Duration::from_secs(5);
    static POOL: Pool<usize, 10> = Pool::new();
    static HELD: Mutex<Option<ConnGuard<'static, usize, 10>>> = Mutex::new(None);
    static OUTER: OnceLock<(bool, Duration)> = OnceLock::new();

    for number in 0..10 {
        POOL.insert(number).unwrap();
    }
    *HELD.lock().unwrap() = POOL.try_get().ok();
    POOL.resize(1).unwrap();
    // Growing serves nine, of whom the first eight are woken at once. The first waker waits for a connection, and by
    // joining the queue it has the ninth served, whose waker it then has to call ...
    let first = waker_that(|| {
        let start = Instant::now();
        let answer = POOL.get_timeout(PATIENCE).map(drop);
        OUTER.set((answer.is_ok(), start.elapsed())).unwrap();
    });
    // ... which gives the first one its connection, and then waits in vain, on the same thread.
    let ninth = waker_that(|| {
        drop(HELD.lock().unwrap().take());
        assert!(POOL.get_timeout(SHORT).is_err());
    });
    let mut tasks = vec![Task::waiting_with(&POOL, first)];
    tasks.extend(waiting_tasks(&POOL, 7));
    tasks.push(Task::waiting_with(&POOL, ninth));
    POOL.resize(10).unwrap();
    let (served, waited) = *OUTER.get().expect("the first waker was called");
    assert!(served);
    assert!(waited < PATIENCE, "it slept until its deadline, beside the connection that it had been granted");
    for mut task in tasks {
        drop(task.guard());
    }
    assert_at_rest(&POOL);
}

#[test]
fn a_time_out_that_races_with_a_grant_is_one_or_the_other() {
    const WAITERS: usize = 3;
    const ROUNDS: usize = 400;
    let census = Census::new();
    let pool = Pool::from([census.connect()]);
    let (served, timed_out) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let waiters: Vec<_> = (1..=WAITERS)
            .map(|seed| {
                let (pool, served, timed_out) = (&pool, &served, &timed_out);
                scope.spawn(move || {
                    let mut dice = Dice::new(seed as u64);
                    for _ in 0..ROUNDS {
                        let patience = Duration::from_micros(dice.roll(200) as u64);
                        match pool.get_timeout(patience) {
                            Ok(guard) => guard.use_alone(|| {
                                served.fetch_add(1, Ordering::Relaxed);
                            }),
                            Err(PoolError::Timeout(_)) => {
                                timed_out.fetch_add(1, Ordering::Relaxed);
                            }
                            Err(error) => panic!("{error}"),
                        }
                    }
                })
            })
            .collect();
        // Holds the connection for about as long as the others are willing to wait.
        let (pool, done) = (&pool, &done);
        scope.spawn(move || {
            let mut dice = Dice::new(99);
            let mut held = 0;
            while !done.load(Ordering::Relaxed) {
                let guard = pool.get_timeout(FOREVER).unwrap();
                let until = Instant::now() + Duration::from_micros(dice.roll(200) as u64);
                guard.use_alone(|| wait_until(|| Instant::now() >= until));
                held += 1;
            }
            held
        });
        for waiter in waiters {
            waiter.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(served.load(Ordering::Relaxed) + timed_out.load(Ordering::Relaxed), WAITERS * ROUNDS);
    assert_eq!(pool.metrics().timed_out, timed_out.load(Ordering::Relaxed));
    assert_at_rest(&pool);
    assert!(pool.try_get().is_ok());
}

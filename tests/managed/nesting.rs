//! A thread that holds a connection and asks for another.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use conn_pool::SharedPool;
use conn_pool::managed::{Clock, Config, ConnGuard, GetError, Nested, Pool};

use crate::kit::managed::{get_async_owned, maintain, millis, owned, pool, quiet, secs};
use crate::kit::{
    Call, Gate, Job, Outcome, Script, StopsThePool, panic_as_planned, poll_once, survive, wait_until, watched,
};

#[test]
fn a_thread_that_would_wait_for_itself_is_told_so() {
    let pool = pool::<1>(quiet().nested(Nested::Refuse));
    let (held, line) = (pool.get().unwrap(), line!());
    match pool.get().unwrap_err() {
        GetError::Nested { own, .. } => assert_eq!(own.site.unwrap().line(), line),
        other => panic!("{other}"),
    }
    assert!(matches!(pool.get_timeout(millis(1)), Err(GetError::Timeout(_))));
    thread::scope(|scope| {
        let other = scope.spawn(|| pool.get().unwrap().number);
        wait_until(|| pool.status().waiting == 1);
        drop(held);
        assert_eq!(other.join().unwrap(), 1);
    });
}

/// The limit of a wait is the pool's there, and not the thread's.
#[test]
fn a_thread_of_a_shared_pool_that_would_wait_for_itself_is_told_so_at_once() {
    for limit in [None, Some(secs(600))] {
        let config = Config::new().max_size(2).nested(Nested::Refuse).wait_timeout(limit);
        let pool = SharedPool::blocking(Script::default(), config).unwrap();
        let (held, line) = (pool.get().unwrap(), line!());
        // Another is to be had, made or idle.
        drop(pool.get().unwrap());
        let second = pool.get_timeout(secs(600)).unwrap();
        match pool.get().unwrap_err() {
            GetError::Nested { own, .. } => assert_eq!(own.site.unwrap().line(), line),
            other => panic!("{other}"),
        }
        let named = pool.get_timeout(millis(1));
        assert!(matches!(named, Err(GetError::Timeout(_))), "a caller that names a time waits for it: {named:?}");
        thread::scope(|scope| {
            let other = scope.spawn(|| drop(pool.get().unwrap()));
            wait_until(|| pool.status().waiting == 1);
            drop(held);
            other.join().unwrap();
        });
        drop(second);
        // Unless it is asked to, it refuses nobody.
        let pool = SharedPool::blocking(Script::default(), Config::new().max_size(1).wait_timeout(limit)).unwrap();
        let held = pool.get().unwrap();
        let drops = held.number;
        thread::scope(|scope| {
            let waiter = pool.clone();
            scope.spawn(move || {
                wait_until(|| waiter.status().waiting == 1);
                drop(held);
            });
            assert_eq!(pool.get().unwrap().number, drops);
        });
    }
}

#[test]
fn a_thread_may_hold_two_while_there_are_enough() {
    let pool = pool::<2>(quiet().nested(Nested::Refuse));
    let held = [pool.get().unwrap(), pool.get().unwrap()];
    assert!(matches!(pool.get(), Err(GetError::Nested { .. })));
    drop(held);
    drop([pool.get().unwrap(), pool.get().unwrap()]);
}

/// It holds one of two; the other is being checked, and comes back.
#[test]
fn a_thread_waits_for_what_maintenance_checks() {
    let pool = pool::<2>(quiet().nested(Nested::Refuse).keepalive(Some(secs(1))));
    let (checked, answered) = (Gate::default(), Gate::default());
    drop([pool.get().unwrap(), pool.get().unwrap()]);
    maintain(&pool);
    let held = pool.get().unwrap();
    pool.clock().advance(secs(1));
    pool.manager().then(Call::Check, Outcome::at(&checked));
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut upkeep = Job::begun(pool.maintain_async(pool.clock().now()));
            wait_until(|| pool.status().waiting == 1 || answered.is_open());
            checked.open();
            let _done = upkeep.end();
        });
        wait_until(|| pool.status().in_use == 2);
        let second = pool.get().map(|second| second.number);
        answered.open();
        assert_eq!(second, Ok(2));
    });
    drop(held);
}

/// It holds one of two; another thread holds the other, and releases it.
#[test]
fn a_thread_waits_for_what_another_thread_holds() {
    let pool = pool::<2>(quiet().nested(Nested::Refuse));
    let (taken, answered) = (Gate::default(), Gate::default());
    thread::scope(|scope| {
        scope.spawn(|| {
            let _held = pool.get().unwrap();
            taken.open();
            wait_until(|| pool.status().waiting == 1 || answered.is_open());
        });
        taken.pass();
        let _own = pool.get().unwrap();
        let second = pool.get().map(drop);
        answered.open();
        assert_eq!(second, Ok(()));
    });
}

#[test]
fn a_thread_may_wait_while_it_holds_one_if_that_is_allowed() {
    let pool = pool::<1>(quiet().nested(Nested::Allow));
    let held = pool.get().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            wait_until(|| pool.status().waiting == 1);
            drop(held);
        });
        assert_eq!(pool.get().unwrap().number, 1);
    });
}

#[test]
fn a_thread_that_took_what_was_idle_does_not_wait_for_itself() {
    let pool = pool::<1>(quiet().nested(Nested::Refuse));
    drop(pool.get().unwrap());
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let _held = pool.try_get_idle().unwrap();
            assert!(matches!(pool.get(), Err(GetError::Nested { .. })));
        });
        wait_until(|| thread.is_finished() || pool.status().waiting == 1);
        pool.close();
    });
}

#[test]
fn a_connection_borrowed_by_a_thread_that_has_ended_is_nobody_elses() {
    let pool = pool::<1>(quiet().nested(Nested::Refuse));
    let held = thread::scope(|scope| scope.spawn(|| owned(pool.get().unwrap(), &pool)).join().unwrap());
    thread::scope(|scope| {
        let other = scope.spawn(|| pool.get().map(|got| got.number));
        wait_until(|| pool.status().waiting == 1 || other.is_finished());
        drop(held);
        assert_eq!(other.join().unwrap(), Ok(1));
    });
}

#[test]
fn a_thread_is_not_taken_to_hold_what_it_has_given_back() {
    let pool = pool::<1>(Config::new().nested(Nested::Refuse));
    let answer = watched("not nested", move || {
        let held = pool.get().unwrap();
        let mut task = Box::pin(get_async_owned(Arc::clone(&pool)));
        assert!(poll_once(&mut task).is_pending());
        // Granted to the task, which has not come for it.
        drop(held);
        let waiting = Arc::clone(&pool);
        let later = thread::spawn(move || {
            wait_until(|| waiting.status().waiting == 1);
            drop(task);
        });
        let answer = pool.get().map(drop);
        // Ends in any case, so that the task goes.
        if answer.is_ok() {
            later.join().unwrap();
        }
        answer
    });
    assert!(answer.is_ok(), "{answer:?}");
}

/// What it has given back waits to be ended by a thread of the pool's.
#[test]
fn a_thread_does_not_hold_what_it_has_discarded_and_was_not_ended_yet() {
    type StoppedPool = Pool<Script, 1, StopsThePool>;
    type GiveBack = fn(&StoppedPool, ConnGuard<'_, Script, 1, StopsThePool>);
    let discards: [(&str, GiveBack); 3] = [
        ("discarded", |_, held| ConnGuard::discard(held)),
        ("broken", |pool, held| {
            pool.manager().then(Call::Broken, Outcome::Error);
            drop(held);
        }),
        ("dropped by a panic", |_, held| {
            let hold = move || {
                let _held = held;
                panic_as_planned()
            };
            assert!(survive(hold).is_none());
        }),
    ];
    for (how, give_back) in discards {
        let config = quiet().nested(Nested::Refuse);
        let pool = Arc::new(StoppedPool::with_clock(Script::default(), config, StopsThePool::default()).unwrap());
        let held = pool.get().unwrap();
        let _health = pool.health_check().unwrap();
        give_back(&pool, held);
        let has_answer = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                wait_until(|| pool.status().waiting == 1 || has_answer.load(Ordering::SeqCst));
                pool.clock().gate.open();
            });
            let got = pool.get();
            has_answer.store(true, Ordering::SeqCst);
            assert!(got.is_ok(), "{how}: {}", got.unwrap_err());
        });
    }
}

/// As an owned guard it may be on its way to another thread, which will release it.
#[test]
fn a_thread_does_not_hold_what_it_has_made_owned() {
    let pool = pool::<1>(quiet());
    let (sender, receiver) = std::sync::mpsc::channel();
    sender.send(owned(pool.get().unwrap(), &pool)).unwrap();
    let other = thread::spawn({
        let pool = pool.clone();
        move || {
            wait_until(|| pool.status().waiting == 1);
            drop(receiver.recv().unwrap());
        }
    });
    drop(pool.get().unwrap());
    other.join().unwrap();
}

/// In every build, and on the fast path too.
#[test]
fn a_thread_that_holds_all_is_refused_by_default() {
    let pool = pool::<2>(quiet());
    drop(pool.get().unwrap());
    let _held = [pool.get().unwrap(), pool.get().unwrap()];
    assert!(matches!(pool.get(), Err(GetError::Nested { .. })));
}

//! What the pool says: errors, loans, events, counts and times.

use std::collections::HashSet;
use std::error::Error;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use conn_pool::SharedPool;
use conn_pool::managed::{CheckReason, Config, DiscardReason, Event, GetError, Lifecycle, Manager, Pool};

use crate::kit::managed::{ALWAYS, full, maintain, millis, pool, quiet, secs};
use crate::kit::{Call, FOREVER, Failed, Gate, Job, Outcome, wait_until};

#[test]
fn a_timeout_tells_how_full_the_pool_is_and_who_holds_longest() {
    let pool = pool::<2>(quiet().max_lifetime(Some(secs(3600))).name("orders"));
    let (_first, line) = (pool.get().unwrap(), line!());
    pool.clock().advance(secs(7));
    let _second = pool.get().unwrap();
    let _waiter = Job::begun(pool.get_async());
    let error = pool.get_timeout(millis(5)).unwrap_err();
    let expected = format!(
        "timed out waiting for a connection (pool \"orders\": in use: 2 of 2, idle: 0, vacant: 0, waiting: 1; \
         longest held for 7s, acquired at {}:{line}:",
        file!()
    );
    assert!(error.to_string().starts_with(&expected), "{error}\n{expected}");
}

/// Nobody has looked since it was acquired, so it may be in use for a moment or for an hour.
#[test]
fn a_loan_whose_beginning_nobody_saw_is_not_told_to_be_short() {
    let pool = pool::<1>(quiet());
    let (_held, line) = (pool.get().unwrap(), line!());
    pool.clock().advance(secs(3600));
    let loan = pool.loans().next().unwrap();
    assert_eq!(loan.held_for, None);
    assert!(loan.to_string().starts_with(&format!("acquired at {}:{line}:", file!())), "{loan}");
    maintain(&pool);
    pool.clock().advance(secs(2));
    let loan = pool.loans().next().unwrap();
    assert_eq!(loan.held_for, Some(secs(2)));
    assert!(loan.to_string().starts_with(&format!("held for 2s, acquired at {}:{line}:", file!())), "{loan}");
}

#[test]
fn a_name_may_be_made_at_run_time() {
    for tenant in [7, 8] {
        let pool = pool::<1>(quiet().name(&format!("orders-{tenant}")));
        let expected = format!("orders-{tenant}");
        assert_eq!(pool.report().pool.as_str(), expected);
        pool.close();
        let error = pool.get().unwrap_err().to_string();
        assert!(error.starts_with(&format!("the pool is closed (pool \"{expected}\": in use: 0 of 1")), "{error}");
    }
}

/// Each kind of error, by its name, with the beginning of its text.
#[test]
fn each_error_says_what_is_wrong() {
    let pool = pool::<1>(quiet().max_waiting(1).connect_timeout(Some(secs(9))));
    let mut errors = Vec::new();
    pool.manager().then(Call::Connect, Outcome::Error);
    errors.push(pool.get().unwrap_err());
    pool.manager().then(Call::Connect, Outcome::at(&Gate::default()));
    let mut slow = Job::begun(pool.get_async());
    pool.clock().advance(secs(9));
    errors.push(slow.end().unwrap_err());
    let held = pool.get().unwrap();
    errors.push(pool.try_get().unwrap_err());
    assert!(pool.report().to_string().starts_with("in use: 1 of 1"), "what `Exhausted` itself does not say");
    errors.push(pool.get_timeout(Duration::ZERO).unwrap_err());
    let waiter = Job::begun(pool.get_async());
    errors.push(pool.get_timeout(FOREVER).unwrap_err());
    drop(waiter);
    pool.close();
    errors.push(pool.get().unwrap_err());
    drop(held);
    let told: Vec<_> = errors.iter().map(|error| (error.name(), error.to_string())).collect();
    let expected = [
        ("connect", "cannot connect: Connect 1 failed (in use: "),
        ("connect_timeout", "cannot connect: no answer within 9s (in use: "),
        ("exhausted", "no connection is free"),
        ("timeout", "timed out waiting for a connection (in use: 1 of 1"),
        ("queue_full", "wait queue is full: 1 caller waiting (in use: 1 of 1, idle: 0, vacant: 0, waiting: 1"),
        ("closed", "the pool is closed (in use: 1 of 1"),
    ];
    for ((name, text), (expected_name, beginning)) in told.iter().zip(expected) {
        assert!(*name == expected_name && text.starts_with(beginning), "{name}: {text}");
    }
    assert!(errors.iter().all(|error| error.report().is_none() == matches!(error, GetError::Exhausted)));
}

#[test]
fn a_failed_connect_is_no_longer_in_use_when_it_is_told_of() {
    let pool = pool::<1>(quiet());
    pool.manager().then(Call::Connect, Outcome::Error);
    let status = pool.get().unwrap_err().report().unwrap().status;
    assert_eq!((status.in_use, status.connecting, status.vacant), (0, 0, 1));
}

#[test]
fn a_nested_error_names_both_places() {
    let pool = pool::<1>(quiet().nested(conn_pool::managed::Nested::Refuse));
    let (_held, line) = (pool.get().unwrap(), line!());
    let error = pool.get().unwrap_err();
    assert_eq!(error.name(), "nested");
    let text = error.to_string();
    assert!(text.starts_with("this thread would wait for itself: it holds all connections of the pool (acquired at"));
    assert!(text.contains(&format!("{}:{line}:", file!())), "{text}");
}

/// Nothing else could be made within the limit of connects, so the caller learns what was wrong with what was there.
#[test]
fn a_failed_check_is_the_error_if_nothing_better_comes_in_time() {
    let pool = pool::<2>(quiet().max_connecting(1).validate_after(Some(Duration::ZERO)));
    drop(pool.get().unwrap());
    let held = pool.get().unwrap();
    pool.manager().then(Call::Connect, Outcome::at(&Gate::default()));
    let _stuck = Job::begun(pool.get_async());
    drop(held);
    pool.manager().then(Call::Check, Outcome::Error);
    let error = pool.try_get().unwrap_err();
    assert_eq!(error.name(), "invalid");
    assert!(error.to_string().starts_with("the idle connection failed its check: Check 2 failed ("), "{error}");
    assert_eq!(error.into_manager_error(), Some(Failed(Call::Check, 2)));
}

/// What an error says, and what each says that it was caused by.
fn chain_of(error: &dyn Error) -> Vec<String> {
    let (mut chain, mut next) = (Vec::new(), Some(error));
    while let Some(link) = next {
        chain.push(link.to_string());
        next = link.source();
    }
    chain
}

/// The manager's error is in the text, so the chain goes on with what that one was caused by.
#[test]
fn a_report_of_the_whole_chain_says_each_thing_once() {
    #[derive(Debug, thiserror::Error)]
    #[error("no route to the server")]
    struct NoRoute;
    #[derive(Debug, thiserror::Error)]
    #[error("login failed")]
    struct NoLogin(#[source] NoRoute);

    struct Unreachable;
    impl Lifecycle for Unreachable {
        type Connection = ();
        type Error = NoLogin;
    }
    impl Manager for Unreachable {
        fn connect(&self, _: Option<Duration>) -> Result<(), NoLogin> {
            Err(NoLogin(NoRoute))
        }
    }

    let pool = Pool::<_, 1>::new(Unreachable, quiet()).unwrap();
    let error = pool.get().unwrap_err();
    let chain = chain_of(&error);
    assert_eq!(chain.len(), 2, "{chain:?}");
    assert!(chain[0].starts_with("cannot connect: login failed ("), "{chain:?}");
    assert_eq!(chain[1], "no route to the server");
    let unbuilt = SharedPool::connect_blocking(Unreachable, Config::new()).unwrap_err();
    assert_eq!(chain_of(&unbuilt), ["cannot make the first connection: login failed", "no route to the server"]);
    pool.close();
    assert!(pool.get().unwrap_err().source().is_none());
}

/// A caller that times out because the server is silent sees that nobody holds a connection.
#[test]
fn a_report_tells_connecting_from_in_use() {
    let pool = pool::<2>(quiet());
    pool.manager().always(Call::Connect, Outcome::at(&Gate::default()));
    let _connecting = Job::begun(pool.get_async());
    assert_eq!(pool.status().to_string(), "in use: 1 of 2 (connecting: 1), idle: 0, vacant: 1, waiting: 0");
}

#[test]
fn loans_are_of_those_who_hold_now() {
    let pool = pool::<4>(quiet());
    assert_eq!(pool.loans().count(), 0);
    let (here, line) = (pool.get().unwrap(), line!());
    let there = pool.try_get().unwrap();
    let lines: Vec<_> = pool.loans().map(|loan| loan.site.unwrap().line()).collect();
    assert_eq!(lines, [line, line + 1]);
    drop(here);
    assert_eq!(pool.loans().count(), 1);
    drop(there);
}

#[test]
fn a_task_holds_from_where_it_called() {
    let pool = pool::<4>(quiet());
    let (mut job, line) = (Job::new(pool.get_async()), line!());
    let _held = job.end().unwrap();
    let site = pool.loans().next().unwrap().site.unwrap();
    assert_eq!((site.file(), site.line()), (file!(), line));
}

#[test]
fn the_most_in_use_is_known_when_they_are_back_and_counts_anew_when_asked_to() {
    let pool = full::<3>();
    pool.reset_peaks();
    drop([pool.get().unwrap(), pool.get().unwrap()]);
    assert_eq!(pool.metrics().pool.peak_in_use, 2);
    pool.reset_peaks();
    drop(pool.get().unwrap());
    assert_eq!(pool.metrics().pool.peak_in_use, 1);
}

#[test]
fn each_reason_has_a_name_and_says_what_was_the_matter() {
    let names: HashSet<_> = DiscardReason::ALL.iter().map(|reason| reason.name()).collect();
    let words: HashSet<_> = DiscardReason::ALL.iter().map(DiscardReason::to_string).collect();
    assert_eq!((names.len(), words.len()), (DiscardReason::ALL.len(), DiscardReason::ALL.len()));
    assert_eq!((DiscardReason::Idle.name(), &*DiscardReason::Idle.to_string()), ("idle", "was idle for too long"));
    let names: HashSet<_> = CheckReason::ALL.iter().map(|reason| reason.name()).collect();
    let words: HashSet<_> = CheckReason::ALL.iter().map(CheckReason::to_string).collect();
    assert_eq!((names.len(), words.len()), (CheckReason::ALL.len(), CheckReason::ALL.len()));
    let idle = CheckReason::IdleForLong;
    assert_eq!((idle.name(), &*idle.to_string()), ("idle_for_long", "was idle for long"));
}

#[test]
fn an_event_can_be_printed() {
    let (error, took) = (&Failed(Call::Connect, 1), millis(5));
    let print = |event: Event<'_, Failed>| event.to_string();
    assert_eq!(
        print(Event::ConnectFailed { error: Some(error), took }),
        "cannot connect: Connect 1 failed (after 5ms)"
    );
    assert_eq!(print(Event::ConnectFailed { error: None, took }), "cannot connect: no answer within 5ms");
    assert_eq!(print(Event::CheckFailed { error: None }), "a connection did not answer its check in time");
    assert_eq!(print(Event::ResetFailed { error }), "a connection could not be reset: Connect 1 failed");
}

#[test]
fn the_name_is_in_reports_and_on_the_thread() {
    let pool = pool::<1>(quiet().min_idle(1).name("orders"));
    let thread_name = Arc::new(Mutex::new(None));
    let noted = Arc::clone(&thread_name);
    let note = move || *noted.lock().unwrap() = thread::current().name().map(String::from);
    pool.manager().then(Call::Connect, Outcome::after(note));
    let health = pool.health_check().unwrap();
    wait_until(|| pool.status().idle == 1);
    drop(health);
    assert_eq!(thread_name.lock().unwrap().as_deref(), Some("conn_pool orders"));
    assert_eq!(pool.report().to_string(), "pool \"orders\": in use: 0 of 1, idle: 1, vacant: 0, waiting: 0");
    assert!(format!("{pool:?}").contains("orders"), "{pool:?}");
}

#[test]
fn it_is_counted_what_happens_to_connections() {
    let pool = pool::<2>(quiet().validate_after(ALWAYS));
    pool.manager().then(Call::Connect, Outcome::Error).then(Call::Check, Outcome::Error);
    assert!(pool.get().is_err());
    for _ in 0..3 {
        drop(pool.get().unwrap());
    }
    let metrics = pool.metrics();
    assert_eq!((metrics.connected, metrics.connect_failed, metrics.checked, metrics.check_failed), (2, 1, 2, 1));
    assert_eq!((metrics.discarded_for(DiscardReason::Invalid), metrics.discarded_in_all()), (1, 1));
    assert_eq!(pool.status().idle, metrics.connected - metrics.discarded_in_all());
}

#[test]
fn connects_are_timed() {
    let pool = pool::<2>(quiet());
    let clock = pool.clock().clone();
    pool.manager().then(Call::Connect, Outcome::after(move || clock.advance(millis(100))));
    drop(pool.get().unwrap());
    let times = pool.times().connect;
    assert_eq!(times.count(), 1);
    assert!((millis(100)..millis(130)).contains(&times.max().unwrap()), "{times:?}");
}

#[test]
fn a_sample_of_borrowings_is_timed() {
    let pool = pool::<1>(quiet().max_lifetime(Some(secs(3600))));
    for _ in 0..64 {
        let held = pool.get().unwrap();
        pool.clock().advance(millis(100));
        drop(held);
    }
    let times = pool.times().hold;
    assert_eq!(times.count(), 2);
    assert!((millis(100)..millis(130)).contains(&times.max().unwrap()), "{times:?}");
}

#[test]
fn with_maintenance_the_next_borrowing_is_timed() {
    let pool = pool::<1>(quiet());
    drop(pool.get().unwrap());
    for _ in 0..3 {
        maintain(&pool);
        for _ in 0..5 {
            let held = pool.get().unwrap();
            pool.clock().advance(millis(1));
            drop(held);
        }
    }
    assert_eq!(pool.times().hold.count(), 3);
}

/// No caller has a connection that is being checked, however long that takes.
#[test]
fn a_check_that_hangs_is_no_leak() {
    let pool = pool::<1>(quiet().validate_after(ALWAYS).leak_threshold(Some(secs(1))));
    drop(pool.get().unwrap());
    let health = pool.health_check().unwrap();
    let gate = Gate::default();
    pool.manager().always(Call::Check, Outcome::at(&gate));
    assert!(pool.get_timeout(millis(1)).is_err());
    gate.wait_for_arrivals(1);
    for _ in 0..3 {
        pool.clock().advance(secs(2));
        maintain(&pool);
    }
    assert_eq!((pool.loans().count(), pool.metrics().leaked), (0, 0));
    gate.open();
    wait_until(|| pool.status().idle == 1);
    let _held = pool.get().unwrap();
    assert_eq!(pool.loans().count(), 1);
    drop(health);
}

//! The server refuses connections, where maintenance connects: who is told so, when, and who is served all the same.

use std::task::Poll;

use conn_pool::managed::{GetError, ManagerError, Retry};

use super::maintaining::filled;
use crate::kit::keeper::{BOTH, By, Keeper};
use crate::kit::managed::{ALWAYS, SimPool, assert_at_rest, millis, pool, quiet, retry, secs};
use crate::kit::{Call, Failed, Gate, Job, Outcome};

const PAUSE: Retry = retry(0, secs(1));

fn connects<const N: usize>(pool: &SimPool<N>) -> usize {
    pool.manager().calls(Call::Connect)
}

/// From now on the server refuses everyone.
fn refuse<const N: usize>(pool: &SimPool<N>) {
    pool.manager().always(Call::Connect, Outcome::Error);
}

/// From now on no error goes away by itself.
fn errors_are_permanent<const N: usize>(pool: &SimPool<N>) {
    pool.manager().always(Call::Permanent, Outcome::Error);
}

/// The error is what the manager says of a connect that maintenance made.
#[track_caller]
fn assert_told(error: &GetError<Failed>, connect: usize) {
    let GetError::Connect { error: ManagerError::Shared(text), .. } = error else { panic!("{error}") };
    assert_eq!(text.to_string(), format!("Connect {connect} failed"));
}

/// Three are idle, and the first turns out to be dead.
fn first_of_three_is_dead() -> std::sync::Arc<SimPool<3>> {
    let pool = filled::<3>(quiet().validate_after(ALWAYS), 3);
    pool.manager().then(Call::Check, Outcome::Error);
    refuse(&pool);
    pool
}

#[test]
fn a_dead_connection_beside_good_ones_is_passed_over_by_those_who_wait() {
    for by in BOTH {
        let pool = first_of_three_is_dead();
        let mut keeper = Keeper::begin(by, &pool);
        let mut caller = Job::new(pool.get_async());
        assert_eq!(keeper.answer(&mut caller).unwrap().number, 2, "{by:?}");
    }
    let pool = first_of_three_is_dead();
    let _health = pool.health_check().unwrap();
    assert_eq!(pool.get().unwrap().number, 2);
}

#[test]
fn a_dead_connection_beside_good_ones_is_passed_over_by_who_does_not_wait() {
    for by in BOTH {
        let pool = first_of_three_is_dead();
        let _keeper = Keeper::begin(by, &pool);
        assert_eq!(pool.try_get().unwrap().number, 2, "{by:?}");
    }
}

#[test]
fn a_dead_connection_beside_good_ones_is_passed_over_without_maintenance() {
    let calls: [fn(&SimPool<3>) -> usize; 3] = [
        |pool| pool.get().unwrap().number,
        |pool| pool.try_get().unwrap().number,
        |pool| Job::new(pool.get_async()).guard().number,
    ];
    for call in calls {
        let pool = first_of_three_is_dead();
        assert_eq!((call(&pool), connects(&pool)), (2, 3));
        assert_at_rest(&pool);
    }
}

#[test]
fn a_task_whose_time_is_up_is_told_why_there_is_no_connection() {
    for by in BOTH {
        let pool = pool::<2>(quiet().retry(retry(0, secs(60))));
        refuse(&pool);
        let mut keeper = Keeper::begin(by, &pool);
        let mut caller = Job::begun(pool.get_async_timeout(secs(2)));
        keeper.until(|| pool.metrics().connect_failed == 1);
        caller.wait_on();
        pool.clock().advance(secs(2));
        assert_told(&caller.woken_to_end().unwrap_err(), 1);
        assert_at_rest(&pool);
    }
}

#[test]
fn a_thread_whose_time_is_up_is_told_why_there_is_no_connection() {
    let pool = pool::<2>(quiet().retry(retry(0, secs(60))));
    refuse(&pool);
    let mut keeper = Keeper::begin(By::Threads, &pool);
    assert!(pool.try_get().is_err());
    keeper.until(|| pool.metrics().connect_failed == 1);
    assert_told(&pool.get_timeout(millis(20)).unwrap_err(), 1);
}

#[test]
fn a_permanent_error_ends_all_waits_at_once() {
    for by in BOTH {
        let pool = pool::<2>(quiet().retry(PAUSE).max_connecting(1));
        let gate = Gate::default();
        pool.manager().always(Call::Connect, Outcome::error_at(&gate));
        errors_are_permanent(&pool);
        let mut keeper = Keeper::begin(by, &pool);
        let mut waiters: Vec<_> = (0..5).map(|_| Job::begun(pool.get_async_timeout(secs(60)))).collect();
        keeper.until(|| connects(&pool) == 1);
        gate.open();
        for waiter in &mut waiters {
            assert_told(&keeper.answer(waiter).unwrap_err(), 1);
        }
        assert_eq!(connects(&pool), 1, "{by:?}");
        assert_at_rest(&pool);
    }
}

#[test]
fn newcomers_get_a_permanent_error_at_once_until_the_next_attempt() {
    let pool = pool::<2>(quiet().retry(PAUSE));
    pool.manager().then(Call::Connect, Outcome::Error);
    errors_are_permanent(&pool);
    let mut keeper = Keeper::begin(By::Task, &pool);
    assert_told(&keeper.answer(&mut Job::begun(pool.get_async())).unwrap_err(), 1);
    for _ in 0..3 {
        assert_told(&Job::new(pool.get_async()).error(), 1);
        keeper.step();
    }
    assert_eq!(connects(&pool), 1);
    pool.clock().advance(secs(1));
    let mut newcomer = Job::begun(pool.get_async());
    assert_eq!(keeper.answer(&mut newcomer).unwrap().number, 1);
    assert_eq!(connects(&pool), 2);
}

#[test]
fn while_there_is_a_connection_a_permanent_error_ends_no_wait() {
    for by in BOTH {
        let pool = filled::<2>(quiet().retry(retry(0, secs(60))), 1);
        refuse(&pool);
        errors_are_permanent(&pool);
        let mut keeper = Keeper::begin(by, &pool);
        let held = pool.try_get().unwrap();
        let mut waiters = [secs(2), secs(60)].map(|patience| Job::begun(pool.get_async_timeout(patience)));
        keeper.until(|| pool.metrics().connect_failed > 0);
        waiters.iter_mut().for_each(Job::wait_on);
        pool.clock().advance(secs(2));
        let error = waiters[0].woken_to_end().unwrap_err();
        assert!(matches!(error, GetError::Connect { error: ManagerError::Shared(_), .. }), "{by:?}: {error}");
        drop(held);
        assert_eq!(waiters[1].woken_to_end().unwrap().number, 1, "{by:?}");
    }
}

#[test]
fn failing_fast_ends_all_waits_with_any_error() {
    for by in BOTH {
        let pool = pool::<2>(quiet().retry(PAUSE).fail_fast(true).max_connecting(1));
        let gate = Gate::default();
        pool.manager().always(Call::Connect, Outcome::error_at(&gate));
        let mut keeper = Keeper::begin(by, &pool);
        let mut waiters: Vec<_> = (0..3).map(|_| Job::begun(pool.get_async_timeout(secs(60)))).collect();
        keeper.until(|| connects(&pool) == 1);
        gate.open();
        for waiter in &mut waiters {
            assert_told(&keeper.answer(waiter).unwrap_err(), 1);
        }
        assert_eq!(connects(&pool), 1, "{by:?}");
    }
}

#[test]
fn who_has_no_deadline_is_refused_when_connecting_has_failed_for_the_connect_timeout() {
    for by in BOTH {
        let pool = pool::<1>(quiet().retry(retry(0, millis(10))).connect_timeout(Some(millis(50))));
        refuse(&pool);
        let mut keeper = Keeper::begin(by, &pool);
        let mut endless = Job::begun(pool.get_async());
        let mut patient = Job::begun(pool.get_async_timeout(secs(60)));
        let mut answer = Poll::Pending;
        for failed in 1..1_000 {
            keeper.until(|| pool.metrics().connect_failed >= failed);
            // The dismissal follows the failure.
            (0..100).for_each(|_| keeper.step());
            answer = endless.poll();
            patient.wait_on();
            if answer.is_ready() {
                break;
            }
            pool.clock().advance(millis(10));
        }
        let Poll::Ready(Err(error)) = answer else { panic!("{by:?}: it waits for ever") };
        assert!(matches!(error, GetError::Connect { error: ManagerError::Shared(_), .. }), "{by:?}: {error}");
        assert!(connects(&pool) > 5, "{by:?}: refused after {} connects", connects(&pool));
    }
}

#[test]
fn after_a_success_the_pool_is_as_new() {
    for by in BOTH {
        let pool = pool::<1>(quiet().retry(PAUSE));
        pool.manager().then(Call::Connect, Outcome::Error);
        let mut keeper = Keeper::begin(by, &pool);
        let mut caller = Job::begun(pool.get_async_timeout(secs(60)));
        keeper.until(|| pool.metrics().connect_failed == 1);
        pool.clock().advance(secs(1));
        let held = keeper.answer(&mut caller).unwrap();
        let mut late = Job::begun(pool.get_async_timeout(secs(1)));
        pool.clock().advance(secs(1));
        let error = late.woken_to_end().unwrap_err();
        assert!(matches!(error, GetError::Timeout(_)), "{by:?}: {error}");
        drop(held);
        // No pause is left, either.
        pool.evict_all();
        let mut next = Job::new(pool.get_async());
        assert_eq!(keeper.answer(&mut next).unwrap().number, 2, "{by:?}");
    }
}

/// Steps of 10 ms: how many attempts began in each.
fn attempts(pool: &SimPool<8>, keeper: &mut Keeper<'_>, steps: usize) -> Vec<usize> {
    let step = |_| {
        let before = connects(pool);
        pool.clock().advance(millis(10));
        (0..4).for_each(|_| keeper.step());
        connects(pool) - before
    };
    (0..steps).map(step).collect()
}

#[test]
fn one_attempt_is_made_in_each_pause_however_many_wait() {
    let pauses = Retry { attempts: 0, first_pause: millis(100), longest_pause: millis(400) };
    let pool = pool::<8>(quiet().retry(pauses));
    refuse(&pool);
    let mut keeper = Keeper::begin(By::Task, &pool);
    let mut waiters: Vec<_> = (0..20).map(|_| Job::begun(pool.get_async_timeout(secs(60)))).collect();
    keeper.step();
    keeper.step();
    let began = attempts(&pool, &mut keeper, 300);
    assert!(began.iter().all(|began| *began <= 1), "{began:?}");
    let at: Vec<_> = (0..began.len()).filter(|step| began[*step] > 0).collect();
    let gaps: Vec<_> = at.windows(2).map(|pair| (pair[1] - pair[0]) * 10).collect();
    // The first pauses are of 100, 200 and 400 ms, each shortened by up to half.
    assert!((4..=10).contains(&at[0]) && (90..=210).contains(&gaps[0]), "{at:?}");
    assert!(gaps[1..].iter().all(|gap| (190..=410).contains(gap)), "{gaps:?}");
    waiters.iter_mut().for_each(Job::wait_on);
    pool.manager().always(Call::Connect, Outcome::Ok);
    attempts(&pool, &mut keeper, 41);
    for waiter in &mut waiters {
        drop(keeper.answer(waiter).unwrap());
    }
}

/// Fails for longer than it takes for the pauses to become the longest.
fn refuse_for_long(pool: &SimPool<2>, keeper: &mut Keeper<'_>) {
    for _ in 0..100 {
        let mut caller = Job::begun(pool.get_async_timeout(secs(1)));
        keeper.step();
        pool.clock().advance(secs(1));
        drop(keeper.answer(&mut caller).unwrap_err());
    }
}

#[test]
fn callers_are_served_soon_after_the_server_is_back_however_long_it_was_away() {
    for permanent in [false, true] {
        let pool = pool::<2>(quiet());
        refuse(&pool);
        if permanent {
            errors_are_permanent(&pool);
        }
        let mut keeper = Keeper::begin(By::Task, &pool);
        refuse_for_long(&pool, &mut keeper);
        drop(pool.try_get().unwrap_err());
        keeper.step();
        pool.manager().always(Call::Connect, Outcome::Ok);
        pool.clock().advance(Retry::LONGEST_IN_DEMAND);
        let mut newcomer = Job::begun(pool.get_async_timeout(secs(60)));
        drop(keeper.answer(&mut newcomer).unwrap());
    }
}

#[test]
fn where_no_caller_asks_pauses_grow_up_to_the_longest() {
    let pool = pool::<2>(quiet().min_idle(1));
    refuse(&pool);
    let mut keeper = Keeper::begin(By::Task, &pool);
    refuse_for_long(&pool, &mut keeper);
    let before = connects(&pool);
    for _ in 0..100 {
        keeper.step();
        pool.clock().advance(millis(100));
    }
    // Pauses of 5 s, each shortened by up to half.
    assert!((2..=5).contains(&(connects(&pool) - before)), "{}", connects(&pool) - before);
}

#[test]
fn who_wants_longer_pauses_in_demand_has_the_first_one_longer() {
    let pool = pool::<2>(quiet().retry(retry(0, secs(1))));
    refuse(&pool);
    let mut keeper = Keeper::begin(By::Task, &pool);
    let mut caller = Job::begun(pool.get_async_timeout(secs(60)));
    let before = connects(&pool);
    for _ in 0..100 {
        keeper.step();
        pool.clock().advance(millis(100));
    }
    assert!((10..=21).contains(&(connects(&pool) - before)), "{}", connects(&pool) - before);
    caller.wait_on();
}

/// The server came back in the midst of an attempt that does not notice.
#[test]
fn an_attempt_that_hangs_does_not_hold_up_the_next() {
    let pool = pool::<2>(quiet().retry(retry(0, secs(1))));
    let gate = Gate::default();
    pool.manager().then(Call::Connect, Outcome::Error).then(Call::Connect, Outcome::at(&gate));
    let mut upkeep = Job::begun(pool.run_maintenance());
    let mut caller = Job::begun(pool.get_async_timeout(secs(60)));
    for attempts in 1..=3 {
        upkeep.wait_on();
        assert_eq!(pool.manager().calls(Call::Connect), attempts);
        pool.clock().advance(secs(1));
    }
    drop(caller.woken_to_end().unwrap());
    assert!(!gate.is_open());
}

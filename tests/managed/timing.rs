//! How long callers wait, and how long it takes until they have a connection; and who gives up.

use std::time::Duration;

use conn_pool::managed::Config;

use crate::kit::managed::{ALWAYS, millis, pool, quiet};
use crate::kit::{Call, Gate, Job, Outcome};

fn timed() -> Config {
    quiet().wait_times(true)
}

/// As precise as a histogram is.
#[track_caller]
fn assert_near(time: Option<Duration>, exact: Duration) {
    let time = time.unwrap();
    assert!(time >= exact && time <= exact * 5 / 4, "{time:?} for {exact:?}");
}

#[test]
fn the_time_from_asking_to_having_is_that_of_the_wait_and_of_the_check() {
    let pool = pool::<1>(timed().validate_after(ALWAYS));
    let held = pool.get().unwrap();
    let mut caller = Job::begun(pool.get_async());
    pool.clock().advance(millis(100));
    drop(held);
    let clock = pool.clock().clone();
    pool.manager().then(Call::Check, Outcome::after(move || clock.advance(millis(1000))));
    drop(caller.end().unwrap());
    let times = pool.times();
    assert_near(times.wait.max(), millis(100));
    assert_near(times.acquire.max(), millis(1100));
    assert_eq!((times.wait.count(), times.acquire.count()), (2, 2));
}

/// A server that takes long to let anyone in: nobody waits for others.
#[test]
fn a_slow_connect_shows_in_the_time_to_acquire() {
    let pool = pool::<2>(timed());
    let clock = pool.clock().clone();
    pool.manager().then(Call::Connect, Outcome::after(move || clock.advance(millis(5000))));
    drop(pool.get().unwrap());
    assert_eq!(pool.times().wait.max(), Some(Duration::ZERO));
    assert_near(pool.times().acquire.max(), millis(5000));
}

#[test]
fn percentiles_are_over_all_callers() {
    let pool = pool::<1>(timed());
    (0..98).for_each(|_| drop(pool.get().unwrap()));
    let held = pool.get().unwrap();
    let mut late = Job::begun(pool.get_async());
    pool.clock().advance(millis(100));
    drop(held);
    drop(late.end().unwrap());
    let times = pool.times();
    for histogram in [&times.wait, &times.acquire] {
        assert_eq!((histogram.count(), histogram.percentile(99.0)), (100, Some(Duration::ZERO)));
        assert_near(histogram.percentile(99.5), millis(100));
    }
}

#[test]
fn nothing_is_measured_unless_it_was_asked_for() {
    for config in [quiet(), quiet().wait_times(false)] {
        let pool = pool::<1>(config);
        let held = pool.get().unwrap();
        drop(Job::begun(pool.get_async()));
        drop(held);
        let times = pool.times();
        assert_eq!((times.wait.count(), times.acquire.count()), (0, 0));
    }
}

#[test]
fn those_that_give_up_have_waited_but_not_acquired() {
    let pool = pool::<1>(timed());
    let _held = pool.get().unwrap();
    let gives_up = Job::begun(pool.get_async());
    let mut late = Job::begun(pool.get_async_timeout(millis(300)));
    pool.clock().advance(millis(200));
    drop(gives_up);
    pool.clock().advance(millis(100));
    assert!(late.end().is_err());
    let times = pool.times();
    assert_eq!((times.wait.count(), times.acquire.count()), (3, 1));
    assert_near(times.wait.max(), millis(300));
    assert_near(times.wait.percentile(60.0), millis(200));
}

#[test]
fn a_poller_that_is_refused_has_not_waited() {
    let pool = pool::<1>(timed());
    let _held = pool.get().unwrap();
    assert!(pool.try_get().is_err());
    assert_eq!((pool.times().wait.count(), pool.metrics().pool.cancelled), (1, 0));
}

#[test]
fn callers_that_give_up_are_counted_wherever_they_are() {
    let pool = pool::<2>(quiet().validate_after(ALWAYS));
    drop(pool.get().unwrap());
    // While it checks, while it connects, while it waits, and before it has asked.
    let [checks, connects] = [Call::Check, Call::Connect].map(|call| {
        pool.manager().then(call, Outcome::at(&Gate::default()));
        Job::begun(pool.get_async())
    });
    let waits = Job::begun(pool.get_async());
    assert_eq!(pool.metrics().pool.cancelled, 0);
    drop(waits);
    assert_eq!(pool.metrics().pool.cancelled, 1);
    drop(connects);
    assert_eq!(pool.metrics().pool.cancelled, 2);
    drop(checks);
    assert_eq!(pool.metrics().pool.cancelled, 3);
    drop(pool.get_async());
    assert_eq!(pool.metrics().pool.cancelled, 3);
}

#[test]
fn those_that_have_their_answer_have_not_given_up() {
    let pool = pool::<1>(quiet());
    let held = pool.get().unwrap();
    let mut late = Job::begun(pool.get_async_timeout(millis(5)));
    let mut served = Job::begun(pool.get_async());
    pool.clock().advance(millis(5));
    assert!(late.end().is_err());
    drop(held);
    drop(served.end().unwrap());
    assert!(pool.get_timeout(Duration::ZERO).is_ok());
    pool.close();
    assert!(pool.get().is_err());
    let metrics = pool.metrics();
    assert_eq!((metrics.pool.cancelled, metrics.pool.timed_out), (0, 1));
}

//! What is simulated agrees with what queueing theory says exactly, where it does.

use std::time::Duration;

use sizing::{Load, LoadError, Report, Service, simulate};

const MILLI: Duration = Duration::from_millis(1);

fn load(rate: f64, service: Service, processes: usize, slots: usize, servers: usize) -> Load {
    Load { rate, service, processes, slots, servers, requests: 400_000, seed: 7 }
}

fn run(load: &Load) -> Report {
    simulate(load).unwrap()
}

#[track_caller]
fn assert_near(value: f64, expected: f64, tolerance: f64) {
    assert!((value - expected).abs() <= tolerance * expected, "{value}, and {expected} was expected");
}

/// The share of the requests that wait, of `offered` load for `servers` (Erlang's formula C).
fn erlang_c(offered: f64, servers: u32) -> f64 {
    let blocked = (1..=servers).fold(1.0, |blocked, n| offered * blocked / (f64::from(n) + offered * blocked));
    let load = offered / f64::from(servers);
    blocked / (1.0 - load + load * blocked)
}

#[test]
fn one_pool_waits_as_erlang_says() {
    for (rate, slots) in [(800.0, 1), (3000.0, 4), (7200.0, 8)] {
        let report = run(&load(rate, Service::Exponential(MILLI), 1, slots as usize, slots as usize));
        let (offered, waiting) = (rate * 0.001, erlang_c(rate * 0.001, slots));
        assert_near(report.for_slot.share_that_waited(), waiting, 0.03);
        assert_near(report.for_slot.mean().as_secs_f64(), waiting * 0.001 / (f64::from(slots) - offered), 0.06);
        assert_near(report.busy, offered, 0.02);
        assert_eq!(report.for_server.percentile(1.0), Duration::ZERO, "each slot has its connection");
    }
}

/// The formula of Pollaczek and Khinchine: half of what requests of varying length wait.
#[test]
fn requests_of_one_length_wait_half_as_long() {
    let report = run(&load(800.0, Service::Fixed(MILLI), 1, 1, 1));
    assert_near(report.for_slot.mean().as_secs_f64(), 0.8 * 0.001 / (2.0 * (1.0 - 0.8)), 0.05);
}

#[test]
fn more_slots_than_server_connections_only_move_the_wait() {
    let narrow = run(&load(4000.0, Service::Exponential(MILLI), 1, 5, 5));
    let wide = run(&load(4000.0, Service::Exponential(MILLI), 1, 32, 5));
    assert_near(wide.response.mean().as_secs_f64(), narrow.response.mean().as_secs_f64(), 1e-9);
    assert!(narrow.for_server.mean().is_zero() && narrow.for_slot.mean() > Duration::ZERO);
    assert!(wide.for_server.mean() > wide.for_slot.mean() * 10);
    assert!(wide.advice().contains("behind the pool") && narrow.advice().contains("in the pool"));
}

#[test]
fn processes_that_do_not_share_their_slots_wait_longer() {
    let shared = run(&load(6000.0, Service::Exponential(MILLI), 1, 8, 8));
    let split = run(&load(6000.0, Service::Exponential(MILLI), 4, 2, 8));
    assert!(split.for_slot.mean() > shared.for_slot.mean() * 3);
}

#[test]
fn an_overload_is_told() {
    let report = run(&load(6000.0, Service::Exponential(MILLI), 4, 8, 5));
    assert!(report.utilisation() > 0.99, "{report}");
    assert!(report.advice().starts_with("More arrives than can be served"), "{report}");
    let idle = run(&load(100.0, Service::Exponential(MILLI), 1, 8, 8));
    assert!(idle.advice().contains("fewer connections"), "{idle}");
}

#[test]
fn the_same_seed_gives_the_same_answer() {
    let load = Load { requests: 1000, ..load(3000.0, Service::Exponential(MILLI), 2, 2, 3) };
    assert_eq!(run(&load).response, run(&load).response);
    assert_ne!(run(&load).response, run(&Load { seed: 8, ..load }).response);
}

#[test]
fn what_cannot_be_simulated_is_named() {
    let sound = load(1.0, Service::Fixed(MILLI), 1, 1, 1);
    let refused = |load: Load| simulate(&load).unwrap_err().to_string();
    assert_eq!(refused(Load { slots: 0, ..sound }), "the number of slots is 0, and has to be at least 1");
    assert!(refused(Load { rate: -1.0, ..sound }).starts_with("the rate is -1"));
    assert!(refused(Load { rate: f64::NAN, ..sound }).starts_with("the rate is NaN"));
    let instant = Load { service: Service::Fixed(Duration::ZERO), ..sound };
    assert_eq!(simulate(&instant).unwrap_err(), LoadError::Service);
}

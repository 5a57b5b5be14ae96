//! Sequences of operations, drawn by proptest, do to a pool what they do to a model of it (`sequences/`).
//!
//! `PROPTEST_CASES=100000` looks further. `fuzz/` runs the same sequences, led by coverage.
#![cfg(feature = "std")]

#[path = "../sequences/mod.rs"]
mod sequences;

use std::env;

use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, TestRunner};
use sequences::Plan;

fn plans(slots: usize, most_operations: usize) -> impl Strategy<Value = Plan> {
    (any::<u8>(), any::<u8>(), prop::collection::vec(any::<(u8, u8)>(), 0..most_operations))
        .prop_map(move |(fairness, vacant, operations)| Plan::decode(slots, fairness, vacant, &operations))
}

fn matches_the_model(slots: usize, cases: u32, most_operations: usize) {
    let mut config = ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("model.proptest-regressions"))),
        ..ProptestConfig::default()
    };
    if env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    let outcome = TestRunner::new(config).run(&plans(slots, most_operations), |plan| {
        plan.run();
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn pool_without_slots_matches_the_model() {
    matches_the_model(0, 500, 40);
}

#[test]
fn pool_of_one_slot_matches_the_model() {
    matches_the_model(1, 3000, 100);
}

#[test]
fn pool_of_one_word_matches_the_model() {
    matches_the_model(3, 3000, 150);
}

#[test]
fn pool_of_two_words_matches_the_model() {
    matches_the_model(8, 1500, 200);
}

#[test]
fn pool_of_three_words_matches_the_model() {
    matches_the_model(9, 1500, 200);
}

#[test]
fn pool_of_five_words_matches_the_model() {
    matches_the_model(40, 500, 300);
}

#[test]
fn pool_with_a_hint_matches_the_model() {
    matches_the_model(300, 100, 250);
}

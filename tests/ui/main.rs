//! Mistakes that the compiler finds, each beside a twin that is right.
//!
//! What it says is compared with `cases/*.stderr`; after a change of the compiler, `TRYBUILD=overwrite cargo test
//! --test ui` writes them anew.
#![cfg(feature = "std")]

/// Each is a program in `cases`, and its twin has the same name with `_pass`. The type checker finds them.
const MISTAKES: &[&str] = &[
    "clone_guard",
    "managed_clock_without_sleep",
    "managed_const_config",
    "managed_move_out",
    "managed_use_after_into_owned",
    "move_out",
    "outlive_pool",
    "pool_dropped_under_waiter",
    "share_guard_of_cell",
    "share_rc",
    "spawn_with_borrowed_guard",
    "use_after_discard",
    "use_after_drop",
    "use_after_into_owned",
];

/// Found when code is made for it, which is done with programs that have to pass only.
const TOO_MANY: &str = "too_many_slots";

// Apart from their twins, these are compiled by one command.
#[test]
fn mistakes_are_refused() {
    let cases = trybuild::TestCases::new();
    for mistake in MISTAKES {
        cases.compile_fail(format!("cases/{mistake}.rs"));
    }
}

#[test]
fn the_twins_of_mistakes_are_not() {
    let cases = trybuild::TestCases::new();
    for mistake in MISTAKES.iter().chain([&TOO_MANY]) {
        cases.pass(format!("cases/{mistake}_pass.rs"));
    }
    cases.compile_fail(format!("cases/{TOO_MANY}.rs"));
}

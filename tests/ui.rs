//! Mistakes that the compiler finds, each beside a twin that is right.
//!
//! What it says is compared with `ui/*.stderr`; after a change of the compiler, `TRYBUILD=overwrite cargo test --test
//! ui` writes them anew.
#![cfg(feature = "std")]

#[test]
fn mistakes_are_refused_and_their_twins_are_not() {
    let cases = trybuild::TestCases::new();
    for mistake in [
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
        "too_many_slots",
        "use_after_discard",
        "use_after_drop",
        "use_after_into_owned",
    ] {
        cases.compile_fail(format!("ui/{mistake}.rs"));
        cases.pass(format!("ui/{mistake}_pass.rs"));
    }
}

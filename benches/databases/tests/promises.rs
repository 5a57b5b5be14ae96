//! The promises that ours keep on each bad day.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use databases::{Left, Row, SIZE, Who, day_names, play};

/// The days are in wall-clock time: one at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn promises_are_kept(day: &str) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let rows = play(day, Who::Ours, Duration::from_secs(2));
    assert!(!rows.is_empty());
    for row in rows {
        check(&row);
    }
}

/// Where threads hang in their driver, which has no time limit once the server has accepted, and keep the connections.
/// The pool answers its callers in time, and cannot serve them.
const HANGING: [&str; 2] = ["silent-server", "quiet-network"];

fn hangs(row: &Row) -> bool {
    !row.drops_queries && HANGING.contains(&row.day)
}

/// Late is what comes after the patience and `databases::ALLOWANCE`.
fn check(row: &Row) {
    assert_eq!(row.told_late, 0, "the pool answers each caller within its patience: {row:#?}");
    assert!(is_at_most(row.left, SIZE), "no connection is left beyond the pool's size: {row:#?}");
    if hangs(row) {
        assert_eq!(row.all, None, "threads do not hang on this day any more: {row:#?}");
        return;
    }
    if row.drops_queries {
        assert_eq!(row.late, 0, "each request ends within its caller's patience: {row:#?}");
    }
    assert_eq!(row.never, 0, "each request is answered: {row:#?}");
    assert!(row.all.is_some(), "the pool serves each caller after the fault: {row:#?}");
    assert!(is_at_most(row.closed, 0), "a closed pool leaves no connection behind: {row:#?}");
}

const fn is_at_most(left: Left, most: usize) -> bool {
    left.sessions <= most && left.sockets <= most
}

macro_rules! days {
    ($($test:ident: $day:literal),+ $(,)?) => {
        $(
            #[test]
            fn $test() {
                promises_are_kept($day);
            }
        )+

        #[test]
        fn each_day_has_its_test() {
            assert_eq!(day_names(), [$($day),+]);
        }
    };
}

days! {
    idle_sessions_are_terminated: "idle-terminated",
    held_sessions_are_terminated: "held-terminated",
    the_server_is_restarted: "restarted-fast",
    the_server_is_restarted_as_by_a_power_cut: "restarted-immediate",
    one_session_stands_still: "one-stopped",
    all_sessions_stand_still: "all-stopped",
    the_server_admits_fewer_sessions: "max-connections",
    the_password_is_wrong: "wrong-password",
    the_server_accepts_and_never_answers: "silent-server",
    the_network_loses_established_connections: "quiet-network",
}

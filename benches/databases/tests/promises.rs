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

/// Late is what comes after the patience and `databases::ALLOWANCE`.
fn check(row: &Row) {
    assert_eq!(row.told_late, 0, "the pool answers each caller within its patience: {row:#?}");
    if row.drops_queries {
        assert_eq!((row.late, row.never), (0, 0), "each request ends within its caller's patience: {row:#?}");
    }
    assert!(serves(row), "the pool serves after the fault: {row:#?}");
    assert!(is_at_most(row.left, SIZE), "no connection is left beyond the pool's size: {row:#?}");
    assert!(is_at_most(row.closed, row.never), "a closed pool leaves none behind: {row:#?}");
}

/// Threads that wait for their driver, which has no time limit, keep their connections.
const fn serves(row: &Row) -> bool {
    if row.drops_queries { row.all.is_some() } else { row.first.is_some() || row.never >= SIZE }
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

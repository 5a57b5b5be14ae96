//! The promises that ours keep on each bad day.

use std::fmt;
use std::time::Duration;

use crate::crew::{PATIENCE, SIZE};
use crate::row::{Left, Row};

/// By how much an answer may come after the caller's patience: what a busy machine may delay a thread. A pool that
/// waits for two limits in turn is late by [`PATIENCE`].
const DELAY: Duration = Duration::from_secs(1);

/// Where threads hang in their driver, which has no time limit for a request, and keep the connections. The pool
/// answers its callers in time, and cannot serve them. A thread of the pool's that hangs in a check keeps the
/// connection too, and its slot is free again.
const HANGING: &str = "quiet-network";

/// Where connects of threads hang. Each is left behind with its socket, and its slot is free again.
const LEFT_BEHIND: &str = "silent-server";

/// What holds of a row.
struct Promise {
    says: &'static str,
    /// Of which rows it holds.
    binds: fn(&Row) -> bool,
    is_kept: fn(&Row) -> bool,
}

const PROMISES: [Promise; 7] = [
    Promise {
        says: "the pool answers each caller within its patience",
        binds: |_| true,
        is_kept: |row| row.longest_told <= PATIENCE + DELAY,
    },
    Promise {
        says: "no connection is left beyond the pool's size",
        binds: |_| true,
        is_kept: |row| row.left.is_within(SIZE, left_behind(row)),
    },
    Promise {
        says: "each request ends within its caller's patience",
        binds: |row| row.drops_queries,
        is_kept: |row| row.longest <= PATIENCE + DELAY,
    },
    Promise { says: "each request ends", binds: |row| !hangs(row), is_kept: |row| row.never == 0 },
    Promise {
        says: "the pool serves each caller after the fault",
        binds: |row| !hangs(row),
        is_kept: |row| row.all.is_some(),
    },
    Promise {
        says: "a closed pool leaves no connection behind",
        binds: |row| !hangs(row),
        is_kept: |row| row.closed.is_within(0, left_behind(row)),
    },
    // Not to be relied upon, but to be known of when it changes.
    Promise { says: "threads hang, as the manual says", binds: hangs, is_kept: |row| row.all.is_none() },
];

fn hangs(row: &Row) -> bool {
    !row.drops_queries && row.day == HANGING
}

/// What the driver may keep beyond the pool's.
fn left_behind(row: &Row) -> Left {
    match row.day {
        LEFT_BEHIND if !row.drops_queries => Left { sessions: 0, sockets: SIZE },
        HANGING if !row.drops_queries => Left { sessions: SIZE, sockets: SIZE },
        _ => Left::default(),
    }
}

impl Left {
    /// Whether no more is left than so many connections, and what hangs besides.
    const fn is_within(self, most: usize, hanging: Self) -> bool {
        self.sessions <= most + hanging.sessions && self.sockets <= most + hanging.sockets
    }
}

/// Which promises are broken, and by which rows.
#[derive(Debug)]
pub struct Broken(Vec<String>);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{} promises broken", self.0.join("\n"), self.0.len())
    }
}

/// How many promises these rows of these days have kept. Each row counts each promise that binds it.
///
/// # Errors
///
/// [`Broken`], if a promise is broken, or if ours were not led through a day, or through none.
pub fn check(days: &[&str], rows: &[Row]) -> Result<usize, Broken> {
    let mut kept = 0;
    let mut broken = Vec::new();
    for day in days {
        if !rows.iter().any(|row| row.is_ours && row.day == *day) {
            broken.push(format!("{day}: no pool of ours was led through it"));
        }
    }
    for row in rows.iter().filter(|row| row.is_ours) {
        for promise in PROMISES.iter().filter(|promise| (promise.binds)(row)) {
            if (promise.is_kept)(row) {
                kept += 1;
            } else {
                broken
                    .push(format!("{}, {}: it does not hold that {}: {row:#?}", row.day, row.contender, promise.says));
            }
        }
    }
    if kept == 0 {
        broken.push("no promise was kept".to_owned());
    }
    if broken.is_empty() { Ok(kept) } else { Err(Broken(broken)) }
}

#[cfg(test)]
mod tests {
    use super::{HANGING, LEFT_BEHIND, Left, PROMISES, Row, SIZE, check};
    use std::time::Duration;

    const DAY: &str = "restarted-fast";
    const IN_TIME: Duration = Duration::from_secs(2);
    const LATE: Duration = Duration::from_secs(4);

    /// One that keeps all promises.
    fn good() -> Row {
        let pool = Left { sessions: SIZE, sockets: SIZE };
        Row {
            day: DAY,
            contender: "ours",
            is_ours: true,
            drops_queries: true,
            answered: 70,
            failed: 8,
            beyond: 0,
            late: 0,
            told_late: 0,
            longest: IN_TIME,
            longest_told: IN_TIME,
            never: 0,
            first: Some(IN_TIME),
            all: Some(IN_TIME),
            left: pool,
            closed: Left::default(),
            error: String::new(),
        }
    }

    fn complaint(row: Row) -> String {
        check(&[row.day], &[row]).unwrap_err().to_string()
    }

    #[test]
    fn promises_that_are_kept_are_counted() {
        let threads = Row { drops_queries: false, ..good() };
        assert_eq!(check(&[DAY], &[good(), threads]).unwrap(), 6 + 5);
    }

    #[test]
    fn a_broken_promise_is_told_with_its_row() {
        let one_more = Left { sessions: 0, sockets: SIZE + 1 };
        let hanging = Row { day: HANGING, drops_queries: false, ..good() };
        let broken = [
            Row { longest_told: LATE, ..good() },
            Row { left: one_more, ..good() },
            Row { longest: LATE, ..good() },
            Row { never: 1, ..good() },
            Row { all: None, ..good() },
            Row { closed: Left { sessions: 1, sockets: 0 }, ..good() },
            hanging,
        ];
        for (row, promise) in broken.into_iter().zip(PROMISES) {
            let (day, complaint) = (row.day, complaint(row));
            let expected = format!("{day}, ours: it does not hold that {}", promise.says);
            assert!(complaint.starts_with(&expected), "{complaint}");
            assert!(complaint.ends_with("\n1 promises broken"), "{complaint}");
        }
    }

    #[test]
    fn a_connect_of_a_thread_that_hangs_keeps_its_socket_and_no_session() {
        let row = |sessions, sockets| Row {
            day: LEFT_BEHIND,
            drops_queries: false,
            left: Left { sessions, sockets },
            closed: Left { sessions: 0, sockets: SIZE },
            ..good()
        };
        assert_eq!(check(&[LEFT_BEHIND], &[row(SIZE, 2 * SIZE)]).unwrap(), 5);
        assert!(complaint(row(SIZE + 1, SIZE)).contains("beyond the pool's size"));
        assert!(complaint(row(SIZE, 2 * SIZE + 1)).contains("beyond the pool's size"));
        assert!(complaint(Row { drops_queries: true, ..row(SIZE, SIZE) }).contains("leaves no connection behind"));
    }

    #[test]
    fn a_check_of_a_thread_that_hangs_keeps_its_session() {
        let row = |sessions, sockets| Row {
            day: HANGING,
            drops_queries: false,
            all: None,
            left: Left { sessions, sockets },
            ..good()
        };
        assert_eq!(check(&[HANGING], &[row(2 * SIZE, 2 * SIZE)]).unwrap(), 3);
        assert!(complaint(row(2 * SIZE + 1, SIZE)).contains("beyond the pool's size"));
        assert!(complaint(Row { drops_queries: true, ..row(SIZE + 1, SIZE) }).contains("beyond the pool's size"));
    }

    #[test]
    fn peers_have_promised_nothing() {
        let peer = Row { is_ours: false, never: 1, ..good() };
        assert_eq!(check(&[DAY], &[good(), peer]).unwrap(), 6);
    }

    #[test]
    fn a_day_without_ours_is_no_success() {
        let peer = Row { is_ours: false, ..good() };
        for rows in [vec![], vec![peer]] {
            let complaint = check(&[DAY], &rows).unwrap_err().to_string();
            assert!(complaint.contains("restarted-fast: no pool of ours was led through it"), "{complaint}");
        }
        assert!(check(&[DAY, "one-stopped"], &[good()]).is_err());
        assert!(check(&[], &[]).is_err());
    }
}

//! The server admits fewer sessions than the pool may have.

use std::thread;
use std::time::{Duration, Instant};

use super::{Day, at_server};
use crate::contender::{Contender, Target};
use crate::row::{Fault, Row};
use crate::stage::{self, RECOVERY, Stage};

/// Four for the pool. A session takes a place also while it is being refused, so the superuser has many.
const SETTINGS: [&str; 2] = ["max_connections=44", "superuser_reserved_connections=40"];
/// How long the callers have to do with less.
const LONGEST: Duration = Duration::from_secs(3);

pub(super) struct Limited;

impl Day for Limited {
    fn name(&self) -> &'static str {
        "max-connections"
    }

    fn is_for_one(&self) -> bool {
        true
    }

    /// The fault is there all the time: times are from the first request on.
    fn play(&self, contenders: &[&dyn Contender], trouble: Duration) -> Vec<Row> {
        let server = stage::server(contenders.len(), &SETTINGS, &[]);
        let _empty = server.sql("CREATE ROLE clerk LOGIN");
        let stage = Stage::open(contenders, |number| Target { user: "clerk", ..at_server(&server, number) });
        let now = Instant::now();
        stage.ask();
        thread::sleep(trouble.min(LONGEST));
        stage.finish(self.name(), &server, Fault { struck: now, ended: now }, RECOVERY)
    }
}

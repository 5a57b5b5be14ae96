//! The server ends all sessions that run a query.

use std::time::{Duration, Instant};

use super::{Day, OF_POOLS, at_server};
use crate::contender::Contender;
use crate::row::{Fault, Row};
use crate::stage::{self, RECOVERY, Stage};

pub(super) struct TerminatedHeld;

impl Day for TerminatedHeld {
    fn name(&self) -> &'static str {
        "held-terminated"
    }

    fn play(&self, contenders: &[&dyn Contender], _trouble: Duration) -> Vec<Row> {
        let server = stage::server(contenders.len(), &[], &[]);
        let stage = Stage::open(contenders, |number| at_server(&server, number));
        stage.warm_up();
        let held = format!("{OF_POOLS} AND state = 'active'");
        let _ended = server.sql(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {held}"));
        let now = Instant::now();
        stage.finish(self.name(), &server, Fault { struck: now, ended: now }, RECOVERY)
    }
}

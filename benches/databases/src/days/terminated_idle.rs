//! The server ends all sessions while nobody uses them.

use std::time::{Duration, Instant};

use super::{Day, OF_POOLS, at_server};
use crate::contender::Contender;
use crate::row::{Fault, Row};
use crate::stage::{self, RECOVERY, Stage};

pub(super) struct TerminatedIdle;

impl Day for TerminatedIdle {
    fn name(&self) -> &'static str {
        "idle-terminated"
    }

    fn play(&self, contenders: &[&dyn Contender], _trouble: Duration) -> Vec<Row> {
        let server = stage::server(contenders.len(), &[], &[]);
        let stage = Stage::open(contenders, |number| at_server(&server, number));
        stage.warm_up();
        stage.pause();
        // Each is waited for.
        let _ended =
            server.sql(&format!("SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE {OF_POOLS}"));
        let now = Instant::now();
        stage.ask();
        stage.finish(self.name(), &server, Fault { struck: now, ended: now }, RECOVERY)
    }
}

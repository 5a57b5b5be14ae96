//! Sessions of the server stand still for a while, and then go on.

use std::thread;
use std::time::{Duration, Instant};

use conn_pool_testing::Server;
use rustix::process::{Pid, Signal, kill_process};

use super::{Day, OF_POOLS, at_server};
use crate::contender::Contender;
use crate::row::{Fault, Row};
use crate::stage::{self, RECOVERY, Stage};

pub(super) enum Stopped {
    /// One of each pool: one that is held, if there is any.
    One,
    All,
}

impl Stopped {
    fn of(&self, server: &Server) -> Frozen {
        let pids = match self {
            Self::One => format!(
                "SELECT DISTINCT ON (application_name) pid FROM pg_stat_activity WHERE {OF_POOLS} \
                 ORDER BY application_name, (state = 'active') DESC"
            ),
            Self::All => format!("SELECT pid FROM pg_stat_activity WHERE {OF_POOLS}"),
        };
        let pids = server.sql(&pids);
        Frozen::new(pids.lines().filter_map(|pid| Pid::from_raw(pid.parse().expect("a process number"))))
    }
}

impl Day for Stopped {
    fn name(&self) -> &'static str {
        match self {
            Self::One => "one-stopped",
            Self::All => "all-stopped",
        }
    }

    fn play(&self, contenders: &[&dyn Contender], trouble: Duration) -> Vec<Row> {
        let server = stage::server(contenders.len(), &[], &[]);
        let stage = Stage::open(contenders, |number| at_server(&server, number));
        stage.warm_up();
        let frozen = self.of(&server);
        let struck = Instant::now();
        thread::sleep(trouble);
        drop(frozen);
        stage.finish(self.name(), &server, Fault { struck, ended: Instant::now() }, RECOVERY)
    }
}

/// Processes that stand still. Dropped, they go on. They do not end meanwhile, so that their numbers stay theirs.
struct Frozen(Vec<Pid>);

impl Frozen {
    /// Leaves out those that have ended.
    fn new(pids: impl Iterator<Item = Pid>) -> Self {
        Self(pids.filter(|pid| kill_process(*pid, Signal::STOP).is_ok()).collect())
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        for pid in &self.0 {
            // Ended by a server that was ended by force.
            let _gone = kill_process(*pid, Signal::CONT);
        }
    }
}

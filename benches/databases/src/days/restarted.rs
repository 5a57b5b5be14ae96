//! The server is restarted under load.

use std::time::{Duration, Instant};

use conn_pool_testing::Shutdown;

use super::{Day, at_server};
use crate::contender::Contender;
use crate::row::{Fault, Row};
use crate::stage::{self, RECOVERY, Stage};

pub(super) struct Restarted(pub(super) Shutdown);

impl Day for Restarted {
    fn name(&self) -> &'static str {
        match self.0 {
            Shutdown::Fast => "restarted-fast",
            Shutdown::Immediate => "restarted-immediate",
        }
    }

    fn play(&self, contenders: &[&dyn Contender], _trouble: Duration) -> Vec<Row> {
        let mut server = stage::server(contenders.len(), &[], &[]);
        let stage = Stage::open(contenders, |number| at_server(&server, number));
        stage.warm_up();
        server.stop(self.0);
        // A busy server ends its sessions some time after it was told to.
        let struck = Instant::now();
        server.run_again();
        stage.finish(self.name(), &server, Fault { struck, ended: Instant::now() }, RECOVERY)
    }
}

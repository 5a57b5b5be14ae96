//! The password is wrong, until the server learns it.

use std::thread;
use std::time::{Duration, Instant};

use super::{Day, at_server};
use crate::contender::{Contender, Target};
use crate::row::{Fault, Row};
use crate::stage::{self, RECOVERY, Stage};

const ACCESS: &str = "host all clerk 127.0.0.0/8 scram-sha-256";
/// Longer than the callers' patience.
const LONGEST: Duration = Duration::from_secs(5);

pub(super) struct Password;

impl Day for Password {
    fn name(&self) -> &'static str {
        "wrong-password"
    }

    fn play(&self, contenders: &[&dyn Contender], trouble: Duration) -> Vec<Row> {
        let server = stage::server(contenders.len(), &[], &[ACCESS]);
        let _empty = server.sql("CREATE ROLE clerk LOGIN PASSWORD 'another'");
        let stage = Stage::open(contenders, |number| Target {
            user: "clerk",
            password: Some("secret"),
            ..at_server(&server, number)
        });
        let struck = Instant::now();
        stage.ask();
        thread::sleep(trouble.min(LONGEST));
        let _empty = server.sql("ALTER ROLE clerk PASSWORD 'secret'");
        stage.finish(self.name(), &server, Fault { struck, ended: Instant::now() }, RECOVERY)
    }
}

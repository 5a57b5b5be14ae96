//! The network loses the established connections, and tells nobody. New ones pass.

use std::time::{Duration, Instant};

use super::{Day, at, at_server};
use crate::contender::{Contender, own_host};
use crate::proxy::Proxy;
use crate::row::{Fault, Row};
use crate::stage::{self, Stage};

/// Threads never serve again. Tasks do when a check has failed, which takes 5 s by ours' defaults.
const SHORTEST: Duration = Duration::from_secs(15);

pub(super) struct Quiet;

impl Day for Quiet {
    fn name(&self) -> &'static str {
        "quiet-network"
    }

    fn play(&self, contenders: &[&dyn Contender], trouble: Duration) -> Vec<Row> {
        let server = stage::server(contenders.len(), &[], &[]);
        let proxy = |number| Proxy::start(own_host(number), at_server(&server, number).address);
        let proxies: Vec<Proxy> = (0..contenders.len()).map(proxy).collect();
        let stage = Stage::open(contenders, |number| at(proxies[number].address(), number));
        stage.warm_up();
        proxies.iter().for_each(Proxy::quieten);
        let now = Instant::now();
        // A pool can serve again at once, by new connections.
        stage.finish(self.name(), &server, Fault { struck: now, ended: now }, trouble.max(SHORTEST))
    }
}

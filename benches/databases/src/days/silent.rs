//! A server that accepts and never answers, from the start. Then a server comes that does; what was accepted before
//! stays silent.

use std::thread;
use std::time::{Duration, Instant};

use super::{Day, at, at_server};
use crate::contender::{Contender, own_host};
use crate::proxy::Proxy;
use crate::row::{Fault, Row};
use crate::stage::{self, Stage};

/// Longer than a connect may take by ours' defaults, which is 30 s: after that the pool gives up those that hang.
const LONGEST_RECOVERY: Duration = Duration::from_secs(33);

pub(super) struct Silent;

impl Day for Silent {
    fn name(&self) -> &'static str {
        "silent-server"
    }

    fn play(&self, contenders: &[&dyn Contender], trouble: Duration) -> Vec<Row> {
        let server = stage::server(contenders.len(), &[], &[]);
        let proxy = |number| Proxy::start(own_host(number), at_server(&server, number).address);
        let proxies: Vec<Proxy> = (0..contenders.len()).map(proxy).collect();
        mute(&proxies, true);
        let stage = Stage::open(contenders, |number| at(proxies[number].address(), number));
        let struck = Instant::now();
        stage.ask();
        thread::sleep(trouble);
        mute(&proxies, false);
        stage.finish(self.name(), &server, Fault { struck, ended: Instant::now() }, LONGEST_RECOVERY)
    }
}

fn mute(proxies: &[Proxy], is_mute: bool) {
    for proxy in proxies {
        proxy.mute(is_mute);
    }
}

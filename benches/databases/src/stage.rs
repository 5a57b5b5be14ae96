//! Pools side by side at one server, each with its callers, through one fault.

use std::collections::HashMap;
use std::iter;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use conn_pool_testing::Server;

use crate::contender::{Contender, Opened, Target, own_host};
use crate::crew::{Crew, NEVER, SIZE, comes_before};
use crate::row::{Fault, Left, Row};
use crate::sockets;

/// A pool that does not serve at all fails the command.
const WARM_UP: Duration = Duration::from_secs(60);
/// How long pools have to serve again: the day is over when all do.
pub(crate) const RECOVERY: Duration = Duration::from_secs(20);
/// How long ended connections have to go.
const SETTLE: Duration = Duration::from_secs(5);
/// Between two looks at whether they have: each starts a process, and asks the server.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// One pool and its callers.
struct Part<'a> {
    contender: &'a dyn Contender,
    target: Target,
    crew: Arc<Crew>,
    opened: Box<dyn Opened>,
}

pub(crate) struct Stage<'a>(Vec<Part<'a>>);

/// A server that many pools can reach, each at an address of its own.
pub(crate) fn server(contenders: usize, settings: &[&str], access: &[&str]) -> Server {
    let own = (0..contenders).map(own_host);
    let hosts: Vec<String> = iter::once(Ipv4Addr::LOCALHOST).chain(own).map(|host| host.to_string()).collect();
    let addresses = format!("listen_addresses={}", hosts.join(","));
    let settings: Vec<&str> = [addresses.as_str(), "max_connections=400"].iter().chain(settings).copied().collect();
    Server::start_with(&settings, access)
}

impl<'a> Stage<'a> {
    /// Opens the pools. The callers are paused.
    pub(crate) fn open(contenders: &[&'a dyn Contender], target: impl Fn(usize) -> Target) -> Self {
        let part = |(number, contender): (usize, &&'a dyn Contender)| {
            let (target, crew) = (target(number), Arc::new(Crew::new()));
            let opened = contender.open(&target, &crew);
            Part { contender: *contender, target, crew, opened }
        };
        Self(contenders.iter().enumerate().map(part).collect())
    }

    /// Lets all ask until each caller was answered.
    pub(crate) fn warm_up(&self) {
        let began = Instant::now();
        self.ask();
        for part in &self.0 {
            let served = comes_before(began + WARM_UP, || part.crew.all_answered_since(began));
            assert!(served, "{} does not serve before the fault", part.contender.name());
        }
    }

    pub(crate) fn ask(&self) {
        self.0.iter().for_each(|part| part.crew.ask());
    }

    /// Returns when no request is in flight.
    pub(crate) fn pause(&self) {
        self.0.iter().for_each(|part| part.crew.pause());
        let end = Instant::now() + WARM_UP;
        assert!(comes_before(end, || self.0.iter().all(|part| part.crew.all_rest())), "requests end without a fault");
    }

    /// Waits until all pools serve again, or `longest` is over; ends the callers, and counts what is left.
    pub(crate) fn finish(mut self, day: &'static str, server: &Server, fault: Fault, longest: Duration) -> Vec<Row> {
        let is_back = |part: &Part| part.crew.all_answered_since(fault.ended);
        comes_before(fault.ended + longest, || self.0.iter().all(is_back));
        self.0.iter().for_each(|part| part.crew.end());
        comes_before(Instant::now() + NEVER, || self.0.iter().all(|part| part.crew.have_ended()));

        let rows = self.0.iter().map(|part| Row::new(day, part.contender, &part.crew.take(), fault));
        let mut rows: Vec<Row> = rows.collect();
        let left = self.count(server, SIZE);
        self.0.iter_mut().for_each(|part| part.opened.close());
        let closed = self.count(server, 0);
        for ((row, left), closed) in rows.iter_mut().zip(left).zip(closed) {
            (row.left, row.closed) = (left, closed);
        }
        rows
    }

    /// What there is when no pool has more than `most`, or when some still have after a while.
    fn count(&self, server: &Server, most: usize) -> Vec<Left> {
        let end = Instant::now() + SETTLE;
        loop {
            let counts = self.count_now(server);
            let settled = counts.iter().all(|left| left.sessions <= most && left.sockets <= most);
            if settled || Instant::now() > end {
                return counts;
            }
            thread::sleep(BETWEEN_LOOKS);
        }
    }

    fn count_now(&self, server: &Server) -> Vec<Left> {
        let sessions = sessions(server);
        let count = |Part { target, .. }: &Part| Left {
            sessions: sessions.get(&target.application).copied().unwrap_or_default(),
            sockets: sockets::to(target.address),
        };
        self.0.iter().map(count).collect()
    }
}

/// The sessions of each pool.
fn sessions(server: &Server) -> HashMap<String, usize> {
    let counts = server.sql("SELECT application_name, count(*) FROM pg_stat_activity GROUP BY 1");
    let split =
        |line: &str| line.split_once('|').map(|(name, count)| (name.to_owned(), count.parse().expect("a count")));
    counts.lines().filter_map(split).collect()
}

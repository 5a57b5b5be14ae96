//! What happens, event by event.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::load::{Load, LoadError, exponential};
use crate::report::Report;
use crate::waits::Waits;

/// A moment, in seconds since the begin.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Moment(f64);

impl Eq for Moment {}

impl PartialOrd for Moment {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Moment {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// A request on its way.
struct Request {
    process: usize,
    arrived: f64,
    /// When it got its slot.
    lent: f64,
    /// When the server began to work on it.
    begun: f64,
    service: f64,
}

struct Process {
    free: usize,
    queue: VecDeque<usize>,
}

struct Simulation {
    requests: Vec<Request>,
    processes: Vec<Process>,
    free_servers: usize,
    at_server: VecDeque<usize>,
    /// When the server is done with which request.
    ends: BinaryHeap<Reverse<(Moment, usize)>>,
    /// Until when the server's connections were looked at, and for how long they were busy, all of them together.
    seen: f64,
    busy: f64,
    servers: usize,
}

/// Simulates the load. The same seed gives the same answer.
///
/// # Errors
///
/// If there is nothing to simulate: see [`LoadError`].
pub fn simulate(load: &Load) -> Result<Report, LoadError> {
    load.check()?;
    let mut simulation = Simulation::new(load);
    let mut random = SmallRng::seed_from_u64(load.seed);
    let mut now = 0.0;
    for _ in 0..load.requests {
        now += exponential(&mut random) / load.rate;
        simulation.run_until(now);
        let process = random.random_range(0..load.processes);
        simulation.arrive(now, process, load.service.draw(&mut random));
    }
    // Until all that have arrived are served, nobody else comes, so this time says nothing of the load.
    let (busy, lasted) = (simulation.busy, simulation.seen);
    simulation.run_until(f64::INFINITY);
    Ok(simulation.report(*load, busy / lasted))
}

impl Simulation {
    fn new(load: &Load) -> Self {
        Self {
            requests: Vec::with_capacity(load.requests),
            processes: (0..load.processes).map(|_| Process { free: load.slots, queue: VecDeque::new() }).collect(),
            free_servers: load.servers,
            at_server: VecDeque::new(),
            ends: BinaryHeap::new(),
            seen: 0.0,
            busy: 0.0,
            servers: load.servers,
        }
    }

    fn arrive(&mut self, now: f64, process: usize, service: f64) {
        let number = self.requests.len();
        self.requests.push(Request { process, arrived: now, lent: now, begun: now, service });
        if self.processes[process].free == 0 {
            self.processes[process].queue.push_back(number);
        } else {
            self.processes[process].free -= 1;
            self.lend(now, number);
        }
    }

    /// The request has a slot, and goes to the server.
    fn lend(&mut self, now: f64, number: usize) {
        self.requests[number].lent = now;
        if self.free_servers == 0 {
            self.at_server.push_back(number);
        } else {
            self.free_servers -= 1;
            self.begin(now, number);
        }
    }

    fn begin(&mut self, now: f64, number: usize) {
        let request = &mut self.requests[number];
        request.begun = now;
        self.ends.push(Reverse((Moment(now + request.service), number)));
    }

    fn run_until(&mut self, until: f64) {
        while let Some(Reverse((Moment(end), number))) = self.ends.peek().copied()
            && end <= until
        {
            self.ends.pop();
            self.look_at_servers(end);
            self.end(end, number);
        }
        if until.is_finite() {
            self.look_at_servers(until);
        }
    }

    /// The server is done with a request: its slot goes to the next in its process, and the server goes on.
    fn end(&mut self, now: f64, number: usize) {
        self.free_servers += 1;
        let process = self.requests[number].process;
        match self.processes[process].queue.pop_front() {
            // Behind those that are at the server already.
            Some(next) => {
                self.requests[next].lent = now;
                self.at_server.push_back(next);
            }
            None => self.processes[process].free += 1,
        }
        if let Some(next) = self.at_server.pop_front() {
            self.free_servers -= 1;
            self.begin(now, next);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a number of connections")]
    fn look_at_servers(&mut self, now: f64) {
        self.busy += (now - self.seen) * (self.servers - self.free_servers) as f64;
        self.seen = now;
    }

    fn report(self, load: Load, busy: f64) -> Report {
        let counted = &self.requests[load.requests / 10..];
        let waits = |wait: fn(&Request) -> f64| Waits::new(counted.iter().map(wait).collect());
        Report {
            load,
            busy,
            for_slot: waits(|request| request.lent - request.arrived),
            for_server: waits(|request| request.begun - request.lent),
            response: waits(|request| request.begun - request.arrived + request.service),
        }
    }
}

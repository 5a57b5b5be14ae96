//! What a simulation has shown.

use std::fmt;
use std::time::Duration;

use crate::load::Load;
use crate::waits::Waits;

/// How long requests waited, and how busy the server was.
#[derive(Debug, Clone)]
pub struct Report {
    pub load: Load,
    /// How many of the server's connections were busy on average.
    pub busy: f64,
    /// In the queue of a pool: what the pool's own figures show.
    pub for_slot: Waits,
    /// Behind the pool, where its figures show a longer loan and no wait.
    pub for_server: Waits,
    /// From the arrival to the end.
    pub response: Waits,
}

impl Report {
    /// The share of the server's connections that were busy.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a number of connections")]
    pub fn utilisation(&self) -> f64 {
        self.busy / self.load.servers as f64
    }

    /// What is worth saying of this load.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        let load = &self.load;
        #[expect(clippy::cast_precision_loss, reason = "a number of connections")]
        let is_overloaded = load.offered() >= load.width() as f64;
        if is_overloaded {
            "More arrives than can be served: the queues grow for as long as this lasts, and no pool helps.\n\
             Limit the queue (`max_waiting`, `wait_timeout`), shorten the requests, or widen the server."
        } else if self.for_server.mean() > self.for_slot.mean() && self.for_server.share_that_waited() > 0.01 {
            "Requests wait behind the pool, where it cannot see them, and where checks wait too.\n\
             Fewer slots move the wait into the pool, whose figures and deadlines then cover it."
        } else if self.for_slot.share_that_waited() > 0.01 {
            "Requests wait in the pool.\nMore slots help only if the server can work on more requests at once."
        } else {
            "Hardly a request waits. There is room for fewer connections."
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let load = &self.load;
        writeln!(f, "{} requests, {} a second, {} each", load.requests, load.rate, Millis(load.service.mean()))?;
        let slots = (load.processes, load.slots, load.servers);
        writeln!(f, "{} processes of {} slots over {} server connections\n", slots.0, slots.1, slots.2)?;
        writeln!(
            f,
            "busy server connections  {:.2} of {}: {:.0} %",
            self.busy,
            load.servers,
            self.utilisation() * 100.0
        )?;
        writeln!(f, "{:24} {:>8} {:>10} {:>10} {:>10} {:>10}", "", "waited", "mean", "p50", "p99", "longest")?;
        row(f, "wait for a slot", &self.for_slot)?;
        row(f, "wait for the server", &self.for_server)?;
        row(f, "from arrival to end", &self.response)?;
        write!(f, "\n{}", self.advice())
    }
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, waits: &Waits) -> fmt::Result {
    let [p50, p99, longest] = [0.5, 0.99, 1.0].map(|share| Millis(waits.percentile(share)).to_string());
    let (waited, mean) = (waits.share_that_waited() * 100.0, Millis(waits.mean()).to_string());
    writeln!(f, "{name:24} {waited:>6.1} % {mean:>10} {p50:>10} {p99:>10} {longest:>10}")
}

/// A time in milliseconds.
struct Millis(Duration);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} ms", self.0.as_secs_f64() * 1000.0)
    }
}

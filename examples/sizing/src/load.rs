//! What is simulated.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use rand::Rng;
use rand::rngs::SmallRng;
use rand_distr::{Distribution, Exp1};

/// How long the server works on a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// On each as long.
    Fixed(Duration),
    /// On most of them for less than this mean, and on some for several times as long: what is mixed of short and long
    /// queries looks like this.
    Exponential(Duration),
}

impl Service {
    #[must_use]
    pub const fn mean(self) -> Duration {
        match self {
            Self::Fixed(time) | Self::Exponential(time) => time,
        }
    }

    pub(crate) fn draw(self, random: &mut SmallRng) -> f64 {
        match self {
            Self::Fixed(time) => time.as_secs_f64(),
            Self::Exponential(mean) => mean.as_secs_f64() * exponential(random),
        }
    }
}

/// A number of the exponential distribution whose mean is 1: the time to the next of many independent arrivals.
pub(crate) fn exponential(random: &mut impl Rng) -> f64 {
    Exp1.sample(random)
}

/// Requests, and what serves them.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// How many requests arrive in a second, at all processes together and independently of each other.
    pub rate: f64,
    pub service: Service,
    pub processes: usize,
    /// How many connections the pool of each process has.
    pub slots: usize,
    /// On how many requests at once the server works, or how many connections a pooler has to it.
    pub servers: usize,
    /// How many requests are simulated. The first tenth is not counted: the queues are empty when it arrives.
    pub requests: usize,
    pub seed: u64,
}

/// What cannot be simulated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LoadError {
    /// This has to be at least 1.
    Nothing(&'static str),
    /// The rate has to be a number above 0.
    Rate(f64),
    /// A request has to take some time.
    Service,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing(what) => write!(f, "{what} is 0, and has to be at least 1"),
            Self::Rate(rate) => write!(f, "the rate is {rate}, and has to be a number of requests a second above 0"),
            Self::Service => f.write_str("a request takes the server no time: the service time has to be above 0"),
        }
    }
}

impl Error for LoadError {}

impl Load {
    /// How many of the server's connections are busy on average, if it can keep up.
    #[must_use]
    pub fn offered(&self) -> f64 {
        self.rate * self.service.mean().as_secs_f64()
    }

    /// How many requests the server can work on at once: no more than the pools let through.
    #[must_use]
    pub fn width(&self) -> usize {
        self.servers.min(self.processes.saturating_mul(self.slots))
    }

    pub(crate) fn check(&self) -> Result<(), LoadError> {
        let counts = [
            ("the number of processes", self.processes),
            ("the number of slots", self.slots),
            ("the number of server connections", self.servers),
            ("the number of requests", self.requests),
        ];
        if let Some((what, _)) = counts.into_iter().find(|(_, count)| *count == 0) {
            return Err(LoadError::Nothing(what));
        }
        if !(self.rate.is_finite() && self.rate > 0.0) {
            return Err(LoadError::Rate(self.rate));
        }
        if self.service.mean().is_zero() { Err(LoadError::Service) } else { Ok(()) }
    }
}

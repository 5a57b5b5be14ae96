//! The order of events, forced, so that each run shows the same.
//!
//! 1. As many workers as there are connections take one each, and hold it.
//! 2. The other workers join the queue, one after the other. If there are none, two impatient callers do.
//! 3. The pool is full and all callers that have to wait are queued: this is what the report counts.
//! 4. The impatient callers give up.
//! 5. The first connections are released one by one, each when the one before has reached the next waiter.
//! 6. From then on the workers run freely.
//!
//! Nothing is timed: each step waits until the pool's own `status`, or a worker, says that the one before is done.

use std::net::TcpStream;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use conn_pool::Pool;

use crate::args::Args;
use crate::report::Failure;
use crate::workers::{wait_impatiently, work};

const IMPATIENT_CALLERS: usize = 2;
/// A waiter with a shorter timeout than this gives up: the pool stays full until then.
const LONG_HOLD: Duration = Duration::from_millis(250);
/// No step takes this long, unless something is broken.
const FAR_TOO_LONG: Duration = Duration::from_secs(60);

/// What there was to see.
pub(crate) struct Seen {
    /// Connections in use when the pool was full and all callers that had to wait were queued.
    pub(crate) borrowed: usize,
    /// Callers in the queue at that moment.
    pub(crate) waiting: usize,
    /// Workers that finished.
    pub(crate) returned: usize,
    pub(crate) fairness: Fairness,
}

/// How the workers fared with their first connection.
pub(crate) struct Fairness {
    /// How many later callers were served before the luckiest worker.
    pub(crate) fairest: usize,
    /// The same for the unluckiest.
    pub(crate) least_fair: usize,
    /// How many connections had to be released until the last waiter got one.
    pub(crate) longest_wait: usize,
}

enum Event {
    Holds(FirstHold),
    Failed(Failure),
}

/// A worker has its first connection.
struct FirstHold {
    /// Workers are numbered in the order in which they came.
    worker: usize,
    /// How many loans there were before. In the forced order no other loan begins meanwhile.
    place: usize,
}

pub(crate) fn play<const N: usize>(pool: &Pool<TcpStream, N>, args: &Args) -> Result<Seen, Failure> {
    let (tell, events) = mpsc::channel();
    thread::scope(|scope| {
        let mut workers = Vec::new();
        let spawn = |worker| {
            let tell: Sender<Event> = tell.clone();
            let (open, gate) = mpsc::channel::<()>();
            let thread = scope.spawn(move || {
                let hold = || {
                    // The director may have ended: then this event has no receiver, and there is nothing to wait for.
                    let place = pool.metrics().acquired - 1;
                    let _ = tell.send(Event::Holds(FirstHold { worker, place }));
                    let _ = gate.recv();
                };
                let result = work(pool, worker, args.timeout(), hold);
                let finished = result.is_ok();
                if let Err(failure) = result {
                    let _ = tell.send(Event::Failed(failure));
                }
                finished
            });
            workers.push(thread);
            open
        };
        let directed = Director { pool, args, events: &events }.direct(spawn);
        if directed.is_err() {
            pool.close();
        }
        let finished = workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)));
        let returned = finished.filter(|finished| *finished).count();
        let ((borrowed, waiting), fairness) = directed?;
        match events.try_iter().find_map(Event::failure) {
            Some(failure) => Err(failure),
            None => Ok(Seen { borrowed, waiting, returned, fairness }),
        }
    })
}

struct Director<'a, const N: usize> {
    pool: &'a Pool<TcpStream, N>,
    args: &'a Args,
    events: &'a Receiver<Event>,
}

impl<const N: usize> Director<'_, N> {
    /// Steps 1 to 5. `spawn` starts a worker and answers with the gate behind which it holds its first connection; a
    /// gate that is dropped is open.
    fn direct(&self, mut spawn: impl FnMut(usize) -> Sender<()>) -> Result<((usize, usize), Fairness), Failure> {
        let Args { size, requests, .. } = *self.args;
        let mut gates = Vec::new();
        let mut served = Vec::new();
        for worker in 0..requests.min(size) {
            gates.push(spawn(worker));
            served.push(self.next_holder()?);
        }
        for worker in size..requests {
            gates.push(spawn(worker));
            self.until_waiting(worker + 1 - size)?;
        }
        let counts = if requests == size { self.count_with_the_impatient()? } else { self.count() };

        if requests > size && self.args.timeout().is_some_and(|timeout| timeout < LONG_HOLD) {
            // No connection is released, so the next event is a timeout.
            self.next_holder()?;
        }
        for turn in 0..requests {
            let FirstHold { worker, .. } = served[turn];
            let _ = gates[worker].send(());
            if served.len() < requests {
                served.push(self.next_holder()?);
            }
        }
        Ok((counts, Fairness::of(&served, size)))
    }

    fn count(&self) -> (usize, usize) {
        let status = self.pool.status();
        (status.in_use, status.waiting)
    }

    fn count_with_the_impatient(&self) -> Result<(usize, usize), Failure> {
        let counted = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..IMPATIENT_CALLERS {
                scope.spawn(|| wait_impatiently(self.pool, &counted));
            }
            let counts = self.until_waiting(IMPATIENT_CALLERS);
            counted.store(true, Ordering::Relaxed);
            counts
        })
    }

    /// Waits until that many callers are queued, and answers with the counts of that moment.
    fn until_waiting(&self, waiting: usize) -> Result<(usize, usize), Failure> {
        let start = Instant::now();
        while start.elapsed() < FAR_TOO_LONG {
            let counts = self.count();
            if counts.1 == waiting {
                return Ok(counts);
            }
            if let Some(failure) = self.events.try_iter().find_map(Event::failure) {
                return Err(failure);
            }
            thread::yield_now();
        }
        Err(Failure::Stuck)
    }

    /// Waits for the next worker that has its first connection.
    fn next_holder(&self) -> Result<FirstHold, Failure> {
        match self.events.recv_timeout(FAR_TOO_LONG) {
            Ok(Event::Holds(first)) => Ok(first),
            Ok(Event::Failed(failure)) => Err(failure),
            Err(_) => Err(Failure::Stuck),
        }
    }
}

impl Event {
    fn failure(self) -> Option<Failure> {
        match self {
            Self::Failed(failure) => Some(failure),
            Self::Holds(_) => None,
        }
    }
}

impl Fairness {
    fn of(holds: &[FirstHold], size: usize) -> Self {
        let overtaken = holds.iter().map(|first| first.place.saturating_sub(first.worker));
        Self {
            fairest: overtaken.clone().min().unwrap_or(0),
            least_fair: overtaken.max().unwrap_or(0),
            longest_wait: holds.iter().map(|first| (first.place + 1).saturating_sub(size)).max().unwrap_or(0),
        }
    }
}

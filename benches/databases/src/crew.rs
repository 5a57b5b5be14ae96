//! The callers of one pool: what they are told to do, and what has become of their requests.

use std::sync::atomic::{AtomicU8, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use event_listener::{Event, EventListener};

/// How many callers a pool has.
pub(crate) const CALLERS: usize = 16;
/// How many connections a pool has at most.
pub(crate) const SIZE: usize = 8;
/// How long a caller waits for the answer to a request: for a connection and the query together.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);
/// By how much an answer may come after that until it is late: what a busy machine may delay a thread.
pub(crate) const ALLOWANCE: Duration = Duration::from_millis(300);
/// A request that takes as long is never answered. What can be dropped is dropped then.
pub(crate) const NEVER: Duration = Duration::from_secs(6);
/// What a caller asks for: long enough that 16 callers keep most of 8 connections in use.
pub(crate) const REQUEST: &str = "SELECT 1 FROM pg_sleep(0.05)";
/// How long a caller pauses after each request, whatever has become of it.
pub(crate) const PAUSE: Duration = Duration::from_millis(50);
/// Between two looks at whether something has happened.
const LOOK: Duration = Duration::from_millis(2);

/// What has become of a request.
#[derive(Debug)]
pub(crate) enum Came {
    Answered,
    /// The pool gave no connection.
    Unserved(String),
    /// The pool gave a connection, and the query failed.
    Failed(String),
    /// Not after [`NEVER`].
    Never,
}

/// What a request has come to, as the one who made it says.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// When the pool gave a connection, or said that there is none; `None`: it did not.
    pub(crate) told: Option<Instant>,
    pub(crate) came: Came,
}

/// A request that is over.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) caller: usize,
    pub(crate) begun: Instant,
    pub(crate) told: Option<Instant>,
    pub(crate) ended: Instant,
    pub(crate) came: Came,
}

impl Request {
    pub(crate) const fn is_answered(&self) -> bool {
        matches!(self.came, Came::Answered)
    }

    pub(crate) const fn error(&self) -> Option<&String> {
        match &self.came {
            Came::Unserved(error) | Came::Failed(error) => Some(error),
            Came::Answered | Came::Never => None,
        }
    }

    /// How long the pool let the caller wait for a connection, or for being told that there is none.
    pub(crate) fn told_after(&self) -> Duration {
        self.told.unwrap_or(self.ended) - self.begun
    }

    pub(crate) fn ended_after(&self) -> Duration {
        self.ended - self.begun
    }

    /// Whether the pool made the caller wait beyond its patience.
    pub(crate) fn is_told_late(&self) -> bool {
        self.told_after() > PATIENCE + ALLOWANCE
    }

    pub(crate) fn is_late(&self) -> bool {
        self.ended_after() > PATIENCE + ALLOWANCE
    }
}

const PAUSED: u8 = 0;
const ASKING: u8 = 1;
const OVER: u8 = 2;

/// What a caller is to do next.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Pause,
    Ask,
    End,
}

/// Where a caller is.
#[derive(Clone, Copy)]
enum Place {
    Resting,
    Asking { begun: Instant, told: Option<Instant> },
    Ended,
}

/// The callers of one pool. They are paused at first.
pub(crate) struct Crew {
    orders: AtomicU8,
    /// Wakes the callers that pause: if hundreds of them polled, nothing else would be served.
    ordered: Event,
    log: Mutex<Log>,
}

struct Log {
    places: [Place; CALLERS],
    requests: Vec<Request>,
    /// When each caller was answered last: asked for all the time, it is known without a look at all requests.
    answered: [Option<Instant>; CALLERS],
}

impl Crew {
    pub(crate) const fn new() -> Self {
        let log = Log { places: [Place::Resting; CALLERS], requests: Vec::new(), answered: [None; CALLERS] };
        Self { orders: AtomicU8::new(PAUSED), ordered: Event::new(), log: Mutex::new(log) }
    }

    pub(crate) fn ask(&self) {
        self.order(ASKING);
    }

    pub(crate) fn pause(&self) {
        self.order(PAUSED);
    }

    pub(crate) fn end(&self) {
        self.order(OVER);
    }

    fn order(&self, orders: u8) {
        self.orders.store(orders, SeqCst);
        self.ordered.notify(usize::MAX);
    }

    /// For a caller that may be told to pause, to wait for. The caller makes it before it reads its
    /// [turn](Self::turn), so that no order after that is missed.
    pub(crate) fn next_order(&self) -> EventListener {
        self.ordered.listen()
    }

    /// Called by a caller before each request. The order is read under the lock, so that a caller that is seen resting
    /// after a pause was ordered does not ask.
    pub(crate) fn turn(&self, caller: usize) -> Turn {
        let mut log = self.lock();
        let (place, turn) = match self.orders.load(SeqCst) {
            PAUSED => (Place::Resting, Turn::Pause),
            ASKING => (Place::Asking { begun: Instant::now(), told: None }, Turn::Ask),
            _ => (Place::Ended, Turn::End),
        };
        log.places[caller] = place;
        turn
    }

    /// Called by a caller that has heard of the pool, and may hang now.
    pub(crate) fn note_told(&self, caller: usize) {
        if let Place::Asking { told, .. } = &mut self.lock().places[caller] {
            *told = Some(Instant::now());
        }
    }

    /// Called by a caller after each request.
    pub(crate) fn note(&self, caller: usize, begun: Instant, outcome: Outcome) {
        let Outcome { told, came } = outcome;
        let mut log = self.lock();
        let request = Request { caller, begun, told, ended: Instant::now(), came };
        if request.is_answered() {
            log.answered[caller] = Some(request.ended);
        }
        log.requests.push(request);
        log.places[caller] = Place::Resting;
    }

    pub(crate) fn all_rest(&self) -> bool {
        self.lock().places.iter().all(|place| matches!(place, Place::Resting))
    }

    pub(crate) fn have_ended(&self) -> bool {
        self.lock().places.iter().all(|place| matches!(place, Place::Ended))
    }

    /// Whether each caller was answered after `since`.
    pub(crate) fn all_answered_since(&self, since: Instant) -> bool {
        self.lock().answered.iter().all(|last| last.is_some_and(|last| last >= since))
    }

    /// All requests; those that are still waited for are never answered.
    pub(crate) fn take(&self) -> Vec<Request> {
        let mut log = self.lock();
        let mut requests = std::mem::take(&mut log.requests);
        let (ended, places) = (Instant::now(), log.places);
        for (caller, place) in places.into_iter().enumerate() {
            if let Place::Asking { begun, told } = place {
                requests.push(Request { caller, begun, told, ended, came: Came::Never });
            }
        }
        requests
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An error with its causes, each only if the text before does not have it already.
pub(crate) fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let own = error.to_string();
        if !text.contains(&own) {
            text = format!("{text}: {own}");
        }
        cause = error.source();
    }
    text
}

/// Polls until `holds`; whether it did before the end.
pub(crate) fn comes_before(end: Instant, holds: impl Fn() -> bool) -> bool {
    loop {
        if holds() {
            return true;
        }
        if Instant::now() > end {
            return false;
        }
        std::thread::sleep(LOOK);
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};
    use std::time::Instant;

    use super::{CALLERS, Came, Crew, Outcome, Turn};

    #[test]
    fn who_pauses_sleeps_until_the_next_order() {
        let crew = Crew::new();
        let mut next_order = pin!(crew.next_order());
        assert!(crew.turn(0) == Turn::Pause);
        let mut context = Context::from_waker(Waker::noop());
        assert!(next_order.as_mut().poll(&mut context).is_pending());
        crew.ask();
        assert!(next_order.as_mut().poll(&mut context).is_ready());
        assert!(crew.turn(0) == Turn::Ask);
    }

    #[test]
    fn all_are_answered_when_the_last_of_them_is() {
        let (crew, began) = (Crew::new(), Instant::now());
        let note = |caller, came| crew.note(caller, began, Outcome { told: None, came });
        (1..CALLERS).for_each(|caller| note(caller, Came::Answered));
        note(0, Came::Failed("the server is gone".to_owned()));
        assert!(!crew.all_answered_since(began));
        note(0, Came::Answered);
        assert!(crew.all_answered_since(began));
        assert!(!crew.all_answered_since(Instant::now()));
    }
}

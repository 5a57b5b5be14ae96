//! Connections that are accounted for.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::lock;

/// Counts connections: each is dropped once, and no two callers use one at a time.
#[derive(Default)]
pub(crate) struct Census(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    /// How often each was dropped: the first is connection 1.
    drops: Vec<usize>,
    live: usize,
    most_live: usize,
    /// So many there may be at once; without a limit if it is 0.
    allowed: usize,
    /// How many the manager was told of before they went, and how many it was not.
    parted: usize,
    lost: usize,
}

impl Census {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    pub(crate) fn connect(self: &Arc<Self>) -> Conn {
        let mut counts = lock(&self.0);
        counts.drops.push(0);
        counts.live += 1;
        counts.most_live = counts.most_live.max(counts.live);
        let (number, live, allowed) = (counts.drops.len(), counts.live, counts.allowed);
        drop(counts);
        assert!(allowed == 0 || live <= allowed, "{live} connections are open, and {allowed} may be");
        Conn {
            number,
            place: number - 1,
            epoch: 0,
            state: State::Fit,
            is_used: AtomicBool::new(false),
            is_parted: false,
            panics: false,
            census: Arc::clone(self),
        }
    }

    /// A connection whose destructor panics, once it has been accounted for.
    pub(crate) fn connect_to_panic(self: &Arc<Self>) -> Conn {
        let mut conn = self.connect();
        conn.panics = true;
        conn
    }

    pub(crate) fn made(&self) -> usize {
        lock(&self.0).drops.len()
    }

    pub(crate) fn live(&self) -> usize {
        lock(&self.0).live
    }

    pub(crate) fn most_live(&self) -> usize {
        lock(&self.0).most_live
    }

    /// From now on there may be so many at once: one more is a panic where it is made.
    pub(crate) fn allow(&self, most: usize) {
        lock(&self.0).allowed = most;
    }

    /// How many connections were dropped; none of them twice.
    #[track_caller]
    pub(crate) fn dropped(&self) -> usize {
        let counts = lock(&self.0);
        assert!(counts.drops.iter().all(|drops| *drops <= 1), "dropped twice: {:?}", counts.drops);
        counts.drops.iter().sum()
    }

    #[track_caller]
    pub(crate) fn assert_each_dropped_once(&self) {
        assert_eq!(self.dropped(), self.made());
    }

    /// How many have gone without their manager being told.
    pub(crate) fn lost(&self) -> usize {
        lock(&self.0).lost
    }

    /// All have gone, and the manager was told of each, once.
    #[track_caller]
    pub(crate) fn assert_all_gone(&self) {
        assert_eq!(self.live(), 0, "connections are left");
        self.assert_each_dropped_once();
        let parted = lock(&self.0).parted;
        assert_eq!(parted, self.made(), "`on_discard` is called once for each");
    }
}

impl fmt::Debug for Census {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Census")
    }
}

/// What is known about a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Fit,
    /// A check or a reset has begun, and has not ended well.
    HalfWay,
    /// Its server is gone: to be found at the return.
    Broken,
    /// To be checked before it is lent again.
    Dirty,
}

/// A connection of a [`Census`], with its number: the first is 1.
pub(crate) struct Conn {
    pub(crate) number: usize,
    /// How many evictions had begun when it was made.
    pub(crate) epoch: usize,
    pub(crate) state: State,
    /// In the census, whatever a test makes of the number.
    place: usize,
    is_used: AtomicBool,
    is_parted: bool,
    panics: bool,
    census: Arc<Census>,
}

impl Conn {
    /// Does something with the connection that only one caller may do at a time, and none once the manager was told
    /// that it goes.
    #[track_caller]
    pub(crate) fn use_alone(&self, work: impl FnOnce()) {
        assert!(!self.is_parted, "connection {} is used after it was discarded", self.number);
        assert!(!self.is_used.swap(true, Ordering::Relaxed), "connection {} is used by two", self.number);
        work();
        self.is_used.store(false, Ordering::Relaxed);
    }

    #[track_caller]
    pub(crate) fn ping(&self) {
        self.use_alone(|| ());
    }

    /// It was lent to a caller, who may expect it to be fit.
    #[track_caller]
    pub(crate) fn assert_lent(&self) {
        self.use_alone(|| assert_eq!(self.state, State::Fit, "connection {} was lent", self.number));
    }

    /// The manager is told that it goes: first of all in `on_discard`.
    #[track_caller]
    pub(crate) fn part(&mut self) {
        self.ping();
        self.is_parted = true;
        lock(&self.census.0).parted += 1;
    }
}

impl fmt::Debug for Conn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Conn {}", self.number)
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        let mut counts = lock(&self.census.0);
        counts.drops[self.place] += 1;
        counts.live -= 1;
        counts.lost += usize::from(!self.is_parted);
        drop(counts);
        assert!(!self.panics, "the destructor of connection {} panics", self.number);
    }
}

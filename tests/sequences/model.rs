//! A pool as plain arithmetic: counts and a queue, no slots, no connections, one thread.
//!
//! It says what the documentation says, in the fewest words; which connection a borrower gets is left open.

use std::collections::VecDeque;

use conn_pool::Fairness;

use super::operation::Call;

/// What a caller is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Lent,
    Pending,
    Exhausted,
    TimedOut,
    Closed,
    NoConnections,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inserted {
    Taken,
    Full,
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Fresh,
    Queued,
    Granted,
    Dismissed,
}

#[derive(Debug)]
pub(crate) struct Waiter {
    pub(crate) name: u32,
    stage: Stage,
    /// Newcomers who took a connection past it.
    overtaken: u32,
    /// Its waker was called since it was polled last.
    pub(crate) woken: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Drainer {
    queued: bool,
    pub(crate) woken: bool,
}

#[derive(Debug)]
pub(crate) struct Model {
    slots: usize,
    fairness: Fairness,
    pub(crate) closed: bool,
    pub(crate) max_size: usize,
    /// Slots beyond the maximum that are out.
    surplus: usize,
    pub(crate) idle: usize,
    /// With borrowers, leaked guards included.
    held: usize,
    pub(crate) vacant: usize,
    pub(crate) set_aside: usize,
    /// Beyond the maximum and empty.
    retired: usize,
    /// All waiters, in the order in which they were made.
    pub(crate) waiters: Vec<Waiter>,
    /// The names of the waiters, oldest first.
    queue: VecDeque<u32>,
    pub(crate) drainers: Vec<Drainer>,

    pub(crate) acquired: usize,
    pub(crate) waited: usize,
    pub(crate) waits_in_vain: usize,
    /// Waiters that were dropped before they had their answer.
    pub(crate) cancelled: usize,
    pub(crate) timed_out: usize,
    pub(crate) discarded: usize,
    pub(crate) overtakes: usize,
    pub(crate) most_overtaken: u32,
    pub(crate) peak_waiting: usize,
    /// The most that were in use at once; a slot counts while it is being emptied.
    pub(crate) peak_in_use: usize,
}

impl Model {
    pub(crate) fn new(slots: usize, fairness: Fairness, filled: usize) -> Self {
        Self {
            slots,
            fairness,
            closed: false,
            max_size: slots,
            surplus: 0,
            idle: filled,
            held: 0,
            vacant: slots - filled,
            set_aside: 0,
            retired: 0,
            waiters: Vec::new(),
            queue: VecDeque::new(),
            drainers: Vec::new(),
            acquired: 0,
            waited: 0,
            waits_in_vain: 0,
            cancelled: 0,
            timed_out: 0,
            discarded: 0,
            overtakes: 0,
            most_overtaken: 0,
            peak_waiting: 0,
            peak_in_use: 0,
        }
    }

    pub(crate) fn granted(&self) -> usize {
        self.waiters.iter().filter(|waiter| waiter.stage == Stage::Granted).count()
    }

    pub(crate) fn in_use(&self) -> usize {
        self.held + self.granted()
    }

    pub(crate) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Slots that the maximum leaves no room for.
    pub(crate) fn beyond_maximum(&self) -> usize {
        self.set_aside + self.retired
    }

    /// What must be true of any pool while no call is under way.
    pub(crate) fn check(&self) {
        let Self { slots, max_size, surplus, idle, vacant, .. } = self;
        assert_eq!(self.in_use() + idle + vacant, max_size + surplus, "{self:?}");
        assert_eq!(self.in_use() + idle + vacant + self.beyond_maximum(), *slots, "{self:?}");
        assert!(*surplus == 0 || idle + vacant == 0 || self.closed, "{self:?}");
        match self.fairness {
            _ if self.closed => assert!(self.queue.is_empty() && *idle == 0 && self.set_aside == 0, "{self:?}"),
            Fairness::Bounded(limit) => {
                assert!(self.most_overtaken <= limit, "{self:?}");
                let called = self.queue.iter().filter(|name| self.waiter(**name).woken).count();
                assert!(called >= self.queue.len().min(*idle), "a free slot has a waiter on the way to it: {self:?}");
            }
            _ => assert!(self.queue.is_empty() || *idle == 0, "a waiter beside a free slot: {self:?}"),
        }
    }
}

/// Borrowing and giving back.
impl Model {
    pub(crate) fn borrow(&mut self, call: Call) -> Answer {
        let answer = self.come();
        if answer != Answer::Exhausted || call == Call::TryGet {
            return answer;
        }
        self.timed_out += 1;
        if call == Call::HardlyAnyPatience {
            self.waited += 1;
            self.waits_in_vain += 1;
            self.peak_waiting = self.peak_waiting.max(self.queue.len() + 1);
        }
        Answer::TimedOut
    }

    pub(crate) fn release(&mut self) {
        self.held -= 1;
        self.come_back();
    }

    pub(crate) fn discard(&mut self) {
        self.discarded += 1;
        self.held -= 1;
        self.put_down_empty();
    }

    /// A newcomer, who is lent something or not.
    fn come(&mut self) -> Answer {
        if self.slots == 0 {
            return Answer::NoConnections;
        }
        if self.closed {
            return Answer::Closed;
        }
        if self.idle == 0 {
            return Answer::Exhausted;
        }
        if let Some(head) = self.queue.front() {
            let Fairness::Bounded(limit) = self.fairness else { return Answer::Exhausted };
            if self.waiter(*head).overtaken >= limit {
                return Answer::Exhausted;
            }
            self.overtakes += 1;
            for name in self.queue.clone() {
                let waiter = self.waiter_mut(name);
                waiter.overtaken += 1;
                self.most_overtaken = self.most_overtaken.max(self.waiter(name).overtaken);
            }
        }
        self.idle -= 1;
        self.held += 1;
        self.acquired += 1;
        self.settle();
        Answer::Lent
    }

    /// A connection that was out is the pool's again.
    fn come_back(&mut self) {
        if self.closed {
            self.put_down_empty();
        } else {
            self.idle += 1;
            self.settle();
        }
    }

    /// A slot that was out is the pool's again, without a connection.
    fn put_down_empty(&mut self) {
        self.peak_in_use = self.peak_in_use.max(self.in_use() + 1);
        if self.surplus > 0 {
            self.surplus -= 1;
            self.retired += 1;
        } else {
            self.vacant += 1;
        }
        self.settle();
    }
}

/// Waiting.
impl Model {
    pub(crate) fn start(&mut self, name: u32) {
        self.waiters.push(Waiter { name, stage: Stage::Fresh, overtaken: 0, woken: false });
    }

    /// Anything but `Pending` ends the wait, and the waiter is gone.
    pub(crate) fn poll(&mut self, name: u32) -> Answer {
        let answer = match self.waiter(name).stage {
            Stage::Fresh => self.join(name),
            Stage::Queued => {
                // A newcomer has the queue served in order; under `Bounded` it may have been called for that.
                self.serve();
                self.waiter_mut(name).woken = false;
                if self.waiter(name).stage == Stage::Granted { self.pick_up(name) } else { Answer::Pending }
            }
            Stage::Granted => self.pick_up(name),
            Stage::Dismissed => Answer::Closed,
        };
        if answer != Answer::Pending {
            self.waiters.retain(|waiter| waiter.name != name);
        }
        self.settle();
        answer
    }

    /// `true` if a connection had been granted to it.
    pub(crate) fn drop_waiter(&mut self, name: u32) -> bool {
        let stage = self.waiter(name).stage;
        self.waiters.retain(|waiter| waiter.name != name);
        self.queue.retain(|other| *other != name);
        if stage == Stage::Queued {
            self.waits_in_vain += 1;
        }
        if stage != Stage::Fresh {
            self.cancelled += 1;
        }
        if stage == Stage::Granted {
            self.come_back();
        } else {
            self.settle();
        }
        stage == Stage::Granted
    }

    fn join(&mut self, name: u32) -> Answer {
        let answer = self.come();
        if answer != Answer::Exhausted {
            return answer;
        }
        self.waiter_mut(name).stage = Stage::Queued;
        self.queue.push_back(name);
        self.waited += 1;
        self.peak_waiting = self.peak_waiting.max(self.queue.len());
        Answer::Pending
    }

    fn pick_up(&mut self, name: u32) -> Answer {
        // Not a grant any more, but a guard.
        self.waiter_mut(name).stage = Stage::Dismissed;
        self.held += 1;
        Answer::Lent
    }

    fn waiter(&self, name: u32) -> &Waiter {
        self.waiters.iter().find(|waiter| waiter.name == name).expect("a waiter that is still there")
    }

    fn waiter_mut(&mut self, name: u32) -> &mut Waiter {
        self.waiters.iter_mut().find(|waiter| waiter.name == name).expect("a waiter that is still there")
    }
}

/// Filling, emptying, resizing, closing.
impl Model {
    pub(crate) fn insert(&mut self) -> Inserted {
        if self.closed {
            return Inserted::Closed;
        }
        if self.vacant == 0 {
            return Inserted::Full;
        }
        self.vacant -= 1;
        self.idle += 1;
        self.settle();
        Inserted::Taken
    }

    pub(crate) fn resize(&mut self, max_size: usize) -> bool {
        if max_size > self.slots {
            return false;
        }
        if self.closed {
            return true;
        }
        while self.max_size < max_size {
            self.max_size += 1;
            if self.surplus > 0 {
                self.surplus -= 1;
            } else if self.set_aside > 0 {
                self.set_aside -= 1;
                self.idle += 1;
            } else {
                self.retired -= 1;
                self.vacant += 1;
            }
        }
        while self.max_size > max_size {
            self.max_size -= 1;
            if self.vacant > 0 {
                self.vacant -= 1;
                self.retired += 1;
            } else {
                self.surplus += 1;
            }
        }
        self.settle();
        true
    }

    pub(crate) fn drop_surplus(&mut self) -> usize {
        let dropped = std::mem::take(&mut self.set_aside);
        self.retired += dropped;
        self.peak_in_use = self.peak_in_use.max(self.in_use() + dropped.min(1));
        dropped
    }

    /// How many connections a `retain` visits.
    pub(crate) fn on_show(&self) -> usize {
        if self.queue.is_empty() { self.idle } else { 0 }
    }

    /// A `retain` said no to so many.
    pub(crate) fn discard_idle(&mut self, how_many: usize) {
        for _ in 0..how_many {
            self.idle -= 1;
            self.discarded += 1;
            self.put_down_empty();
        }
    }

    /// Answers with the number of connections that are dropped.
    pub(crate) fn close(&mut self) -> usize {
        self.closed = true;
        for name in std::mem::take(&mut self.queue) {
            let waiter = self.waiter_mut(name);
            (waiter.stage, waiter.woken) = (Stage::Dismissed, true);
        }
        let (idle, set_aside) = (std::mem::take(&mut self.idle), self.drop_surplus());
        for _ in 0..idle {
            self.put_down_empty();
        }
        self.settle();
        idle + set_aside
    }

    pub(crate) fn poll_drainer(&mut self, index: usize) -> bool {
        let drained = self.is_drained();
        self.drainers[index] = Drainer { queued: !drained, woken: false };
        drained
    }

    pub(crate) fn is_drained(&self) -> bool {
        self.closed && self.in_use() == 0
    }
}

/// Putting everything in order after a change.
impl Model {
    fn settle(&mut self) {
        if self.is_drained() {
            self.drainers.iter_mut().filter(|drainer| drainer.queued).for_each(|drainer| drainer.woken = true);
        }
        while self.surplus > 0 && self.idle > 0 {
            self.surplus -= 1;
            self.idle -= 1;
            self.set_aside += 1;
        }
        match self.fairness {
            Fairness::Bounded(limit) => self.call(limit),
            _ => self.serve(),
        }
        self.peak_in_use = self.peak_in_use.max(self.in_use());
    }

    /// What is free goes to the oldest.
    fn serve(&mut self) {
        while self.idle > 0
            && let Some(head) = self.queue.front()
        {
            self.grant(*head);
        }
    }

    /// As many are called as there are slots; who was overtaken often enough gets one outright.
    fn call(&mut self, limit: u32) {
        for name in self.queue.iter().copied().take(self.idle).collect::<Vec<_>>() {
            if self.waiter(name).overtaken < limit {
                self.waiter_mut(name).woken = true;
            } else {
                self.grant(name);
            }
        }
    }

    fn grant(&mut self, name: u32) {
        self.queue.retain(|other| *other != name);
        self.idle -= 1;
        self.acquired += 1;
        let waiter = self.waiter_mut(name);
        (waiter.stage, waiter.woken) = (Stage::Granted, true);
    }
}

// knows: event, record, engine · must not know: who does them, which pool it is
//! What may take long, handed over by callers and by maintenance to be done elsewhere: a queue of slots, which needs no
//! memory beside their records. A slot in the queue is owned by the queue (I1).

#[cfg(feature = "std")]
use core::mem::swap;
use core::task::Waker;

use super::event::{CheckReason, DiscardReason};
use super::record::ConnRecord;
use crate::engine::SlotToken;

/// What is to be done with a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Job {
    /// Connect: the slot was claimed vacant.
    Connect,
    /// Check the connection, for a caller that may wait for the answer.
    Check(CheckReason),
    /// Check the connection, for which no caller waits.
    Probe(CheckReason),
    /// Reset the connection, whose guard was dropped, and release its slot.
    Reset,
    /// End the connection.
    Discard(DiscardReason),
}

/// What there is to do.
pub(crate) enum Work {
    Slot(SlotToken, Job),
    /// Tell the manager of leaks, and the recorder of metrics.
    Report,
}

/// Who does the jobs: the pool's connector, if there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attendant {
    Nobody,
    /// A task, which must not block: connections are reset and ended where they are found. Callers check them
    /// themselves, since they need not wait for a check to end.
    Task,
    /// A task of a pool whose callers check nothing themselves.
    #[cfg(feature = "std")]
    CheckingTask,
    /// Threads.
    #[cfg(feature = "std")]
    Threads,
}

impl Attendant {
    /// Whether connections are made on a runtime that may end before the pool.
    pub(crate) const fn has_runtime(self) -> bool {
        match self {
            Self::Nobody | Self::Task => false,
            #[cfg(feature = "std")]
            Self::CheckingTask => true,
            #[cfg(feature = "std")]
            Self::Threads => false,
        }
    }

    /// Whether a panic of the manager's in one job leaves the others alone: of a task of the pool's own nobody sees how
    /// it ends.
    pub(crate) const fn survives_panics(self) -> bool {
        // As a task that the pool has begun on a runtime.
        self.has_runtime()
    }
}

/// What was handed over and not begun yet, the oldest first.
pub(crate) struct Jobs {
    attendant: Attendant,
    /// The first slot of the queue and the last.
    ends: Option<(usize, usize)>,
    len: usize,
    /// How many connections were handed over to be ended, and have not ended.
    discards: usize,
    /// Called when there is none left.
    #[cfg(feature = "std")]
    no_discards: Option<Waker>,
    /// How many threads close the pool, and hand its connections over.
    #[cfg(feature = "std")]
    closing: usize,
    report: Report,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Report {
    None,
    Due,
    Underway,
}

impl Jobs {
    pub(super) const NONE: Self = Self {
        attendant: Attendant::Nobody,
        ends: None,
        len: 0,
        discards: 0,
        #[cfg(feature = "std")]
        no_discards: None,
        #[cfg(feature = "std")]
        closing: 0,
        report: Report::None,
    };

    pub(super) const fn set_attendant(&mut self, attendant: Attendant) {
        self.attendant = attendant;
    }

    /// Whether a job of this kind is taken.
    pub(super) const fn takes(&self, job: Job) -> bool {
        match self.attendant {
            Attendant::Nobody => false,
            Attendant::Task => matches!(job, Job::Connect | Job::Probe(_)),
            #[cfg(feature = "std")]
            Attendant::CheckingTask => matches!(job, Job::Connect | Job::Probe(_) | Job::Check(_)),
            #[cfg(feature = "std")]
            Attendant::Threads => true,
        }
    }

    /// How many jobs wait to be begun.
    pub(super) fn len(&self) -> usize {
        self.len + usize::from(self.report == Report::Due)
    }

    /// A thread closes the pool, until it [ends](Self::end_closing) that: there are jobs to come.
    #[cfg(feature = "std")]
    pub(super) const fn begin_closing(&mut self) {
        self.closing += 1;
    }

    #[cfg(feature = "std")]
    pub(super) const fn end_closing(&mut self) {
        self.closing -= 1;
    }

    /// Whether jobs may come from a thread that closes the pool.
    #[cfg(feature = "std")]
    pub(super) const fn is_closing(&self) -> bool {
        self.closing > 0
    }

    /// Puts a slot at the end; hands it back if nobody does such jobs.
    pub(super) fn push<'r>(
        &mut self,
        slot: SlotToken,
        job: Job,
        record: impl Fn(usize) -> &'r ConnRecord,
    ) -> Result<(), SlotToken> {
        if !self.takes(job) {
            return Err(slot);
        }
        self.discards += usize::from(matches!(job, Job::Discard(_)));
        let slot = slot.into_raw();
        record(slot).note_job(encode(job), slot);
        let first = match self.ends {
            None => slot,
            Some((first, last)) => {
                let (job, _) = record(last).job();
                record(last).note_job(job, slot);
                first
            }
        };
        self.ends = Some((first, slot));
        self.len += 1;
        Ok(())
    }

    /// Takes what was handed over first.
    pub(super) fn take<'r>(&mut self, record: impl Fn(usize) -> &'r ConnRecord) -> Option<Work> {
        if self.report == Report::Due {
            self.report = Report::Underway;
            return Some(Work::Report);
        }
        let (first, last) = self.ends?;
        let (job, next) = record(first).job();
        self.ends = (first != last).then_some((next, last));
        self.len -= 1;
        // SAFETY: the queue owned the slot, whose token was consumed when it was put in, and has it no longer (I1).
        Some(Work::Slot(unsafe { SlotToken::from_raw(first) }, decode(job)))
    }

    /// Takes the slot of a connect that was not begun, wherever it stands.
    pub(super) fn take_connect<'r>(&mut self, record: impl Fn(usize) -> &'r ConnRecord) -> Option<SlotToken> {
        let (mut first, mut last) = self.ends?;
        let (mut slot, mut before) = (first, None);
        loop {
            let (job, next) = record(slot).job();
            if decode(job) == Job::Connect {
                match before {
                    Some((before, job)) => record(before).note_job(job, next),
                    None => first = next,
                }
                let was_only = first == next && slot == last && before.is_none();
                if slot == last
                    && let Some((before, _)) = before
                {
                    last = before;
                }
                self.ends = (!was_only).then_some((first, last));
                self.len -= 1;
                // SAFETY: the queue owned the slot, and has it no longer (I1).
                return Some(unsafe { SlotToken::from_raw(slot) });
            }
            if slot == last {
                return None;
            }
            (before, slot) = (Some((slot, job)), next);
        }
    }

    /// There is something to report. One report is made at a time.
    pub(super) fn ask_report(&mut self) {
        if self.attendant != Attendant::Nobody && self.report == Report::None {
            self.report = Report::Due;
        }
    }

    /// A connection that was handed over was ended. Answers who waits for that, if it was the last.
    pub(super) fn end_discard(&mut self) -> Option<Waker> {
        self.discards -= 1;
        #[cfg(feature = "std")]
        if self.discards == 0 {
            return self.no_discards.take();
        }
        None
    }

    /// Has `waker` called when no connection is left to be ended; `false` if none is left by now. The waker that it
    /// replaces is handed back.
    #[cfg(feature = "std")]
    pub(super) fn await_discards(&mut self, waker: &mut Option<Waker>) -> bool {
        let are_left = self.discards > 0;
        if are_left {
            swap(&mut self.no_discards, waker);
        }
        are_left
    }

    pub(super) const fn end_report(&mut self) {
        self.report = Report::None;
    }
}

/// A job as a number: its kind, and a reason.
fn encode(job: Job) -> usize {
    match job {
        Job::Connect => 0,
        Job::Reset => 1,
        Job::Check(why) => 2 + why as usize,
        Job::Probe(why) => 2 + CheckReason::ALL.len() + why as usize,
        Job::Discard(why) => 2 + 2 * CheckReason::ALL.len() + why as usize,
    }
}

fn decode(number: usize) -> Job {
    // Encoded from a reason, so it is one.
    let check =
        |at: usize| CheckReason::ALL.into_iter().find(|why| *why as usize == at).unwrap_or(CheckReason::Required);
    let discard = |at: usize| DiscardReason::ALL.get(at).copied().unwrap_or(DiscardReason::Discarded);
    let reasons = CheckReason::ALL.len();
    match number {
        0 => Job::Connect,
        1 => Job::Reset,
        _ if number < 2 + reasons => Job::Check(check(number - 2)),
        _ if number < 2 + 2 * reasons => Job::Probe(check(number - 2 - reasons)),
        _ => Job::Discard(discard(number - 2 - 2 * reasons)),
    }
}

#[cfg(all(test, not(any(conn_pool_loom, conn_pool_shuttle))))]
mod tests {
    use super::{Attendant, CheckReason, ConnRecord, DiscardReason, Job, Jobs, SlotToken, Work, decode, encode};
    use crate::managed::record::JOB_BITS;

    const PROBE: Job = Job::Probe(CheckReason::Keepalive);

    #[test]
    fn a_job_is_what_it_was_encoded_from() {
        let jobs = [Job::Connect, Job::Reset].into_iter().chain(DiscardReason::ALL.map(Job::Discard));
        let jobs = jobs.chain(CheckReason::ALL.map(Job::Check)).chain(CheckReason::ALL.map(Job::Probe));
        for job in jobs {
            assert_eq!(decode(encode(job)), job);
            assert!(encode(job) < 1 << JOB_BITS);
        }
    }

    #[test]
    fn jobs_are_taken_in_order_and_only_where_they_are_attended_to() {
        let records: [_; 3] = core::array::from_fn(|_| ConnRecord::new());
        let (mut jobs, record) = (Jobs::NONE, |slot: usize| &records[slot]);
        // SAFETY: no slot has another owner (I1): there is no pool.
        let token = |slot| unsafe { SlotToken::from_raw(slot) };
        assert!(jobs.push(token(1), Job::Check(CheckReason::Dirty), record).is_err());
        jobs.set_attendant(Attendant::Task);
        assert!(jobs.push(token(1), Job::Reset, record).is_err());
        for (slot, job) in [(2, PROBE), (0, Job::Connect), (1, PROBE)] {
            jobs.push(token(slot), job, record).unwrap();
        }
        let order = core::iter::from_fn(|| match jobs.take(record)? {
            Work::Slot(slot, job) => Some((slot.into_raw(), job)),
            Work::Report => None,
        });
        assert!(order.eq([(2, PROBE), (0, Job::Connect), (1, PROBE)]));
        assert_eq!(jobs.len(), 0);
    }

    #[test]
    fn connects_are_taken_wherever_they_stand_and_the_others_stay_in_order() {
        let records: [_; 5] = core::array::from_fn(|_| ConnRecord::new());
        let record = |slot: usize| &records[slot];
        // Each set of connects among five jobs.
        for connects in 0..1 << 5 {
            let is_connect = |slot: usize| connects & 1 << slot != 0;
            let mut jobs = Jobs::NONE;
            jobs.set_attendant(Attendant::Task);
            for slot in 0..5 {
                let job = if is_connect(slot) { Job::Connect } else { PROBE };
                // SAFETY: no slot has another owner (I1): there is no pool.
                jobs.push(unsafe { SlotToken::from_raw(slot) }, job, record).unwrap();
            }
            let taken = core::iter::from_fn(|| jobs.take_connect(record)).map(SlotToken::into_raw);
            assert!(taken.eq((0..5).filter(|slot| is_connect(*slot))), "{connects:b}");
            let left = core::iter::from_fn(|| match jobs.take(record)? {
                Work::Slot(slot, job) => Some((slot.into_raw(), job)),
                Work::Report => None,
            });
            assert!(left.eq((0..5).filter(|slot| !is_connect(*slot)).map(|slot| (slot, PROBE))), "{connects:b}");
            assert_eq!(jobs.len(), 0);
        }
    }

    #[test]
    fn one_report_is_made_at_a_time() {
        let record = |_| -> &ConnRecord { unreachable!("no slot was handed over") };
        let mut jobs = Jobs::NONE;
        jobs.ask_report();
        assert!(jobs.take(record).is_none());
        jobs.set_attendant(Attendant::Task);
        jobs.ask_report();
        assert!(matches!(jobs.take(record), Some(Work::Report)));
        jobs.ask_report();
        assert!(jobs.take(record).is_none());
        jobs.end_report();
        jobs.ask_report();
        assert!(matches!(jobs.take(record), Some(Work::Report)));
    }
}

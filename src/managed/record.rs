// knows: clock, sync · must not know: managers, who owns which slot
//! What a managed pool records about a connection, beside it.
//!
//! Each word says who writes it. Nearly all are Relaxed: what the slot's owner writes passes on with the slot (I2), and
//! what maintenance writes is a figure, or a mark that is found sooner or later. A mark that says why a time is not
//! to be relied on is found by all who see the time.

use core::panic::Location;
use core::ptr;

use super::clock::{FOR_EVER, Millis};
use crate::sync::{AtomicUsize, PlainAtomicPtr, PlainUsize, Relaxed, const_fn, ord};

/// It has reached its maximum lifetime.
pub(super) const EXPIRED: usize = 1 << 0;
/// It was evicted.
pub(super) const EVICTED: usize = 1 << 1;
/// The next loan is to be timed.
pub(super) const SAMPLE: usize = 1 << 2;
/// It was idle for long.
pub(super) const STALE: usize = 1 << 3;
/// Its caller has asked for a check, or its manager has panicked.
pub(super) const REQUIRED: usize = 1 << 4;
/// The process or the machine stood still.
pub(super) const STOOD_STILL: usize = 1 << 5;
/// It was not shown to work for long, though it may be in use all the time.
pub(super) const UNPROVEN: usize = 1 << 6;
/// Its manager has asked for a check, as it was released.
pub(super) const DIRTY: usize = 1 << 7;
/// It was handed over, to be checked, reset or ended: no caller has it.
pub(super) const ELSEWHERE: usize = 1 << 8;
/// It is looked at as it is released: how often it was used, and how many are idle. For as long as it lives.
pub(super) const LIMITED: usize = 1 << 9;
/// It has passed a check, and the caller that this was for has left.
pub(super) const PASSED: usize = 1 << 10;
/// A scope has begun on it, and has not ended.
pub(super) const SCOPED: usize = 1 << 11;
/// It has to be checked before a caller gets it, for any of these reasons.
pub(super) const CHECK: usize = STALE | REQUIRED | SCOPED | STOOD_STILL | UNPROVEN | DIRTY;

/// The life of a connection.
#[repr(C)]
pub(crate) struct ConnRecord {
    /// Marks: set by any thread, cleared by the slot's owner.
    marks: AtomicUsize,
    /// When it was made, and the pool's epoch when its connect began. The owner's.
    born: PlainUsize,
    epoch: PlainUsize,
    /// How many milliseconds it has to live. The owner's, and written by whoever changes the pool's options.
    lifetime: PlainUsize,
    /// `{ uses, held }` as last recorded, and since when it is so, or is to be counted. The owner's, and maintenance's.
    seen: PlainUsize,
    seen_at: PlainUsize,
    /// When it was last found fit. The owner's.
    checked_at: PlainUsize,
    /// What is to be done with the slot, and the slot behind it in the queue of jobs: written under that queue's lock.
    job: PlainUsize,
}

/// The present loan of a connection.
#[repr(C)]
pub(crate) struct LoanRecord {
    /// When the loan began, in microseconds, if it is timed; else 0. The owner's.
    timed_from: PlainUsize,
    /// Where in the source the connection was last acquired. The owner's.
    site: PlainAtomicPtr<Location<'static>>,
    /// Which thread acquired it, if the pool records that; else 0. The owner's.
    thread: PlainUsize,
    /// What the connection's period was when a leak was reported. Maintenance's.
    reported: PlainUsize,
}

/// `{ uses, held }`: as long as it does not change, a connection is either idle or in the same loan.
pub(super) const fn period(uses: usize, is_held: bool) -> usize {
    uses << 1 | is_held as usize
}

/// A job's part of the word that notes it.
pub(super) const JOB_BITS: u32 = 5;

/// No period: the count of uses is smaller.
const NONE: usize = usize::MAX;

impl ConnRecord {
    const_fn! {
        pub(crate) const fn new() -> Self {
            Self {
                marks: AtomicUsize::new(0),
                born: PlainUsize::new(0),
                epoch: PlainUsize::new(0),
                lifetime: PlainUsize::new(FOR_EVER),
                seen: PlainUsize::new(NONE),
                seen_at: PlainUsize::new(0),
                checked_at: PlainUsize::new(0),
                job: PlainUsize::new(0),
            }
        }
    }

    /// Notes the pool's epoch as a connect begins: by the slot's owner.
    pub(crate) fn note_epoch(&self, epoch: usize) {
        self.epoch.store(epoch, Relaxed);
    }

    /// Begins the record of a new connection: by the slot's owner.
    pub(super) fn begin(&self, now: Millis, lifetime: usize) {
        self.unmark(!0);
        self.born.store(now.0, Relaxed);
        self.lifetime.store(lifetime, Relaxed);
        self.checked_at.store(now.0, Relaxed);
        self.see(period(0, false), now);
    }

    #[inline(always)]
    pub(super) fn marks(&self) -> usize {
        self.marks.load(Relaxed)
    }

    /// Whether it has one of the marks.
    #[inline]
    pub(super) fn is_marked(&self, marks: usize) -> bool {
        self.marks() & marks != 0
    }

    /// Sets one mark. Whether it is new.
    pub(super) fn mark(&self, mark: usize) -> bool {
        // One modification, and only if it changes something: other threads may mark too.
        !self.is_marked(mark) && self.marks.fetch_or(mark, Relaxed) & mark == 0
    }

    #[inline]
    pub(super) fn unmark(&self, marks: usize) {
        if self.is_marked(marks) {
            self.marks.fetch_and(!marks, Relaxed);
        }
    }

    /// Records that the connection is in this period: the period's age counts from the first record.
    #[inline]
    pub(super) fn see(&self, period: usize, now: Millis) {
        if !self.is_seen(period) {
            // It is of no period while the time changes. The time pairs with O18: after that, and after the marks of
            // maintenance that records.
            self.seen.store(NONE, Relaxed);
            self.seen_at.store(now.0, ord!(O19, Release));
            self.seen.store(period, Relaxed);
        }
    }

    #[inline]
    pub(super) fn is_seen(&self, period: usize) -> bool {
        self.seen.load(Relaxed) == period
    }

    /// Records a loan as it begins: by the slot's owner, who will not record its end. Until maintenance sees the
    /// connection in use, the idle time that follows counts from here.
    #[inline]
    pub(super) fn lend(&self, uses: usize, now: Millis) {
        self.see(period(uses, false), now);
    }

    /// Whether the record is of the present loan, whose use is counted: made as it began, or by maintenance.
    #[inline]
    pub(super) fn is_of_loan(&self, uses: usize) -> bool {
        let seen = self.seen.load(Relaxed);
        seen == period(uses, true) || seen == period(uses, false)
    }

    /// Records that the connection is in use: the idle time that follows counts from when it is seen idle.
    pub(super) fn see_held(&self, uses: usize, now: Millis) {
        if self.is_seen(period(uses, false)) {
            self.seen.store(period(uses, true), Relaxed);
        } else {
            self.see(period(uses, true), now);
        }
    }

    /// Since when the present period is known to last.
    #[inline]
    pub(super) fn seen_at(&self) -> Millis {
        // Pairs with O19: a caller that relies on the time sees the marks that were made before, and that the period is
        // another one by now.
        Millis(self.seen_at.load(ord!(O18, Acquire)))
    }

    pub(super) fn note_check(&self, now: Millis) {
        self.checked_at.store(now.0, Relaxed);
    }

    /// When the connection was last known to work: the end of its last use, or its last check.
    #[inline]
    pub(super) fn fresh_at(&self) -> Millis {
        self.seen_at().later_of(Millis(self.checked_at.load(Relaxed)))
    }

    /// Whether its connect began in that epoch, or later.
    pub(super) fn is_since(&self, epoch: usize) -> bool {
        self.epoch.load(Relaxed).wrapping_sub(epoch) <= usize::MAX / 2
    }

    /// For how many milliseconds no check, and no connect, has shown that the connection works.
    #[inline]
    pub(super) fn unproven_for(&self, now: Millis) -> usize {
        now.since(Millis(self.checked_at.load(Relaxed)))
    }

    #[inline]
    pub(super) fn age(&self, now: Millis) -> usize {
        now.since(Millis(self.born.load(Relaxed)))
    }

    /// Sets how many milliseconds it has to live, from when it was made.
    pub(super) fn limit_life(&self, lifetime: usize) {
        self.lifetime.store(lifetime, Relaxed);
    }

    /// Notes a job, and the slot that is next in the queue.
    pub(super) fn note_job(&self, job: usize, next: usize) {
        self.job.store(next << JOB_BITS | job, Relaxed);
    }

    /// The job, and the slot that is next in the queue.
    pub(super) fn job(&self) -> (usize, usize) {
        let noted = self.job.load(Relaxed);
        (noted & ((1 << JOB_BITS) - 1), noted >> JOB_BITS)
    }

    /// How many milliseconds the connection has to live; 0 if it is too old.
    #[inline]
    pub(super) fn left_to_live(&self, now: Millis) -> usize {
        match self.lifetime.load(Relaxed) {
            FOR_EVER => FOR_EVER,
            lifetime => lifetime.saturating_sub(self.age(now)),
        }
    }
}

impl LoanRecord {
    const_fn! {
        pub(super) const fn new() -> Self {
            Self {
                timed_from: PlainUsize::new(0),
                site: PlainAtomicPtr::new(ptr::null_mut()),
                thread: PlainUsize::new(0),
                reported: PlainUsize::new(NONE),
            }
        }
    }

    /// Begins the record of a new connection, which is idle: by the slot's owner.
    pub(super) fn begin(&self) {
        self.timed_from.store(0, Relaxed);
        self.thread.store(0, Relaxed);
        self.reported.store(NONE, Relaxed);
    }

    /// By the slot's owner, when a loan begins.
    #[inline(always)]
    pub(super) fn note_site(&self, site: &'static Location<'static>) {
        self.site.store(ptr::from_ref(site).cast_mut(), Relaxed);
    }

    pub(super) fn site(&self) -> Option<&'static Location<'static>> {
        // SAFETY: null, or what `note_site` was promised: it lives for ever and is never written.
        unsafe { self.site.load(Relaxed).as_ref() }
    }

    #[inline]
    pub(super) fn note_thread(&self, thread: usize) {
        self.thread.store(thread, Relaxed);
    }

    pub(super) fn thread(&self) -> usize {
        self.thread.load(Relaxed)
    }

    #[inline(always)]
    pub(super) fn is_timed(&self) -> bool {
        self.timed_from.load(Relaxed) != 0
    }

    /// The loan that begins is timed.
    pub(super) fn time_from(&self, micros: usize) {
        self.timed_from.store(micros.max(1), Relaxed);
    }

    /// When the loan that ends began, if it was timed.
    pub(super) fn take_time(&self) -> Option<usize> {
        let from = self.timed_from.load(Relaxed);
        self.timed_from.store(0, Relaxed);
        (from != 0).then_some(from)
    }

    /// Whether a leak in this period was reported.
    pub(super) fn is_reported(&self, period: usize) -> bool {
        self.reported.load(Relaxed) == period
    }

    /// Whether a leak in this period is to be reported, which is so once.
    pub(super) fn report_once(&self, period: usize) -> bool {
        let is_new = !self.is_reported(period);
        self.reported.store(period, Relaxed);
        is_new
    }
}

#[cfg(all(test, not(any(conn_pool_loom, conn_pool_shuttle))))]
mod tests {
    use super::{CHECK, ConnRecord, EVICTED, LoanRecord, Millis, REQUIRED, STALE, period};

    #[test]
    fn a_period_lasts_until_the_connection_changes_hands() {
        let record = ConnRecord::new();
        record.begin(Millis(10), 100);
        record.see(period(0, false), Millis(20));
        assert_eq!(record.seen_at(), Millis(10));
        record.see(period(1, true), Millis(30));
        assert_eq!(record.seen_at(), Millis(30));
        record.see(period(1, false), Millis(40));
        record.see(period(1, false), Millis(50));
        assert_eq!(record.seen_at(), Millis(40));
    }

    #[test]
    fn a_check_keeps_a_connection_fresh_and_idle() {
        let record = ConnRecord::new();
        record.begin(Millis(10), 100);
        record.note_check(Millis(60));
        assert_eq!((record.fresh_at(), record.seen_at()), (Millis(60), Millis(10)));
        record.see(period(1, false), Millis(70));
        assert_eq!(record.fresh_at(), Millis(70));
    }

    #[test]
    fn a_life_ends_when_it_was_to() {
        let record = ConnRecord::new();
        record.begin(Millis(10), 100);
        assert_eq!([10, 109, 110, 500].map(|now| record.left_to_live(Millis(now))), [100, 1, 0, 0]);
    }

    #[test]
    fn marks_come_and_go_one_by_one() {
        let record = ConnRecord::new();
        assert!(record.mark(STALE) && !record.mark(STALE) && record.mark(EVICTED) && record.mark(REQUIRED));
        record.unmark(REQUIRED);
        assert!(record.is_marked(CHECK) && !record.is_marked(REQUIRED));
        record.unmark(CHECK);
        assert_eq!(record.marks(), EVICTED);
        record.begin(Millis(0), 1);
        assert_eq!(record.marks(), 0);
    }

    #[test]
    fn a_leak_is_reported_once() {
        let loan_record = LoanRecord::new();
        assert!(loan_record.report_once(period(1, true)) && !loan_record.report_once(period(1, true)));
        assert!(loan_record.report_once(period(2, true)));
    }

    #[test]
    fn a_time_is_taken_once() {
        let loan_record = LoanRecord::new();
        assert!(!loan_record.is_timed());
        loan_record.time_from(0);
        assert!(loan_record.is_timed());
        assert_eq!((loan_record.take_time(), loan_record.take_time()), (Some(1), None));
    }
}

// knows: clock, parts, record, report · must not know: how a connection is made
//! The open loans: which connections are in use, and for how long.

use crate::managed::clock::{Millis, duration};
use crate::managed::parts::ManagedParts;
use crate::managed::record::{ELSEWHERE, LoanRecord};
use crate::managed::report::{Loan, PoolReport};

/// The loan of the connection in a slot, as far as that can be told without stopping any caller.
pub(crate) fn loan<P: ManagedParts>(pool: &P, slot: usize, now: Millis) -> Option<Loan> {
    let state = pool.engine().states().get(slot);
    if !state.is_filled() || state.is_retired() || pool.engine().is_idle(slot) {
        return None;
    }
    let record = pool.record(slot);
    if record.is_marked(ELSEWHERE) {
        return None;
    }
    let held_for = record.is_of_loan(state.uses()).then(|| duration(now.since(record.seen_at())));
    Some(Loan { slot, site: pool.loan_record(slot).and_then(LoanRecord::site), held_for })
}

/// All open loans.
pub(crate) fn loans<P: ManagedParts>(pool: &P) -> impl Iterator<Item = Loan> {
    let now = pool.coarse();
    (0..pool.engine().states().len()).filter_map(move |slot| loan(pool, slot, now))
}

/// The loans of the calling thread.
pub(super) fn own_loans<P: ManagedParts>(pool: &P, thread: usize) -> impl Iterator<Item = Loan> {
    let is_own = move |slot| pool.loan_record(slot).is_some_and(|loan_record| loan_record.thread() == thread);
    loans(pool).filter(move |loan| thread != 0 && is_own(loan.slot))
}

/// How the pool stands.
pub(crate) fn report<P: ManagedParts>(pool: &P) -> PoolReport {
    PoolReport {
        pool: pool.shared().config().name,
        status: pool.engine().status(),
        longest_loan: loans(pool).max_by_key(|loan| loan.held_for),
    }
}

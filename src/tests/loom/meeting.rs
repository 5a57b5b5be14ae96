//! Models of a caller that waits for a check which is made elsewhere. Meetings are private to managed pools, and only
//! threads that loom does not run check for callers: so the file of the meeting is compiled once more, and the two
//! sides do here what `loan/blocking.rs` and `upkeep/work.rs` do.

use loom::thread::JoinHandle;
use std::sync::Arc;
use std::time::Instant;

use super::connecting::{Pool, assert_whole, borrow, filled};
use super::{client, explore, join};
use crate::engine::SlotToken;
use crate::slot::release_unused;
use crate::sync::{Parker, with_parker};

#[expect(dead_code, reason = "some of it is for tasks")]
#[path = "../../managed/meeting.rs"]
mod place;

mod shared_error {
    /// What a manager says of a connection that is unfit: nothing here.
    pub(crate) struct SharedError;
}

use place::{Answer, Meeting};

/// Checks the connection of a slot that was handed over, and answers.
fn checker(pool: &Arc<Pool<1>>, meeting: &Arc<Meeting>, slot: SlotToken, is_fit: bool) -> JoinHandle<()> {
    let meeting = Arc::clone(meeting);
    client(0, pool, move |pool| {
        let mut checked = pool.held(slot);
        checked.connection_mut().touch();
        if is_fit {
            let (_, slot) = checked.into_parts();
            if let Err(Answer::Fit(slot)) = meeting.end(Answer::Fit(slot)) {
                release_unused(pool, slot);
            }
        } else {
            let _heard = meeting.end(Answer::Unfit(None));
            checked.discard();
        }
    })
}

/// A caller's wait for the answer; its time is up at any moment, unless it has no end.
fn wait_for_answer(meeting: &Meeting, parker: &Parker, until: Option<Instant>) -> Option<Answer> {
    loop {
        if let Some(answer) = meeting.answer() {
            return Some(answer);
        }
        if !parker.park(until) {
            return meeting.leave();
        }
    }
}

/// The answer comes while the caller leaves: the slot has one owner.
fn a_caller_leaves(is_fit: bool) {
    explore(move || {
        let (pool, meeting) = (filled::<1>(1, 1), Arc::new(Meeting::new()));
        with_parker(|parker, waker| {
            let slot = pool.try_slot().unwrap();
            meeting.begin(waker.clone());
            let checks = checker(&pool, &meeting, slot, is_fit);
            // It has the slot by the answer, or waits for a connection, as any caller.
            match wait_for_answer(&meeting, parker, Some(Instant::now())) {
                Some(Answer::Fit(slot)) => drop(pool.held(slot).connection_mut().touch()),
                Some(Answer::Unfit(_)) | None => assert!(borrow(&pool).is_ok()),
            }
            join([checks]);
        });
        assert!(meeting.leave().is_none(), "an answer is left behind");
        assert_whole(&pool, 1);
    });
}

#[test]
fn a_caller_leaves_while_its_connection_is_found_fit() {
    a_caller_leaves(true);
}

#[test]
fn a_caller_leaves_while_its_connection_is_found_unfit() {
    a_caller_leaves(false);
}

/// A caller that does not leave gets the answer.
#[test]
fn a_caller_that_stays_gets_the_answer() {
    explore(|| {
        let (pool, meeting) = (filled::<1>(1, 1), Arc::new(Meeting::new()));
        with_parker(|parker, waker| {
            let slot = pool.try_slot().unwrap();
            meeting.begin(waker.clone());
            let checks = checker(&pool, &meeting, slot, true);
            let Some(Answer::Fit(slot)) = wait_for_answer(&meeting, parker, None) else { panic!("no answer") };
            pool.held(slot).connection_mut().touch();
            join([checks]);
        });
        assert_whole(&pool, 1);
    });
}

/// As before, while a connector begins, which calls the tasks that connect, and no caller that waits for a check.
#[test]
fn a_caller_that_is_called_gets_the_answer_all_the_same() {
    explore(|| {
        let (pool, meeting) = (filled::<1>(1, 1), Arc::new(Meeting::new()));
        with_parker(|parker, waker| {
            let slot = pool.try_slot().unwrap();
            meeting.begin(waker.clone());
            let checks = checker(&pool, &meeting, slot, true);
            meeting.call();
            let Some(Answer::Fit(slot)) = wait_for_answer(&meeting, parker, None) else { panic!("no answer") };
            pool.held(slot).connection_mut().touch();
            join([checks]);
        });
        assert_whole(&pool, 1);
    });
}

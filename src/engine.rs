//! The engine: who gets which slot. It deals in slot numbers and is not generic, so a program has one copy of it
//! however many kinds of pool it has. `docs/architecture.md` explains the protocol.
//!
//! The fast path is the bitmap's alone: claim a slot, release it. Everything rare happens under the lock, with SLOW set
//! in every word, so that releases take the lock too and no slot is claimed elsewhere (I6, I7). A hold of the lock that
//! has changed anything *settles* it: it grants free slots to the waiters, retires surplus slots, dismisses the waiters
//! of a closed pool, and opens the fast path when nothing keeps it closed.
//!
//! No user code runs under the lock. Wakers are collected into a [`WakeBatch`] and called when it is dropped, after
//! unlocking; destructors are run by the pool, which gets the slot to vacate.
//!
//! # No lost wake-up
//!
//! A waiter sets SLOW in every word and then looks for a free slot. A release adds its bit and looks at the old word.
//! Both are modifications of one word, so one comes first. If the release does, the waiter finds the bit. If the waiter
//! does, the release sees SLOW, takes the lock after the waiter has joined the queue, and grants it the slot. Had the
//! waiter read the word and set the flag in two steps, a release could come between them, see no flag, and leave the
//! waiter asleep beside a free slot.

// The parts, lower ones first.
mod layout;
mod token;

mod slot_state;

mod bitmap;
mod wait_queue;

mod ticket;

#[cfg(all(feature = "managed", any(feature = "ffi", all(feature = "std", test))))]
mod calls;
#[cfg(all(feature = "managed", not(any(feature = "ffi", all(feature = "std", test)))))]
#[path = "engine/no_calls.rs"]
mod calls;
#[cfg(feature = "managed")]
mod connects;
#[cfg(not(feature = "managed"))]
#[path = "engine/no_connects.rs"]
mod connects;

mod holding;
mod state;
mod wake_batch;

mod fast_path;
mod snapshot;

mod capacity;
#[cfg(feature = "managed")]
mod connecting;
#[cfg(not(feature = "managed"))]
#[path = "engine/no_connecting.rs"]
mod connecting;
#[cfg(feature = "statistics")]
mod counting;
#[cfg(not(feature = "statistics"))]
#[path = "engine/no_counting.rs"]
mod counting;
#[cfg(feature = "managed")]
mod placement;
mod resizing;

#[cfg(all(feature = "managed", feature = "std", any(feature = "ffi", test)))]
mod asking;
mod closing;
#[cfg(feature = "managed")]
mod connector;
#[cfg(all(feature = "managed", any(feature = "ffi", all(feature = "std", test))))]
mod failing;
mod granting;
mod queueing;
mod slow_path;
#[cfg(feature = "managed")]
mod suspending;

pub(crate) use connecting::CONNECTS;

pub(crate) use bitmap::ClaimError;
#[cfg(any(feature = "ffi", test))]
pub(crate) use bitmap::Released;
pub(crate) use capacity::VacateReason;
pub(crate) use fast_path::Claimed;
#[cfg(all(test, not(any(conn_pool_loom, conn_pool_shuttle))))]
pub(crate) use layout::lowest_bit_in_a_loop;
pub(crate) use layout::{HAS_HOMES, Layout, Offsets};
pub(crate) use queueing::{Joined, LeaveReason, Left};
pub(crate) use slot_state::SlotState;
#[cfg(any(feature = "ffi", test))]
pub(crate) use slow_path::DoubleRelease;
pub(crate) use slow_path::{SlowPath, ToVacate};
pub(crate) use state::{AcquireError, Engine, EngineState, MAX_SLOTS};
pub(crate) use ticket::{Position, Ticket};
pub(crate) use token::SlotToken;
pub(crate) use wait_queue::{Waiter, WaiterKind};
pub(crate) use wake_batch::WakeBatch;

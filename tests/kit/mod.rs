//! What the tests share: each thing once. A test program takes the whole of it by `mod kit;`.

#![allow(dead_code, reason = "each test program uses its own part of this")]

mod bell;
mod census;
#[cfg(feature = "managed")]
mod clock;
mod dice;
mod gate;
#[cfg(feature = "std")]
pub(crate) mod keeper;
#[cfg(feature = "std")]
pub(crate) mod managed;
pub(crate) mod plain;
#[cfg(feature = "std")]
mod script;
mod surviving;
mod task;
mod watching;

#[cfg(feature = "managed")]
#[allow(unused_imports, reason = "each test program uses its own part of this")]
pub(crate) use clock::{SimClock, StopsThePool};
#[cfg(feature = "std")]
#[allow(unused_imports, reason = "each test program uses its own part of this")]
pub(crate) use script::{Call, Failed, Outcome, Script};
#[allow(unused_imports, reason = "each test program uses its own part of this")]
pub(crate) use {
    bell::{Bell, waker_that, waker_that_panics},
    census::{Census, Conn, State},
    dice::Dice,
    gate::Gate,
    surviving::{Planned, lock, only_as_planned, panic_as_planned, panics, survive},
    task::{Job, Task, poll_once, poll_with},
    watching::{FOREVER, alone, comes, wait_until, watched},
};

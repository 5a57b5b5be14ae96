//! What the programs share: the boards, and the report that each of them ends with.
#![no_std]

pub mod board;
pub mod calibration;
mod masking;
#[cfg(feature = "measured")]
pub mod measured;
pub mod report;
pub mod stack;
pub mod sweep;
pub mod time;
pub mod uart;

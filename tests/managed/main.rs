//! The managed pool: one file for each thing that a user does with it, or that can happen meanwhile.
#![cfg(feature = "std")]

#[path = "../kit/mod.rs"]
mod kit;

mod adapting;
mod administering;
mod aging;
mod asking_why;
mod being_refused;
mod borrowing;
mod building;
mod chaos;
mod checking;
mod cleaning;
mod connecting;
mod connecting_apart;
mod defects;

#[cfg(unix)]
mod forking;
mod hanging;
mod health_checking;
mod hooking;
mod implementing;
mod keeping_limits;
mod maintaining;
mod matrix;
mod matrix_apart;
mod nesting;
mod panicking;
mod proving;
mod reconfiguring;
mod reporting;
mod retrying;
mod short_lived;
mod sleeping;
mod standing_still;
mod staying_local;
mod timing;
mod traits;
mod waiting;
mod waking;

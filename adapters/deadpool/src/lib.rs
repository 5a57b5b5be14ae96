#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![allow(clippy::doc_markdown, reason = "the names of packages are no code")]

mod error;
mod from;
mod into;
mod tracked;

pub use error::FromDeadpoolError;
pub use from::FromDeadpool;
pub use into::IntoDeadpool;
pub use tracked::Tracked;

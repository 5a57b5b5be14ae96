#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![allow(clippy::doc_markdown, reason = "the names of packages are no code")]

mod from;
mod into;

pub use from::FromR2d2;
pub use into::{IntoR2d2, IntoR2d2Error};

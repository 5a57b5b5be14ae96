#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![allow(clippy::doc_markdown, reason = "the names of packages are no code")]

mod from;
mod into;

pub use from::FromBb8;
pub use into::{IntoBb8, IntoBb8Error};

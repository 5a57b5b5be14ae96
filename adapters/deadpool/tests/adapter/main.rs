//! The adapters on fake managers, call by call.

#![forbid(unsafe_code)]
#![allow(clippy::doc_markdown, reason = "the names of packages are no code")]

mod errors;
mod fake;
mod from;
mod into;

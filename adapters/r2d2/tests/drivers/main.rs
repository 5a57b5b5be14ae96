//! Managers of real drivers, on real databases.

#![forbid(unsafe_code)]
#![allow(clippy::doc_markdown, reason = "the names of packages are no code")]

mod diesel;
mod postgres;
mod redis;

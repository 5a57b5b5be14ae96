//! What the tests of the adapters share.
//!
//! [`Server`] is a PostgreSQL server that a test has for itself, and may stop and start as it likes. The server's
//! programs have to be installed (Debian: `postgresql`); no service of the system is used, or touched. [`Redis`] is a
//! Redis server likewise, and [`PgBouncer`] stands before a `Server`. [`Gate`] and [`Journal`] are for fake managers,
//! of which [`Ours`] is one.

#![forbid(unsafe_code)]
#![expect(clippy::missing_panics_doc, reason = "what fails here fails a test: `Server` says so once")]

mod account;
mod cluster;
mod gate;
mod journal;
mod ours;
mod pgbouncer;
mod programs;
mod redis;
mod server;

pub use gate::Gate;
pub use journal::Journal;
pub use ours::{Ours, Session, State};
pub use pgbouncer::PgBouncer;
pub use redis::Redis;
pub use server::{Server, Shutdown};

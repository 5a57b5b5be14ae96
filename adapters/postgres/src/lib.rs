#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(all(feature = "tokio", feature = "sync", feature = "serde")),
    allow(dead_code, reason = "what only one of the features uses is compiled with all of them")
)]

mod clean_up;
#[cfg(feature = "tokio")]
mod client;
mod config_error;
mod doubt;
mod environment;
mod error;
#[cfg(any(feature = "tokio", feature = "sync"))]
mod failure;
#[cfg(any(feature = "tokio", feature = "sync"))]
mod hosts;
#[cfg(feature = "tokio")]
mod manager;
#[cfg(feature = "tokio")]
mod notifications;
mod options;
mod parameters;
#[cfg(feature = "tokio")]
mod pending;
#[cfg(feature = "tokio")]
mod queries;
mod query;
#[cfg(feature = "tokio")]
mod session;
#[cfg(feature = "serde")]
mod settings;
mod statement_cache;
#[cfg(feature = "sync")]
pub mod sync;
#[cfg(feature = "tokio")]
mod task;
#[cfg(feature = "tokio")]
mod transaction;
mod unread;

pub use clean_up::CleanUp;
#[cfg(feature = "tokio")]
pub use client::Client;
pub use config_error::ConfigError;
#[cfg(feature = "tokio")]
pub use manager::Postgres;
#[cfg(feature = "tokio")]
pub use notifications::Notifications;
pub use query::Query;
#[cfg(feature = "serde")]
pub use settings::Settings;
pub use tokio_postgres;
#[cfg(feature = "tokio")]
pub use transaction::Transaction;

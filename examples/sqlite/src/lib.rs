//! SQLite behind a managed pool: [`manager`] is a file to copy, [`scenes`] put it to the test.
//!
//! `cargo run -p conn_pool-sqlite` plays the scenes. See README.md.

pub mod manager;
pub mod scenes;

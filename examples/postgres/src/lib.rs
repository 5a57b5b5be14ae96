//! What programs do with a pool of PostgreSQL connections: a scene each, to copy from.

pub mod scenes;

/// The examples of the page, for `cargo test`.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../../../docs/databases.md")]
    struct Databases;
}

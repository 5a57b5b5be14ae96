//! Shared by the tests of the C library.
//!
//! The C programs of `c/` are linked into this crate, and call the functions of `conn_pool`.

use conn_pool as _;

pub mod compile;
pub mod header;
pub mod names;
pub mod text;

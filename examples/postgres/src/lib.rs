//! What programs do with a pool of PostgreSQL connections: a scene each, to copy from.

pub mod scenes;

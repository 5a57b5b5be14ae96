//! The least that a pool has to do, and the pools that everybody can write.

#[path = "../../pool/floor.rs"]
mod floor;
#[path = "../../pool/peers.rs"]
mod peers;

pub(crate) use floor::Floor;
pub(crate) use peers::{HandOverPool, MutexPool};

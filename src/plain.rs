//! The plain pool: its connections are made by the user, and put in.

mod build;
mod future;
mod get;
mod guard;
#[cfg(feature = "alloc")]
mod heap;
mod insert;
mod pool;
mod pool_ref;

pub use future::Get;
pub use guard::ConnGuard;
#[cfg(feature = "alloc")]
pub use guard::OwnedConnGuard;
pub use pool::Pool;
pub use pool_ref::{GetRef, PoolRef};

//! The plain pool: it lends the connections that it is given.

mod future;
mod get;
mod guard;
mod pool;

pub use future::Get;
pub use guard::ConnGuard;
#[cfg(feature = "alloc")]
pub use guard::OwnedConnGuard;
pub use pool::Pool;

//! What a server holds: a handle of a pool that looks after itself.

mod administer;
mod block;
mod build;
mod defaults;
mod get;
mod guard;
mod handle;
#[cfg(feature = "tokio")]
mod run;
mod runner;
mod spawner;

pub use build::BuildError;
pub use guard::SharedConnGuard;
pub use handle::SharedPool;
pub use spawner::Task;

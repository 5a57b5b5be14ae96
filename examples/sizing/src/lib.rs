//! How long requests wait: a simulation of processes that each have a pool, in front of a server that they share.
//!
//! A request arrives at one of the processes and waits in the queue of its pool for a slot. With that it goes to the
//! server, and waits there if all of the server's connections are busy: in the queue of a pooler between them, such as
//! PgBouncer, or in the server itself. Both queues are served in the order of arrival. When it is done both are free.

mod load;
mod report;
mod simulation;
mod waits;

pub use load::{Load, LoadError, Service};
pub use report::Report;
pub use simulation::simulate;
pub use waits::Waits;

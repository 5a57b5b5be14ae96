//! Pools on the runtimes of tokio: one file for each thing that a server does.

mod allocating;
mod ending;
mod polling;
mod runtimes;
mod server;
mod serving;

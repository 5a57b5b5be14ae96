//! Pools on the runtimes of tokio: one file for each thing that a server does.

#[path = "../kit/mod.rs"]
mod kit;

mod pools;
mod server;

mod allocating;
mod checking;
mod cleaning;
mod ending;
mod guarding;
mod hooking;
mod hurrying;
mod operating;
mod panicking;
mod polling;
mod reconfiguring;
mod refusing;
mod runtimes;
mod serving;

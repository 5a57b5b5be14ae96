//! Pools of connections to a real server; and to a false one, where it has to go silent.

#![forbid(unsafe_code)]

mod clean_up;
mod connections;
mod encryption;
mod failover;
mod kit;
mod notifications;
mod silence;
mod statements;
mod threads;
mod transactions;

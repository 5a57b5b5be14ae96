//! What only tests compile: a pool cut down to the engine, what operations cost, the models that loom explores, the
//! programs that shuttle schedules, simpler protocols that fail, and how words are read.

#[cfg(not(any(conn_pool_loom, conn_pool_shuttle)))]
mod cost;
#[cfg(conn_pool_loom)]
mod loom;
mod rig;
#[cfg(conn_pool_shuttle)]
mod shuttle;
#[cfg(conn_pool_loom)]
mod why_not;
#[cfg(not(any(conn_pool_loom, conn_pool_shuttle)))]
mod words;

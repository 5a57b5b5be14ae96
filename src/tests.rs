//! What only tests compile: a pool cut down to the engine, what operations cost, the models that loom explores, the
//! programs that shuttle schedules, and simpler protocols that fail.

#[cfg(not(any(conn_pool_loom, conn_pool_shuttle)))]
mod cost;
#[cfg(conn_pool_loom)]
mod loom;
mod rig;
#[cfg(conn_pool_shuttle)]
mod shuttle;
#[cfg(conn_pool_loom)]
mod why_not;

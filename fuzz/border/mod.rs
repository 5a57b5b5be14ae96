//! Sequences of calls by C, wrong ones included, on several pools beside a model of them.
//!
//! Nothing is called that `conn_pool.h` leaves undefined: no heap pool after it was freed, no waiter that moved while
//! it was queued. Every mistake is made that the header answers with a status.
//!
//! `deed` says what is done, `record` what must be true of one pool, `world` does it, and `callbacks` is called back.

mod callbacks;
mod deed;
mod making;
mod record;
mod world;

pub(crate) use deed::Act;
pub(crate) use world::run;

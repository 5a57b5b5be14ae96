//! Layer 6 · knows: acquire, blocking, drain, engine, guard, slots · must not know: which driver, which executor
//!
//! A pool that makes its connections itself, checks them, resets them, and replaces them when they are broken or old.
//!
//! [`Pool<M, N>`](Pool) stands on the same slots, the same line and the same guards as the plain [`Pool<C, N>`](crate::Pool):
//! `N` connections at most in a fixed array, waiters served in the order in which they came, threads and tasks alike, no
//! allocation, and `no_std` if need be. `M` is a manager of yours, which knows the driver:
//!
//! | I have | I implement | my pool has |
//! |---|---|---|
//! | a driver that blocks | [`Manage`] and [`Manager`] | `get`, `get_timeout`, `get_deadline` (feature `std`), [`try_get`](Pool::try_get) |
//! | a driver that awaits | [`Manage`] and [`AsyncManager`] | [`get_async`](Pool::get_async), [`get_timeout_async`](Pool::get_timeout_async) |
//! | threads and tasks in front of either | the same, in [`Blocking`] or `BlockOn` | all of them, and one line |
//!
//! # A connection's life
//!
//! ```text
//!              connect                 is_valid, if idle for long              has_broken, reset
//!  (nothing) ----------> idle --------------------------------------> lent ----------------------> idle
//!      ^                   |                     |                      |              |
//!      +---- on_discard ---+---------------------+----------------------+--------------+
//!            too old, idle for too long, unfit, evicted, held during a panic, one too many, pool closed
//! ```
//!
//! A caller who finds no idle connection, and a vacant slot, connects in that slot: on its own thread or task, with no lock
//! held. If that fails the caller gets the manager's error, and the slot goes to the next in line, who tries in turn. So
//! nobody waits for somebody else's connect, and "cannot connect" is never told as "timed out".
//!
//! # Looking after it
//!
//! Connections grow old and stale while nobody uses them. Three ways to see to that, by who owns the loop:
//!
//! | | who calls | feature |
//! |---|---|---|
//! | [`maintain`](Pool::maintain), [`maintain_async`](Pool::maintain_async) | your loop | |
//! | [`maintenance`](Pool::maintenance) | a task that you spawn | |
//! | `health_check` | a thread that the pool starts, and stops when its handle is dropped | `std` |
//!
//! While one of the last two runs, borrowing costs what it costs in a plain pool (asserted by counting, measured in
//! `docs/benchmarks.md`), since marks tell what has grown old. Otherwise each borrower and returner looks at the clock, if any option asks for
//! it. Nothing of what [`Config`] promises rests on the maintenance but what the maintenance itself does: `min_idle`,
//! `idle_timeout`, `keepalive` and reports of leaks.
//!
//! # What it costs
//!
//! Ten words a slot beside those of the plain pool, and a kilobyte or three a pool with `std`, for the histograms.

mod acquire;
mod adapters;
mod clock;
mod config;
mod emptying;
mod error;
mod figures;
mod get;
mod give_back;
mod guard;
mod holders;
mod keep;
mod keeper;
mod maintenance;
mod manager;
mod notes;
mod observe;
mod pointers;
mod pool;
mod slot;
mod worker;

#[cfg(feature = "std")]
mod blocking;
#[cfg(feature = "std")]
mod health;

#[cfg(feature = "ffi")]
pub(crate) use acquire::{Setback, check, note_loan, prepare};
pub use adapters::Blocking;
#[cfg(feature = "std")]
pub use adapters::{BlockOn, BlockOnError};
pub use clock::{Clock, SystemClock};
pub use config::{Config, ConfigError, Nested, OnPanic, Retry, Reuse};
pub use error::{DrainError, GetError, Situation};
pub use figures::Figures;
pub use guard::ConnGuard;
#[cfg(feature = "alloc")]
pub use guard::OwnedConnGuard;
#[cfg(feature = "std")]
pub use health::HealthCheck;
pub use holders::Holder;
pub use maintenance::Maintained;
pub use manager::{AsyncManager, Event, Manage, Manager, Reason};
pub use pool::Pool;
#[cfg(feature = "ffi")]
pub(crate) use {
    clock::Millis,
    emptying::{close, drop_surplus},
    give_back::{attend_to_others, reason_of, settle},
    keep::Keep,
    keeper::{Keeper, ON_RETURN, SELF_TIMED, Times},
    maintenance::maintain,
    notes::{Holding, Notes},
    slot::{Lent, Suspect, begin, discard},
    worker::{Now, at_once},
};

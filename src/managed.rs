//! A pool that makes its connections itself, checks them, resets them, and replaces them when they are broken or old.
//!
//! [`Pool<M, N>`](Pool) has the same slots, the same wait queue and the same kind of guards as the plain
//! [`Pool<C, N>`](crate::Pool): at most `N` connections in a fixed array, waiters served in the order of arrival,
//! threads and tasks alike, no allocation, and `no_std` if need be. `M` is a manager of yours, which knows the driver:
//!
//! | I have | I implement | my pool has |
//! |---|---|---|
//! | a driver that blocks | [`Lifecycle`] and [`Manager`] | `get`, `get_timeout`, `get_deadline` (feature `std`), [`try_get`](Pool::try_get) |
//! | a driver that awaits | [`Lifecycle`] and [`AsyncManager`] | [`get_async`](Pool::get_async), [`get_async_timeout`](Pool::get_async_timeout) |
//! | threads and tasks in front of either | the same, in [`AsyncFromBlocking`] or `BlockingFromAsync` | all of them, and one queue |
//!
//! # A connection's life
//!
//! ```text
//!              connect         is_closed; is_valid, if idle for long         has_broken, reset
//!  (nothing) ----------> idle ------------------------------------> in use -------------------> idle
//!      ^                   |                     |                     |              |
//!      +---- on_discard ---+---------------------+---------------------+--------------+
//!            too old, idle for too long, unfit, evicted, held during a panic, one too many, pool closed
//! ```
//!
//! # Who connects
//!
//! While `health_check` (threads) or [`run_maintenance`](Pool::run_maintenance) (a task) runs, that is the pool's
//! *connector*. A caller that finds no idle connection waits, and gets what comes first: a connection that is released,
//! or one that the connector has made. So a caller's deadline does not depend on a connect, and a connect whose caller
//! has gone serves the next one. A connect that fails is tried again after a pause, until the callers' deadlines; a
//! caller whose time is up meanwhile is told why connecting fails, and not that it timed out.
//!
//! Without a connector the caller itself connects in a vacant slot: on its own thread or task, with no lock held,
//! within its own deadline as far as the manager keeps to that. If the connect fails the caller gets the manager's
//! error, and the slot goes to the next waiter, which tries in turn.
//!
//! # Maintenance
//!
//! Connections grow old and stale while they are not used. Maintenance handles that. It runs in one of three ways,
//! which differ in what calls it:
//!
//! | | who calls | the pool has a connector | feature |
//! |---|---|---|---|
//! | [`maintain`](Pool::maintain), [`maintain_async`](Pool::maintain_async) | your loop | no | |
//! | [`run_maintenance`](Pool::run_maintenance) | a task that you spawn | yes | |
//! | `health_check` | threads that the pool starts, and ends when its handle is dropped | yes | `std` |
//!
//! While one of the last two runs, marks tell which connections have grown old. Acquire and release then take the two
//! read-modify-writes of a plain pool, and an acquire reads the coarse clock once, to see that the marks are recent, if
//! [`validate_after`](Config::validate_after) is set, as it is by default, or
//! [`validate_every`](Config::validate_every) (asserted by counting, [measured](crate::guide::benchmarks)). Otherwise
//! each acquire reads the clock once, if an option needs it, and no release does. The options that need maintenance are
//! `min_idle`, `idle_timeout`, `keepalive` and `leak_threshold`; the others are kept without it.
//!
//! # Costs
//!
//! Twelve words for each slot beside those of the plain pool, with `std` sixteen (on 64-bit targets), and with `std`
//! one to three kilobytes for each pool, for the histograms.
//!
//! Acquire and release allocate nothing. While `run_maintenance` runs each connect and each check that it makes
//! allocates, with the feature `alloc`; `health_check` starts threads; and the text of an error is allocated once for
//! all callers that are told it.

mod clock;
mod config;
mod config_check;
mod config_error;
#[cfg(feature = "serde")]
mod config_serde;
#[cfg(feature = "embassy-time")]
mod embassy;
mod error;
mod event;
#[cfg(feature = "std")]
mod keeping;
mod metrics;
mod name;
mod policies;
mod report;
mod shared_error;
mod times;
#[cfg(feature = "std")]
mod timing;
#[cfg(not(feature = "std"))]
#[path = "managed/no_timing.rs"]
mod timing;
#[cfg(feature = "std")]
#[path = "managed/told/kept.rs"]
mod told;
#[cfg(all(feature = "alloc", not(feature = "std")))]
#[path = "managed/told/text.rs"]
mod told;
#[cfg(not(feature = "alloc"))]
#[path = "managed/told/inline.rs"]
mod told;

mod manager;

mod outage;
#[cfg(feature = "metrics")]
mod published;
mod record;

mod jobs;
#[cfg(feature = "std")]
mod meeting;
#[cfg(not(feature = "std"))]
#[path = "managed/no_meeting.rs"]
mod meeting;
mod own_process;
mod process;
#[cfg(feature = "std")]
mod settings;
#[cfg(not(feature = "std"))]
#[path = "managed/no_settings.rs"]
mod settings;
mod shared;
mod spread;

mod parts;
mod slots;

mod observe;

mod loan;

mod upkeep;

mod operations;

mod get;
#[cfg(feature = "std")]
mod get_blocking;
mod guard;
#[cfg(feature = "std")]
mod health;
mod maintenance;
mod pool;
#[cfg(feature = "metrics")]
mod publish;
#[cfg(feature = "std")]
mod reconfigure;
#[cfg(feature = "std")]
mod shared_pool;

pub use clock::{CanSleep, Clock, SystemClock};
pub use config::Config;
pub use config_error::ConfigError;
#[cfg(feature = "embassy-time")]
pub use embassy::EmbassyClock;
pub use error::{DrainError, GetError, ManagerError};
pub use event::{CheckReason, DiscardReason, Event};
pub use guard::ConnGuard;
#[cfg(feature = "alloc")]
pub use guard::OwnedConnGuard;
#[cfg(feature = "std")]
pub use health::HealthCheck;
pub use manager::adapters::AsyncFromBlocking;
#[cfg(feature = "std")]
pub use manager::adapters::{BlockingFromAsync, BlockingFromAsyncError};
pub use manager::errors_as_text::{DescribedError, ErrorsAsText};
pub use manager::from_fn::{FromAsyncFn, FromFn, from_async_fn, from_fn};
#[cfg(feature = "alloc")]
pub use manager::hooks::{AsyncHooks, HookFuture, Hooks};
pub use manager::local::{Awaited, Local, LocalAsyncManager};
pub use manager::{AsyncManager, Lifecycle, Manager};
pub use metrics::Metrics;
pub use name::Name;
pub use policies::{Nested, OnPanic, Retry, Reuse};
pub use pool::Pool;
pub use report::{IdleInfo, Loan, MaintenanceReport, PoolReport};
pub use shared_error::SharedError;
#[cfg(feature = "std")]
pub use shared_pool::{BuildError, SharedConnGuard, SharedPool, Task};
#[cfg(feature = "std")]
pub use times::Times;

// For models of what maintenance does beside a caller.
#[cfg(all(test, conn_pool_loom, not(feature = "ffi")))]
pub(crate) use parts::ManagedParts;
#[cfg(all(test, conn_pool_loom))]
pub(crate) use upkeep::marking::{Marker, pause_marking};

// For pools whose shape C programs choose.
#[cfg(feature = "ffi")]
pub(crate) use {
    clock::Millis,
    loan::acquire::note_loan,
    loan::asked::{fail, fulfil},
    loan::caller::{Caller, Failure, NoWait, at_once},
    loan::prepare::{Past, PrepareError, Step, check, prepare},
    loan::release::{reason_of, recycle},
    loan::tokens::{Assessment, ClaimedSlot, ConnectingSlot, UnreadySlot, begin, discard},
    outage::Purpose,
    parts::ManagedParts,
    record::{ConnRecord, LoanRecord},
    shared::{ON_LEND, ON_RETURN, SELF_TIMED, Shared},
    times::TimeRecorders,
    upkeep::evict::evict_all,
    upkeep::pass::maintain,
};

// For those of them that ask for their connects.
#[cfg(all(feature = "ffi", feature = "std"))]
pub(crate) use {
    loan::asked::note_failure,
    upkeep::asking::{maintain_and_want, may_ask, note_ask},
};

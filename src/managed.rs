//! Layer 6 · knows: acquire, blocking, drain, engine, guard, slots · must not know: which driver, which executor
//!
//! A pool that makes its connections itself.

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

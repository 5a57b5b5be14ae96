// knows: event, manager, sync · must not know: pools
//! A pointer to a manager is a manager: pools can share one, and a pool can have one whose type it does not know.

use core::fmt;
use core::future::Future;
use core::time::Duration;

#[cfg(feature = "alloc")]
use alloc::boxed::Box;

use super::{AsyncManager, Lifecycle, Manager};
use crate::managed::event::{CheckReason, DiscardReason, Event};
#[cfg(feature = "alloc")]
use crate::sync::Arc;

macro_rules! pointer {
    ($(#[$meta:meta])* $pointer:ty) => {
        $(#[$meta])*
        impl<M: Lifecycle + ?Sized> Lifecycle for $pointer {
            type Connection = M::Connection;
            type Error = M::Error;

            fn is_closed(&self, connection: &mut M::Connection) -> bool {
                M::is_closed(self, connection)
            }

            fn has_broken(&self, connection: &mut M::Connection) -> bool {
                M::has_broken(self, connection)
            }

            fn reset(&self, connection: &mut M::Connection) -> Result<(), M::Error> {
                M::reset(self, connection)
            }

            fn reset_blocks(&self, connection: &mut M::Connection) -> bool {
                M::reset_blocks(self, connection)
            }

            fn needs_check(&self, connection: &mut M::Connection) -> bool {
                M::needs_check(self, connection)
            }

            fn on_check(&self, connection: &mut M::Connection, why: CheckReason) {
                M::on_check(self, connection, why);
            }

            fn on_discard(&self, connection: M::Connection, reason: DiscardReason) {
                M::on_discard(self, connection, reason);
            }

            fn is_permanent(&self, error: &M::Error) -> bool {
                M::is_permanent(self, error)
            }

            fn describe(&self, error: &M::Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                M::describe(self, error, f)
            }

            fn on_event(&self, event: &Event<'_, M::Error>) {
                M::on_event(self, event);
            }
        }

        $(#[$meta])*
        impl<M: Manager + ?Sized> Manager for $pointer {
            fn connect(&self, within: Option<Duration>) -> Result<M::Connection, M::Error> {
                M::connect(self, within)
            }

            fn is_valid(&self, connection: &mut M::Connection, within: Option<Duration>) -> Result<(), M::Error> {
                M::is_valid(self, connection, within)
            }
        }

        $(#[$meta])*
        impl<M: AsyncManager> AsyncManager for $pointer {
            fn connect(&self) -> impl Future<Output = Result<M::Connection, M::Error>> + Send {
                M::connect(self)
            }

            fn is_valid(&self, connection: &mut M::Connection) -> impl Future<Output = Result<(), M::Error>> + Send {
                M::is_valid(self, connection)
            }
        }
    };
}

pointer!(&M);
pointer!(
    #[cfg(feature = "alloc")]
    Box<M>
);
pointer!(
    #[cfg(feature = "alloc")]
    Arc<M>
);

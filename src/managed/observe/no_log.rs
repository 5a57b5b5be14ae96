//! Layer 6 · part of managed · knows: nothing · must not know: what happens
//!
//! Stands in for the log where there is no `tracing`.

use core::future::Future;
use core::time::Duration;

use crate::managed::error::Situation;
use crate::managed::holders::Holder;
use crate::managed::manager::Reason;

macro_rules! silent {
    ($($name:ident($($kind:ty),*);)*) => {$(
        pub(in crate::managed) fn $name($(_: $kind),*) {}
    )*};
}

silent! {
    connected(&'static str, Duration);
    connect_failed(&'static str, &'static str, Duration);
    check_failed(&'static str, &'static str);
    reset_failed(&'static str);
    discarded(&'static str, Reason);
    leaked(&'static str, &Holder);
    refused(&'static str, &'static str, Option<&Situation>);
    exhausted(&'static str, &Situation);
    nested(&'static str, &Holder, &Situation);
    closed(&'static str);
    resized(&'static str, usize);
    suspended(&'static str);
    resumed(&'static str);
    evicted(&'static str, usize);
}

/// Takes no room, and leaves the work as it is.
#[derive(Clone)]
pub(in crate::managed) struct Span;

#[expect(clippy::unused_self, reason = "the shape of the twin that has a span")]
impl Span {
    pub(in crate::managed) fn begin(_pool: &'static str) -> Self {
        Self
    }

    pub(in crate::managed) fn is_seen(&self) -> bool {
        false
    }

    pub(in crate::managed) fn around<F: Future>(self, work: F) -> F {
        work
    }

    pub(in crate::managed) fn end(&self, _waited: Duration) {}
}

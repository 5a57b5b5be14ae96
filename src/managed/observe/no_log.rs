// knows: event, report · must not know: what happens
//! Stands in for the log where there is no `tracing`.

use core::fmt;
use core::future::Future;
use core::time::Duration;

use crate::managed::event::DiscardReason;
use crate::managed::report::{Loan, PoolReport};

macro_rules! silent {
    ($($name:ident($($kind:ty),*);)*) => {$(
        pub(in crate::managed) fn $name($(_: $kind),*) {}
    )*};
}

silent! {
    connected(&str, Duration);
    connect_failed(&str, Option<impl fmt::Display>, Duration);
    check_failed(&str, Option<impl fmt::Display>);
    reset_failed(&str, impl fmt::Display);
    discarded(&str, DiscardReason);
    leaked(&str, &Loan);
    refused(&str, &'static str, Option<&PoolReport>);
    cancelled(&str);
    exhausted(&str);
    nested(&str, &Loan, &PoolReport);
    closed(&str);
    resized(&str, usize);
    suspended(&str);
    resumed(&str);
    evicted(&str, usize);
}

/// Takes no room, and leaves the work as it is.
pub(in crate::managed) struct Span;
pub(in crate::managed) struct Entry;

#[expect(clippy::unused_self, reason = "the shape of the twin that has a span")]
impl Span {
    pub(in crate::managed) fn begin<'a>(_pool: impl FnOnce() -> &'a str) -> Self {
        Self
    }

    pub(in crate::managed) fn entry(&self) -> Entry {
        Entry
    }

    pub(in crate::managed) fn begin_wait(&mut self, _now: impl FnOnce() -> Duration) {}

    pub(in crate::managed) fn end_wait(&mut self, _now: impl FnOnce() -> Duration) {}

    pub(in crate::managed) fn end(&self) {}
}

#[expect(clippy::unused_self, reason = "the shape of the twin that has a span")]
impl Entry {
    pub(in crate::managed) fn around<F: Future>(self, work: F) -> F {
        work
    }

    pub(in crate::managed) fn within<R>(self, work: impl FnOnce() -> R) -> R {
        work()
    }
}

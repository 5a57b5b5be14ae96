// knows: sync · must not know: managers, why it is told
//! What is told of an error: its text, and the error itself.

use core::error::Error;
use core::fmt;
use std::boxed::Box;
use std::string::String;

use crate::sync::{Arc, OnceLock};

/// The error itself, as it goes from thread to thread.
pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

#[derive(Clone)]
pub(crate) struct Told(Arc<Parts>);

struct Parts {
    text: String,
    /// Set after callers may have been told of it: first the pool goes on.
    cause: OnceLock<Cause>,
}

struct Cause {
    error: BoxError,
    /// What it says itself, where that is better than the text.
    own: Option<String>,
}

impl Told {
    pub(crate) fn of(error: impl fmt::Display) -> Self {
        Self(Arc::new(Parts { text: std::format!("{error}"), cause: OnceLock::new() }))
    }

    pub(crate) fn as_str(&self) -> &str {
        let own = self.0.cause.get().and_then(|cause| cause.own.as_deref());
        own.unwrap_or(&self.0.text)
    }

    /// From now on it has the error too, and says `own`, if that is given.
    pub(crate) fn keep(&self, error: BoxError, own: Option<String>) {
        let _kept_before = self.0.cause.set(Cause { error, own });
    }

    pub(crate) fn error(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.0.cause.get().map(|cause| &*cause.error)
    }

    pub(crate) fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error().and_then(|error| error.source())
    }
}

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
    error: OnceLock<BoxError>,
}

impl Told {
    pub(crate) fn of(error: impl fmt::Display) -> Self {
        Self(Arc::new(Parts { text: std::format!("{error}"), error: OnceLock::new() }))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0.text
    }

    /// From now on it has the error too.
    pub(crate) fn keep(&self, error: BoxError) {
        let _kept_before = self.0.error.set(error);
    }

    pub(crate) fn error(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.0.error.get().map(|error| &**error)
    }

    pub(crate) fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error().and_then(|error| error.source())
    }
}

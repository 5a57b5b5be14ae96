// knows: sync · must not know: managers, why it is told
//! What is told of an error where it cannot be kept: its text.

use alloc::string::ToString;
use core::error::Error;
use core::fmt;

use crate::sync::Arc;

#[derive(Clone)]
pub(crate) struct Told(Arc<str>);

impl Told {
    pub(crate) fn of(error: impl fmt::Display) -> Self {
        Self(Arc::from(error.to_string()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    #[expect(clippy::unused_self, reason = "as the twin that keeps errors")]
    pub(crate) const fn source(&self) -> Option<&(dyn Error + 'static)> {
        None
    }
}

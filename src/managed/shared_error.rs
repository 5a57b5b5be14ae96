// knows: told · must not know: managers, why it is told
//! An error that many callers are told of.

use core::error::Error;
use core::fmt;

use super::told::Told;

/// An error of the manager's, for callers other than the one whose call it was. It is kept once, and cloning it clones
/// a pointer.
///
/// It has what the manager's error says ([`Lifecycle::describe`](super::Lifecycle::describe)). A `SharedPool` keeps the
/// error too, so its [source](Error::source) is there, and `error` tells what it is. Without the feature `alloc` the
/// text is cut after [`MAX`](Self::MAX) bytes.
///
/// # Examples
///
/// ```
/// use conn_pool::managed::SharedError;
/// use std::io;
///
/// fn is_refused(error: &SharedError) -> bool {
///     let io = error.error().and_then(|error| error.downcast_ref::<io::Error>());
///     io.is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
/// }
/// ```
#[derive(Clone)]
pub struct SharedError(pub(super) Told);

impl SharedError {
    /// How many bytes of the text are kept without the feature `alloc`.
    pub const MAX: usize = 31;

    /// What an error says.
    pub(super) fn of(error: impl fmt::Display) -> Self {
        Self(Told::of(error))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for SharedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for SharedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// By what they say.
impl PartialEq for SharedError {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for SharedError {}

impl Error for SharedError {
    /// The source of the manager's error, whose own text this one has.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

#[cfg(all(test, not(any(conn_pool_loom, conn_pool_shuttle))))]
mod tests {
    use super::SharedError;

    #[test]
    fn a_text_is_what_the_error_says() {
        assert_eq!(SharedError::of("connection refused").as_str(), "connection refused");
    }
}

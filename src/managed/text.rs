// knows: sync · must not know: managers, why it is told
//! The text of an error, for callers that cannot be given the error itself.

use core::fmt;

#[cfg(feature = "alloc")]
use crate::sync::Arc;

/// What a manager's error says ([`Lifecycle::describe`](super::Lifecycle::describe)), when many callers are told of one
/// error. Without the feature `alloc` it is cut after [`MAX`](Self::MAX) bytes.
///
/// # Examples
///
/// ```
/// use conn_pool::managed::ErrorText;
///
/// fn log(text: &ErrorText) {
///     println!("cannot connect: {text}");
///     assert!(!text.as_str().is_empty());
/// }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ErrorText(Text);

#[cfg(feature = "alloc")]
type Text = Arc<str>;
#[cfg(not(feature = "alloc"))]
type Text = Inline;

impl ErrorText {
    /// How many bytes are kept without the feature `alloc`.
    pub const MAX: usize = 31;

    #[cfg(feature = "alloc")]
    pub(super) fn of(error: impl fmt::Display) -> Self {
        Self(Arc::from(alloc::format!("{error}")))
    }

    #[cfg(not(feature = "alloc"))]
    pub(super) fn of(error: impl fmt::Display) -> Self {
        let mut text = Inline { bytes: [0; Self::MAX], len: 0 };
        // A text that does not fit is cut; an error that cannot be written is left as far as it went.
        let _cut = fmt::write(&mut text, format_args!("{error}"));
        Self(text)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ErrorText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ErrorText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(not(feature = "alloc"))]
#[derive(Clone, PartialEq, Eq)]
struct Inline {
    bytes: [u8; ErrorText::MAX],
    len: u8,
}

#[cfg(not(feature = "alloc"))]
impl core::ops::Deref for Inline {
    type Target = str;

    fn deref(&self) -> &str {
        // Written by `write_str` alone, up to the end of a character.
        core::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or("")
    }
}

#[cfg(not(feature = "alloc"))]
impl fmt::Write for Inline {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        for character in part.chars() {
            let at = usize::from(self.len);
            let Some(place) = self.bytes.get_mut(at..at + character.len_utf8()) else { return Err(fmt::Error) };
            character.encode_utf8(place);
            #[expect(clippy::cast_possible_truncation, reason = "a character has at most four bytes")]
            let len = character.len_utf8() as u8;
            self.len += len;
        }
        Ok(())
    }
}

#[cfg(all(test, not(any(conn_pool_loom, conn_pool_shuttle))))]
mod tests {
    use super::ErrorText;

    #[test]
    fn a_text_is_what_the_error_says() {
        assert_eq!(ErrorText::of("connection refused").as_str(), "connection refused");
    }

    #[test]
    #[cfg(not(feature = "alloc"))]
    fn a_long_text_is_cut_between_two_characters() {
        let text = ErrorText::of(format_args!("{}ü", "0".repeat(ErrorText::MAX - 1)));
        assert_eq!(text.as_str().len(), ErrorText::MAX - 1);
    }
}

// knows: nothing · must not know: managers, why it is told
//! What is told of an error where there is no allocator: its text, which may be cut.

use core::error::Error;
use core::fmt;

/// How many bytes are kept.
const MAX: usize = 31;

#[derive(Clone)]
pub(crate) struct Told {
    bytes: [u8; MAX],
    len: u8,
}

impl Told {
    pub(crate) fn of(error: impl fmt::Display) -> Self {
        let mut text = Self { bytes: [0; MAX], len: 0 };
        // A text that does not fit is cut; an error that cannot be written is left as far as it went.
        let _cut = fmt::write(&mut text, format_args!("{error}"));
        text
    }

    pub(crate) fn as_str(&self) -> &str {
        // Written by `write_str` alone, up to the end of a character.
        core::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or("")
    }

    #[expect(clippy::unused_self, reason = "as the twin that keeps errors")]
    pub(crate) const fn source(&self) -> Option<&(dyn Error + 'static)> {
        None
    }
}

impl fmt::Write for Told {
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

#[cfg(test)]
mod tests {
    use super::{MAX, Told};

    #[test]
    fn a_long_text_is_cut_between_two_characters() {
        let text = Told::of(format_args!("{}ü", "0".repeat(MAX - 1)));
        assert_eq!(text.as_str().len(), MAX - 1);
    }
}

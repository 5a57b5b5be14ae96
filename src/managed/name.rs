// knows: nothing · must not know: pools
//! A pool's name, inline: it may be made at run time, and a configuration that holds it is `Copy`.

use core::fmt;

/// The name of a managed pool, as in [`PoolReport`](super::PoolReport) and [`Config::name`](super::Config::name): up to
/// [`MAX`](Self::MAX) bytes, kept inline.
///
/// # Examples
///
/// ```
/// use conn_pool::managed::Name;
///
/// let tenant = 7;
/// let name = Name::new(&format!("orders-{tenant}"));
/// assert_eq!(name.as_str(), "orders-7");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Name {
    bytes: [u8; Self::MAX],
    /// The length of what the name was made of, which may be more than what is kept.
    asked: u16,
}

impl Name {
    /// The most bytes of a name.
    pub const MAX: usize = 31;
    pub(super) const NONE: Self = Self { bytes: [0; Self::MAX], asked: 0 };

    /// A name of these characters; a longer text is cut between two of them, and a
    /// [`Config`](super::Config) refuses it.
    #[must_use]
    pub const fn new(text: &str) -> Self {
        let mut bytes = [0; Self::MAX];
        let kept = Self::boundary(text);
        let mut at = 0;
        while at < kept {
            bytes[at] = text.as_bytes()[at];
            at += 1;
        }
        #[expect(clippy::cast_possible_truncation, reason = "compared before")]
        let asked = if text.len() > u16::MAX as usize { u16::MAX } else { text.len() as u16 };
        Self { bytes, asked }
    }

    /// The end of the last character that fits.
    const fn boundary(text: &str) -> usize {
        if text.len() <= Self::MAX {
            return text.len();
        }
        let mut end = Self::MAX;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        end
    }

    /// The length of the text that the name was made of.
    pub(super) const fn asked_len(&self) -> usize {
        self.asked as usize
    }

    /// The name as text; empty if the pool has none.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        let mut len = if self.asked_len() < Self::MAX { self.asked_len() } else { Self::MAX };
        if self.asked_len() > Self::MAX {
            // A cut text may end before the last byte, which is 0 then.
            while len > 0 && self.bytes[len - 1] == 0 {
                len -= 1;
            }
        }
        let (text, _) = self.bytes.split_at(len);
        match core::str::from_utf8(text) {
            Ok(text) => text,
            Err(_) => "",
        }
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl PartialEq<&str> for Name {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::Name;

    #[test]
    fn a_name_is_what_it_was_made_of() {
        for text in ["", "a", "orders", "ünï", "0123456789012345678901234567890"] {
            assert_eq!(Name::new(text).as_str(), text);
            assert_eq!(Name::new(text).asked_len(), text.len());
        }
    }

    #[test]
    fn what_is_too_long_is_cut_between_two_characters_and_known_to_be() {
        let long = Name::new("01234567890123456789012345678901");
        assert_eq!((long.as_str(), long.asked_len()), ("0123456789012345678901234567890", 32));
        let wide = Name::new("012345678901234567890123456789ü");
        assert_eq!((wide.as_str(), wide.asked_len()), ("012345678901234567890123456789", 32));
    }
}

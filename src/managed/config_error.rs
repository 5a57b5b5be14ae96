// knows: nothing · must not know: pools
//! What is wrong with a configuration: in words, also in a constant, where nothing can be formatted.

use core::time::Duration;

/// What is wrong with a [`Config`](super::Config).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// More connections than the pool has slots.
    #[error(
        "max_size is {max_size} and the pool has room for {capacity} (its N, or its capacity): max_size can be at most \
         that"
    )]
    MaxSize {
        /// The size asked for.
        max_size: usize,
        /// The pool's `N`, or the capacity of a shared pool.
        capacity: usize,
    },
    /// More slots than a pool can have.
    #[error("{option} is {asked}: a pool can have at most {most}")]
    TooMany {
        /// The option that asks for them.
        option: &'static str,
        /// The number asked for.
        asked: usize,
        /// The most that can be had.
        most: usize,
    },
    /// A number of slots that the pool does not have.
    #[error(
        "capacity is {asked} and the pool has {capacity} slots: leave it out, or use a SharedPool, which has as many"
    )]
    Capacity {
        /// The number asked for.
        asked: usize,
        /// The pool's `N`.
        capacity: usize,
    },
    /// A time limit that the pool's clock cannot keep for tasks.
    #[error(
        "{option} is set, and no task can sleep by the pool's clock: define Clock::CAN_SLEEP and Clock::sleep, or leave \
         it out"
    )]
    CannotSleep {
        /// The option.
        option: &'static str,
    },
    /// A floor above the ceiling.
    #[error("min_idle is {min_idle} and max_size is {max_size}: min_idle can be at most max_size")]
    MinIdle {
        /// The floor.
        min_idle: usize,
        /// The ceiling.
        max_size: usize,
    },
    /// A floor above the most that may be idle.
    #[error("min_idle is {min_idle} and max_idle is {max_idle}: min_idle can be at most max_idle")]
    MaxIdle {
        /// The floor.
        min_idle: usize,
        /// The most that may be idle.
        max_idle: usize,
    },
    /// An option that was to be changed and cannot be while the pool runs.
    #[error("{option} cannot be changed while a pool runs: set it when the pool is built")]
    Fixed {
        /// The option.
        option: &'static str,
    },
    /// An option that has to be more than 0 is 0.
    #[error("{option} is 0: it has to be more (`None`, where it can be had, stands for no limit)")]
    Zero {
        /// The option that is 0.
        option: &'static str,
    },
    /// A time between two checks that is 0.
    #[error("validate_every is 0: to check a connection each time, set validate_after(Some(Duration::ZERO))")]
    ValidateEvery,
    /// A name that does not fit.
    #[error("the name is {len} bytes long: it can have at most 31")]
    Name {
        /// Its length in bytes.
        len: usize,
    },
    /// A jitter by which a connection could be too old when it is made.
    #[error("lifetime_jitter_percent is {percent}: it can be 0 to 99")]
    Jitter {
        /// The percentage.
        percent: u8,
    },
    /// A limit that no connection lives to see.
    #[error(
        "{option} is {limit:?} and max_lifetime is {max_lifetime:?}: no connection gets that old, so it can be at most \
         that (`None` turns it off)"
    )]
    BeyondLifetime {
        /// The option.
        option: &'static str,
        /// What it was set to.
        limit: Duration,
        /// The longest life of a connection.
        max_lifetime: Duration,
    },
    /// A first pause that is longer than the longest.
    #[error("the first pause is {first_pause:?} and the longest {longest_pause:?}: it can be at most that long")]
    Pauses {
        /// The first pause.
        first_pause: Duration,
        /// The longest.
        longest_pause: Duration,
    },
}

/// A text of a constant.
struct Text {
    bytes: [u8; 160],
    len: usize,
}

impl Text {
    const EMPTY: Self = Self { bytes: [0; 160], len: 0 };

    const fn with(mut self, part: &str) -> Self {
        let mut at = 0;
        // Whole characters: the parts are the crate's own, and ASCII.
        while at < part.len() && self.len < self.bytes.len() {
            self.bytes[self.len] = part.as_bytes()[at];
            self.len += 1;
            at += 1;
        }
        self
    }

    const fn number(self, number: usize) -> Self {
        const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
        let text = if number >= 10 { self.number(number / 10) } else { self };
        text.with(DIGITS[number % 10])
    }

    const fn as_str(&self) -> &str {
        match core::str::from_utf8(self.bytes.split_at(self.len).0) {
            Ok(text) => text,
            Err(_) => "",
        }
    }
}

impl ConfigError {
    /// Panics with a message that names the option and what is wrong with it.
    pub(super) const fn refuse(&self) -> ! {
        panic!("{}", self.in_a_constant().as_str());
    }

    const fn in_a_constant(&self) -> Text {
        let text = Text::EMPTY;
        match self {
            Self::MaxSize { max_size, capacity } => {
                text.with("max_size is ").number(*max_size).with(" and the pool's N is ").number(*capacity)
            }
            Self::Capacity { asked, capacity } => {
                text.with("capacity is ").number(*asked).with(" and the pool's N is ").number(*capacity)
            }
            Self::TooMany { option, asked, most } => {
                text.with(option).with(" is ").number(*asked).with(": a pool can have at most ").number(*most)
            }
            Self::MinIdle { min_idle, max_size } => {
                text.with("min_idle is ").number(*min_idle).with(" and max_size is ").number(*max_size)
            }
            Self::MaxIdle { min_idle, max_idle } => {
                text.with("min_idle is ").number(*min_idle).with(" and max_idle is ").number(*max_idle)
            }
            Self::Fixed { option } => text.with(option).with(" cannot be changed while a pool runs"),
            Self::Zero { option } => text.with(option).with(" is 0: it has to be more"),
            Self::ValidateEvery => text.with("validate_every is 0: it has to be more"),
            Self::Name { len } => text.with("the name is ").number(*len).with(" bytes long: it can have at most 31"),
            Self::Jitter { percent } => {
                text.with("lifetime_jitter_percent is ").number(*percent as usize).with(": it can be 0 to 99")
            }
            Self::BeyondLifetime { option, .. } => text.with(option).with(" is longer than max_lifetime"),
            Self::Pauses { .. } => text.with("retry.first_pause is longer than retry.longest_pause"),
            Self::CannotSleep { option } => {
                text.with(option).with(" is set, and no task can sleep by the pool's clock")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ConfigError, Text};

    #[test]
    fn a_refusal_in_a_constant_names_the_option_and_its_value() {
        const REFUSAL: Text = ConfigError::MaxSize { max_size: 1024, capacity: 8 }.in_a_constant();
        assert_eq!(REFUSAL.as_str(), "max_size is 1024 and the pool's N is 8");
        let text = ConfigError::Zero { option: "connect_timeout" }.in_a_constant();
        assert_eq!(text.as_str(), "connect_timeout is 0: it has to be more");
    }
}

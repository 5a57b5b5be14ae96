// knows: config, config_error, name, policies · must not know: what an option is for
//! What no pool can be built of: values and combinations of options that make no sense.

use core::time::Duration;

use super::config::Config;
use super::config_error::ConfigError;
use super::name::Name;
use super::policies::Retry;

impl Config {
    /// Whether a pool of `capacity` slots can be built like this.
    ///
    /// # Errors
    ///
    /// The first contradiction, with its values.
    pub const fn check(&self, capacity: usize) -> Result<(), ConfigError> {
        let max_size = self.size(capacity);
        if max_size > capacity {
            return Err(ConfigError::MaxSize { max_size, capacity });
        }
        if let Some(asked) = self.capacity
            && asked != capacity
        {
            return Err(ConfigError::Capacity { asked, capacity });
        }
        if matches!(self.max_size, Some(0)) {
            return Err(ConfigError::Zero { option: "max_size" });
        }
        if self.min_idle > max_size {
            return Err(ConfigError::MinIdle { min_idle: self.min_idle, max_size });
        }
        if let Some(max_idle) = self.max_idle
            && self.min_idle > max_idle
        {
            return Err(ConfigError::MaxIdle { min_idle: self.min_idle, max_idle });
        }
        if matches!(self.max_uses, Some(0)) {
            return Err(ConfigError::Zero { option: "max_uses" });
        }
        if matches!(self.max_connecting, Some(0)) {
            return Err(ConfigError::Zero { option: "max_connecting" });
        }
        if self.name.asked_len() > Name::MAX {
            return Err(ConfigError::Name { len: self.name.asked_len() });
        }
        if self.lifetime_jitter_percent >= 100 {
            return Err(ConfigError::Jitter { percent: self.lifetime_jitter_percent });
        }
        if self.retry.first_pause.is_zero() {
            return Err(ConfigError::Zero { option: "retry.first_pause" });
        }
        if self.retry.first_pause.as_nanos() > self.retry.longest_pause.as_nanos() {
            let Retry { first_pause, longest_pause, .. } = self.retry;
            return Err(ConfigError::Pauses { first_pause, longest_pause });
        }
        self.check_spans()
    }

    const fn check_spans(&self) -> Result<(), ConfigError> {
        if let Some(Duration::ZERO) = self.validate_every {
            return Err(ConfigError::ValidateEvery);
        }
        let spans = [
            ("wait_timeout", self.wait_timeout.or(None)),
            ("connect_timeout", self.connect_timeout),
            ("validation_timeout", self.validation_timeout),
            ("max_lifetime", self.max_lifetime),
            ("idle_timeout", self.idle_timeout),
            ("keepalive", self.keepalive),
            ("leak_threshold", self.leak_threshold),
        ];
        let mut next = 0;
        while next < spans.len() {
            if let (option, Some(Duration::ZERO)) = spans[next] {
                return Err(ConfigError::Zero { option });
            }
            next += 1;
        }
        self.check_lifetime()
    }

    /// A limit that was set has to come before the end of a connection's life. A default that does not is of no effect.
    const fn check_lifetime(&self) -> Result<(), ConfigError> {
        let Some(max_lifetime) = self.max_lifetime else { return Ok(()) };
        let limits = [
            ("idle_timeout", self.idle_timeout),
            ("keepalive", self.keepalive),
            ("leak_threshold", self.leak_threshold),
        ];
        let mut next = 0;
        while next < limits.len() {
            if let (option, Some(limit)) = limits[next]
                && self.set[next]
                && limit.as_nanos() > max_lifetime.as_nanos()
            {
                return Err(ConfigError::BeyondLifetime { option, limit, max_lifetime });
            }
            next += 1;
        }
        Ok(())
    }

    /// As [`check`](Self::check), for a pool by whose clock tasks can sleep, or cannot.
    pub(super) const fn check_with_clock(&self, capacity: usize, can_sleep: bool) -> Result<(), ConfigError> {
        if !can_sleep && self.wait_timeout.or(None).is_some() {
            return Err(ConfigError::CannotSleep { option: "wait_timeout" });
        }
        self.check(capacity)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::{Config, ConfigError, Duration, Retry};

    #[test]
    fn the_defaults_are_in_order_for_any_pool() {
        for capacity in [0, 1, 4096] {
            assert_eq!(Config::new().check(capacity), Ok(()));
        }
    }

    #[test]
    fn what_contradicts_itself_is_refused_with_both_values() {
        let config = Config::new();
        let cases = [
            (
                config.max_size(9),
                "max_size is 9 and the pool has room for 8 (its N, or its capacity): max_size can be at most that",
            ),
            (config.min_idle(9), "min_idle is 9 and max_size is 8: min_idle can be at most max_size"),
            (config.min_idle(3).max_idle(2), "min_idle is 3 and max_idle is 2: min_idle can be at most max_idle"),
            (config.lifetime_jitter_percent(100), "lifetime_jitter_percent is 100: it can be 0 to 99"),
            (
                config.name("orders in the database of the second tenant"),
                "the name is 43 bytes long: it can have at most 31",
            ),
            (
                config.retry(Retry { first_pause: Duration::from_secs(9), ..Retry::DEFAULT }),
                "the first pause is 9s and the longest 5s: it can be at most that long",
            ),
            (
                config.validate_every(Some(Duration::ZERO)),
                "validate_every is 0: to check a connection each time, set validate_after(Some(Duration::ZERO))",
            ),
        ];
        for (config, text) in cases {
            assert_eq!(std::string::ToString::to_string(&config.check(8).unwrap_err()), text);
        }
    }

    #[test]
    fn a_limit_that_no_connection_lives_to_see_is_refused_if_it_was_set() {
        let (secs, config) =
            (|secs| Some(Duration::from_secs(secs)), Config::new().max_lifetime(Some(Duration::from_secs(60))));
        assert_eq!(config.check(8), Ok(()), "the defaults are longer, and of no effect");
        for (config, option) in [
            (config.idle_timeout(secs(61)), "idle_timeout"),
            (config.keepalive(secs(61)), "keepalive"),
            (config.leak_threshold(secs(61)), "leak_threshold"),
        ] {
            let text = std::format!(
                "{option} is 61s and max_lifetime is 60s: no connection gets that old, so it can be at most that \
                 (`None` turns it off)"
            );
            assert_eq!(std::string::ToString::to_string(&config.check(8).unwrap_err()), text);
            assert_eq!(config.max_lifetime(None).check(8), Ok(()));
        }
        assert_eq!(config.idle_timeout(secs(60)).keepalive(None).leak_threshold(secs(1)).check(8), Ok(()));
    }

    #[test]
    fn nothing_of_something_is_refused_by_name() {
        let (config, zero) = (Config::new(), Some(Duration::ZERO));
        let cases = [
            (config.max_size(0), "max_size"),
            (config.max_connecting(0), "max_connecting"),
            (config.max_uses(0), "max_uses"),
            (config.connect_timeout(zero), "connect_timeout"),
            (config.validation_timeout(zero), "validation_timeout"),
            (config.max_lifetime(zero), "max_lifetime"),
            (config.idle_timeout(zero), "idle_timeout"),
            (config.keepalive(zero), "keepalive"),
            (config.leak_threshold(zero), "leak_threshold"),
            (config.retry(Retry { first_pause: Duration::ZERO, ..Retry::DEFAULT }), "retry.first_pause"),
        ];
        for (config, option) in cases {
            assert_eq!(config.check(8), Err(ConfigError::Zero { option }));
        }
        assert_eq!(config.validate_after(zero).max_waiting(0).check(8), Ok(()));
    }
}

// knows: config · must not know: managers, slots, what an option is for
//! Stands in for the settings where options cannot be changed: a pool without `std` is as it was built.

use core::time::Duration;

use super::config::Config;

pub(crate) struct Settings {
    built: Config,
}

macro_rules! times {
    ($($option:ident)*) => {$(
        pub(crate) const fn $option(&self) -> Option<Duration> {
            self.built.$option
        }
    )*};
}

impl Settings {
    pub(super) const fn new(built: Config) -> Self {
        Self { built }
    }

    pub(super) const fn built(&self) -> &Config {
        &self.built
    }

    #[allow(dead_code, reason = "only a pool for C is set up where it lies")]
    pub(super) const fn built_mut(&mut self) -> &mut Config {
        &mut self.built
    }

    times! { connect_timeout validation_timeout max_lifetime idle_timeout keepalive leak_threshold }

    pub(crate) const fn wait_timeout(&self) -> Option<Duration> {
        self.built.wait_timeout.or(None)
    }

    pub(crate) const fn min_idle(&self) -> usize {
        self.built.min_idle
    }

    pub(crate) const fn max_idle(&self) -> Option<usize> {
        self.built.max_idle
    }

    pub(crate) const fn max_uses(&self) -> Option<usize> {
        self.built.max_uses
    }

    #[expect(clippy::unused_self, reason = "the shape of the twin that changes")]
    pub(super) const fn is_changed(&self) -> bool {
        false
    }

    pub(super) const fn present(&self) -> Config {
        self.built
    }
}

// knows: clock, config, policies, sync · must not know: managers, slots, what an option is for
//! The options of a pool: as it was built, and what of them has been changed since.

use core::time::Duration;

use super::clock::{FOR_EVER, span};
use super::config::Config;
use super::policies::WaitLimit;
use crate::sync::{Lock, PlainUsize, Relaxed, const_fn};

/// One option that can be changed. Relaxed: each stands for itself, and is found sooner or later.
struct Setting(PlainUsize);

/// The option is as the pool was built.
const AS_BUILT: usize = usize::MAX - 1;

impl Setting {
    const_fn! {
        const fn as_built() -> Self {
            Self(PlainUsize::new(AS_BUILT))
        }
    }

    fn changed(&self) -> Option<usize> {
        let word = self.0.load(Relaxed);
        (word != AS_BUILT).then_some(word)
    }

    fn time(&self, built: Option<Duration>) -> Option<Duration> {
        match self.changed() {
            None => built,
            Some(FOR_EVER) => None,
            Some(millis) => Some(Duration::from_millis(millis as u64)),
        }
    }

    fn most(&self, built: Option<usize>) -> Option<usize> {
        match self.changed() {
            None => built,
            most => most.filter(|most| *most != FOR_EVER),
        }
    }

    fn set_time(&self, before: Option<Duration>, after: Option<Duration>) {
        if after != before {
            self.0.store(after.map_or(FOR_EVER, span), Relaxed);
        }
    }

    fn set_most(&self, before: Option<usize>, after: Option<usize>) {
        if after != before {
            let most = after.unwrap_or(FOR_EVER);
            self.0.store(if most == AS_BUILT { FOR_EVER } else { most }, Relaxed);
        }
    }
}

pub(crate) struct Settings {
    built: Config,
    wait_timeout: Setting,
    min_idle: Setting,
    max_idle: Setting,
    connect_timeout: Setting,
    validation_timeout: Setting,
    max_lifetime: Setting,
    max_uses: Setting,
    idle_timeout: Setting,
    keepalive: Setting,
    leak_threshold: Setting,
    /// How often options were changed. Relaxed: written under the lock; who has to see a change has synchronised with
    /// the one who made it.
    changes: PlainUsize,
    changing: Lock<()>,
}

macro_rules! times {
    ($($option:ident)*) => {$(
        pub(crate) fn $option(&self) -> Option<Duration> {
            self.$option.time(self.built.$option)
        }
    )*};
}

impl Settings {
    const_fn! {
        pub(super) const fn new(built: Config) -> Self {
            Self {
                built,
                wait_timeout: Setting::as_built(),
                min_idle: Setting::as_built(),
                max_idle: Setting::as_built(),
                connect_timeout: Setting::as_built(),
                validation_timeout: Setting::as_built(),
                max_lifetime: Setting::as_built(),
                max_uses: Setting::as_built(),
                idle_timeout: Setting::as_built(),
                keepalive: Setting::as_built(),
                leak_threshold: Setting::as_built(),
                changes: PlainUsize::new(0),
                changing: Lock::new(()),
            }
        }
    }

    /// The options as the pool was built: for those that cannot be changed.
    pub(super) const fn built(&self) -> &Config {
        &self.built
    }

    /// The options of a pool that is being made.
    #[allow(dead_code, reason = "only a pool for C is set up where it lies")]
    pub(super) const fn built_mut(&mut self) -> &mut Config {
        &mut self.built
    }

    times! { connect_timeout validation_timeout max_lifetime idle_timeout keepalive leak_threshold }

    pub(crate) fn wait_timeout(&self) -> Option<Duration> {
        self.wait_timeout.time(self.built.wait_timeout.or(None))
    }

    pub(crate) fn min_idle(&self) -> usize {
        self.min_idle.most(Some(self.built.min_idle)).unwrap_or(FOR_EVER)
    }

    pub(crate) fn max_idle(&self) -> Option<usize> {
        self.max_idle.most(self.built.max_idle)
    }

    pub(crate) fn max_uses(&self) -> Option<usize> {
        self.max_uses.most(self.built.max_uses)
    }

    /// Whether an option was ever changed.
    pub(super) fn is_changed(&self) -> bool {
        self.changes.load(Relaxed) != 0
    }

    /// How often options were changed: an option that is read later is of no earlier change.
    pub(super) fn changes(&self) -> usize {
        self.changing.with(|()| self.changes.load(Relaxed))
    }

    /// The options as they are: amid a change maybe some from before it and some from after it.
    pub(super) fn present(&self) -> Config {
        let mut config = Config {
            min_idle: self.min_idle(),
            max_idle: self.max_idle(),
            connect_timeout: self.connect_timeout(),
            validation_timeout: self.validation_timeout(),
            max_lifetime: self.max_lifetime(),
            max_uses: self.max_uses(),
            idle_timeout: self.idle_timeout(),
            keepalive: self.keepalive(),
            leak_threshold: self.leak_threshold(),
            ..self.built
        };
        if self.wait_timeout.changed().is_some() {
            config.wait_timeout = WaitLimit::of(self.wait_timeout());
        }
        for (set, setting) in config.set.iter_mut().zip([&self.idle_timeout, &self.keepalive, &self.leak_threshold]) {
            *set |= setting.changed().is_some();
        }
        config
    }

    /// Changes the options from `before` to `after`, unless they were changed since they were read: then answers
    /// `false`.
    pub(super) fn write(&self, read: usize, before: &Config, after: &Config) -> bool {
        self.changing.with(|()| {
            if self.changes.load(Relaxed) != read {
                return false;
            }
            self.changes.store(read.wrapping_add(1), Relaxed);
            self.wait_timeout.set_time(before.wait_timeout.or(None), after.wait_timeout.or(None));
            self.min_idle.set_most(Some(before.min_idle), Some(after.min_idle));
            self.max_idle.set_most(before.max_idle, after.max_idle);
            self.connect_timeout.set_time(before.connect_timeout, after.connect_timeout);
            self.validation_timeout.set_time(before.validation_timeout, after.validation_timeout);
            self.max_lifetime.set_time(before.max_lifetime, after.max_lifetime);
            self.max_uses.set_most(before.max_uses, after.max_uses);
            self.idle_timeout.set_time(before.idle_timeout, after.idle_timeout);
            self.keepalive.set_time(before.keepalive, after.keepalive);
            self.leak_threshold.set_time(before.leak_threshold, after.leak_threshold);
            true
        })
    }
}

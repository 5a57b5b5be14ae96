// knows: config, policies · must not know: what a limit is for
//! What the options of a shared pool are that nobody has set.

use core::time::Duration;

use crate::managed::config::Config;
use crate::managed::policies::Nested;

/// The most connections of a pool that does not say how many, as in r2d2, bb8 and HikariCP.
const MAX_SIZE: usize = 10;
/// How long a call waits that names no time, as in the same pools.
const WAIT: Duration = Duration::from_secs(30);

/// The options with the defaults filled in, and how many slots the pool has.
pub(super) fn filled(mut config: Config) -> (Config, usize) {
    let max_size =
        config.max_size.unwrap_or_else(|| config.capacity.map_or(MAX_SIZE, |capacity| capacity.min(MAX_SIZE)));
    let capacity = config.capacity.unwrap_or(max_size);
    config.max_size = Some(max_size);
    config.capacity = Some(capacity);
    config.wait_timeout = config.wait_timeout.filled(WAIT);
    config.nested = config.nested.or(Some(Nested::Allow));
    config.wait_times = config.wait_times.or_sample();
    (config, capacity)
}

/// What the options of a pool with these options `present` are changed to: it keeps its slots, however few of them are
/// to be used.
pub(super) fn changed(present: &Config, change: impl Fn(Config) -> Config) -> Config {
    let mut config = change(*present);
    config.capacity = config.capacity.or(present.capacity);
    filled(config).0
}

// knows: name, policies, fairness · must not know: managers, slots
//! What a managed pool is to be like.

use core::time::Duration;

use super::name::Name;
use super::policies::{Measured, Nested, OnPanic, Retry, Reuse, WaitLimit};
use crate::fairness::Fairness;

/// What a [`managed::Pool`](super::Pool) is to be like: every option, its default, and the reason for that.
///
/// Made in constants as well as at run time. It is checked when a pool is built, which refuses values and combinations
/// that make no sense; [`check`](Self::check) does so before. Each option is set by the method of its name, and read by
/// the one with `get_` before it.
///
/// With the feature `serde` it is read from a file or the environment, and written: as a map from the options' names to
/// their values. What is missing is at its default, and an unknown name is refused. Written are the options that are
/// not at their defaults.
///
/// | value | is written as |
/// |---|---|
/// | a time | a text of a whole number and a unit: `"30s"` (`h`, `m`, `s`, `ms`, `us`, `ns`); read also as a number, of seconds |
/// | `None` | `"off"` where the option is a time; where it is a number it is left out |
/// | [`Retry`] | a map of `attempts`, `first_pause`, `longest_pause` |
/// | [`Reuse`], [`OnPanic`], [`Nested`] | `"packed"`, `"round_robin"`; `"discard"`, `"reset"`; `"allow"`, `"refuse"` |
/// | [`Fairness`] | `"fifo"`, or `"bounded(16)"` with any whole number |
/// | a number, yes or no | itself; read also as a text, since the environment has only that |
///
/// Formats that do not describe themselves (`bincode`, `postcard`) cannot read it.
///
/// # Examples
///
/// ```
/// use conn_pool::managed::Config;
/// use std::time::Duration;
///
/// const CONFIG: Config = Config::new().min_idle(2).max_lifetime(Some(Duration::from_secs(600)));
/// assert_eq!(CONFIG.get_min_idle(), 2);
/// assert_eq!(CONFIG.check(8), Ok(()));
/// assert_eq!(
///     CONFIG.max_size(1).check(8).unwrap_err().to_string(),
///     "min_idle is 2 and max_size is 1: min_idle can be at most max_size"
/// );
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    pub(super) max_size: Option<usize>,
    pub(super) capacity: Option<usize>,
    pub(super) wait_timeout: WaitLimit,
    pub(crate) min_idle: usize,
    pub(super) max_idle: Option<usize>,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) validation_timeout: Option<Duration>,
    pub(super) retry: Retry,
    pub(super) fail_fast: bool,
    pub(crate) max_lifetime: Option<Duration>,
    pub(super) lifetime_jitter_percent: u8,
    pub(super) max_uses: Option<usize>,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) keepalive: Option<Duration>,
    pub(crate) validate_after: Option<Duration>,
    pub(super) validate_every: Option<Duration>,
    pub(super) max_connecting: Option<usize>,
    pub(super) max_waiting: Option<u32>,
    pub(super) reuse: Reuse,
    pub(super) on_panic: OnPanic,
    pub(super) leak_threshold: Option<Duration>,
    pub(super) nested: Option<Nested>,
    pub(super) clean_on_return: bool,
    pub(super) wait_times: Measured,
    pub(super) fairness: Fairness,
    pub(super) name: Name,
    /// Which of the limits that a lifetime may cut short were set, and not left at their defaults.
    pub(super) set: [bool; 3],
}

impl Default for Config {
    /// [`Config::new`].
    fn default() -> Self {
        Self::new()
    }
}

macro_rules! options {
    ($(
        $(#[$meta:meta])*
        $option:ident($value:ident: $kind:ty) $set:expr $(, limit $limit:literal)?;
        $getter:ident: $answer:ty $(= $read:ident($($argument:expr)?))? $(, $fixed:ident)?;
    )*) => {
        /// The options, each with its getter.
        #[cfg(test)]
        const OPTIONS: &[(&str, &str)] = &[$((stringify!($option), stringify!($getter))),*];

        $(
            $(#[$meta])*
            #[must_use]
            pub const fn $option(mut self, $value: $kind) -> Self {
                self.$option = $set;
                $(self.set[$limit] = true;)?
                self
            }

            #[doc = concat!("What [`", stringify!($option), "`](Self::", stringify!($option), ") is set to, or its")]
            /// default; `None` stands for no limit, or for a default that depends on the pool.
            #[must_use]
            pub const fn $getter(&self) -> $answer {
                self.$option$(.$read($($argument)?))?
            }
        )*

        /// The first option that `other` has otherwise, of those that cannot be changed while a pool runs.
        #[allow(dead_code, reason = "without `std` none can be changed")]
        pub(super) fn fixed_change(&self, other: &Self) -> Option<&'static str> {
            $($(
                if self.$option != other.$option {
                    let $fixed = stringify!($option);
                    return Some($fixed);
                }
            )?)*
            None
        }
    };
}

impl Config {
    const DEFAULT_MAX_CONNECTING: usize = 8;

    /// Every option at its default.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            max_size: None,
            capacity: None,
            wait_timeout: WaitLimit::Default,
            min_idle: 0,
            max_idle: None,
            connect_timeout: Some(Duration::from_secs(10)),
            validation_timeout: Some(Duration::from_secs(5)),
            retry: Retry::DEFAULT,
            fail_fast: false,
            max_lifetime: Some(Duration::from_secs(30 * 60)),
            lifetime_jitter_percent: 25,
            max_uses: None,
            idle_timeout: Some(Duration::from_secs(10 * 60)),
            keepalive: Some(Duration::from_secs(2 * 60)),
            validate_after: Some(Duration::from_millis(500)),
            validate_every: None,
            max_connecting: None,
            max_waiting: None,
            reuse: Reuse::Packed,
            on_panic: OnPanic::Discard,
            leak_threshold: None,
            nested: None,
            clean_on_return: false,
            wait_times: Measured::Default,
            fairness: Fairness::Fifo,
            name: Name::NONE,
            set: [false; 3],
        }
    }

    options! {
        /// The most connections there may be, idle and in use together. Default: the pool's `N`, which is also the most
        /// that it can be; in a [`SharedPool`](super::SharedPool) 10, as in r2d2, bb8 and HikariCP.
        max_size(most: usize) Some(most);
        get_max_size: Option<usize>;

        /// How many slots a [`SharedPool`](super::SharedPool) has, which is the most that it can be resized to.
        /// Default: `max_size`. A [`Pool<M, N>`](super::Pool) has `N`, and refuses another number.
        capacity(slots: usize) Some(slots);
        get_capacity: Option<usize>, fixed;

        /// How long a call that names no time waits at most: [`get`](super::SharedPool::get),
        /// [`get_async`](super::SharedPool::get_async). Default: in a [`SharedPool`](super::SharedPool) 30 s, as in
        /// r2d2, bb8 and HikariCP; in a [`Pool<M, N>`](super::Pool) no limit. `None`: no limit.
        wait_timeout(longest: Option<Duration>) WaitLimit::of(longest);
        get_wait_timeout: Option<Duration> = or(None);

        /// How many idle connections maintenance keeps ready, as far as `max_size` allows. Default: 0, so that no
        /// connection is opened that no caller asked for.
        ///
        /// To have them ready for the first caller, call [`maintain`](super::Pool::maintain) once.
        ///
        /// A floor: an idle connection that is too old is replaced before it is closed (unless the pool is full), and
        /// the idle timeout does not go below it.
        min_idle(least: usize) least;
        get_min_idle: usize;

        /// The most idle connections that are kept. Default: no limit but `max_size`, so that a burst that comes again
        /// finds its connections, until the idle timeout. Less than `min_idle` is refused.
        ///
        /// A connection that is released while nobody waits and so many others are idle is discarded, as
        /// [`DiscardReason::Excess`](super::DiscardReason::Excess). Connections that come to be idle otherwise (made
        /// for a caller that has given up, inserted, released at the same moment) are discarded by maintenance.
        max_idle(most: usize) Some(most);
        get_max_idle: Option<usize>;

        /// The longest that one connect may take. Default: 10 s, as in PgJDBC: a caller that waits for as long as by
        /// default outlives two connects that hang.
        ///
        /// Where the pool has a connector, also how long connecting has to fail, without a break and with no connection
        /// in the pool, until calls *without a deadline* end with the error. With `None` they wait on.
        ///
        /// A [`Manager`](super::Manager) is told how much of it is left, and has to keep to it; the connect of an
        /// [`AsyncManager`](super::AsyncManager) is dropped when the time is up, if the pool's clock can sleep.
        connect_timeout(longest: Option<Duration>) longest;
        get_connect_timeout: Option<Duration>;

        /// The longest that a check may take; enforced as `connect_timeout` is. Default: 5 s, as in HikariCP: an
        /// unplugged server does not answer at all.
        ///
        /// A caller with a deadline gives a check half of the time that it has left, and at least 250 ms: if the
        /// connection is silent, there is time for another one. While a `health_check` runs no thread waits for a check
        /// for longer than 100 ms: it then looks for another connection.
        validation_timeout(longest: Option<Duration>) longest;
        get_validation_timeout: Option<Duration>;

        /// How failed connects are tried again. Default: [`Retry::DEFAULT`]: by a connector until one succeeds; a
        /// caller that connects itself gets the error at once.
        retry(retry: Retry) retry;
        get_retry: Retry, fixed;

        /// Where the pool has a connector (`health_check`, [`run_maintenance`](super::Pool::run_maintenance)): whether
        /// a connect that fails ends the waits of all callers at once, with its error, if the pool has no connection at
        /// all; newcomers then get that error until the next attempt. Default: `false`. The connector tries again, and
        /// the callers wait until their deadlines, so that they do not notice a server that restarts. An error that the
        /// manager calls [permanent](super::Lifecycle::is_permanent) ends the waits in any case.
        fail_fast(at_once: bool) at_once;
        get_fail_fast: bool, fixed;

        /// How old a connection may grow, in use or not. Default: 30 minutes, as in HikariCP and r2d2: shorter than
        /// most databases, and the networks before them, allow. A longer `idle_timeout`, `keepalive` or
        /// `leak_threshold` is refused.
        ///
        /// It is enforced at release too, so it holds in a pool that is always busy. Where words have 32 bits the
        /// longest lifetime is 24 days.
        max_lifetime(longest: Option<Duration>) longest;
        get_max_lifetime: Option<Duration>;

        /// By up to how many percent a connection's lifetime is shortened, at random. Default: 25, as in HikariCP: so
        /// that connections made together do not all end together.
        lifetime_jitter_percent(percent: u8) percent;
        get_lifetime_jitter_percent: u8, fixed;

        /// How often a connection may be acquired: after its last use it is discarded, as
        /// [`DiscardReason::UsedUp`](super::DiscardReason::UsedUp). Default: no limit; for servers whose sessions grow
        /// with each use. Each acquire and release takes the longer path then.
        max_uses(most: usize) Some(most);
        get_max_uses: Option<usize>;

        /// How long a connection may be idle if there are more than `min_idle`. Default: 10 minutes, as in most pools.
        /// Needs maintenance.
        idle_timeout(longest: Option<Duration>) longest, limit 0;
        get_idle_timeout: Option<Duration>;

        /// How often maintenance checks a connection that is not used, so that no firewall drops it. Default: 2
        /// minutes, as in HikariCP.
        keepalive(period: Option<Duration>) period, limit 1;
        get_keepalive: Option<Duration>;

        /// A connection that was idle for longer is checked before a caller gets it; `None`: none is, unless the
        /// machine was [suspended](super::Clock::suspended). Default: 500 ms, as in HikariCP: long enough that a busy
        /// pool hardly ever checks, short enough to notice a restart of the server. `Some(Duration::ZERO)` checks each
        /// time: a check that is answered when its caller has left counts for the next loan, if that begins within 500
        /// ms. While maintenance does not mark connections, the time counts from when the connection was acquired
        /// last: a release reads no clock.
        validate_after(idle: Option<Duration>) idle;
        get_validate_after: Option<Duration>, fixed;

        /// A connection whose last successful check, or whose connect, is longer ago is checked before a caller gets
        /// it, however busy it is. Default: `None`, since the caller that uses a connection notices that it is dead.
        ///
        /// `validate_after` never checks a connection that never rests: one that is dead, but is released as good by
        /// each of its callers, goes on to the next for ever. While maintenance marks connections, the check comes a
        /// quarter of this time earlier at most. To check each time, set `validate_after(Some(Duration::ZERO))`: zero
        /// is refused here.
        validate_every(longest: Option<Duration>) longest;
        get_validate_every: Option<Duration>, fixed;

        /// How many connects may run at once, whoever makes them. Default: 8, or as many as there are slots, if that is
        /// less.
        ///
        /// A low limit protects a server that has just come back from all callers at once. A connect that hangs counts.
        max_connecting(most: usize) Some(most);
        get_max_connecting: Option<usize>, fixed;

        /// How many callers may wait; a caller that finds the queue full is refused at once. Default: no limit.
        ///
        /// Where the pool has a connector, callers for whom a connection can still be made wait too, and do not count:
        /// as many more may wait as there are slots without a connection.
        ///
        /// A queue that is longer than what can be served within its callers' timeouts only makes all of them time out.
        max_waiting(most: u32) Some(most);
        get_max_waiting: Option<u32>, fixed;

        /// Which idle connection is acquired next. Default: [`Reuse::Packed`].
        reuse(reuse: Reuse) reuse;
        get_reuse: Reuse, fixed;

        /// What happens to a connection whose guard is dropped by a panic. Default: [`OnPanic::Discard`].
        on_panic(on_panic: OnPanic) on_panic;
        get_on_panic: OnPanic, fixed;

        /// Maintenance reports a connection that is in use for longer, with the place in the source where it was
        /// acquired: as [`Event::Leaked`](super::Event::Leaked). Default: `None`, since only the application knows what
        /// is too long.
        leak_threshold(longest: Option<Duration>) longest, limit 2;
        get_leak_threshold: Option<Duration>;

        /// What happens to a thread that would wait for itself without a deadline. Default: [`Nested::Refuse`]; in a
        /// [`SharedPool`](super::SharedPool), whose guards may go from thread to thread, [`Nested::Allow`].
        nested(nested: Nested) Some(nested);
        get_nested: Option<Nested>, fixed;

        /// Where the pool has a connector (`health_check`, [`run_maintenance`](super::Pool::run_maintenance)): whether
        /// a connection that [needs a check](super::Lifecycle::needs_check) as it is released is checked then, which is
        /// where an [`AsyncManager`](super::AsyncManager) cleans it up, and not when the next caller gets it. Default:
        /// no. It is in use until that has ended, so `try_get` does not find it; waiters get it clean. Without a
        /// connector the next caller checks it.
        clean_on_return(at_once: bool) at_once;
        get_clean_on_return: bool, fixed;

        /// Whether the times of callers are recorded (feature `std`): how long they wait, and how long it takes until
        /// they have a connection. A caller that is not served at once reads the clock four times then; one that is
        /// served at once does not read it. Default: no; in a [`SharedPool`](super::SharedPool), of one such caller in
        /// eight, after the first 64. See [`Times`](super::Times).
        wait_times(recorded: bool) Measured::of(recorded);
        get_wait_times: bool = is_on(), fixed;

        /// Which caller gets a free connection while others wait. Default: [`Fairness::Fifo`].
        fairness(fairness: Fairness) fairness;
        get_fairness: Fairness, fixed;

        /// The pool's name, in errors, reports and metrics: up to [`Name::MAX`] bytes, which may be made at run time.
        /// Default: none.
        name(name: &str) Name::new(name);
        get_name: &str = as_str(), fixed;
    }

    /// How many connects may run at once, in a pool of `capacity` slots.
    pub(super) const fn most_connecting(&self, capacity: usize) -> usize {
        let most = match self.max_connecting {
            Some(most) => most,
            None => Self::DEFAULT_MAX_CONNECTING,
        };
        if most < capacity { most } else { capacity }
    }

    /// The most connections there may be, in a pool of `capacity` slots.
    pub(super) const fn size(&self, capacity: usize) -> usize {
        match self.max_size {
            Some(max_size) => max_size,
            None => capacity,
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::{Config, Duration, Fairness, Name, Nested, OnPanic, Retry, Reuse};

    /// Each option at something that is not its default.
    const EACH_SET: Config = Config::new()
        .max_size(7)
        .capacity(8)
        .wait_timeout(Some(Duration::from_secs(1)))
        .min_idle(2)
        .max_idle(5)
        .connect_timeout(Some(Duration::from_secs(3)))
        .validation_timeout(Some(Duration::from_secs(4)))
        .retry(Retry { attempts: 5, ..Retry::DEFAULT })
        .fail_fast(true)
        .max_lifetime(Some(Duration::from_secs(600)))
        .lifetime_jitter_percent(6)
        .max_uses(15)
        .idle_timeout(Some(Duration::from_secs(8)))
        .keepalive(Some(Duration::from_secs(9)))
        .validate_after(None)
        .validate_every(Some(Duration::from_secs(10)))
        .max_connecting(1)
        .max_waiting(12)
        .reuse(Reuse::RoundRobin)
        .on_panic(OnPanic::Reset)
        .leak_threshold(Some(Duration::from_secs(13)))
        .nested(Nested::Allow)
        .clean_on_return(true)
        .wait_times(true)
        .fairness(Fairness::Bounded(14))
        .name("orders");

    #[test]
    fn what_was_set_can_be_read() {
        let (config, secs) = (EACH_SET, |secs| Some(Duration::from_secs(secs)));
        assert_eq!((config.get_max_size(), config.get_capacity(), config.get_min_idle()), (Some(7), Some(8), 2));
        assert_eq!((config.get_wait_timeout(), config.get_connect_timeout()), (secs(1), secs(3)));
        assert_eq!((config.get_validation_timeout(), config.get_max_lifetime()), (secs(4), secs(600)));
        assert_eq!((config.get_retry().attempts, config.get_fail_fast()), (5, true));
        assert_eq!((config.get_lifetime_jitter_percent(), config.get_wait_times()), (6, true));
        assert_eq!((config.get_max_idle(), config.get_max_uses()), (Some(5), Some(15)));
        assert!(config.get_clean_on_return());
        assert_eq!((config.get_idle_timeout(), config.get_keepalive()), (secs(8), secs(9)));
        assert_eq!((config.get_validate_after(), config.get_validate_every()), (None, secs(10)));
        assert_eq!((config.get_max_connecting(), config.get_max_waiting()), (Some(1), Some(12)));
        assert_eq!((config.get_reuse(), config.get_on_panic()), (Reuse::RoundRobin, OnPanic::Reset));
        assert_eq!((config.get_leak_threshold(), config.get_nested()), (secs(13), Some(Nested::Allow)));
        assert_eq!((config.get_fairness(), config.get_name()), (Fairness::Bounded(14), "orders"));
    }

    /// The fields of a configuration with their values, as `Debug` shows them.
    fn fields(config: &Config) -> std::vec::Vec<std::string::String> {
        let text = std::format!("{config:?}");
        let inner = text.strip_prefix("Config { ").and_then(|text| text.split_once(", set: ")).unwrap().0;
        let mut depth = 0;
        let is_end = |c: char| {
            depth += i32::from("({[".contains(c)) - i32::from(")}]".contains(c));
            c == ',' && depth == 0
        };
        inner.split(is_end).map(|field| field.trim().into()).collect()
    }

    #[test]
    fn no_option_lacks_a_getter_or_a_value_in_these_tests() {
        let (default, set) = (fields(&Config::new()), fields(&EACH_SET));
        let names = default.iter().map(|field| field.split_once(':').unwrap().0);
        assert!(names.eq(Config::OPTIONS.iter().map(|(option, _)| *option)), "{default:?}");
        for (option, getter) in Config::OPTIONS {
            assert_eq!(getter.strip_prefix("get_"), Some(*option));
        }
        for (default, set) in default.iter().zip(&set) {
            assert_ne!(default, set);
        }
        assert_eq!(Config::new().get_name(), Name::NONE.as_str());
    }
}

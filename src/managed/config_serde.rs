// knows: config, name, policies, fairness · must not know: managers, slots
//! Configurations and names in the data model of `serde`: what a file or the environment says.

use core::fmt;
use core::marker::PhantomData;
use core::mem::replace;
use core::time::Duration;

use serde_core::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, Unexpected, Visitor};
use serde_core::ser::{Serialize, SerializeMap, Serializer};

use super::config::Config;
use super::name::Name;
use super::policies::{Measured, Nested, OnPanic, Retry, Reuse};
use crate::fairness::Fairness;

/// What an option can be set to, as files and the environment write it. The latter has text only.
trait Value: Sized {
    const EXPECTED: &'static str;

    fn from_text(text: &str) -> Option<Self>;

    fn from_number(_: u64) -> Option<Self> {
        None
    }

    fn from_bool(_: bool) -> Option<Self> {
        None
    }

    fn from_nothing() -> Option<Self> {
        None
    }

    fn read<'de, D: Deserializer<'de>>(of: Of<Self>, deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(of)
    }
}

macro_rules! numbers {
    ($($kind:ident $expected:literal)*) => {$(
        impl Value for $kind {
            const EXPECTED: &'static str = $expected;

            fn from_text(text: &str) -> Option<Self> {
                text.parse().ok()
            }

            fn from_number(number: u64) -> Option<Self> {
                number.try_into().ok()
            }
        }
    )*};
}

numbers! {
    u8 "a whole number from 0 to 255"
    u32 "a whole number from 0 to 4294967295"
    usize "a whole number"
}

impl Value for bool {
    const EXPECTED: &'static str = "`true` or `false`";

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn from_bool(value: bool) -> Option<Self> {
        Some(value)
    }
}

/// Units of time in nanoseconds, the longest first.
const UNITS: [(&str, u128); 6] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

fn from_nanos(nanos: u128) -> Option<Duration> {
    let seconds = u64::try_from(nanos / 1_000_000_000).ok()?;
    let rest = u32::try_from(nanos % 1_000_000_000).ok()?;
    Some(Duration::new(seconds, rest))
}

impl Value for Duration {
    const EXPECTED: &'static str = "a time such as \"30s\" (units: h, m, s, ms, us, ns) or a whole number of seconds";

    fn from_text(text: &str) -> Option<Self> {
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let number: u128 = number.parse().ok()?;
        let unit = if unit.is_empty() { "s" } else { unit.trim_start() };
        let (_, nanos) = UNITS.iter().find(|(name, _)| *name == unit)?;
        from_nanos(number.checked_mul(*nanos)?)
    }

    fn from_number(seconds: u64) -> Option<Self> {
        Some(Self::from_secs(seconds))
    }
}

impl Value for Option<Duration> {
    const EXPECTED: &'static str =
        "a time such as \"30s\" (units: h, m, s, ms, us, ns), a whole number of seconds, or \"off\"";

    fn from_text(text: &str) -> Option<Self> {
        if text == "off" { Some(None) } else { Duration::from_text(text).map(Some) }
    }

    fn from_number(seconds: u64) -> Option<Self> {
        Duration::from_number(seconds).map(Some)
    }

    fn from_nothing() -> Option<Self> {
        Some(None)
    }
}

macro_rules! words {
    ($($kind:ident $expected:literal: $($word:literal $value:ident,)*)*) => {$(
        impl Value for $kind {
            const EXPECTED: &'static str = $expected;

            fn from_text(text: &str) -> Option<Self> {
                match text {
                    $($word => Some(Self::$value),)*
                    _ => None,
                }
            }
        }

        impl Serialize for Text<$kind> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(match self.0 {
                    $($kind::$value => $word,)*
                })
            }
        }
    )*};
}

words! {
    Reuse "\"packed\" or \"round_robin\"": "packed" Packed, "round_robin" RoundRobin,
    OnPanic "\"discard\" or \"reset\"": "discard" Discard, "reset" Reset,
    Nested "\"allow\" or \"refuse\"": "allow" Allow, "refuse" Refuse,
}

impl Value for Measured {
    const EXPECTED: &'static str = "`true`, `false` or \"sample\"";

    fn from_text(text: &str) -> Option<Self> {
        if text == "sample" { Some(Self::Sample) } else { bool::from_text(text).and_then(Self::from_bool) }
    }

    fn from_bool(of_all: bool) -> Option<Self> {
        Some(Self::of(of_all))
    }
}

impl Value for Fairness {
    const EXPECTED: &'static str = "\"fifo\", or \"bounded(16)\" with any whole number";

    fn from_text(text: &str) -> Option<Self> {
        if text == "fifo" {
            return Some(Self::Fifo);
        }
        text.strip_prefix("bounded(")?.strip_suffix(')')?.parse().ok().map(Self::Bounded)
    }
}

impl Value for Name {
    const EXPECTED: &'static str = "a text of at most 31 bytes";

    fn from_text(text: &str) -> Option<Self> {
        (text.len() <= Self::MAX).then(|| Self::new(text))
    }
}

/// Reads the value of the option of this name.
struct Of<T>(&'static str, PhantomData<T>);

impl<'de, T: Value> DeserializeSeed<'de> for Of<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        T::read(self, deserializer)
    }
}

impl<T: Value> Of<T> {
    fn or<E: Error>(&self, value: Option<T>, found: Unexpected<'_>) -> Result<T, E> {
        value.ok_or_else(|| E::invalid_value(found, self))
    }
}

impl<'de, T: Value> Visitor<'de> for Of<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for {}", T::EXPECTED, self.0)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        self.or(T::from_text(text), Unexpected::Str(text))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        self.or(T::from_number(number), Unexpected::Unsigned(number))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        let positive = u64::try_from(number).ok();
        self.or(positive.and_then(T::from_number), Unexpected::Signed(number))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<T, E> {
        self.or(T::from_bool(value), Unexpected::Bool(value))
    }

    fn visit_unit<E: Error>(self) -> Result<T, E> {
        self.or(T::from_nothing(), Unexpected::Unit)
    }

    fn visit_none<E: Error>(self) -> Result<T, E> {
        self.or(T::from_nothing(), Unexpected::Option)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// What is read key by key.
trait Keyed: Default {
    const KEYS: &'static [&'static str];
    const EXPECTED: &'static str;

    /// The same with the value that `map` has for this one of the keys.
    fn with<'de, A: MapAccess<'de>>(self, key: &'static str, map: &mut A) -> Result<Self, A::Error>;
}

/// At least as many as any of them has.
const MOST_KEYS: usize = 32;

struct Keys<T>(PhantomData<T>);

impl<'de, T: Keyed> DeserializeSeed<'de> for Keys<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: Keyed> Visitor<'de> for Keys<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        let (mut read, mut is_set) = (T::default(), [false; MOST_KEYS]);
        while let Some(at) = map.next_key_seed(Key(T::KEYS))? {
            if replace(&mut is_set[at], true) {
                return Err(A::Error::duplicate_field(T::KEYS[at]));
            }
            read = read.with(T::KEYS[at], &mut map)?;
        }
        Ok(read)
    }
}

/// Which one of these keys.
struct Key(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for Key {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Key {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of an option")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<usize, E> {
        let known = self.0.iter().position(|key| *key == text);
        known.ok_or_else(|| E::unknown_field(text, self.0))
    }
}

fn value<'de, T: Value, A: MapAccess<'de>>(option: &'static str, map: &mut A) -> Result<T, A::Error> {
    map.next_value_seed(Of(option, PhantomData))
}

/// What can be written.
struct Text<T>(T);

macro_rules! as_they_are {
    ($($kind:ident)*) => {$(
        impl Serialize for Text<$kind> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.0.serialize(serializer)
            }
        }
    )*};
}

as_they_are! { u8 u32 usize bool Name Retry }

impl<T: Copy> Serialize for Text<Option<T>>
where
    Text<T>: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(value) => Text(value).serialize(serializer),
            None => serializer.serialize_str("off"),
        }
    }
}

impl Serialize for Text<Duration> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let nanos = self.0.as_nanos();
        let fitting = UNITS.iter().find(|(_, unit)| nanos.is_multiple_of(*unit));
        // Any number is a multiple of the last one.
        let (name, unit) = fitting.filter(|_| nanos != 0).unwrap_or(&("s", 1));
        serializer.collect_str(&format_args!("{}{name}", nanos / unit))
    }
}

impl Serialize for Text<Measured> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Measured::Sample => serializer.serialize_str("sample"),
            Measured::All => serializer.serialize_bool(true),
            Measured::Default | Measured::None => serializer.serialize_bool(false),
        }
    }
}

impl Serialize for Text<Fairness> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Fairness::Fifo => serializer.serialize_str("fifo"),
            Fairness::Bounded(most) => serializer.collect_str(&format_args!("bounded({most})")),
        }
    }
}

macro_rules! options {
    ($kind:ident: $expected:literal; $($option:ident($get:expr, $set:expr) $(or $limit:literal)?;)*) => {
        impl Keyed for $kind {
            const KEYS: &'static [&'static str] = {
                let keys = &[$(stringify!($option)),*];
                assert!(keys.len() <= MOST_KEYS, "make MOST_KEYS larger");
                keys
            };
            const EXPECTED: &'static str = $expected;

            fn with<'de, A: MapAccess<'de>>(self, key: &'static str, map: &mut A) -> Result<Self, A::Error> {
                match key {
                    $(stringify!($option) => Ok($set(self, value(key, map)?)),)*
                    _ => Err(A::Error::unknown_field(key, Self::KEYS)),
                }
            }
        }

        impl Serialize for $kind {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let (mut map, default) = (serializer.serialize_map(None)?, Self::default());
                $(if self.$option != default.$option $(|| self.set[$limit])? {
                    map.serialize_entry(stringify!($option), &Text($get(self)))?;
                })*
                map.end()
            }
        }

        impl<'de> Deserialize<'de> for $kind {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Keys(PhantomData).deserialize(deserializer)
            }
        }
    };
}

options! { Config: "a map of the options of a pool";
    max_size(Self::get_max_size, Self::max_size);
    capacity(Self::get_capacity, Self::capacity);
    wait_timeout(Self::get_wait_timeout, Self::wait_timeout);
    min_idle(Self::get_min_idle, Self::min_idle);
    max_idle(Self::get_max_idle, Self::max_idle);
    connect_timeout(Self::get_connect_timeout, Self::connect_timeout);
    validation_timeout(Self::get_validation_timeout, Self::validation_timeout);
    retry(Self::get_retry, Self::retry);
    fail_fast(Self::get_fail_fast, Self::fail_fast);
    max_lifetime(Self::get_max_lifetime, Self::max_lifetime);
    lifetime_jitter_percent(Self::get_lifetime_jitter_percent, Self::lifetime_jitter_percent);
    max_uses(Self::get_max_uses, Self::max_uses);
    idle_timeout(Self::get_idle_timeout, Self::idle_timeout) or 0;
    keepalive(Self::get_keepalive, Self::keepalive) or 1;
    validate_after(Self::get_validate_after, Self::validate_after);
    validate_every(Self::get_validate_every, Self::validate_every);
    max_connecting(Self::get_max_connecting, Self::max_connecting);
    max_waiting(Self::get_max_waiting, Self::max_waiting);
    reuse(Self::get_reuse, Self::reuse);
    on_panic(Self::get_on_panic, Self::on_panic);
    leak_threshold(Self::get_leak_threshold, Self::leak_threshold) or 2;
    nested(Self::get_nested, Self::nested);
    clean_on_return(Self::get_clean_on_return, Self::clean_on_return);
    wait_times(|config: &Self| config.wait_times, |config, wait_times| Self { wait_times, ..config });
    fairness(Self::get_fairness, Self::fairness);
    name(|config: &Self| config.name, |config, name| Self { name, ..config });
}

options! { Retry: "a map of the parts of `retry`";
    attempts(|retry: &Self| retry.attempts, |retry, attempts| Self { attempts, ..retry });
    first_pause(|retry: &Self| retry.first_pause, |retry, first_pause| Self { first_pause, ..retry });
    longest_pause(|retry: &Self| retry.longest_pause, |retry, longest_pause| Self { longest_pause, ..retry });
}

impl Value for Retry {
    const EXPECTED: &'static str = <Self as Keyed>::EXPECTED;

    fn from_text(_: &str) -> Option<Self> {
        None
    }

    fn read<'de, D: Deserializer<'de>>(_: Of<Self>, deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Of("name", PhantomData).deserialize(deserializer)
    }
}

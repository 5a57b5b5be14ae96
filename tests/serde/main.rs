//! Configurations that are read from a file, or from the environment, and written.

use config::{Environment, File, FileFormat};
use conn_pool::managed::{Config, Name, Nested, OnPanic, Retry, Reuse, from_fn};
use conn_pool::{Fairness, SharedPool};
use serde_core::de::Deserialize;
use serde_core::de::value::{self, MapDeserializer};
use std::collections::HashMap;
use std::convert::Infallible;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Each option at something that is not its default.
const EACH_SET: &str = r#"
    max_size = 7
    capacity = 8
    wait_timeout = "3s"
    min_idle = 2
    max_idle = 6
    connect_timeout = 5
    validation_timeout = "1500ms"
    retry = { attempts = 3, first_pause = "50 ms", longest_pause = "1m" }
    fail_fast = true
    max_lifetime = "1h"
    lifetime_jitter_percent = 10
    max_uses = 1000
    idle_timeout = "600"
    keepalive = "off"
    validate_after = "off"
    validate_every = "90s"
    max_connecting = 1
    max_waiting = 64
    reuse = "round_robin"
    on_panic = "reset"
    leak_threshold = "10m"
    nested = "allow"
    clean_on_return = true
    wait_times = true
    fairness = "bounded(16)"
    name = "orders"
"#;

fn each_set() -> Config {
    let retry = Retry { attempts: 3, first_pause: SECOND / 20, longest_pause: 60 * SECOND };
    Config::new()
        .max_size(7)
        .capacity(8)
        .wait_timeout(Some(3 * SECOND))
        .min_idle(2)
        .max_idle(6)
        .connect_timeout(Some(5 * SECOND))
        .validation_timeout(Some(Duration::from_millis(1500)))
        .retry(retry)
        .fail_fast(true)
        .max_lifetime(Some(3600 * SECOND))
        .lifetime_jitter_percent(10)
        .max_uses(1000)
        .idle_timeout(Some(600 * SECOND))
        .keepalive(None)
        .validate_after(None)
        .validate_every(Some(90 * SECOND))
        .max_connecting(1)
        .max_waiting(64)
        .reuse(Reuse::RoundRobin)
        .on_panic(OnPanic::Reset)
        .leak_threshold(Some(600 * SECOND))
        .nested(Nested::Allow)
        .clean_on_return(true)
        .wait_times(true)
        .fairness(Fairness::Bounded(16))
        .name("orders")
}

fn read(text: &str) -> Result<Config, String> {
    toml::from_str(text).map_err(|error: toml::de::Error| error.message().to_owned())
}

#[test]
fn a_file_sets_any_option() {
    assert_eq!(read(EACH_SET), Ok(each_set()));
    assert_eq!(read(""), Ok(Config::new()));
}

#[test]
fn a_file_in_layers_has_the_pool_among_other_settings() {
    let text = format!("[pg.pool]\n{EACH_SET}\n[log]\nlevel = \"info\"");
    let file = File::from_str(&text, FileFormat::Toml);
    let settings = config::Config::builder().add_source(file).build().unwrap();
    assert_eq!(settings.get::<Config>("pg.pool").unwrap(), each_set());
}

/// The pool's settings by variables of the environment, in which all is text.
fn from_environment(variables: &[(&str, &str)]) -> Result<Config, String> {
    let variables: HashMap<_, _> = variables.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect();
    let environment = Environment::default().separator("__").source(Some(variables));
    let settings = config::Config::builder().add_source(environment).build().unwrap();
    settings.get("pg.pool").map_err(|error| error.to_string())
}

#[test]
fn the_environment_sets_options() {
    let read = from_environment(&[
        ("PG__POOL__MAX_SIZE", "7"),
        ("PG__POOL__CONNECT_TIMEOUT", "250ms"),
        ("PG__POOL__IDLE_TIMEOUT", "off"),
        ("PG__POOL__FAIL_FAST", "true"),
        ("PG__POOL__FAIRNESS", "bounded(4)"),
        ("PG__POOL__RETRY__ATTEMPTS", "2"),
        ("PG__POOL__NAME", "orders"),
    ]);
    let expected = Config::new()
        .max_size(7)
        .connect_timeout(Some(SECOND / 4))
        .idle_timeout(None)
        .fail_fast(true)
        .fairness(Fairness::Bounded(4))
        .retry(Retry { attempts: 2, ..Retry::DEFAULT })
        .name("orders");
    assert_eq!(read, Ok(expected));
}

#[test]
fn a_wrong_value_of_the_environment_is_named_with_its_option() {
    let error = from_environment(&[("PG__POOL__MAX_SIZE", "many")]).unwrap_err();
    for part in ["\"many\"", "a whole number for max_size"] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn an_unknown_key_is_refused_by_its_name() {
    for (text, key, known) in [
        ("max_sise = 4", "`max_sise`", "`max_size`"),
        ("set = 4", "`set`", "`fairness`"),
        ("retry = { pause = 1 }", "`pause`", "`first_pause`"),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.starts_with(&format!("unknown field {key}, expected one of")), "{error}");
        assert!(error.contains(known), "{error}");
    }
}

#[test]
fn a_wrong_value_is_refused_with_its_option_and_what_would_be_right() {
    let time = "a time such as \"30s\" (units: h, m, s, ms, us, ns), a whole number of seconds, or \"off\"";
    let pause = "a time such as \"30s\" (units: h, m, s, ms, us, ns) or a whole number of seconds";
    for (text, found, right) in [
        ("max_size = \"many\"", "string \"many\"", "a whole number for max_size"),
        ("max_size = -1", "integer `-1`", "a whole number for max_size"),
        ("max_size = \"off\"", "string \"off\"", "a whole number for max_size"),
        ("lifetime_jitter_percent = 256", "integer `256`", "a whole number from 0 to 255 for lifetime_jitter_percent"),
        ("idle_timeout = \"soon\"", "string \"soon\"", &format!("{time} for idle_timeout")),
        ("idle_timeout = \"3 weeks\"", "string \"3 weeks\"", &format!("{time} for idle_timeout")),
        ("idle_timeout = \"\"", "string \"\"", &format!("{time} for idle_timeout")),
        ("idle_timeout = true", "boolean `true`", &format!("{time} for idle_timeout")),
        ("retry = { first_pause = \"off\" }", "string \"off\"", &format!("{pause} for first_pause")),
        ("fail_fast = \"yes\"", "string \"yes\"", "`true` or `false` for fail_fast"),
        ("reuse = \"warmest\"", "string \"warmest\"", "\"packed\" or \"round_robin\" for reuse"),
        ("on_panic = \"go on\"", "string \"go on\"", "\"discard\" or \"reset\" for on_panic"),
        ("nested = 1", "integer `1`", "\"allow\" or \"refuse\" for nested"),
        ("fairness = \"lifo\"", "string \"lifo\"", "\"fifo\", or \"bounded(16)\" with any whole number for fairness"),
        (
            "name = \"orders in the database of the second tenant\"",
            "string \"orders in the database of the second tenant\"",
            "a text of at most 31 bytes for name",
        ),
    ] {
        assert_eq!(read(text), Err(format!("invalid value: {found}, expected {right}")));
    }
    for (text, right) in [
        ("idle_timeout = 0.5", format!("{time} for idle_timeout")),
        ("retry = 3", "a map of the parts of `retry`".into()),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.starts_with("invalid type: ") && error.ends_with(&format!("expected {right}")), "{error}");
    }
}

#[test]
fn what_is_written_says_what_is_not_at_its_default_and_reads_the_same() {
    assert_eq!(toml::to_string(&Config::new()).unwrap(), "");
    for config in [
        each_set(),
        Config::new().idle_timeout(Some(600 * SECOND)),
        Config::new().wait_timeout(None),
        Config::new().wait_times(false),
    ] {
        let text = toml::to_string(&config).unwrap();
        assert_eq!(read(&text), Ok(config), "{text}");
    }
    let config = Config::new().max_size(4).keepalive(None).idle_timeout(Some(90 * SECOND));
    assert_eq!(toml::to_string(&config).unwrap(), "max_size = 4\nidle_timeout = \"90s\"\nkeepalive = \"off\"\n");
}

/// With the defaults of a shared pool filled in.
#[test]
fn what_a_shared_pool_is_set_to_is_written_and_makes_the_same_pool() {
    let pool = |config| SharedPool::blocking(from_fn(|| Ok::<_, Infallible>(())), config).unwrap();
    for config in [Config::new(), each_set(), Config::new().wait_times(true), Config::new().wait_times(false)] {
        let config = pool(config).config();
        let text = toml::to_string(&config).unwrap();
        assert_eq!(read(&text), Ok(config), "{text}");
        assert_eq!(pool(read(&text).unwrap()).config(), config, "{text}");
        pool(config).reconfigure(|_| read(&text).unwrap()).unwrap();
    }
}

#[test]
fn the_times_of_a_sample_of_callers_can_be_asked_for() {
    assert!(read("wait_times = \"sample\"").unwrap().get_wait_times());
    let error = read("wait_times = \"most\"").unwrap_err();
    assert_eq!(error, "invalid value: string \"most\", expected `true`, `false` or \"sample\" for wait_times");
}

/// Formats that let a key occur twice leave it to who reads.
#[test]
fn an_option_that_is_set_twice_is_refused() {
    let read =
        |options: [(&str, &str); 3]| Config::deserialize(MapDeserializer::<_, value::Error>::new(options.into_iter()));
    let once = [("max_size", "7"), ("name", "orders"), ("fairness", "fifo")];
    assert_eq!(read(once).unwrap(), Config::new().max_size(7).name("orders"));
    for (first, second, option) in [("7", "8", "max_size"), ("7", "7", "max_size"), ("1s", "off", "wait_timeout")] {
        let error = read([(option, first), ("fairness", "fifo"), (option, second)]).unwrap_err();
        assert_eq!(error.to_string(), format!("duplicate field `{option}`"));
    }
}

#[test]
fn any_time_reads_as_it_was_written() {
    for time in [
        Duration::ZERO,
        Duration::from_nanos(1),
        Duration::from_micros(1001),
        Duration::from_millis(100),
        SECOND,
        90 * SECOND,
        120 * SECOND,
        7200 * SECOND,
        Duration::MAX,
    ] {
        let config = Config::new().validate_after(Some(time));
        assert_eq!(read(&toml::to_string(&config).unwrap()), Ok(config));
    }
}

#[test]
fn a_name_is_a_text() {
    let read: HashMap<String, Name> = toml::from_str("pool = \"orders\"").unwrap();
    assert_eq!(read["pool"], "orders");
    assert_eq!(toml::to_string(&read).unwrap(), "pool = \"orders\"\n");
}

//! What a program reads from its configuration.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IntoDeserializer, Unexpected, Visitor};
use tokio_postgres::Config;

use crate::clean_up::CleanUp;
use crate::config_error::ConfigError;
use crate::options::{DEFAULT_STATEMENT_CACHE, Options, config_of_url};
use crate::parameters::{Given, Parameter, config_of};

/// How to connect, and the manager's options, as a program reads them from a file or the environment (feature `serde`).
///
/// A map: what is missing is at its default, an unknown name is refused, and numbers are read from texts too, since the
/// environment has only these. An empty text is as good as none, as for libpq. Either `url`, or its parts; `host` and
/// `port` may be lists with commas.
///
/// # Examples
///
/// ```
/// use conn_pool_postgres::{Postgres, Settings};
///
/// let json = r#"{"host": "db", "user": "clerk", "database": "shop", "statement_cache": "0"}"#;
/// let settings: Settings = serde_json::from_str(json)?;
/// let postgres = Postgres::from_settings(&settings)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Settings {
    /// A connection string, with everything.
    #[serde(deserialize_with = "secret")]
    pub url: Option<String>,
    /// Where the server is. Default: `localhost`.
    pub host: Option<String>,
    /// Default: 5432.
    #[serde(deserialize_with = "text_or_number")]
    pub port: Option<String>,
    /// Default: the system's user.
    pub user: Option<String>,
    /// Default: none.
    #[serde(deserialize_with = "secret")]
    pub password: Option<String>,
    /// Default: the one named after the user.
    pub database: Option<String>,
    /// What the server's administrator sees.
    pub application_name: Option<String>,
    /// Settings of the session: `-c statement_timeout=5s`.
    pub options: Option<String>,
    /// `disable`, `prefer` (the default) or `require`.
    pub ssl_mode: Option<String>,
    /// In seconds, for each address of the server's.
    #[serde(deserialize_with = "text_or_number")]
    pub connect_timeout: Option<String>,
    /// `any` (the default), `read-write` or `read-only`.
    pub target_session_attrs: Option<String>,
    /// How many prepared statements each connection keeps.
    #[serde(deserialize_with = "number")]
    pub statement_cache: usize,
    /// `rollback`, `none` or `discard_all`.
    #[serde(deserialize_with = "clean_up")]
    pub clean_up: CleanUp,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            url: None,
            host: None,
            port: None,
            user: None,
            password: None,
            database: None,
            application_name: None,
            options: None,
            ssl_mode: None,
            connect_timeout: None,
            target_session_attrs: None,
            statement_cache: DEFAULT_STATEMENT_CACHE,
            clean_up: CleanUp::default(),
        }
    }
}

impl Settings {
    pub(crate) fn read(&self) -> Result<(Config, Options), ConfigError> {
        Ok((self.config()?, Options { statement_cache: self.statement_cache, clean_up: self.clean_up }))
    }

    fn config(&self) -> Result<Config, ConfigError> {
        let parts = self.parts();
        match (self.url.as_ref().filter(|url| !url.is_empty()), parts.first()) {
            (Some(_), Some(part)) => Err(ConfigError::Twice(part.name)),
            (Some(url), None) => config_of_url(url),
            (None, _) => config_of(&parts),
        }
    }

    fn parts(&self) -> Vec<Given> {
        let all = [
            ("host", Parameter::Host, &self.host),
            ("port", Parameter::Port, &self.port),
            ("user", Parameter::User, &self.user),
            ("password", Parameter::Password, &self.password),
            ("database", Parameter::Database, &self.database),
            ("application_name", Parameter::ApplicationName, &self.application_name),
            ("options", Parameter::Options, &self.options),
            ("ssl_mode", Parameter::SslMode, &self.ssl_mode),
            ("connect_timeout", Parameter::ConnectTimeout, &self.connect_timeout),
            ("target_session_attrs", Parameter::TargetSessionAttrs, &self.target_session_attrs),
        ];
        let given = |(name, parameter, value): (_, _, &Option<String>)| {
            value.clone().filter(|value| !value.is_empty()).map(|value| Given { name, parameter, value })
        };
        all.into_iter().filter_map(given).collect()
    }
}

/// Without the password, and without the connection string, which may have it.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut settings = f.debug_struct("Settings");
        for given in self.parts().into_iter().filter(|given| given.parameter != Parameter::Password) {
            settings.field(given.name, &given.value);
        }
        settings.field("statement_cache", &self.statement_cache).field("clean_up", &self.clean_up);
        settings.finish_non_exhaustive()
    }
}

struct TextOrNumber;

impl<'de> Visitor<'de> for TextOrNumber {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, or a text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(text.to_owned()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(number.to_string()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(number.to_string()))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    deserializer.deserialize_any(TextOrNumber)
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let text = deserializer.deserialize_any(TextOrNumber)?.filter(|text| !text.trim().is_empty());
    let Some(text) = text else { return Ok(DEFAULT_STATEMENT_CACHE) };
    text.trim().parse().map_err(|_| D::Error::invalid_value(Unexpected::Str(&text), &"a whole number, 0 for none"))
}

/// A text that no error shows: one of digits is a number, if it has no quotes.
fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let hidden = || D::Error::custom("a password, or a url, has to be a text: put it in quotes");
    Option::deserialize(deserializer).map_err(|_| hidden())
}

fn clean_up<'de, D: Deserializer<'de>>(deserializer: D) -> Result<CleanUp, D::Error> {
    match Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty()) {
        Some(text) => CleanUp::deserialize(text.into_deserializer()),
        None => Ok(CleanUp::default()),
    }
}

#[cfg(test)]
mod tests {
    use super::Settings;
    use crate::clean_up::CleanUp;

    fn read(json: &str) -> Settings {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn what_is_missing_is_at_its_default() {
        assert_eq!(read("{}"), Settings::default());
        let (config, options) = Settings::default().read().unwrap();
        assert_eq!(config.get_hosts().len(), 1);
        assert_eq!((options.statement_cache, options.clean_up), (256, CleanUp::Rollback));
    }

    #[test]
    fn an_empty_text_is_as_good_as_none() {
        let empty = read(r#"{"url": "", "host": "db", "statement_cache": "", "clean_up": "", "password": ""}"#);
        let (config, options) = empty.read().unwrap();
        assert_eq!((config.get_hosts().len(), config.get_password()), (1, None));
        assert_eq!((options.statement_cache, options.clean_up), (256, CleanUp::Rollback));
    }

    #[test]
    fn a_password_that_is_no_text_is_not_shown() {
        for option in ["password", "url"] {
            let error =
                serde_json::from_str::<Settings>(&format!(r#"{{"{option}": 12345678}}"#)).unwrap_err().to_string();
            assert!(!error.contains("12345678") && error.contains("put it in quotes"), "{error}");
        }
    }

    #[test]
    fn numbers_are_numbers_or_texts() {
        let numbers = read(r#"{"port": 6432, "statement_cache": 7, "connect_timeout": 3, "clean_up": "discard_all"}"#);
        let texts =
            read(r#"{"port": "6432", "statement_cache": "7", "connect_timeout": "3", "clean_up": "discard_all"}"#);
        assert_eq!(numbers, texts);
        let (config, options) = texts.read().unwrap();
        assert_eq!((config.get_ports(), options.statement_cache), (&[6432][..], 7));
        assert_eq!(options.clean_up, CleanUp::DiscardAll);
    }

    #[test]
    fn a_number_that_is_nothing_is_at_its_default() {
        let nothing = r#"{"host": null, "port": null, "connect_timeout": null, "statement_cache": null}"#;
        assert_eq!(read(nothing), Settings::default());
    }

    #[test]
    fn the_url_and_its_parts_exclude_each_other() {
        let error = read(r#"{"url": "postgres://localhost/shop", "user": "clerk"}"#).read().unwrap_err();
        assert_eq!(error.to_string(), "`url` and `user` are both set: set one, or have `user` in the url");
        let (config, _) = read(r#"{"url": "postgres://localhost/shop"}"#).read().unwrap();
        assert_eq!(config.get_dbname(), Some("shop"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let refused = |json| serde_json::from_str::<Settings>(json).unwrap_err().to_string();
        assert!(refused(r#"{"usr": "clerk"}"#).starts_with("unknown field `usr`, expected one of `url`, "));
        assert!(refused(r#"{"statement_cache": "many"}"#).contains("expected a whole number, 0 for none"));
        assert!(refused(r#"{"clean_up": "all"}"#).contains("unknown variant `all`, expected one of `rollback`"));
        let error = read(r#"{"port": 70000}"#).read().unwrap_err();
        assert_eq!(error.to_string(), "port is \"70000\": it has to be a port from 1 to 65535");
    }

    #[test]
    fn an_empty_part_is_as_good_as_none() {
        let settings: Settings =
            serde_json::from_str(r#"{"host": "", "user": "", "port": "", "database": "shop"}"#).unwrap();
        let (config, _) = settings.read().unwrap();
        assert_eq!((config.get_user(), config.get_dbname()), (None, Some("shop")));
    }

    #[test]
    fn no_password_is_shown() {
        let settings = read(r#"{"password": "hunter2", "host": "db"}"#);
        let text = format!("{settings:?} {:?}", settings.read().unwrap().0);
        assert!(text.contains("\"db\"") && !text.contains("hunter2"), "{text}");
        let text = format!("{:?}", read(r#"{"url": "postgres://clerk:hunter2@localhost"}"#));
        assert!(!text.contains("hunter2"), "{text}");
    }
}

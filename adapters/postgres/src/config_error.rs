//! Why there is no configuration to connect with.

use std::error::Error as _;

/// Something is wrong with a connection string, the environment or the settings. No password is ever in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A connection string cannot be read.
    #[error("cannot read the connection string: {0} (as in postgres://user:password@host:5432/database)")]
    Url(String),
    /// A variable of the environment, or a setting.
    #[error("{name} is {value:?}: it has to be {expected}")]
    Value {
        /// Its name.
        name: &'static str,
        /// What it is.
        value: String,
        /// What would be right.
        expected: &'static str,
    },
    /// The numbers of hosts, addresses or ports do not match.
    #[error("{name} is a list of {count}, and there are {hosts} hosts: it has to have {expected}")]
    Count {
        /// The name of the variable or setting.
        name: &'static str,
        /// How many entries it has.
        count: usize,
        /// How many hosts there are.
        hosts: usize,
        /// What would be right.
        expected: &'static str,
    },
    /// A setting is there twice.
    #[error("`url` and `{0}` are both set: set one, or have `{0}` in the url")]
    Twice(&'static str),
}

/// libpq's parameters that the driver does not have.
const OF_LIBPQ: &[&str] = &[
    "authtype",
    "client_encoding",
    "fallback_application_name",
    "gssdelegation",
    "gssencmode",
    "gsslib",
    "krbsrvname",
    "max_protocol_version",
    "min_protocol_version",
    "oauth_client_id",
    "oauth_client_secret",
    "oauth_issuer",
    "oauth_scope",
    "passfile",
    "replication",
    "require_auth",
    "requirepeer",
    "requiressl",
    "scram_client_key",
    "scram_server_key",
    "service",
    "servicefile",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcert",
    "sslcertmode",
    "sslcompression",
    "sslcrl",
    "sslcrldir",
    "sslkey",
    "sslkeylogfile",
    "sslpassword",
    "sslrootcert",
    "sslsni",
    "tty",
];

impl ConfigError {
    /// What the driver says of a connection string, but for what may be part of a password: the driver takes all that
    /// comes before a `=` for a name, and tells it.
    pub(crate) fn of_url(url: &str, error: &tokio_postgres::Error) -> Self {
        let said = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        let unknown = said.strip_prefix("unknown option `").and_then(|name| name.strip_suffix('`'));
        Self::Url(match unknown {
            Some(name) if OF_LIBPQ.contains(&name) => format!("the driver has no option `{name}`"),
            Some(_) if ["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) => {
                "after its `?` there is an option that the driver does not have".into()
            }
            Some(_) => "it begins with neither postgres:// nor postgresql://, and is no list of name=value with names \
                        that the driver has"
                .into(),
            None => said.split(" but got ").next().unwrap_or_default().into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::options::config_of_url;

    fn refused(url: &str) -> String {
        let error = config_of_url(url).unwrap_err();
        format!("{error} {error:?}")
    }

    #[test]
    fn no_password_is_in_what_is_said_of_a_connection_string() {
        for url in [
            "\"postgres://clerk:hunter2@localhost/shop?sslmode=require\"",
            " postgres://clerk:hunter2@localhost/shop?sslmode=require",
            "pgsql://clerk:hunter2@localhost/shop?sslmode=require",
            "host=localhost password=my hunter2=x",
            "postgres://clerk:my@word?hunter2=x@localhost/shop",
        ] {
            let text = refused(url);
            assert!(!text.contains("hunter2"), "{text}");
        }
        // Not a letter of it.
        let text = refused("host=localhost password=my secret word");
        assert!(text.contains("unexpected character at byte 34: expected `=` ("), "{text}");
    }

    #[test]
    fn what_is_wrong_with_a_connection_string_is_said() {
        for (url, said) in [
            (
                "pgsql://clerk@localhost/shop?sslmode=require",
                "it begins with neither postgres:// nor postgresql://, and",
            ),
            ("postgres://localhost/shop?sslrootcert=root.crt", "the driver has no option `sslrootcert` (as in "),
            ("host=localhost service=shop", "the driver has no option `service` (as in "),
            (
                "postgres://localhost/shop?ssl=on",
                "after its `?` there is an option that the driver does not have (as in ",
            ),
            ("postgres://localhost/shop?sslmode=on", "invalid value for option `sslmode` (as in "),
        ] {
            let text = refused(url);
            assert!(text.starts_with(&format!("cannot read the connection string: {said}")), "{text}");
        }
    }
}

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

impl ConfigError {
    pub(crate) fn of_url(error: &tokio_postgres::Error) -> Self {
        Self::Url(error.source().map_or_else(|| error.to_string(), ToString::to_string))
    }
}

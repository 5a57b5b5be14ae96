//! What a manager is told beside how to connect.

use tokio_postgres::Config;

use crate::clean_up::CleanUp;
use crate::config_error::ConfigError;

/// As many as pgjdbc keeps for a connection (`preparedStatementCacheQueries`).
pub(crate) const DEFAULT_STATEMENT_CACHE: usize = 256;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    pub(crate) statement_cache: usize,
    pub(crate) clean_up: CleanUp,
}

impl Default for Options {
    fn default() -> Self {
        Self { statement_cache: DEFAULT_STATEMENT_CACHE, clean_up: CleanUp::default() }
    }
}

/// The configuration that a connection string has.
pub(crate) fn config_of_url(url: &str) -> Result<Config, ConfigError> {
    let config: Config = url.parse().map_err(|error| ConfigError::of_url(&error))?;
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err(ConfigError::Url("it names no host".into()));
    }
    Ok(config)
}

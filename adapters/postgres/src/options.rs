//! What a manager is told beside how to connect.

use tokio_postgres::Config;
use tokio_postgres::config::Host;

use crate::clean_up::CleanUp;
use crate::config_error::ConfigError;
use crate::parameters::{Parameter, check_counts};

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
    let config: Config = url.parse().map_err(|error| ConfigError::of_url(url, &error))?;
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err(ConfigError::Url("it names no host".into()));
    }
    check_names(&config)?;
    check_counts(&config, name_in_url)?;
    Ok(config)
}

/// The driver would look up a host without a name, and what it takes for one name, each time that it connects. The name
/// is not shown: it may be part of a password.
fn check_names(config: &Config) -> Result<(), ConfigError> {
    let refuse = |why: &str| Err(ConfigError::Url(why.into()));
    for host in config.get_hosts() {
        match host {
            Host::Tcp(name) if name.is_empty() => {
                return refuse("one of its hosts is empty: write its name, or localhost");
            }
            Host::Tcp(name) if name.contains('@') => {
                return refuse("there is an @ in the name of a host: write the one in a password as %40");
            }
            Host::Tcp(name) if name.contains(',') => {
                return refuse(
                    "`host` after its `?` is a list: have several hosts before the path, as in \
                               postgres://one,two/database",
                );
            }
            _ => {}
        }
    }
    Ok(())
}

pub(crate) const fn name_in_url(parameter: Parameter) -> Option<&'static str> {
    match parameter {
        Parameter::Host => Some("host"),
        Parameter::HostAddr => Some("hostaddr"),
        Parameter::Port => Some("port"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::config_of_url;

    #[test]
    fn a_connection_string_has_one_port_or_one_for_each_host() {
        for fine in ["host=one,two,three port=7", "postgres://one:1,two,three:3", "host=one hostaddr=192.0.2.1"] {
            config_of_url(fine).unwrap();
        }
        assert_eq!(
            config_of_url("host=one,two,three port=1,2").unwrap_err().to_string(),
            "port is a list of 2, and there are 3 hosts: it has to have one for all, or one for each of them"
        );
        assert_eq!(
            config_of_url("host=one,two hostaddr=192.0.2.1").unwrap_err().to_string(),
            "hostaddr is a list of 1, and there are 2 hosts: it has to have one for each of them"
        );
    }

    #[test]
    fn each_host_of_a_connection_string_has_a_name_of_its_own() {
        for fine in ["postgres:///shop?host=/run/a,b", "postgres:///shop?host=one&host=two", "host=one,two"] {
            config_of_url(fine).unwrap();
        }
        for (unfit, said) in [
            ("postgres://clerk@:5433/shop", "one of its hosts is empty: write its name, or localhost"),
            ("postgres://one,/shop", "one of its hosts is empty"),
            ("postgres://clerk:p@ss-hunter2@localhost/shop", "there is an @ in the name of a host: write"),
            ("postgres:///shop?host=", "one of its hosts is empty"),
            ("user=clerk host=''", "one of its hosts is empty"),
            (
                "postgres:///shop?host=one,two",
                "`host` after its `?` is a list: have several hosts before the path, as in",
            ),
        ] {
            let text = config_of_url(unfit).unwrap_err().to_string();
            assert!(text.starts_with(&format!("cannot read the connection string: {said}")), "{unfit}: {text}");
        }
    }
}

//! The parameters of a connection, each by itself, as libpq knows them.

use std::net::IpAddr;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{ChannelBinding, LoadBalanceHosts, SslMode, SslNegotiation, TargetSessionAttrs};

use crate::config_error::ConfigError;

/// What a name stands for, in the environment or in the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parameter {
    Host,
    HostAddr,
    Port,
    Database,
    User,
    Password,
    Options,
    ApplicationName,
    SslMode,
    SslNegotiation,
    ChannelBinding,
    ConnectTimeout,
    TargetSessionAttrs,
    LoadBalanceHosts,
}

/// A parameter with its name and its value.
pub(crate) struct Given {
    pub(crate) name: &'static str,
    pub(crate) parameter: Parameter,
    pub(crate) value: String,
}

/// A configuration of these parameters. Without a host it is for the one that the program runs on.
pub(crate) fn config_of(all: &[Given]) -> Result<Config, ConfigError> {
    let mut config = Config::new();
    for given in all {
        given.set(&mut config)?;
    }
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        config.host("localhost");
    }
    let name_of = |parameter| all.iter().find(|given| given.parameter == parameter).map(|given| given.name);
    check_counts(&config, name_of)?;
    Ok(config)
}

impl Given {
    fn set(&self, config: &mut Config) -> Result<(), ConfigError> {
        let value = &*self.value;
        match self.parameter {
            Parameter::Host => return self.each(config, host, Config::host, "the name of a host, or a directory"),
            Parameter::HostAddr => return self.each(config, address, Config::hostaddr, "an IP address"),
            Parameter::Port => return self.each(config, port, Config::port, "a port from 1 to 65535"),
            Parameter::Database => config.dbname(value),
            Parameter::User => config.user(value),
            Parameter::Password => config.password(value),
            Parameter::Options => config.options(value),
            Parameter::ApplicationName => config.application_name(value),
            Parameter::ConnectTimeout => return self.timeout(config),
            _ => return self.choose(config),
        };
        Ok(())
    }

    /// The parameters that have one of some values.
    fn choose(&self, config: &mut Config) -> Result<(), ConfigError> {
        match self.parameter {
            Parameter::SslMode => {
                let all = [("disable", SslMode::Disable), ("prefer", SslMode::Prefer), ("require", SslMode::Require)];
                config.ssl_mode(self.one_of(all, "disable, prefer or require; what is verified is the TLS maker's")?);
            }
            Parameter::SslNegotiation => {
                let all = [("postgres", SslNegotiation::Postgres), ("direct", SslNegotiation::Direct)];
                config.ssl_negotiation(self.one_of(all, "postgres or direct")?);
            }
            Parameter::ChannelBinding => {
                let [off, on, must] = [ChannelBinding::Disable, ChannelBinding::Prefer, ChannelBinding::Require];
                let all = [("disable", off), ("prefer", on), ("require", must)];
                config.channel_binding(self.one_of(all, "disable, prefer or require")?);
            }
            Parameter::TargetSessionAttrs => {
                let [any, write] = [TargetSessionAttrs::Any, TargetSessionAttrs::ReadWrite];
                let all = [("any", any), ("read-write", write), ("read-only", TargetSessionAttrs::ReadOnly)];
                config.target_session_attrs(self.one_of(all, "any, read-write or read-only")?);
            }
            _ => {
                let all = [("disable", LoadBalanceHosts::Disable), ("random", LoadBalanceHosts::Random)];
                config.load_balance_hosts(self.one_of(all, "disable or random")?);
            }
        }
        Ok(())
    }

    fn timeout(&self, config: &mut Config) -> Result<(), ConfigError> {
        let seconds: i64 = self.value.trim().parse().map_err(|_| self.refuse("a whole number of seconds"))?;
        // As in libpq: none then.
        if let Some(seconds) = u64::try_from(seconds).ok().filter(|seconds| *seconds != 0) {
            config.connect_timeout(Duration::from_secs(seconds));
        }
        Ok(())
    }

    /// Sets each entry of a list.
    fn each<T>(
        &self,
        config: &mut Config,
        parse: fn(&str) -> Option<T>,
        set: fn(&mut Config, T) -> &mut Config,
        expected: &'static str,
    ) -> Result<(), ConfigError> {
        for entry in self.value.split(',') {
            set(config, parse(entry.trim()).ok_or_else(|| self.refuse(expected))?);
        }
        Ok(())
    }

    fn one_of<T: Copy, const N: usize>(&self, all: [(&str, T); N], expected: &'static str) -> Result<T, ConfigError> {
        let found = all.iter().find(|(name, _)| *name == self.value);
        found.map(|(_, value)| *value).ok_or_else(|| self.refuse(expected))
    }

    fn refuse(&self, expected: &'static str) -> ConfigError {
        ConfigError::Value { name: self.name, value: self.value.clone(), expected }
    }
}

fn host(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|host| !host.is_empty())
}

fn address(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

/// An empty entry of a list is the default, as in libpq.
fn port(text: &str) -> Option<u16> {
    if text.is_empty() { Some(5432) } else { text.parse().ok().filter(|port| *port != 0) }
}

/// The driver finds out only when it connects. `name_of` has the names of the parameters that are given.
pub(crate) fn check_counts(
    config: &Config,
    name_of: impl Fn(Parameter) -> Option<&'static str>,
) -> Result<(), ConfigError> {
    let (named, addresses) = (config.get_hosts().len(), config.get_hostaddrs().len());
    let hosts = named.max(addresses);
    let refuse = |parameter, count, expected| {
        let refused = name_of(parameter).map(|name| ConfigError::Count { name, count, hosts, expected });
        refused.map_or(Ok(()), Err)
    };
    if named != 0 && addresses != 0 && named != addresses {
        let shorter = if named < addresses { Parameter::Host } else { Parameter::HostAddr };
        return refuse(shorter, named.min(addresses), "one for each of them");
    }
    match config.get_ports().len() {
        count if count > 1 && count != hosts => refuse(Parameter::Port, count, "one for all, or one for each of them"),
        _ => Ok(()),
    }
}

//! The configuration that the environment has.

use std::env;
use std::ffi::OsString;

use tokio_postgres::Config;

use crate::config_error::ConfigError;
use crate::parameters::{Given, Parameter, config_of};

/// libpq's variables, those that the driver has a parameter for.
const VARIABLES: &[(&str, Parameter)] = &[
    ("PGHOST", Parameter::Host),
    ("PGHOSTADDR", Parameter::HostAddr),
    ("PGPORT", Parameter::Port),
    ("PGDATABASE", Parameter::Database),
    ("PGUSER", Parameter::User),
    ("PGPASSWORD", Parameter::Password),
    ("PGOPTIONS", Parameter::Options),
    ("PGAPPNAME", Parameter::ApplicationName),
    ("PGSSLMODE", Parameter::SslMode),
    ("PGSSLNEGOTIATION", Parameter::SslNegotiation),
    ("PGCHANNELBINDING", Parameter::ChannelBinding),
    ("PGCONNECT_TIMEOUT", Parameter::ConnectTimeout),
    ("PGTARGETSESSIONATTRS", Parameter::TargetSessionAttrs),
    ("PGLOADBALANCEHOSTS", Parameter::LoadBalanceHosts),
];

pub(crate) fn config() -> Result<Config, ConfigError> {
    config_from(|name| env::var_os(name))
}

fn config_from(variable: impl Fn(&str) -> Option<OsString>) -> Result<Config, ConfigError> {
    let mut all = Vec::new();
    for &(name, parameter) in VARIABLES {
        // An empty one is as good as none, as for libpq.
        if let Some(value) = variable(name).filter(|value| !value.is_empty()) {
            all.push(Given { name, parameter, value: text(name, parameter, value)? });
        }
    }
    config_of(&all)
}

fn text(name: &'static str, parameter: Parameter, value: OsString) -> Result<String, ConfigError> {
    value.into_string().map_err(|value| {
        let is_secret = parameter == Parameter::Password;
        let value = if is_secret { "(not shown)".into() } else { value.to_string_lossy().into_owned() };
        ConfigError::Value { name, value, expected: "UTF-8" }
    })
}

#[cfg(test)]
mod tests {
    use super::config_from;
    use crate::config_error::ConfigError;
    use std::time::Duration;
    use tokio_postgres::Config;
    use tokio_postgres::config::{ChannelBinding, Host, LoadBalanceHosts, SslMode, SslNegotiation, TargetSessionAttrs};

    fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let value = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        config_from(value)
    }

    fn refusal(variables: &[(&str, &str)]) -> String {
        read(variables).unwrap_err().to_string()
    }

    #[test]
    fn each_variable_is_read() {
        let config = read(&[
            ("PGHOST", "db"),
            ("PGHOSTADDR", "192.0.2.7"),
            ("PGPORT", "6432"),
            ("PGDATABASE", "shop"),
            ("PGUSER", "clerk"),
            ("PGPASSWORD", "secret"),
            ("PGOPTIONS", "-c statement_timeout=5s"),
            ("PGAPPNAME", "orders"),
            ("PGSSLMODE", "require"),
            ("PGSSLNEGOTIATION", "direct"),
            ("PGCHANNELBINDING", "require"),
            ("PGCONNECT_TIMEOUT", "7"),
            ("PGTARGETSESSIONATTRS", "read-write"),
            ("PGLOADBALANCEHOSTS", "random"),
        ])
        .unwrap();
        let mut expected = Config::new();
        expected.host("db").hostaddr([192, 0, 2, 7].into()).port(6432).dbname("shop").user("clerk");
        expected.password("secret").options("-c statement_timeout=5s").application_name("orders");
        expected.ssl_mode(SslMode::Require).ssl_negotiation(SslNegotiation::Direct);
        expected.channel_binding(ChannelBinding::Require).connect_timeout(Duration::from_secs(7));
        expected.target_session_attrs(TargetSessionAttrs::ReadWrite).load_balance_hosts(LoadBalanceHosts::Random);
        assert_eq!(config, expected);
    }

    #[test]
    fn several_hosts_have_one_port_or_one_each() {
        let config = read(&[("PGHOST", "one, two,/run/postgresql"), ("PGPORT", "1,,3")]).unwrap();
        let hosts = [Host::Tcp("one".into()), Host::Tcp("two".into()), Host::Unix("/run/postgresql".into())];
        assert_eq!((config.get_hosts(), config.get_ports()), (&hosts[..], &[1, 5432, 3][..]));
        assert_eq!(read(&[("PGHOST", "one,two"), ("PGPORT", "7")]).unwrap().get_ports(), [7]);
        assert_eq!(
            refusal(&[("PGHOST", "one,two,three"), ("PGPORT", "1,2")]),
            "PGPORT is a list of 2, and there are 3 hosts: it has to have one for all, or one for each of them"
        );
        assert_eq!(
            refusal(&[("PGHOST", "one,two,three"), ("PGHOSTADDR", "192.0.2.1,192.0.2.2")]),
            "PGHOSTADDR is a list of 2, and there are 3 hosts: it has to have one for each of them"
        );
    }

    #[test]
    fn without_a_host_it_is_this_one() {
        assert_eq!(read(&[]).unwrap().get_hosts(), [Host::Tcp("localhost".into())]);
        assert_eq!(read(&[("PGHOST", "")]).unwrap().get_hosts(), [Host::Tcp("localhost".into())]);
        assert_eq!(read(&[("PGHOSTADDR", "192.0.2.1")]).unwrap().get_hosts(), []);
    }

    #[test]
    fn a_connect_timeout_of_zero_or_less_is_none() {
        for seconds in ["0", "-1"] {
            assert_eq!(read(&[("PGCONNECT_TIMEOUT", seconds)]).unwrap().get_connect_timeout(), None);
        }
    }

    #[test]
    fn a_wrong_value_is_refused_by_its_name_and_with_what_would_be_right() {
        for (name, value, expected) in [
            ("PGPORT", "70000", "a port from 1 to 65535"),
            ("PGPORT", "0", "a port from 1 to 65535"),
            ("PGHOSTADDR", "localhost", "an IP address"),
            ("PGSSLMODE", "verify-full", "disable, prefer or require; what is verified is the TLS maker's"),
            ("PGSSLNEGOTIATION", "never", "postgres or direct"),
            ("PGCHANNELBINDING", "yes", "disable, prefer or require"),
            ("PGCONNECT_TIMEOUT", "5s", "a whole number of seconds"),
            ("PGTARGETSESSIONATTRS", "primary", "any, read-write or read-only"),
            ("PGLOADBALANCEHOSTS", "true", "disable or random"),
        ] {
            assert_eq!(refusal(&[(name, value)]), format!("{name} is {value:?}: it has to be {expected}"));
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_text_is_refused_and_a_password_is_not_shown() {
        use std::ffi::OsString;
        use std::os::unix::ffi::OsStringExt;
        let garbage =
            |wanted: &'static str| move |name: &str| (name == wanted).then(|| OsString::from_vec(vec![b'x', 0xff]));
        assert_eq!(
            config_from(garbage("PGUSER")).unwrap_err().to_string(),
            "PGUSER is \"x\u{fffd}\": it has to be UTF-8"
        );
        let error = config_from(garbage("PGPASSWORD")).unwrap_err().to_string();
        assert_eq!(error, "PGPASSWORD is \"(not shown)\": it has to be UTF-8");
    }
}

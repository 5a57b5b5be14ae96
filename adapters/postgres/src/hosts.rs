//! The hosts of a configuration one by one, and their addresses, so that each has its time for a whole connect, as in
//! libpq. The driver limits the TCP handshake only: a host that accepts and is silent would never be passed over.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, LoadBalanceHosts};

use crate::options::name_in_url;
use crate::parameters::check_counts;

/// As libpq has it.
const DEFAULT_PORT: u16 = 5432;

/// A configuration for each host, in the order in which they are to be tried.
pub(crate) fn apart(config: &Config) -> Vec<Config> {
    let hosts = config.get_hosts().len().max(config.get_hostaddrs().len());
    // What does not fit the driver refuses.
    if hosts <= 1 || check_counts(config, name_in_url).is_err() {
        return vec![config.clone()];
    }
    in_order(config, (0..hosts).map(|at| one(config, at)))
}

/// The name, and the port, that the only host of a configuration is looked up by.
pub(crate) fn name(host: &Config) -> Option<(&str, u16)> {
    match host.get_hosts() {
        [Host::Tcp(name)] if host.get_hostaddrs().is_empty() => {
            Some((name, host.get_ports().first().copied().unwrap_or(DEFAULT_PORT)))
        }
        _ => None,
    }
}

/// For a connect that is given up after `limit`: the driver ends before that what is not accepted, and says so.
pub(crate) fn limited(mut config: Config, limit: Duration) -> Config {
    config.connect_timeout(limit.saturating_sub(limit / 32));
    config
}

/// A configuration for each address of its only host. Without an address the driver says why there is none.
pub(crate) fn at_addresses(host: Config, addresses: impl Iterator<Item = IpAddr>) -> Vec<Config> {
    let at = |address| {
        let mut one = host.clone();
        one.hostaddr(address);
        one
    };
    let all = in_order(&host, addresses.map(at));
    if all.is_empty() { vec![host] } else { all }
}

fn in_order(config: &Config, all: impl Iterator<Item = Config>) -> Vec<Config> {
    let mut all: Vec<(usize, Config)> = all.enumerate().collect();
    if config.get_load_balance_hosts() == LoadBalanceHosts::Random {
        // A new one is seeded at random, or with another seed than the last.
        let random = RandomState::new();
        all.sort_by_cached_key(|(at, _)| random.hash_one(at));
    }
    all.into_iter().map(|(_, config)| config).collect()
}

fn one(config: &Config, at: usize) -> Config {
    let mut one = without_hosts(config);
    match config.get_hosts().get(at) {
        Some(Host::Tcp(host)) => one.host(host),
        #[cfg(unix)]
        Some(Host::Unix(path)) => one.host_path(path),
        None => &mut one,
    };
    if let Some(address) = config.get_hostaddrs().get(at) {
        one.hostaddr(*address);
    }
    if let Some(port) = config.get_ports().get(at).or_else(|| config.get_ports().first()) {
        one.port(*port);
    }
    one
}

/// All but the hosts: the driver has no way to take them out of a copy.
fn without_hosts(config: &Config) -> Config {
    let mut copy = Config::new();
    copy.ssl_mode(config.get_ssl_mode()).ssl_negotiation(config.get_ssl_negotiation());
    copy.channel_binding(config.get_channel_binding()).target_session_attrs(config.get_target_session_attrs());
    copy.load_balance_hosts(config.get_load_balance_hosts()).keepalives(config.get_keepalives());
    copy.keepalives_idle(config.get_keepalives_idle());
    config.get_user().map(|user| copy.user(user));
    config.get_password().map(|password| copy.password(password));
    config.get_dbname().map(|name| copy.dbname(name));
    config.get_options().map(|options| copy.options(options));
    config.get_application_name().map(|name| copy.application_name(name));
    config.get_connect_timeout().map(|limit| copy.connect_timeout(*limit));
    config.get_tcp_user_timeout().map(|limit| copy.tcp_user_timeout(*limit));
    config.get_keepalives_interval().map(|interval| copy.keepalives_interval(interval));
    config.get_keepalives_retries().map(|retries| copy.keepalives_retries(retries));
    copy
}

#[cfg(test)]
mod tests {
    use super::{apart, at_addresses, name};
    use std::collections::HashSet;
    use tokio_postgres::Config;

    /// Nothing is as it is by default.
    const REST: &str = "user=clerk password=secret dbname=shop options=-cx=y application_name=orders sslmode=require \
        sslnegotiation=direct connect_timeout=3 tcp_user_timeout=4 keepalives=0 keepalives_idle=5 \
        keepalives_interval=6 keepalives_retries=7 target_session_attrs=read-write channel_binding=require";

    fn config(hosts: &str) -> Config {
        format!("{hosts} {REST}").parse().unwrap()
    }

    #[test]
    fn each_host_has_its_port_and_its_address_and_all_the_rest() {
        let all = apart(&config("host=one,/run/two hostaddr=192.0.2.1,192.0.2.2 port=1,2"));
        assert_eq!(all, ["host=one hostaddr=192.0.2.1 port=1", "host=/run/two hostaddr=192.0.2.2 port=2"].map(config));
        assert_eq!(apart(&config("host=one,two port=7")), ["host=one port=7", "host=two port=7"].map(config));
        let addresses = ["hostaddr=192.0.2.1", "hostaddr=192.0.2.2"].map(config);
        assert_eq!(apart(&config("hostaddr=192.0.2.1,192.0.2.2")), addresses);
        assert_eq!(apart(&config("host=one")), [config("host=one")]);
    }

    #[test]
    fn what_does_not_fit_is_left_to_the_driver() {
        for unfit in ["host=one,two,three port=1,2", "host=one,two hostaddr=192.0.2.1", "host=one hostaddr=::1,::2"] {
            assert_eq!(apart(&config(unfit)), [config(unfit)]);
            assert_eq!(name(&config(unfit)), None);
        }
    }

    #[test]
    fn each_address_of_a_name_has_its_time() {
        let named = config("host=one port=7");
        assert_eq!(name(&named), Some(("one", 7)));
        assert_eq!(name(&config("host=one")), Some(("one", 5432)));
        for unnamed in ["host=one hostaddr=192.0.2.1", "hostaddr=192.0.2.1", "host=/run/one"] {
            assert_eq!(name(&config(unnamed)), None);
        }
        let addresses = [[192, 0, 2, 1], [192, 0, 2, 2]].map(Into::into);
        let all = ["host=one hostaddr=192.0.2.1 port=7", "host=one hostaddr=192.0.2.2 port=7"].map(config);
        assert_eq!(at_addresses(named.clone(), addresses.into_iter()), all);
        assert_eq!(at_addresses(named.clone(), [].into_iter()), [named]);
    }

    #[test]
    fn hosts_are_tried_in_their_order_or_at_random() {
        let first = |balance: &str| apart(&config(&format!("host=a,b,c load_balance_hosts={balance}"))).swap_remove(0);
        let firsts = |balance: &str| (0..200).map(|_| format!("{:?}", first(balance))).collect::<HashSet<_>>().len();
        assert_eq!([firsts("disable"), firsts("random")], [1, 3]);
    }
}

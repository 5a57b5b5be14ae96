//! A caller of a managed pool whose time is up before the manager could begin.

#![cfg(feature = "std")]

use std::time::Duration;

use conn_pool::managed::{Config, GetError, Lifecycle, Manager, Pool};

struct Server;

impl Lifecycle for Server {
    type Connection = ();
    type Error = ();
}

impl Manager for Server {
    fn connect(&self, _: Option<Duration>) -> Result<(), ()> {
        Ok(())
    }
}

fn pool(config: Config) -> Pool<Server, 1> {
    Pool::new(Server, config).unwrap()
}

#[test]
fn without_time_for_a_check_a_caller_times_out_and_the_connection_stays() {
    let pool = pool(Config::new().validate_after(Some(Duration::ZERO)));
    drop(pool.get().unwrap());
    assert!(matches!(pool.get_timeout(Duration::ZERO), Err(GetError::Timeout(_))));
    assert_eq!((pool.status().idle, pool.metrics().pool.timed_out), (1, 1));
    assert_eq!(pool.metrics().discarded_in_all(), 0);
}

#[test]
fn without_time_to_connect_a_caller_times_out_and_is_counted() {
    let pool = pool(Config::new());
    assert!(matches!(pool.get_timeout(Duration::ZERO), Err(GetError::Timeout(_))));
    assert_eq!((pool.status().vacant, pool.metrics().pool.timed_out), (1, 1));
}

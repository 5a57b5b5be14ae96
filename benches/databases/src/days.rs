//! The bad days, a file for each.

mod limited;
mod password;
mod quiet;
mod restarted;
mod silent;
mod stopped;
mod terminated_held;
mod terminated_idle;

use std::net::SocketAddrV4;
use std::time::Duration;

use conn_pool_testing::{Server, Shutdown};

use crate::contender::{Contender, Target, own_host};
use crate::row::Row;

/// A fault, and when it comes.
pub(crate) trait Day {
    /// As the table and the command line name it.
    fn name(&self) -> &'static str;

    /// Whether pools would be in each other's way.
    fn is_for_one(&self) -> bool {
        false
    }

    /// Leads these pools through the day, side by side. What can last as long as one likes lasts for `trouble`.
    fn play(&self, contenders: &[&dyn Contender], trouble: Duration) -> Vec<Row>;
}

pub(crate) fn all() -> Vec<Box<dyn Day>> {
    vec![
        Box::new(terminated_idle::TerminatedIdle),
        Box::new(terminated_held::TerminatedHeld),
        Box::new(restarted::Restarted(Shutdown::Fast)),
        Box::new(restarted::Restarted(Shutdown::Immediate)),
        Box::new(stopped::Stopped::One),
        Box::new(stopped::Stopped::All),
        Box::new(limited::Limited),
        Box::new(password::Password),
        Box::new(silent::Silent),
        Box::new(quiet::Quiet),
    ]
}

/// Where the contender of this number finds a server, as the superuser.
fn at_server(server: &Server, number: usize) -> Target {
    at(SocketAddrV4::new(own_host(number), server.port()), number)
}

fn at(address: SocketAddrV4, number: usize) -> Target {
    Target { address, user: "postgres", password: None, application: format!("pool-{number}") }
}

/// Of `pg_stat_activity`: the sessions of pools.
const OF_POOLS: &str = "application_name LIKE 'pool-%' AND backend_type = 'client backend'";

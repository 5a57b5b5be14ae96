//! What takes part: pools of one kind, in one mode.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use crate::contenders::{bb8, deadpool, ours_tasks, ours_threads, r2d2};
use crate::crew::Crew;

/// Where a contender finds its database.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// Each contender has an address of its own, so that its sockets are known from the others'.
    pub(crate) address: SocketAddrV4,
    pub(crate) user: &'static str,
    pub(crate) password: Option<&'static str>,
    /// By this the server knows its sessions.
    pub(crate) application: String,
}

impl Target {
    pub(crate) fn url(&self) -> String {
        let Self { address, user, password, application } = self;
        let password = password.map_or(String::new(), |password| format!(":{password}"));
        format!("postgres://{user}{password}@{address}/postgres?application_name={application}")
    }
}

/// A pool, and how it is set up.
pub(crate) trait Contender: Send + Sync {
    /// As the table names it.
    fn name(&self) -> &'static str;

    fn is_ours(&self) -> bool {
        false
    }

    /// Whether a query can be given up: a thread that waits for its driver cannot.
    fn drops_queries(&self) -> bool {
        true
    }

    /// Makes a pool of [`SIZE`](crate::crew::SIZE) connections, and its callers.
    fn open(&self, target: &Target, crew: &Arc<Crew>) -> Box<dyn Opened>;
}

/// A pool with its callers. Dropped, it leaves behind callers that hang.
pub(crate) trait Opened: Send {
    /// Closes the pool, as a program does that ends. The callers have ended, or hang.
    fn close(&mut self);
}

/// All that take part.
pub(crate) fn all() -> Vec<Box<dyn Contender>> {
    let mut all: Vec<Box<dyn Contender>> = Vec::new();
    all.extend(ours_tasks::ALL.map(|mode| Box::new(mode) as _));
    all.extend(ours_threads::ALL.map(|mode| Box::new(mode) as _));
    all.extend(deadpool::ALL.map(|mode| Box::new(mode) as _));
    all.extend(bb8::ALL.map(|mode| Box::new(mode) as _));
    all.extend(r2d2::ALL.map(|mode| Box::new(mode) as _));
    all
}

/// The address on the loopback that is the contender's of this number.
pub(crate) fn own_host(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, 10 + u8::try_from(number).expect("few contenders"))
}

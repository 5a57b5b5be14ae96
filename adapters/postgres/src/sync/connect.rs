//! A connect within a time. The driver's own has no end at a server that accepts and never answers.
//!
//! A thread connects for the caller. If it is late it is left behind with its socket: nothing of the driver's ends it.
//! While one is left behind, each connect to the same place is rehearsed by tokio-postgres, whose connect can be
//! dropped. So the silence of a server leaves behind no more threads than there were connects to it when it began,
//! however long it lasts.

use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::panic::resume_unwind;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use postgres::tls::{MakeTlsConnect, TlsConnect};
use postgres::{Client, Error, Socket};
use tokio::time::timeout;
use tokio_postgres::Config;
use tokio_postgres::config::Host;

use crate::{error, failure, hosts};

/// The threads that were left behind. Clones share them.
#[derive(Clone, Default)]
pub(super) struct LeftBehind(Arc<Mutex<Vec<Hanging>>>);

/// A thread that connects.
struct Hanging {
    place: Place,
    thread: JoinHandle<()>,
}

/// Hosts, addresses and ports.
type Place = (Vec<Host>, Vec<IpAddr>, Vec<u16>);

fn place(config: &Config) -> Place {
    (config.get_hosts().to_vec(), config.get_hostaddrs().to_vec(), config.get_ports().to_vec())
}

impl LeftBehind {
    fn add(&self, hanging: Hanging) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(hanging);
    }

    /// Whether some have not ended that were left behind there.
    fn are_any(&self, place: &Place) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|hanging| !hanging.thread.is_finished());
        all.iter().any(|hanging| hanging.place == *place)
    }
}

/// Connects, and gives up after the pool's limit. With a `connect_timeout` each address has that, as in libpq.
pub(super) fn connect<T>(
    config: &Config,
    within: Option<Duration>,
    tls: &T,
    left_behind: &LeftBehind,
) -> Result<Client, Error>
where
    T: MakeTlsConnect<Socket> + Clone + Send + 'static,
    T::Stream: Send,
    T::TlsConnect: Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    let (began, own) = (Instant::now(), config.get_connect_timeout().copied());
    let left = || {
        let of_all = within.map(|limit| limit.saturating_sub(began.elapsed()));
        own.into_iter().chain(of_all).min()
    };
    let is_over = || left().is_some_and(|left| left.is_zero());
    let mut refused = None;
    for host in hosts::apart(config) {
        if is_over() {
            return Err(failure::unanswered(began.elapsed()));
        }
        let found = match left().filter(|_| own.is_some()) {
            Some(limit) => addresses(limit, host),
            None => Ok(vec![host]),
        };
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                error::keep(&mut refused, error);
                continue;
            }
        };
        for address in found {
            if is_over() {
                return Err(failure::unanswered(began.elapsed()));
            }
            let connected = match left() {
                Some(limit) => self::within(limit, address, tls.clone(), left_behind),
                None => postgres::Config::from(address).connect(tls.clone()),
            };
            match connected {
                Ok(client) => return Ok(client),
                Err(error) => error::keep(&mut refused, error),
            }
        }
    }
    Err(refused.expect("each configuration is tried, and there is at least the one"))
}

/// Looked up by a thread of its own, since that may take long. If it is late the system's resolver ends it.
fn addresses(limit: Duration, host: Config) -> Result<Vec<Config>, Error> {
    let Some(name) = hosts::name(&host).map(|(name, port)| (name.to_owned(), port)) else { return Ok(vec![host]) };
    let look_up = move || name.to_socket_addrs().map(|all| all.map(|one| one.ip()).collect::<Vec<_>>());
    let found = match in_a_thread(limit, look_up) {
        Ok(found) => found,
        Err(Late::Refused(error)) => Err(error),
        Err(Late::Running(_)) => Err(failure::not_looked_up(limit)),
    };
    found.map(|all| hosts::at_addresses(host, all.into_iter())).map_err(failure::of)
}

/// Connects, and gives up after `limit`.
fn within<T>(limit: Duration, config: Config, tls: T, left_behind: &LeftBehind) -> Result<Client, Error>
where
    T: MakeTlsConnect<Socket> + Clone + Send + 'static,
    T::Stream: Send,
    T::TlsConnect: Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    let (began, place, config) = (Instant::now(), place(&config), hosts::limited(config, limit));
    if left_behind.are_any(&place) {
        rehearse(limit, &config, tls.clone())?;
    }
    let config = postgres::Config::from(config);
    match in_a_thread(limit.saturating_sub(began.elapsed()), move || config.connect(tls)) {
        Ok(result) => result,
        Err(Late::Refused(error)) => Err(failure::of(error)),
        Err(Late::Running(thread)) => {
            left_behind.add(Hanging { place, thread });
            Err(failure::unanswered(limit))
        }
    }
}

/// Why there is no answer.
enum Late {
    /// There is no thread to be had.
    Refused(io::Error),
    /// The thread is left behind.
    Running(JoinHandle<()>),
}

/// What a thread of its own answers within the limit. What nobody waits for any more is dropped by the thread, since
/// that may block too.
fn in_a_thread<A: Send + 'static>(limit: Duration, work: impl FnOnce() -> A + Send + 'static) -> Result<A, Late> {
    let (answer, answered) = mpsc::channel();
    let work = move || drop(answer.send(work()));
    let thread = Builder::new().name("postgres-connect".into()).spawn(work).map_err(Late::Refused)?;
    match answered.recv_timeout(limit) {
        Ok(result) => Ok(result),
        Err(RecvTimeoutError::Timeout) => Err(Late::Running(thread)),
        Err(RecvTimeoutError::Disconnected) => match thread.join() {
            Err(panic) => resume_unwind(panic),
            Ok(()) => unreachable!("a thread that has not panicked has answered"),
        },
    }
}

/// Logs in, says goodbye, and leaves nothing behind.
fn rehearse<T: MakeTlsConnect<Socket>>(limit: Duration, config: &Config, tls: T) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failure::of)?;
    let log_in = async {
        let (client, connection) = config.connect(tls).await?;
        drop(client);
        connection.await
    };
    let result = runtime.block_on(async { timeout(limit, log_in).await });
    // A look-up of a name may hang in a thread of the runtime's, which is not waited for.
    runtime.shutdown_background();
    result.unwrap_or_else(|_| Err(failure::unanswered(limit)))
}

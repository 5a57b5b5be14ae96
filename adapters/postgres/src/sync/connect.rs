//! A connect within a time. The driver's own has no end at a server that accepts and never answers.
//!
//! A thread connects for the caller. If it is late it is left behind with its socket: nothing of the driver's ends it.
//! While one is left behind, each connect is rehearsed by tokio-postgres, whose connect can be dropped. So a silence
//! leaves behind no more threads than there were connects when it began, however long it lasts.

use std::io;
use std::panic::resume_unwind;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use postgres::tls::{MakeTlsConnect, TlsConnect};
use postgres::{Client, Error, Socket};
use tokio::time::timeout;
use tokio_postgres::Config;

use super::failure;

/// The threads that were left behind. Clones share them.
#[derive(Clone, Default)]
pub(super) struct LeftBehind(Arc<Mutex<Vec<JoinHandle<()>>>>);

impl LeftBehind {
    fn add(&self, thread: JoinHandle<()>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
    }

    /// Whether some have not ended.
    fn are_any(&self) -> bool {
        let mut threads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        threads.retain(|thread| !thread.is_finished());
        !threads.is_empty()
    }
}

/// Connects, and gives up after `limit`.
pub(super) fn within<T>(limit: Duration, config: &Config, tls: T, left_behind: &LeftBehind) -> Result<Client, Error>
where
    T: MakeTlsConnect<Socket> + Clone + Send + 'static,
    T::Stream: Send,
    T::TlsConnect: Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    let began = Instant::now();
    if left_behind.are_any() {
        rehearse(limit, config, tls.clone())?;
    }
    let (answer, answered) = mpsc::channel();
    let config = postgres::Config::from(config.clone());
    // A client that nobody waits for any more is dropped by the thread, since that may block too.
    let connect = move || drop(answer.send(config.connect(tls)));
    let thread = Builder::new().name("postgres-connect".into()).spawn(connect).map_err(failure::of)?;
    match answered.recv_timeout(limit.saturating_sub(began.elapsed())) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => {
            left_behind.add(thread);
            Err(unanswered(limit))
        }
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
    result.unwrap_or_else(|_| Err(unanswered(limit)))
}

fn unanswered(limit: Duration) -> Error {
    failure::of(io::Error::new(io::ErrorKind::TimedOut, format!("the server has not answered within {limit:?}")))
}

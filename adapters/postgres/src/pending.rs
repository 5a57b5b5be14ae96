//! The clean-up that is under way, and its answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::{FutureExt, TryStreamExt};
use tokio::sync::oneshot::{self, error::TryRecvError};
use tokio_postgres::{Client, Error, SimpleQueryStream};

use crate::clean_up::BEGIN;
use crate::notifications::Listener;
use crate::unread::Unread;

/// For how long a clean-up says that the connection works: as the pool has it of a use, by default (`validate_after`).
const PROVES_FOR: Duration = Duration::from_millis(500);

/// What is known of the answer, which the connection's task reads.
#[derive(Debug)]
pub(crate) struct Pending {
    answer: Option<oneshot::Receiver<Result<(), Error>>>,
    /// When the last clean-up was sent. Its answer may be taken long before the check that is about it.
    sent: Option<Instant>,
    is_required: bool,
    is_all: bool,
    /// One has failed, however long ago: `Relaxed`, since a connection that is lent meanwhile is looked at again.
    has_failed: Arc<AtomicBool>,
}

impl Pending {
    pub(crate) fn none() -> Self {
        Self { answer: None, sent: None, is_required: false, is_all: false, has_failed: Arc::default() }
    }

    /// Sends statements, each in a message of its own. Until all have succeeded nothing is heard of what the connection
    /// has listened to.
    pub(crate) fn send(
        &mut self,
        client: &Client,
        statements: &[&str],
        unread: &Unread,
        listener: &Arc<Listener>,
    ) -> Result<(), Error> {
        let mut streams = Vec::new();
        for statement in statements {
            let stream = send(client, statement)?;
            streams.extend(stream.filter(|_| *statement != BEGIN));
        }
        if streams.is_empty() {
            return Ok(());
        }
        let (answer, receiver) = oneshot::channel();
        self.answer = Some(receiver);
        self.sent = Some(Instant::now());
        listener.hold_back();
        let (listener, has_failed) = (Arc::clone(listener), Arc::clone(&self.has_failed));
        unread.leave(async move {
            let mut all = Ok(());
            for stream in streams {
                let read = read(stream).await;
                all = all.and(read);
            }
            match &all {
                Ok(()) => listener.go_on(),
                Err(_) => has_failed.store(true, Ordering::Relaxed),
            }
            let _nobody_asks = answer.send(all);
        });
        Ok(())
    }

    /// Whether the next caller has to wait for the answer.
    pub(crate) const fn require(&mut self, is_required: bool) {
        self.is_required = is_required;
    }

    pub(crate) const fn is_required(&self) -> bool {
        self.is_required && self.answer.is_some()
    }

    /// The next check is about the answer alone, or about the connection as well.
    pub(crate) const fn expect(&mut self, is_all: bool) {
        self.is_all = is_all;
    }

    /// Whether any has failed so far.
    pub(crate) fn is_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed)
    }

    /// Whether the answer is there, and is an error, or an earlier one was.
    pub(crate) fn has_failed(&mut self) -> bool {
        if self.is_failed() {
            return true;
        }
        let Some(answer) = &mut self.answer else { return false };
        match answer.try_recv() {
            Err(TryRecvError::Empty) => return false,
            Ok(Ok(())) => self.answer = None,
            Ok(Err(_)) | Err(TryRecvError::Closed) => return true,
        }
        false
    }

    /// Awaits the answer. Whether that was all that was to be found out: it is not, if the connection has been idle
    /// for so long since that the network may have gone.
    ///
    /// # Cancel safety
    ///
    /// The answer is not lost: the pool ends the connection anyway.
    pub(crate) async fn answer(&mut self) -> Result<bool, Error> {
        let is_recent = self.sent.is_some_and(|sent| sent.elapsed() < PROVES_FOR);
        let is_all = std::mem::take(&mut self.is_all) && is_recent;
        let Some(answer) = self.answer.take() else { return Ok(is_all) };
        match answer.await {
            Ok(answer) => answer.map(|()| is_all),
            // The connection's task has ended: the server has to be asked, which fails.
            Err(_) => Ok(false),
        }
    }
}

/// The driver sends a request when its future is polled for the first time, and has no answer to wait for yet.
fn send(client: &Client, statement: &str) -> Result<Option<SimpleQueryStream>, Error> {
    client.simple_query_raw(statement).now_or_never().transpose()
}

async fn read(stream: SimpleQueryStream) -> Result<(), Error> {
    stream.try_for_each(|_| async { Ok(()) }).await
}

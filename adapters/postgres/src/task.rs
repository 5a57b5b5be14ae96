//! The task that talks to the server for one connection.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;
use tokio_postgres::Connection;

use crate::notifications::{Listener, Source};
use crate::unread::{Reader, Unread, unread};

/// The connection's task: it ends, and with it the socket, when this is dropped.
///
/// Without it the driver's task goes on until everything in flight was answered, which a server that has gone silent
/// never does: each such connection would leave its socket behind.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) unread: Unread,
    _open: oneshot::Sender<()>,
}

/// Runs the connection as a task of this runtime.
///
/// # Panics
///
/// Outside of a tokio runtime; but there the connection could not have been made.
pub(crate) fn spawn<S, T>(connection: Connection<S, T>, listener: &Arc<Listener>) -> Task
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (open, end) = oneshot::channel();
    let (unread, reader) = unread();
    tokio::spawn(run(connection, end, reader, Source(Arc::clone(listener))));
    Task { unread, _open: open }
}

async fn run<S, T>(mut connection: Connection<S, T>, end: oneshot::Receiver<()>, mut reader: Reader, source: Source)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut end = pin!(end);
    poll_fn(|context| {
        // Looked at first, and acted on last: a connection with nothing in flight says goodbye to the server in the
        // poll that follows the drop of its client, and one with a request in flight is just closed.
        let is_to_end = end.as_mut().poll(context).is_ready();
        loop {
            let message = connection.poll_message(context);
            // Before the message, since they have come before it: it may matter who has cleaned up by then.
            reader.read(context);
            match message {
                Poll::Ready(Some(Ok(message))) => source.hear(message),
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(()),
                Poll::Pending if is_to_end => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await;
}

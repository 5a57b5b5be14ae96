//! What `NOTIFY` sends, on its way from the connection's task to a caller.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_postgres::{AsyncMessage, Notification};

/// The notifications of one connection, from [`Client::notifications`](crate::Client::notifications).
///
/// They are kept until they are received, however many. The stream ends when the connection is released or ends.
#[derive(Debug)]
pub struct Notifications(UnboundedReceiver<Notification>);

impl Notifications {
    /// The next one; `None`: the connection was released, or has ended.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped no notification is lost.
    pub async fn recv(&mut self) -> Option<Notification> {
        self.0.recv().await
    }

    /// The next one, if it is there already.
    pub fn try_recv(&mut self) -> Option<Notification> {
        self.0.try_recv().ok()
    }

    /// As [`recv`](Self::recv), for streams.
    ///
    /// # Errors
    ///
    /// None: `Poll::Ready(None)` is the end.
    pub fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<Option<Notification>> {
        self.0.poll_recv(context)
    }
}

/// Where the connection's task leaves notifications, if a caller wants them.
#[derive(Debug, Default)]
pub(crate) struct Listener(Mutex<Option<UnboundedSender<Notification>>>);

impl Listener {
    pub(crate) fn open(&self) -> Notifications {
        let (sender, receiver) = unbounded_channel();
        *self.sender() = Some(sender);
        Notifications(receiver)
    }

    pub(crate) fn close(&self) {
        *self.sender() = None;
    }

    fn sender(&self) -> std::sync::MutexGuard<'_, Option<UnboundedSender<Notification>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pass_on(&self, notification: Notification) {
        let mut sender = self.sender();
        if sender.as_ref().is_some_and(|sender| sender.send(notification).is_err()) {
            *sender = None;
        }
    }
}

/// The task's end of a listener: when the task has ended, no notification comes any more.
pub(crate) struct Source(pub(crate) Arc<Listener>);

impl Source {
    /// Notices are for people, and most of them are about what this crate does to be on the safe side.
    pub(crate) fn hear(&self, message: AsyncMessage) {
        if let AsyncMessage::Notification(notification) = message {
            self.0.pass_on(notification);
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.0.close();
    }
}

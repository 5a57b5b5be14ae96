//! What `NOTIFY` sends, on its way from the connection's task to a caller.

use std::mem::replace;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
pub(crate) struct Listener(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    sender: Option<UnboundedSender<Notification>>,
    /// How many clean-ups the server has not answered: until then it may send what a former caller has listened to.
    unanswered: usize,
}

impl Listener {
    pub(crate) fn open(&self) -> Notifications {
        let (sender, receiver) = unbounded_channel();
        self.replace(Some(sender));
        Notifications(receiver)
    }

    pub(crate) fn close(&self) {
        self.replace(None);
    }

    /// The end of a sender wakes whoever receives, which is not to be done under the lock.
    fn replace(&self, sender: Option<UnboundedSender<Notification>>) {
        let _ended = replace(&mut self.inner().sender, sender);
    }

    /// A clean-up is sent.
    pub(crate) fn hold_back(&self) {
        self.inner().unanswered += 1;
    }

    /// It was answered.
    pub(crate) fn go_on(&self) {
        self.inner().unanswered -= 1;
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pass_on(&self, notification: Notification) {
        // As above: so does what it receives.
        let sender = self.heard();
        if let Some(sender) = sender {
            let _nobody_listens = sender.send(notification);
        }
    }

    fn heard(&self) -> Option<UnboundedSender<Notification>> {
        let inner = self.inner();
        if inner.unanswered == 0 { inner.sender.clone() } else { None }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::{Context, Poll, Wake, Waker};

    use super::Listener;

    /// Whoever is woken looks at the listener at once.
    struct Looks(Arc<Listener>);

    impl Wake for Looks {
        fn wake(self: Arc<Self>) {
            assert!(self.0.0.try_lock().is_ok(), "woken under the lock");
        }
    }

    #[test]
    fn nobody_is_woken_under_the_lock() {
        let listener = Arc::new(Listener::default());
        let waker = Waker::from(Arc::new(Looks(Arc::clone(&listener))));
        let mut notifications = listener.open();
        assert!(notifications.poll_recv(&mut Context::from_waker(&waker)).is_pending());
        listener.close();
        assert!(matches!(notifications.poll_recv(&mut Context::from_waker(&waker)), Poll::Ready(None)));
        let mut first = listener.open();
        assert!(first.poll_recv(&mut Context::from_waker(&waker)).is_pending());
        let _second = listener.open();
        assert!(matches!(first.poll_recv(&mut Context::from_waker(&waker)), Poll::Ready(None)));
    }
}

//! Answers that no caller awaits. The connection's task reads them, since the driver reads no other answer before
//! someone has read these.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

type Answer = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where answers are left to be read.
#[derive(Debug)]
pub(crate) struct Unread(UnboundedSender<Answer>);

/// What the task reads, in the order in which it was asked for.
pub(crate) struct Reader {
    left: UnboundedReceiver<Answer>,
    to_read: VecDeque<Answer>,
}

pub(crate) fn unread() -> (Unread, Reader) {
    let (unread, left) = unbounded_channel();
    (Unread(unread), Reader { left, to_read: VecDeque::new() })
}

impl Unread {
    /// Has the future run by the connection's task. If that has ended, the future is dropped.
    pub(crate) fn leave(&self, answer: impl Future<Output = ()> + Send + 'static) {
        let _dropped = self.0.send(Box::pin(answer));
    }
}

impl Reader {
    /// Reads what the driver has of the answers by now.
    pub(crate) fn read(&mut self, context: &mut Context<'_>) {
        while let Poll::Ready(Some(answer)) = self.left.poll_recv(context) {
            self.to_read.push_back(answer);
        }
        while let Some(first) = self.to_read.front_mut()
            && first.as_mut().poll(context).is_ready()
        {
            self.to_read.pop_front();
        }
    }
}

//! What is known of the state that a connection is in.

use std::error::Error as _;
use std::io;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio_postgres::error::Severity;
use tokio_postgres::{Error, Statement};

/// How little is known, from nothing left behind upwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Doubt {
    /// No transaction can be open.
    Clean,
    /// A transaction may be open, and the conversation with the server is in order: what is sent next is answered next.
    MayBeOpen,
    /// Anything may have been sent, and its answer may be outstanding.
    Unknown,
    /// The session has ended. Or the driver no longer understands the server: answers can be taken for those of other
    /// requests.
    Broken,
}

/// The doubt of one connection, cast by callers, who have shared references.
///
/// `Relaxed` throughout: whoever hands a connection on has it for itself, and synchronizes.
#[derive(Debug)]
pub(crate) struct Doubts(AtomicU8);

impl Doubts {
    pub(crate) const fn none() -> Self {
        Self(AtomicU8::new(Doubt::Clean as u8))
    }

    pub(crate) fn present(&self) -> Doubt {
        match self.0.load(Ordering::Relaxed) {
            0 => Doubt::Clean,
            1 => Doubt::MayBeOpen,
            2 => Doubt::Unknown,
            _ => Doubt::Broken,
        }
    }

    pub(crate) fn cast(&self, doubt: Doubt) {
        if self.present() < doubt {
            self.0.fetch_max(doubt as u8, Ordering::Relaxed);
        }
    }

    /// The statement is about to be executed.
    ///
    /// The server cannot be asked what a statement is, but no statement that begins a transaction has parameters or
    /// columns.
    pub(crate) fn cast_by(&self, statement: &Statement) {
        if statement.params().is_empty() && statement.columns().is_empty() {
            self.cast(Doubt::MayBeOpen);
        }
    }

    /// Looks at how a request has ended.
    pub(crate) fn cast_by_error(&self, error: &Error) {
        if ends_session(error) {
            self.cast(Doubt::Broken);
        }
        // The kind of an error is private. A server that waits for the data of a `COPY` that was not sent as one gives
        // this: at what is sent next it ends the session, or swallows that and never answers it.
        if error.to_string() == "unexpected message from server" {
            self.cast(Doubt::Broken);
        }
    }

    /// What was in doubt is settled as far as `doubt`, unless the connection is broken.
    pub(crate) fn settle(&self, doubt: Doubt) {
        if self.present() != Doubt::Broken {
            self.0.store(doubt as u8, Ordering::Relaxed);
        }
    }
}

/// Whether the server has ended the session, or the network has: the driver may hear of the end only later.
fn ends_session(error: &Error) -> bool {
    match error.as_db_error() {
        Some(answer) => matches!(answer.parsed_severity(), Some(Severity::Fatal | Severity::Panic)),
        None => error.is_closed() || error.source().is_some_and(<dyn std::error::Error>::is::<io::Error>),
    }
}

#[cfg(test)]
mod tests {
    use super::{Doubt, Doubts};

    #[test]
    fn a_doubt_is_not_diminished_by_a_lesser_one() {
        let doubts = Doubts::none();
        doubts.cast(Doubt::Unknown);
        doubts.cast(Doubt::MayBeOpen);
        assert_eq!(doubts.present(), Doubt::Unknown);
    }

    #[test]
    fn a_broken_connection_is_not_settled() {
        let doubts = Doubts::none();
        doubts.cast(Doubt::Broken);
        doubts.settle(Doubt::Clean);
        assert_eq!(doubts.present(), Doubt::Broken);
    }
}

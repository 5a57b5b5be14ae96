//! What is known of the state that a connection is in.

use std::error::Error as _;
use std::io;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::error::{Severity, SqlState};
use tokio_postgres::{Config, Error, Statement};

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

/// By errors the driver can be told of a server that is not the primary any more, and by nothing else.
const PROBE_OF_PRIMARY: &str = "DO $$ BEGIN IF current_setting('transaction_read_only')::bool THEN \
     RAISE 'the server is read-only' USING ERRCODE = 'read_only_sql_transaction'; END IF; END $$";

/// The doubt of one connection, cast by callers, who have shared references.
///
/// `Relaxed` throughout: whoever hands a connection on has it for itself, and synchronizes.
#[derive(Debug)]
pub(crate) struct Doubts {
    present: AtomicU8,
    /// The session is to be one that can write (`target_session_attrs=read-write`).
    is_to_write: bool,
}

impl Doubts {
    /// Of a connection that has just been made, as the configuration says.
    pub(crate) fn none(config: &Config) -> Self {
        Self { present: AtomicU8::new(Doubt::Clean as u8), is_to_write: is_to_write(config) }
    }

    pub(crate) fn present(&self) -> Doubt {
        match self.present.load(Ordering::Relaxed) {
            0 => Doubt::Clean,
            1 => Doubt::MayBeOpen,
            2 => Doubt::Unknown,
            _ => Doubt::Broken,
        }
    }

    /// What finds out whether the connection is fit: an empty query, which the server itself answers, also in a
    /// transaction that has failed and behind PgBouncer, which has to have a server for it, and there is nothing to
    /// plan or to run. Where the session is to write, an error from one that cannot.
    pub(crate) const fn probe(&self) -> &'static str {
        if self.is_to_write { PROBE_OF_PRIMARY } else { "" }
    }

    pub(crate) fn cast(&self, doubt: Doubt) {
        if self.present() < doubt {
            self.present.fetch_max(doubt as u8, Ordering::Relaxed);
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
        // The server could write when the session began: it is no longer the primary.
        if self.is_to_write && error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION) {
            self.cast(Doubt::Broken);
        }
        // The kind of an error is private, so it is told by its text. The server may have many more rows on their way
        // than were asked for.
        if error.to_string() == "query returned an unexpected number of rows" {
            self.cast(Doubt::Unknown);
        }
        // A server that waits for the data of a `COPY` that was not sent as one gives this: at what is sent next it
        // ends the session, or swallows that and never answers it.
        if error.to_string() == "unexpected message from server" {
            self.cast(Doubt::Broken);
        }
    }

    /// Looks at how a request has ended in which the driver may have looked types up, by statements of its own. It
    /// keeps those for as long as the connection lasts: once the server has lost them, it can look up no other type.
    pub(crate) fn cast_by_look_up(&self, error: &Error) {
        if error.code() == Some(&SqlState::INVALID_SQL_STATEMENT_NAME) {
            self.cast(Doubt::Broken);
        }
    }

    /// What was in doubt is settled as far as `doubt`, unless the connection is broken.
    pub(crate) fn settle(&self, doubt: Doubt) {
        if self.present() != Doubt::Broken {
            self.present.store(doubt as u8, Ordering::Relaxed);
        }
    }
}

pub(crate) fn is_to_write(config: &Config) -> bool {
    config.get_target_session_attrs() == TargetSessionAttrs::ReadWrite
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
    use super::{Config, Doubt, Doubts};

    #[test]
    fn a_doubt_is_not_diminished_by_a_lesser_one() {
        let doubts = Doubts::none(&Config::new());
        doubts.cast(Doubt::Unknown);
        doubts.cast(Doubt::MayBeOpen);
        assert_eq!(doubts.present(), Doubt::Unknown);
    }

    #[test]
    fn a_broken_connection_is_not_settled() {
        let doubts = Doubts::none(&Config::new());
        doubts.cast(Doubt::Broken);
        doubts.settle(Doubt::Clean);
        assert_eq!(doubts.present(), Doubt::Broken);
    }
}

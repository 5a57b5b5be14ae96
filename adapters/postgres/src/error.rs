//! What errors of the driver say, and which of them will not go away by themselves.

use std::error::Error as _;
use std::fmt;

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::WrongType;

/// Answers to a connect that are the same the next time, until a person changes something.
///
/// Not among them: too many connections (`53300`), and a server that starts up or shuts down (`57P03`, `57P01`).
const PERMANENT: &[SqlState] = &[
    SqlState::INVALID_PASSWORD,
    SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
    SqlState::INVALID_CATALOG_NAME,
    SqlState::INSUFFICIENT_PRIVILEGE,
    // Settings that are sent with the connect, in `options`.
    SqlState::UNDEFINED_OBJECT,
    SqlState::INVALID_PARAMETER_VALUE,
    SqlState::CANT_CHANGE_RUNTIME_PARAM,
    SqlState::SYNTAX_ERROR,
];

/// What the driver says of encryption that cannot be had. What its TLS maker says may be about the network.
const NOT_ENCRYPTED: &[&str] = &[
    "no TLS implementation configured",
    "server does not support TLS",
    "no hostname provided for TLS handshake",
    "weak sslmode \"prefer\" may not be used with sslnegotiation=direct (use \"require\")",
];

/// Whether a connect fails in the same way the next time.
pub(crate) fn is_permanent(error: &Error) -> bool {
    match error.code() {
        Some(code) => PERMANENT.contains(code),
        // The kind of an error is private. A missing password is of the first one, a server that cannot bind a channel
        // or asks for what the driver does not know of the second, and a name with a NUL in it of the third.
        None => match &*error.to_string() {
            "invalid configuration" | "authentication error" | "error encoding message to server" => true,
            "error performing TLS handshake" => {
                error.source().is_some_and(|cause| NOT_ENCRYPTED.contains(&&*cause.to_string()))
            }
            _ => false,
        },
    }
}

/// Keeps of the errors of several hosts the one that is told: the last that may pass, if there is one. A host that is
/// down now may be the one that takes the connection later, whatever another one has against it.
pub(crate) fn keep(kept: &mut Option<Error>, next: Error) {
    if kept.as_ref().is_none_or(is_permanent) || !is_permanent(&next) {
        *kept = Some(next);
    }
}

/// Whether the server no longer runs statements that were prepared, or not as they were: they are not there any more
/// (`DISCARD ALL`), or have other columns since a table was altered. The code of the latter is that of much else.
///
/// Or their parameters have other types by now: the driver finds that, or the server, as it binds them.
pub(crate) fn is_outdated(error: &Error) -> bool {
    const OTHER_TYPES: [SqlState; 2] = [SqlState::UNDEFINED_FUNCTION, SqlState::DATATYPE_MISMATCH];
    error.source().is_some_and(<dyn std::error::Error>::is::<WrongType>)
        || error.as_db_error().is_some_and(|answer| {
            *answer.code() == SqlState::INVALID_SQL_STATEMENT_NAME
                || answer.routine() == Some("RevalidateCachedQuery")
                || OTHER_TYPES.contains(answer.code())
        })
}

/// Writes an error with its causes: the driver's says no more than `db error`.
pub(crate) fn describe(error: &Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if let Some(error) = error.as_db_error() {
        return write!(f, "{error} (SQLSTATE {})", error.code().code());
    }
    write!(f, "{error}")?;
    let mut cause = error.source();
    while let Some(error) = cause {
        write!(f, ": {error}")?;
        cause = error.source();
    }
    Ok(())
}

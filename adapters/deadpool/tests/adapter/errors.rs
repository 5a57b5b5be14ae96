//! Errors of all kinds.

use std::error::Error;
use std::io;

use conn_pool::SharedPool;
use conn_pool::managed::{Config, ErrorsAsText, GetError};
use conn_pool_deadpool::{FromDeadpool, FromDeadpoolError};
use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};

/// Its error has no trait at all.
struct Away;

struct Fault(u32);

impl Manager for Away {
    type Type = ();
    type Error = Fault;

    async fn create(&self) -> Result<(), Fault> {
        Err(Fault(7))
    }

    async fn recycle(&self, (): &mut (), _: &Metrics) -> RecycleResult<Fault> {
        Ok(())
    }
}

#[tokio::test]
async fn an_error_without_traits_reaches_the_callers_of_a_shared_pool_as_a_text() {
    let manager = FromDeadpool::describing(Away, |fault, f| write!(f, "fault {}", fault.0));
    let pool = SharedPool::new(ErrorsAsText(manager), Config::new().fail_fast(true)).unwrap();
    let error = pool.get_async().await.unwrap_err();
    assert!(matches!(error, GetError::Connect { .. }));
    assert!(error.to_string().starts_with("cannot connect: fault 7"), "{error}");
}

/// As `Away`, with an error that is one.
struct Refused;

impl Manager for Refused {
    type Type = ();
    type Error = io::Error;

    async fn create(&self) -> io::Result<()> {
        Err(io::Error::other("connection refused"))
    }

    async fn recycle(&self, (): &mut (), _: &Metrics) -> RecycleResult<io::Error> {
        Ok(())
    }
}

#[tokio::test]
async fn an_error_that_is_one_reaches_the_callers_as_it_is() {
    let pool = SharedPool::new(FromDeadpool::new(Refused), Config::new().fail_fast(true)).unwrap();
    let error = pool.get_async().await.unwrap_err();
    assert!(error.to_string().starts_with("cannot connect: connection refused"), "{error}");
}

#[test]
fn the_managers_error_shows_through() {
    // Its cause is that of the manager's error, which itself is in the text.
    let error = FromDeadpoolError::Backend(RecycleError::Backend(io::Error::other("refused")));
    assert_eq!(error.to_string(), "Error occurred while recycling an object: refused");
    assert_eq!(error.source().unwrap().to_string(), "refused");
    assert_eq!(FromDeadpoolError::from(RecycleError::Backend(7)), FromDeadpoolError::Backend(7));
    let message: FromDeadpoolError<io::Error> = RecycleError::message("worn out").into();
    assert_eq!(message.to_string(), "cannot be recycled: worn out");
    assert!(message.source().is_none());
}

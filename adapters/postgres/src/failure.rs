//! Errors of the driver's type, which only the driver can make.

use std::fmt;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::{Config, Error, NoTls};

/// What the driver says of a connection on which this happens.
pub(crate) fn of(error: io::Error) -> Error {
    let mut config = Config::new();
    // Without one the system is asked for it.
    config.user("nobody");
    let connect = pin!(config.connect_raw(Failing(Some(error)), NoTls));
    match connect.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Err(error)) => error,
        Poll::Ready(Ok(_)) | Poll::Pending => unreachable!("what is sent first fails at once"),
    }
}

/// A server has accepted, and then been silent for so long.
pub(crate) fn unanswered(limit: Duration) -> Error {
    of(late(format_args!("the server has not answered within {:?}", in_millis(limit))))
}

/// The addresses of a host are not known after so long.
pub(crate) fn not_looked_up(limit: Duration) -> io::Error {
    late(format_args!("the name of the host was not looked up within {:?}", in_millis(limit)))
}

fn late(what: fmt::Arguments<'_>) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what.to_string())
}

/// What is left of a limit is a little less than what was set.
fn in_millis(limit: Duration) -> Duration {
    Duration::from_millis(u64::try_from(limit.as_micros().div_ceil(1000)).unwrap_or(u64::MAX))
}

/// A stream on which the first operation fails with this error.
struct Failing(Option<io::Error>);

impl Failing {
    fn fail<T>(&mut self) -> Poll<io::Result<T>> {
        Poll::Ready(Err(self.0.take().unwrap_or_else(|| io::ErrorKind::BrokenPipe.into())))
    }
}

impl AsyncRead for Failing {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.fail()
    }
}

impl AsyncWrite for Failing {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        self.fail()
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.fail()
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.fail()
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;
    use std::io;

    #[test]
    fn an_error_has_what_has_happened_as_its_cause_and_may_pass() {
        let error = super::of(io::Error::new(io::ErrorKind::TimedOut, "no answer"));
        let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>()).unwrap();
        assert_eq!((cause.kind(), cause.to_string()), (io::ErrorKind::TimedOut, "no answer".to_owned()));
        assert!(!crate::error::is_permanent(&error));
    }
}

//! The users of the pool. A worker is all that an application writes: acquire, use, release.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use conn_pool::{ConnGuard, Pool, PoolError};

use crate::report::Failure;

/// How often a worker takes a connection.
const TURNS: usize = 20;
/// How long an impatient caller waits.
const SHORT_PATIENCE: Duration = Duration::from_millis(50);

/// Takes a connection 20 times, each time for one round trip. `held_first` is called while the first one is held.
pub(crate) fn work<const N: usize>(
    pool: &Pool<TcpStream, N>,
    worker: usize,
    timeout: Option<Duration>,
    held_first: impl Fn(),
) -> Result<(), Failure> {
    for turn in 0..TURNS {
        let mut connection = borrow(pool, timeout)?;
        if turn == 0 {
            held_first();
        }
        round_trip(&mut connection, &format!("worker {worker}, turn {turn}\n"))?;
    } // Here, or wherever `?` leaves, the guard goes out of scope and the connection is back in the pool.
    Ok(())
}

fn borrow<const N: usize>(
    pool: &Pool<TcpStream, N>,
    timeout: Option<Duration>,
) -> Result<ConnGuard<'_, TcpStream, N>, PoolError> {
    match timeout {
        Some(timeout) => pool.get_timeout(timeout),
        None => pool.get(),
    }
}

fn round_trip(connection: &mut TcpStream, line: &str) -> io::Result<()> {
    connection.write_all(line.as_bytes())?;
    let mut answer = vec![0; line.len()];
    connection.read_exact(&mut answer)?;
    assert_eq!(answer, line.as_bytes(), "an answer to another worker's question");
    Ok(())
}

/// Waits for a short while, finds the pool full to the end, and gives up. Waits again until it was counted, should the
/// machine be so slow that the count comes after the deadline.
pub(crate) fn wait_impatiently<const N: usize>(pool: &Pool<TcpStream, N>, counted: &AtomicBool) {
    loop {
        let answer = pool.get_timeout(SHORT_PATIENCE);
        assert!(matches!(answer, Err(PoolError::Timeout(_))), "the pool is kept full: {answer:?}");
        if counted.load(Ordering::Relaxed) {
            return;
        }
    }
}

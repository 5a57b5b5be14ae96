//! What the servers of this example have in common: a database, answers in HTTP, and when to stop. And the pages whose
//! examples need a runtime.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use conn_pool::managed::GetError;

/// How long a request may wait for a connection: as long as its client has patience.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// How long requests may take that are under way when the server stops.
pub const GRACE: Duration = Duration::from_secs(10);

/// Starts a database: it answers each line, `orders` for instance, with another.
///
/// # Errors
///
/// If there is no port to listen at.
pub fn start_database() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer_lines(stream));
        }
    });
    Ok(address)
}

/// Until the client is gone.
fn answer_lines(mut stream: TcpStream) -> io::Result<()> {
    for query in BufReader::new(stream.try_clone()?).lines() {
        writeln!(stream, "7 {}", query?)?;
    }
    Ok(())
}

/// Returns when the standard input ends, which stands for a signal to stop.
pub fn wait_for_stop() {
    // An input that cannot be read has ended.
    let _ended = io::stdin().read_to_end(&mut Vec::new());
}

/// What the database has answered.
#[must_use]
pub fn page(text: &str) -> String {
    format!("HTTP/1.0 200 OK\r\n\r\n{text}")
}

/// The database has answered that it could not, or not at all.
#[must_use]
pub fn failure(error: &io::Error) -> String {
    eprintln!("502: {error}");
    "HTTP/1.0 502 Bad Gateway\r\n\r\n".to_owned()
}

/// There was no connection. Nearly always that passes, so the client is told when to come again.
#[must_use]
pub fn refusal(error: &GetError) -> String {
    eprintln!("503: {error}");
    "HTTP/1.0 503 Service Unavailable\r\nRetry-After: 1\r\n\r\n".to_owned()
}

/// The examples of the pages, for `cargo test`.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../../../docs/servers.md")]
    struct Servers;

    #[doc = include_str!("../../../docs/migrating.md")]
    struct Migrating;

    #[doc = include_str!("../../../README.md")]
    struct Readme;
}

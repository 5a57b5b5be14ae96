//! As much of HTTP as a scrape needs. A program that serves HTTP already answers `/metrics` there.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// The longest that a request may take, and the most bytes that it may have: nobody is to hold up those behind.
const PATIENCE: Duration = Duration::from_secs(2);
const LONGEST_REQUEST: u64 = 8192;

/// Reads a request and answers it.
pub fn answer(mut connection: TcpStream, figures: impl FnOnce() -> String) -> io::Result<()> {
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_write_timeout(Some(PATIENCE))?;
    let (status, kind, body) = match request_line(&connection)?.split_whitespace().collect::<Vec<_>>()[..] {
        ["GET", "/metrics", _] => ("200 OK", "text/plain; version=0.0.4", figures()),
        _ => ("404 Not Found", "text/plain", "try GET /metrics\n".to_owned()),
    };
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    connection.write_all(head.as_bytes())?;
    connection.write_all(body.as_bytes())
}

/// The first line of a request. The rest of its head is read too: closing a connection with bytes unread resets it.
fn request_line(connection: &TcpStream) -> io::Result<String> {
    let mut lines = BufReader::new(connection.take(LONGEST_REQUEST)).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    Ok(first)
}

/// What is answered to a scrape of this address, head and body.
pub fn fetch(address: SocketAddr) -> io::Result<String> {
    let mut connection = TcpStream::connect(address)?;
    write!(connection, "GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    Ok(answer)
}

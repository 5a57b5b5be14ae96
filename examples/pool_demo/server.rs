//! The other end of the connections: a server on a free loopback port that sends each line back.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

/// What the server says to each new connection.
const GREETING: &[u8] = b"hello\n";

pub(crate) struct Server {
    address: SocketAddr,
    acceptor: JoinHandle<Traffic>,
}

/// What the server has seen.
pub(crate) struct Traffic {
    pub(crate) connections: usize,
    pub(crate) lines: usize,
}

impl Server {
    /// Starts a server for that many connections.
    pub(crate) fn start(connections: usize) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let acceptor = thread::spawn(move || {
            let clients: Vec<_> = listener
                .incoming()
                .take(connections)
                .map(|stream| thread::spawn(|| stream.and_then(|stream| echo(&stream)).unwrap_or(0)))
                .collect();
            Traffic {
                connections: clients.len(),
                lines: clients.into_iter().map(|client| client.join().unwrap_or(0)).sum(),
            }
        });
        Ok(Self { address, acceptor })
    }

    /// Opens a connection. It is up when this returns, not just asked for: the server has greeted.
    pub(crate) fn connect(&self) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        let mut greeting = [0; GREETING.len()];
        stream.read_exact(&mut greeting)?;
        Ok(stream)
    }

    /// Waits for the server's threads, which end when all its connections were opened and closed again.
    pub(crate) fn finish(self) -> Traffic {
        self.acceptor.join().expect("the server's thread does not panic")
    }
}

/// Serves one client until it hangs up; answers how many lines it sent.
fn echo(mut stream: &TcpStream) -> io::Result<usize> {
    stream.set_nodelay(true)?;
    stream.write_all(GREETING)?;
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    let mut lines = 0;
    while reader.read_until(b'\n', &mut line)? > 0 {
        stream.write_all(&line)?;
        line.clear();
        lines += 1;
    }
    Ok(lines)
}

//! Something to measure: workers that share a few connections to a server which sends back what it gets.

use std::error::Error;
use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use conn_pool::managed::{Config, GetError, Lifecycle, Manager, Pool};

/// More than there are connections, so that some wait.
const WORKERS: usize = 6;
const CONNECTIONS: usize = 4;

pub type EchoPool = Pool<Echo, CONNECTIONS>;

pub struct Echo(SocketAddr);

impl Lifecycle for Echo {
    type Connection = TcpStream;
    type Error = io::Error;

    fn describe(&self, error: &io::Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{error}")
    }
}

impl Manager for Echo {
    fn connect(&self, within: Option<Duration>) -> io::Result<TcpStream> {
        let connection = match within {
            Some(within) => TcpStream::connect_timeout(&self.0, within)?,
            None => TcpStream::connect(self.0)?,
        };
        connection.set_nodelay(true)?;
        Ok(connection)
    }

    fn is_valid(&self, connection: &mut TcpStream, within: Option<Duration>) -> io::Result<()> {
        connection.set_read_timeout(within)?;
        echo(connection)?;
        connection.set_read_timeout(None)
    }
}

/// A pool, and the server that its connections lead to.
pub fn pool() -> Result<Arc<EchoPool>, Box<dyn Error>> {
    let server = TcpListener::bind("127.0.0.1:0")?;
    let address = server.local_addr()?;
    thread::spawn(move || {
        for connection in server.incoming().flatten() {
            thread::spawn(move || io::copy(&mut &connection, &mut &connection));
        }
    });
    let config = Config::new().name("echo").min_idle(1).leak_threshold(Some(Duration::from_secs(1))).wait_times(true);
    Ok(Arc::new(Pool::new(Echo(address), config)?))
}

/// Lets each worker borrow so many times, and waits until all have.
pub fn work(pool: &EchoPool, rounds: usize) {
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                for _ in 0..rounds {
                    if let Err(error) = ask(pool) {
                        eprintln!("{error}");
                    }
                    // A load that a small machine does not notice.
                    thread::sleep(Duration::from_millis(2));
                }
            });
        }
    });
}

fn ask(pool: &EchoPool) -> Result<(), GetError<io::Error>> {
    let mut connection = pool.get_timeout(Duration::from_secs(5))?;
    // What the answer takes stands for a query.
    thread::sleep(Duration::from_millis(1));
    if echo(&mut connection).is_err() {
        conn_pool::managed::ConnGuard::discard(connection);
    }
    Ok(())
}

fn echo(connection: &mut TcpStream) -> io::Result<()> {
    connection.write_all(b"?")?;
    connection.read_exact(&mut [0])
}

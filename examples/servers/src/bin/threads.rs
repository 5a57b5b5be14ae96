//! A server by threads: `cargo run -p conn_pool-servers --bin threads`. It stops when its standard input ends.

use std::error::Error;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use conn_pool::SharedPool;
use conn_pool::managed::{Config, Lifecycle, Manager, SharedConnGuard};
use conn_pool_servers::{GRACE, PATIENCE, failure, page, refusal, start_database, wait_for_stop};

struct Db(SocketAddr);

impl Lifecycle for Db {
    type Connection = BufReader<TcpStream>;
    type Error = io::Error;
}

impl Manager for Db {
    fn connect(&self, within: Option<Duration>) -> io::Result<Self::Connection> {
        let within = within.unwrap_or(Duration::from_secs(30));
        Ok(BufReader::new(TcpStream::connect_timeout(&self.0, within)?))
    }

    fn is_valid(&self, connection: &mut Self::Connection, within: Option<Duration>) -> io::Result<()> {
        connection.get_ref().set_read_timeout(within)?;
        ask(connection, "are you there")?;
        connection.get_ref().set_read_timeout(None)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let pool = SharedPool::blocking(Db(start_database()?), Config::new().name("orders"))?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("http://{}", listener.local_addr()?);
    let own = pool.clone();
    thread::spawn(move || accept(&listener, &own));
    wait_for_stop();
    pool.drain(GRACE)?;
    println!("{} acquired, {} connections", pool.metrics().pool.acquired, pool.metrics().connected);
    Ok(())
}

/// For ever.
fn accept(listener: &TcpListener, pool: &SharedPool<Db>) {
    for client in listener.incoming().flatten() {
        let pool = pool.clone();
        thread::spawn(move || serve(client, &pool));
    }
}

/// One request.
fn serve(client: TcpStream, pool: &SharedPool<Db>) -> io::Result<()> {
    let mut client = BufReader::new(client);
    client.read_line(&mut String::new())?;
    client.get_mut().write_all(answer(pool).as_bytes())
}

fn answer(pool: &SharedPool<Db>) -> String {
    let mut connection = match pool.get_timeout(PATIENCE) {
        Ok(connection) => connection,
        Err(error) => return refusal(&error),
    };
    match ask(&mut connection, "orders") {
        Ok(text) => page(&text),
        Err(error) => {
            SharedConnGuard::discard(connection);
            failure(&error)
        }
    }
}

fn ask(connection: &mut BufReader<TcpStream>, query: &str) -> io::Result<String> {
    connection.get_mut().write_all(format!("{query}\n").as_bytes())?;
    let mut answer = String::new();
    match connection.read_line(&mut answer)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(answer),
    }
}

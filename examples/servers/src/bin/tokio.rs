//! A server by tokio: `cargo run -p conn_pool-servers --bin tokio`. It stops when its standard input ends.

use std::error::Error;
use std::io;
use std::net::SocketAddr;

use conn_pool::SharedPool;
use conn_pool::managed::{AsyncManager, Config, Lifecycle, SharedConnGuard};
use conn_pool_servers::{GRACE, PATIENCE, failure, page, refusal, start_database, wait_for_stop};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::{select, spawn, task};

struct Db(SocketAddr);

impl Lifecycle for Db {
    type Connection = BufStream<TcpStream>;
    type Error = io::Error;
}

impl AsyncManager for Db {
    async fn connect(&self) -> io::Result<Self::Connection> {
        Ok(BufStream::new(TcpStream::connect(self.0).await?))
    }

    async fn is_valid(&self, connection: &mut Self::Connection) -> io::Result<()> {
        ask(connection, "are you there").await.map(drop)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let pool = SharedPool::new(Db(start_database()?), Config::new().name("orders"))?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    let mut stop = task::spawn_blocking(wait_for_stop);
    loop {
        select! {
            client = listener.accept() => drop(spawn(serve(client?.0, pool.clone()))),
            _ = &mut stop => break,
        }
    }
    pool.drain_async(GRACE).await?;
    println!("{} acquired, {} connections", pool.metrics().pool.acquired, pool.metrics().connected);
    Ok(())
}

/// One request.
async fn serve(client: TcpStream, pool: SharedPool<Db>) -> io::Result<()> {
    let mut client = BufStream::new(client);
    client.read_line(&mut String::new()).await?;
    client.write_all(answer(&pool).await.as_bytes()).await?;
    client.flush().await
}

async fn answer(pool: &SharedPool<Db>) -> String {
    let mut connection = match pool.get_async_timeout(PATIENCE).await {
        Ok(connection) => connection,
        Err(error) => return refusal(&error),
    };
    match ask(&mut connection, "orders").await {
        Ok(text) => page(&text),
        Err(error) => {
            SharedConnGuard::discard(connection);
            failure(&error)
        }
    }
}

async fn ask(connection: &mut BufStream<TcpStream>, query: &str) -> io::Result<String> {
    connection.write_all(format!("{query}\n").as_bytes()).await?;
    connection.flush().await?;
    let mut answer = String::new();
    match connection.read_line(&mut answer).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(answer),
    }
}

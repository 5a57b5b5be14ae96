//! A server by smol: `cargo run -p conn_pool-servers --bin smol`. It stops when its standard input ends.

use std::error::Error;
use std::io;
use std::net::SocketAddr;

use conn_pool::SharedPool;
use conn_pool::managed::{AsyncManager, Config, Lifecycle, SharedConnGuard};
use conn_pool_servers::{GRACE, PATIENCE, failure, page, refusal, start_database, wait_for_stop};
use smol::future::or;
use smol::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use smol::net::{TcpListener, TcpStream};

struct Db(SocketAddr);

impl Lifecycle for Db {
    type Connection = BufReader<TcpStream>;
    type Error = io::Error;
}

impl AsyncManager for Db {
    async fn connect(&self) -> io::Result<Self::Connection> {
        Ok(BufReader::new(TcpStream::connect(self.0).await?))
    }

    async fn is_valid(&self, connection: &mut Self::Connection) -> io::Result<()> {
        ask(connection, "are you there").await.map(drop)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let config = Config::new().name("orders");
    let pool = SharedPool::spawned_by(Db(start_database()?), config, |task| smol::spawn(task).detach())?;
    smol::block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("http://{}", listener.local_addr()?);
        let stop = async {
            smol::unblock(wait_for_stop).await;
            Ok(())
        };
        or(accept(&listener, &pool), stop).await?;
        pool.drain_async(GRACE).await?;
        println!("{} acquired, {} connections", pool.metrics().pool.acquired, pool.metrics().connected);
        Ok(())
    })
}

/// For ever.
async fn accept(listener: &TcpListener, pool: &SharedPool<Db>) -> io::Result<()> {
    loop {
        let (client, _) = listener.accept().await?;
        smol::spawn(serve(client, pool.clone())).detach();
    }
}

/// One request.
async fn serve(client: TcpStream, pool: SharedPool<Db>) -> io::Result<()> {
    let mut client = BufReader::new(client);
    client.read_line(&mut String::new()).await?;
    client.get_mut().write_all(answer(&pool).await.as_bytes()).await
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

async fn ask(connection: &mut BufReader<TcpStream>, query: &str) -> io::Result<String> {
    connection.get_mut().write_all(format!("{query}\n").as_bytes()).await?;
    let mut answer = String::new();
    match connection.read_line(&mut answer).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(answer),
    }
}

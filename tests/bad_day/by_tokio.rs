//! The service of tasks of tokio's: a driver that awaits and knows no limits, and a pool that a task maintains.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use conn_pool::SharedPool;
use conn_pool::managed::{AsyncManager, Config, Lifecycle, SharedConnGuard};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

use crate::service::{ANSWER, Caller, Came, Client, Conn, Log, PAUSE, Request, Service, Sessions};
use crate::service::{check_greeting, check_peer};

pub(crate) struct Db {
    address: SocketAddr,
    sessions: Arc<Sessions>,
}

impl Client for Db {
    fn sessions(&self) -> &Sessions {
        &self.sessions
    }
}

impl Conn<TcpStream> {
    async fn ask(&mut self) -> io::Result<()> {
        let asked = self.exchange().await;
        self.note(asked)
    }

    async fn exchange(&mut self) -> io::Result<()> {
        let question = self.next_question();
        self.stream.write_all(&question).await?;
        while self.stream.read_u64().await?.to_be_bytes() != question {}
        Ok(())
    }
}

impl Lifecycle for Db {
    type Connection = Conn<TcpStream>;
    type Error = io::Error;

    fn has_broken(&self, connection: &mut Conn<TcpStream>) -> bool {
        connection.is_broken
    }
}

impl AsyncManager for Db {
    async fn connect(&self) -> io::Result<Conn<TcpStream>> {
        let session = self.sessions.begin();
        let mut stream = TcpStream::connect(self.address).await?;
        check_peer(stream.local_addr()?, self.address)?;
        stream.set_nodelay(true)?;
        check_greeting(stream.read_u8().await?)?;
        Ok(Conn::new(stream, session))
    }

    async fn is_valid(&self, connection: &mut Conn<TcpStream>) -> io::Result<()> {
        connection.ask().await
    }
}

pub(crate) struct Tasks {
    pool: SharedPool<Db>,
    runtime: Runtime,
}

impl Service for Tasks {
    const NAME: &'static str = "tokio";

    type Db = Db;

    fn start(address: SocketAddr) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads");
        let db = Db { address, sessions: Arc::default() };
        let pool = runtime.block_on(async { SharedPool::new(db, Config::new()) });
        Self { pool: pool.expect("sound"), runtime }
    }

    fn pool(&self) -> &SharedPool<Db> {
        &self.pool
    }

    fn call(&self, patience: Duration, log: &Arc<Log>) -> Caller {
        let (pool, log) = (self.pool.clone(), Arc::clone(log));
        let caller = self.runtime.spawn(async move {
            loop {
                log.note(request(&pool, patience).await);
                if log.is_over() {
                    return;
                }
                sleep(PAUSE).await;
            }
        });
        let runtime = self.runtime.handle().clone();
        Box::new(move || runtime.block_on(caller).expect("no caller panics"))
    }
}

async fn request(pool: &SharedPool<Db>, patience: Duration) -> Request {
    let asked = Instant::now();
    let got = pool.get_async_timeout(patience).await;
    let told_in = asked.elapsed();
    let came = match got {
        Ok(mut connection) => ask(&mut connection).await,
        Err(error) => Came::Unserved(error),
    };
    Request { told_in, came }
}

/// It may be cut in the midst of it.
async fn ask(connection: &mut SharedConnGuard<Db>) -> Came {
    let asked = SharedConnGuard::scope(connection, async |connection| connection.ask().await);
    match timeout(ANSWER, asked).await {
        Ok(Ok(())) => Came::Answered(Instant::now()),
        _ => Came::Failed,
    }
}

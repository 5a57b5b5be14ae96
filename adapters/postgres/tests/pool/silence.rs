//! Servers that do not behave: false ones, which speak as much of the protocol as a test needs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use conn_pool::SharedPool;
use conn_pool::managed::SharedConnGuard;
use conn_pool::managed::{Config, DiscardReason};
use conn_pool_postgres::Postgres;
use futures_util::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::kit::{LONGEST, Pool, borrow, until};

/// The client may go on: authenticated, and ready.
const WELCOME: &[u8] = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";
const READY: &[u8] = b"Z\0\0\0\x05I";
const REFUSAL: &[u8] = b"E\0\0\0\x1fSERROR\0CXX000\0Mrefused me\0\0";
/// On the channel `left`, by the process 0.
const NOTIFICATION: &[u8] = b"A\0\0\0\x0e\0\0\0\0left\0\0";
/// On the channel `own`.
const NOTIFICATION_OF_OWN: &[u8] = b"A\0\0\0\x0d\0\0\0\0own\0\0";
const DONE: &[u8] = b"C\0\0\0\x07OK\0";

#[derive(Clone, Copy)]
enum Answers {
    None,
    /// To each simple query that it is done.
    All,
    /// To each simple query that it is done, and none to the clean-up.
    NoneToCleanUp,
    /// To each simple query that it is done, and a refusal to the clean-up.
    RefuseCleanUp,
    /// To each simple query that it is done, and to the clean-up after a notification, which was on its way.
    NotifyBeforeCleanUp,
    /// To each simple query that it is done; to the clean-up when the next caller listens to `own`, all in one: after a
    /// notification that was on its way. One of `own` follows.
    CleanUpWithNext,
}

impl Answers {
    fn to(self, query: &[u8]) -> Vec<u8> {
        let is_clean_up = [b"BEGIN", &b"ROLLBACK"[..]].iter().any(|begin| query.starts_with(begin));
        match self {
            Self::None => Vec::new(),
            Self::NoneToCleanUp | Self::CleanUpWithNext if is_clean_up => Vec::new(),
            Self::NotifyBeforeCleanUp if is_clean_up => [NOTIFICATION, DONE, READY].concat(),
            Self::CleanUpWithNext if query.starts_with(b"LISTEN own") => {
                let done = [DONE, READY].concat();
                [&done, NOTIFICATION, &done, &done, NOTIFICATION_OF_OWN].concat()
            }
            Self::RefuseCleanUp if is_clean_up => [REFUSAL, READY].concat(),
            _ => [DONE, READY].concat(),
        }
    }
}

struct FalseServer {
    address: SocketAddr,
    open: Arc<AtomicUsize>,
    queries: Arc<AtomicUsize>,
    farewells: Arc<AtomicUsize>,
}

impl FalseServer {
    async fn start(answers: Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = Self { address, open: Arc::default(), queries: Arc::default(), farewells: Arc::default() };
        let (open, queries, farewells) = (server.open.clone(), server.queries.clone(), server.farewells.clone());
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                open.fetch_add(1, Ordering::SeqCst);
                let (open, queries, farewells) = (open.clone(), queries.clone(), farewells.clone());
                tokio::spawn(async move {
                    let _ = serve(socket, answers, &queries, &farewells).await;
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        server
    }

    fn manager(&self) -> Postgres {
        let url = format!("postgres://clerk@{}/shop?sslmode=disable", self.address);
        Postgres::from_url(&url).unwrap()
    }

    fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    fn queries(&self) -> usize {
        self.queries.load(Ordering::SeqCst)
    }
}

/// Until the client closes the socket.
async fn serve(
    mut socket: TcpStream,
    answers: Answers,
    queries: &AtomicUsize,
    farewells: &AtomicUsize,
) -> std::io::Result<()> {
    let length = socket.read_u32().await?;
    discard(&mut socket, length).await?;
    socket.write_all(WELCOME).await?;
    loop {
        let kind = socket.read_u8().await?;
        let length = socket.read_u32().await?;
        let body = discard(&mut socket, length).await?;
        match (kind, answers) {
            (b'X', _) => _ = farewells.fetch_add(1, Ordering::SeqCst),
            (b'Q', _) => {
                queries.fetch_add(1, Ordering::SeqCst);
                socket.write_all(&answers.to(&body)).await?;
            }
            _ => {}
        }
    }
}

async fn discard(socket: &mut TcpStream, length: u32) -> std::io::Result<Vec<u8>> {
    let mut body = vec![0; length as usize - 4];
    socket.read_exact(&mut body).await?;
    Ok(body)
}

/// Sends a request, and does not wait for its answer.
fn send(client: &conn_pool_postgres::Client) {
    assert!(client.batch_execute("SELECT pg_sleep(3600)").now_or_never().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_discarded_with_a_request_in_flight_leave_no_socket() {
    const ALL: usize = 20;
    let server = FalseServer::start(Answers::None).await;
    let pool: Pool = SharedPool::new(server.manager(), Config::new().max_size(ALL)).unwrap();
    let mut clients = Vec::new();
    for _ in 0..ALL {
        let client = borrow(&pool).await;
        send(&client);
        clients.push(client);
    }
    until("all requests", || server.queries() == ALL).await;
    assert_eq!(server.open(), ALL);
    clients.into_iter().for_each(SharedConnGuard::discard);
    until("no socket", || server.open() == 0).await;
    assert_eq!(pool.metrics().discarded_for(DiscardReason::Discarded), ALL);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_with_nothing_in_flight_says_goodbye() {
    let server = FalseServer::start(Answers::None).await;
    let pool: Pool = SharedPool::new(server.manager(), Config::new()).unwrap();
    SharedConnGuard::discard(borrow(&pool).await);
    until("no socket", || server.open() == 0).await;
    assert_eq!(server.farewells.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_was_taken_out_of_the_pool_closes_its_socket_too() {
    let server = FalseServer::start(Answers::None).await;
    let pool: Pool = SharedPool::new(server.manager(), Config::new()).unwrap();
    let client = SharedConnGuard::detach(borrow(&pool).await);
    send(&client);
    drop(client);
    until("no socket", || server.open() == 0).await;
}

/// Here there would be no end of it.
#[tokio::test(flavor = "multi_thread")]
async fn neither_a_release_nor_the_next_caller_waits_for_the_clean_up() {
    let server = FalseServer::start(Answers::NoneToCleanUp).await;
    let pool: Pool = SharedPool::new(server.manager(), Config::new().max_size(1)).unwrap();
    borrow(&pool).await.batch_execute("SELECT 1").await.unwrap();
    let client = borrow(&pool).await;
    until("the clean-up", || server.queries() == 3).await;
    assert_eq!((pool.metrics().connected, pool.metrics().checked), (1, 0));
    SharedConnGuard::discard(client);
    until("no socket", || server.open() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_whose_clean_up_has_failed_is_not_lent_again() {
    let server = FalseServer::start(Answers::RefuseCleanUp).await;
    let pool: Pool = SharedPool::new(server.manager(), Config::new().max_size(1)).unwrap();
    let client = borrow(&pool).await;
    client.batch_execute("SELECT 1").await.unwrap();
    drop(client);
    // It is lent until the answer is there.
    let mut lent = borrow(&pool).await;
    until("all of the clean-up", || server.queries() == 3).await;
    let end = Instant::now() + LONGEST;
    while pool.metrics().discarded_for(DiscardReason::Broken) == 0 {
        assert!(Instant::now() < end, "the answer is not heard");
        drop(lent);
        lent = borrow(&pool).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(pool.metrics().connected, 2);
}

/// The pool does not see what a caller does with the driver's own client: the release cleans up, and a check follows.
async fn leave_in_doubt(pool: &Pool) {
    let client = borrow(pool).await;
    let raw: &tokio_postgres::Client = &client;
    raw.batch_execute("SELECT 1").await.unwrap();
}

/// It is in the answer to the clean-up that the connection works.
#[tokio::test(flavor = "multi_thread")]
async fn the_check_after_a_clean_up_asks_nothing_more() {
    let server = FalseServer::start(Answers::All).await;
    let pool: Pool = SharedPool::new(server.manager(), Config::new().max_size(1)).unwrap();
    leave_in_doubt(&pool).await;
    // The server has seen all that comes before this.
    borrow(&pool).await.batch_execute("SELECT 2").await.unwrap();
    assert_eq!((pool.metrics().checked, pool.metrics().connected), (1, 1));
    assert!(server.queries() <= 6, "two queries, and twice a clean-up of two: {}", server.queries());
    until("all of them", || server.queries() == 6).await;
}

/// The answer to its clean-up was there at once, and says nothing of what has become of the network since.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_was_idle_for_long_since_its_clean_up_is_asked() {
    let server = FalseServer::start(Answers::All).await;
    let pool: Pool = SharedPool::new(server.manager(), Config::new().max_size(1)).unwrap();
    leave_in_doubt(&pool).await;
    until("the clean-up", || server.queries() == 3).await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    drop(borrow(&pool).await);
    assert_eq!((pool.metrics().checked, server.queries()), (1, 4));
}

/// Until the server has answered the clean-up it may send what the last caller listened to.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_last_caller_listened_to_does_not_reach_the_next_one() {
    let server = FalseServer::start(Answers::NotifyBeforeCleanUp).await;
    let pool: Pool = SharedPool::new(server.manager(), Config::new().max_size(1)).unwrap();
    drop(borrow(&pool).await.notifications());
    let client = borrow(&pool).await;
    assert_eq!(pool.metrics().checked, 1);
    let mut notifications = client.notifications();
    client.batch_execute("SELECT 1").await.unwrap();
    assert!(notifications.try_recv().is_none());
}

/// The next one does not wait for the answer to the clean-up, and misses nothing that is its own.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_last_caller_listened_to_unseen_does_not_reach_the_next_one() {
    let server = FalseServer::start(Answers::CleanUpWithNext).await;
    let pool: Pool = SharedPool::new(server.manager(), Config::new().max_size(1)).unwrap();
    borrow(&pool).await.batch_execute("LISTEN left").await.unwrap();
    let client = borrow(&pool).await;
    let mut notifications = client.notifications();
    client.batch_execute("LISTEN own").await.unwrap();
    let heard = timeout(LONGEST, notifications.recv()).await.unwrap().unwrap();
    assert_eq!((heard.channel(), pool.metrics().checked), ("own", 0));
    assert!(notifications.try_recv().is_none());
}

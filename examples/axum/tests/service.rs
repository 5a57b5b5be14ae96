//! Starts the service in front of a PostgreSQL server of its own, and talks to it.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{LazyLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use conn_pool_axum::{App, GRACE, pool, serve};
use conn_pool_postgres::Postgres;
use conn_pool_testing::{Server, Shutdown};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// One recorder for all tests of this program.
static FIGURES: LazyLock<PrometheusHandle> = LazyLock::new(|| PrometheusBuilder::new().install_recorder().unwrap());

struct Service {
    address: SocketAddr,
    app: App,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<Result<(), Box<dyn Error + Send + Sync>>>>,
}

impl Service {
    fn start(server: &Server) -> Self {
        Self::start_at(&server.url())
    }

    fn start_at(url: &str) -> Self {
        Self::start_with(url, GRACE)
    }

    fn start_with(url: &str, grace: Duration) -> Self {
        let postgres = Postgres::from_url(url).unwrap();
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = mpsc::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new()?;
            runtime.block_on(async {
                let app = App { pool: pool(postgres)?, figures: FIGURES.clone() };
                let listener = TcpListener::bind("127.0.0.1:0").await?;
                tell.send((listener.local_addr()?, app.clone()))?;
                serve(listener, app, grace, async { _ = stopped.await }).await
            })
        });
        let (address, app) = told.recv().unwrap();
        Self { address, app, stop: Some(stop), thread: Some(thread) }
    }

    fn agent() -> ureq::Agent {
        ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(30)))
            .build()
            .into()
    }

    /// The status, when to come again, and the text.
    fn get(&self, path: &str) -> (u16, Option<String>, String) {
        let mut answer = Self::agent().get(format!("http://{}{path}", self.address)).call().unwrap();
        let retry = answer.headers().get("Retry-After").map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), retry, answer.body_mut().read_to_string().unwrap())
    }

    fn place(&self, order: &str) -> u16 {
        let url = format!("http://{}/orders", self.address);
        Self::agent().post(url).header("Content-Type", "application/json").send(order).unwrap().status().as_u16()
    }

    fn stop(&mut self) -> Result<(), Box<dyn Error + Send + Sync>> {
        self.stop.take().unwrap().send(()).unwrap();
        self.thread.take().unwrap().join().unwrap()
    }

    #[track_caller]
    fn wait_until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !condition(self) {
            assert!(Instant::now() < deadline, "{what} does not come");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

fn shop() -> Server {
    let server = Server::start();
    let _none = server.sql("CREATE TABLE orders (customer text NOT NULL, item text NOT NULL CHECK (item <> ''))");
    server
}

#[test]
fn it_serves_orders_and_stops_when_it_is_told() {
    let server = shop();
    let mut service = Service::start(&server);
    assert_eq!(service.place(r#"{"customer": "Ada", "items": ["paper", "ink"]}"#), 201);
    assert_eq!(service.get("/orders/Ada"), (200, None, "2\n".to_owned()));
    assert_eq!(service.get("/health/ready").0, 200);
    service.stop().unwrap();
    assert!(service.app.pool.is_closed());
    let status = service.app.pool.status();
    assert_eq!((status.idle, status.in_use, status.connecting), (0, 0, 0));
}

/// The server would wait for the rest of it for ever.
#[test]
fn a_request_that_does_not_end_holds_up_no_stop() {
    let server = shop();
    let mut service = Service::start_with(&server.url(), Duration::from_millis(100));
    let mut client = TcpStream::connect(service.address).unwrap();
    let request = "POST /orders HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\n";
    write!(client, "{request}Content-Length: 100\r\nExpect: 100-continue\r\n\r\n").unwrap();
    let mut answer = [0; 12];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100");
    let (sender, stopped) = mpsc::channel();
    thread::spawn(move || sender.send(service.stop().map_err(|error| error.to_string())));
    assert_eq!(stopped.recv_timeout(Duration::from_secs(30)), Ok(Ok(())));
}

#[test]
fn an_order_that_is_refused_leaves_nothing_behind() {
    let server = shop();
    let service = Service::start(&server);
    assert_eq!(service.place(r#"{"customer": "Ada", "items": ["paper", ""]}"#), 502);
    assert_eq!(service.get("/orders/Ada").2, "0\n");
}

#[test]
fn without_a_database_it_says_when_to_come_again() {
    let mut server = shop();
    let service = Service::start(&server);
    assert_eq!(service.get("/orders/Ada").0, 200);
    server.stop(Shutdown::Immediate);
    // The first may find a connection that has just been cut.
    service.wait_until("503", |service| service.get("/orders/Ada").0 == 503);
    let (status, retry, text) = service.get("/orders/Ada");
    assert_eq!((status, retry.as_deref(), text.as_str()), (503, Some("1"), "try again later\n"));
    service.wait_until("not ready", |service| service.get("/health/ready").0 == 503);
    server.run_again();
    service.wait_until("200", |service| service.get("/orders/Ada").0 == 200);
    service.wait_until("ready", |service| service.get("/health/ready").0 == 200);
}

#[test]
fn it_is_ready_with_a_connection_that_works_where_one_more_is_refused() {
    let server = shop();
    let _none = server.sql("CREATE ROLE few LOGIN CONNECTION LIMIT 1");
    let service = Service::start_at(&format!("postgres://few@127.0.0.1:{}/postgres", server.port()));
    let held = service.app.pool.get().unwrap();
    let refused = service.app.pool.get_timeout(Duration::from_secs(1)).unwrap_err();
    assert!(service.app.pool.connect_error().is_some(), "{refused}");
    assert_eq!(service.get("/health/ready"), (200, None, "ready\n".to_owned()));
    drop(held);
}

#[test]
fn while_all_connections_are_in_use_a_request_is_told_to_come_again() {
    let server = shop();
    let service = Service::start(&server);
    let held: Vec<_> = (0..8).map(|_| service.app.pool.get().unwrap()).collect();
    let (status, retry, _) = service.get("/orders/Ada");
    assert_eq!((status, retry.as_deref()), (503, Some("1")));
    drop(held);
    assert_eq!(service.get("/orders/Ada").0, 200);
}

#[test]
fn prometheus_finds_figures_of_the_pool() {
    let server = shop();
    let service = Service::start(&server);
    assert_eq!(service.get("/orders/Ada").0, 200);
    let (status, _, figures) = service.get("/metrics");
    assert_eq!(status, 200);
    for figure in ["conn_pool_acquires_total{pool=\"orders\"}", "conn_pool_capacity{pool=\"orders\"} 8"] {
        assert!(figures.contains(figure), "no {figure} in {figures}");
    }
}

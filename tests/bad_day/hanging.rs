//! Point 2: connects and checks that hang, and ignore their time limits.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use conn_pool::managed::{Config, Lifecycle, Manager, Pool, SystemClock};

use crate::callers::{Callers, Maintained, comes_within, timed};
use crate::driver::{Behaviour, Driver};
use crate::kit::Gate;
use crate::kit::managed::{ALWAYS, millis, secs};
use crate::server::{self, Server};
use crate::table::Row;
use crate::timer::Timer;

const PATIENCE: Duration = millis(200);
const ANSWERED: Duration = millis(250);
const HANG: Duration = secs(3);

/// How long the silent server is silent.
const SILENCE: Duration = secs(8);

pub(crate) fn connects() -> Vec<Row> {
    let behaviour = Behaviour { connect: HANG, ignores_limits: true, ..Behaviour::default() };
    let what = "connects hang for 3 s, patience 200 ms: answered";
    vec![
        slowest::<SystemClock>("2a", what, || Maintained::new(Config::new(), behaviour)),
        slowest::<Timer>("2a", what, || Maintained::new(Config::new(), behaviour)),
    ]
}

pub(crate) fn checks() -> Vec<Row> {
    let config = Config::new().validate_after(ALWAYS);
    let behaviour = Behaviour { check: HANG, ignores_limits: true, ..Behaviour::default() };
    let what = "checks of what is idle hang for 3 s, patience 200 ms: answered";
    vec![
        slowest::<SystemClock>("2d", what, || Maintained::filled(config, 2, behaviour)),
        slowest::<Timer>("2d", what, || Maintained::filled(config, 2, behaviour)),
    ]
}

/// The slowest answer that eight callers get.
fn slowest<K: Callers>(point: &str, what: &str, pool: impl FnOnce() -> Maintained<K, 4>) -> Row {
    let pool = pool();
    let answers = K::all(8, async |_| timed(K::get(&pool, PATIENCE)).await.1);
    Row::within(point, format!("{}: {what}", K::NAME), ANSWERED, answers.into_iter().max().unwrap_or_default())
}

/// A server that says something first, as many do.
struct Greeting(SocketAddr);

impl Lifecycle for Greeting {
    type Connection = TcpStream;
    type Error = io::Error;
}

impl Manager for Greeting {
    fn connect(&self, _within: Option<Duration>) -> io::Result<TcpStream> {
        let mut stream = server::connect(self.0)?;
        stream.read_exact(&mut [0])?;
        Ok(stream)
    }
}

pub(crate) fn a_silent_server() -> Vec<Row> {
    let gate = Gate::default();
    let opened = gate.clone();
    let server = Server::start(server::ANY, move |stream| greet(&opened, stream));
    let pool = Arc::new(Pool::<_, 8>::new(Greeting(server.address()), Config::new()).expect("sound"));
    let health = pool.health_check().expect("a thread");
    let slowest = thread::scope(|scope| {
        let callers: Vec<_> = (0..16).map(|_| scope.spawn(|| call_until_open(&pool, &gate))).collect();
        thread::sleep(SILENCE);
        gate.open();
        let whole = comes_within(secs(3), || is_whole(&pool));
        (callers.into_iter().filter_map(|caller| caller.join().ok()).max().unwrap_or_default(), whole)
    });
    let is_served = pool.get_timeout(secs(1)).is_ok();
    pool.close();
    drop(health);
    vec![
        Row::within("2b", "threads: a server is silent for 8 s, 16 over 8: answered", ANSWERED, slowest.0),
        Row::comes_within("2b", "threads: the server is back: all 8 slots whole", secs(1), slowest.1, secs(3)),
        Row::new("2b", "threads: the server is back: a caller is served", "yes", yes_or_no(is_served), is_served),
    ]
}

fn yes_or_no(is: bool) -> &'static str {
    if is { "yes" } else { "no" }
}

fn greet(gate: &Gate, mut stream: TcpStream) {
    gate.pass();
    // The client may be gone; else it is served until it is.
    let _gone = stream.write_all(b"!").and_then(|()| stream.read_exact(&mut [0]));
}

/// The slowest answer that a caller got while the server was silent.
fn call_until_open(pool: &Pool<Greeting, 8>, gate: &Gate) -> Duration {
    let mut slowest = Duration::ZERO;
    while !gate.is_open() {
        let began = Instant::now();
        drop(pool.get_timeout(PATIENCE));
        slowest = slowest.max(began.elapsed());
    }
    slowest
}

fn is_whole<M: Lifecycle, const N: usize>(pool: &Pool<M, N>) -> bool {
    let status = pool.status();
    status.idle + status.vacant == N
}

/// The end of a pool whose connects hang: of the handle, the pool, and the last `Arc` of the program.
pub(crate) fn shutdown() -> Vec<Row> {
    let driver = Driver::new(Behaviour { connect: HANG, ignores_limits: true, ..Behaviour::default() });
    let pool = Arc::new(Pool::<_, 8>::new(driver, Config::new().min_idle(2)).expect("sound"));
    let health = pool.health_check().expect("a thread");
    let hangs = comes_within(secs(1), || pool.manager().connects() > 0);
    assert!(hangs.is_some(), "maintenance connects");
    let began = Instant::now();
    drop(health);
    pool.close();
    drop(pool);
    vec![Row::within("2c", "threads: connects hang: drop(health), close(), drop(pool)", millis(100), began.elapsed())]
}

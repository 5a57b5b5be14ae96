//! Point 11: a server that restarts under load.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use conn_pool::managed::{Config, Lifecycle, Manager, Pool};

use crate::kit::lock;
use crate::kit::managed::{millis, secs};
use crate::server::{self, Server};
use crate::table::Row;

const RESTARTS: usize = 3;
const UP: Duration = millis(1_700);
const AWAY: Duration = millis(300);

/// How long a request takes the server, and how long a caller pauses after each.
const WORK: Duration = millis(1);

/// A connection to a server that answers each line with the same line.
struct Line {
    stream: BufReader<TcpStream>,
    is_broken: bool,
}

impl Line {
    fn ask(&mut self) -> io::Result<()> {
        let answered = self.exchange();
        self.is_broken = answered.is_err();
        answered
    }

    fn exchange(&mut self) -> io::Result<()> {
        let mut answer = String::new();
        self.stream.get_mut().write_all(b"hello\n")?;
        self.stream.read_line(&mut answer)?;
        if answer == "hello\n" { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

fn answer(stream: TcpStream) {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while stream.read_line(&mut line).is_ok_and(|read| read > 0) {
        thread::sleep(WORK);
        if stream.get_mut().write_all(line.as_bytes()).is_err() {
            return;
        }
        line.clear();
    }
}

struct Lines(SocketAddr);

impl Lifecycle for Lines {
    type Connection = Line;
    type Error = io::Error;

    fn has_broken(&self, line: &mut Line) -> bool {
        line.is_broken
    }
}

impl Manager for Lines {
    fn connect(&self, _within: Option<Duration>) -> io::Result<Line> {
        let stream = server::connect(self.0)?;
        stream.set_read_timeout(Some(secs(1)))?;
        Ok(Line { stream: BufReader::new(stream), is_broken: false })
    }

    fn is_valid(&self, line: &mut Line, _within: Option<Duration>) -> io::Result<()> {
        line.ask()
    }
}

#[derive(Default)]
struct Counts {
    is_over: AtomicBool,
    answered: AtomicUsize,
    failed: AtomicUsize,
    unserved: AtomicUsize,
    why: Mutex<String>,
}

pub(crate) fn trial() -> Vec<Row> {
    let server = Server::start(server::ANY, answer);
    let pool = Arc::new(Pool::<_, 4>::new(Lines(server.address()), Config::new()).expect("sound"));
    let health = pool.health_check().expect("a thread");
    let counts = Counts::default();
    let server = thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| call(&pool, &counts));
        }
        let server = restart(server);
        counts.is_over.store(true, Ordering::Relaxed);
        server
    });
    // After the last caller.
    drop(server);
    pool.close();
    drop(health);
    let [answered, failed, unserved] =
        [&counts.answered, &counts.failed, &counts.unserved].map(|count| count.load(Ordering::Relaxed));
    let why = std::mem::take(&mut *lock(&counts.why));
    let row = |of, bound, count, why: &str| {
        let what = format!("threads: 3 restarts of 300 ms, 8 over 4: failed {of}");
        Row::new("11", what, format!("≤ {bound}"), format!("{count} beside {answered} answered{why}"), count <= bound)
    };
    vec![row("acquires", 0, unserved, &why), row("requests", RESTARTS * 4, failed, "")]
}

fn restart(mut server: Server) -> Server {
    let address = server.address();
    for _ in 0..RESTARTS {
        thread::sleep(UP);
        drop(server);
        thread::sleep(AWAY);
        server = Server::start(address, answer);
    }
    thread::sleep(millis(500));
    server
}

fn call(pool: &Pool<Lines, 4>, counts: &Counts) {
    while !counts.is_over.load(Ordering::Relaxed) {
        let count = match pool.get_timeout(secs(2)) {
            Ok(mut line) => match line.ask() {
                Ok(()) => &counts.answered,
                Err(_) => &counts.failed,
            },
            Err(error) => {
                *lock(&counts.why) = format!(", the last: {error}");
                &counts.unserved
            }
        };
        count.fetch_add(1, Ordering::Relaxed);
        thread::sleep(WORK);
    }
}

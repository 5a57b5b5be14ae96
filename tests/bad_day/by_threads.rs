//! The service of threads: a driver that blocks, and a pool that threads maintain.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use conn_pool::SharedPool;
use conn_pool::managed::{Config, Lifecycle, Manager};

use crate::kit::managed::secs;
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
    fn ask(&mut self, within: Option<Duration>) -> io::Result<()> {
        let asked = self.exchange(within);
        self.note(asked)
    }

    fn exchange(&mut self, within: Option<Duration>) -> io::Result<()> {
        let (question, mut answer) = (self.next_question(), [0; 8]);
        self.stream.set_read_timeout(within)?;
        self.stream.write_all(&question)?;
        while answer != question {
            self.stream.read_exact(&mut answer)?;
        }
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

impl Manager for Db {
    fn connect(&self, within: Option<Duration>) -> io::Result<Conn<TcpStream>> {
        let session = self.sessions.begin();
        let mut stream = TcpStream::connect_timeout(&self.address, within.unwrap_or(secs(30)))?;
        check_peer(stream.local_addr()?, self.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(within)?;
        let mut greeting = [0];
        stream.read_exact(&mut greeting)?;
        check_greeting(greeting[0])?;
        Ok(Conn::new(stream, session))
    }

    fn is_valid(&self, connection: &mut Conn<TcpStream>, within: Option<Duration>) -> io::Result<()> {
        connection.ask(within)
    }
}

pub(crate) struct Threads(SharedPool<Db>);

impl Service for Threads {
    const NAME: &'static str = "threads";

    type Db = Db;

    fn start(address: SocketAddr) -> Self {
        let db = Db { address, sessions: Arc::default() };
        Self(SharedPool::blocking(db, Config::new()).expect("sound"))
    }

    fn pool(&self) -> &SharedPool<Db> {
        &self.0
    }

    fn call(&self, patience: Duration, log: &Arc<Log>) -> Caller {
        let (pool, log) = (self.0.clone(), Arc::clone(log));
        let caller = thread::spawn(move || {
            loop {
                log.note(request(&pool, patience));
                if log.is_over() {
                    return;
                }
                thread::sleep(PAUSE);
            }
        });
        Box::new(move || caller.join().expect("no caller panics"))
    }
}

fn request(pool: &SharedPool<Db>, patience: Duration) -> Request {
    let asked = Instant::now();
    let got = pool.get_timeout(patience);
    let told_in = asked.elapsed();
    let came = match got {
        Ok(mut connection) => match connection.ask(Some(ANSWER)) {
            Ok(()) => Came::Answered(Instant::now()),
            Err(_) => Came::Failed,
        },
        Err(error) => Came::Unserved(error),
    };
    Request { told_in, came }
}

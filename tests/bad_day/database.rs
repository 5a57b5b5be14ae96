//! A database on the loopback, in the hands of a trial. It greets each client, and answers each question, which is a
//! number, with the same number.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::kit::lock;
use crate::kit::managed::millis;
use crate::server::{self, Server};

/// How long a question takes it.
const WORK: Duration = millis(2);

pub(crate) const GREETING: u8 = b'!';

pub(crate) struct Database {
    address: SocketAddr,
    server: Option<Server>,
    mood: Arc<Mood>,
}

#[derive(Default)]
struct Mood {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    is_silent: bool,
    /// How long it takes to let a client in.
    greeting: Duration,
    /// So many questions, from now on, are never answered.
    swallowed: usize,
}

impl Database {
    pub(crate) fn start() -> Self {
        let mood = Arc::new(Mood::default());
        let server = listen(server::ANY, &mood);
        Self { address: server.address(), server: Some(server), mood }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// It is gone: its clients are refused, and those that it had are cut off.
    pub(crate) fn stop(&mut self) {
        self.server = None;
    }

    pub(crate) fn restart(&mut self) {
        self.server = Some(listen(self.address, &self.mood));
    }

    /// Cuts off all its clients, and lets them in again.
    pub(crate) fn evict(&self) {
        self.server.iter().for_each(Server::cut);
    }

    /// It accepts, and says nothing; what it has not said it says when that is over.
    pub(crate) fn silence(&self, is_silent: bool) {
        lock(&self.mood.state).is_silent = is_silent;
        self.mood.changed.notify_all();
    }

    pub(crate) fn greet_after(&self, greeting: Duration) {
        lock(&self.mood.state).greeting = greeting;
    }

    /// The next so many questions are never answered, and nothing after them on their connections.
    pub(crate) fn swallow(&self, questions: usize) {
        lock(&self.mood.state).swallowed = questions;
    }
}

fn listen(address: SocketAddr, mood: &Arc<Mood>) -> Server {
    let mood = Arc::clone(mood);
    // A client that has gone is served no more.
    Server::start(address, move |stream| drop(serve(stream, &mood)))
}

fn serve(mut stream: TcpStream, mood: &Mood) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let greeting = lock(&mood.state).greeting;
    thread::sleep(greeting);
    mood.speak();
    stream.write_all(&[GREETING])?;
    let mut question = [0; 8];
    loop {
        stream.read_exact(&mut question)?;
        if mood.swallows() {
            return io::copy(&mut stream, &mut io::sink()).map(drop);
        }
        thread::sleep(WORK);
        mood.speak();
        stream.write_all(&question)?;
    }
}

impl Mood {
    /// Waits until it is not silent.
    fn speak(&self) {
        let waited = self.changed.wait_while(lock(&self.state), |state| state.is_silent);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn swallows(&self) -> bool {
        let mut state = lock(&self.state);
        let swallows = state.swallowed > 0;
        state.swallowed -= usize::from(swallows);
        swallows
    }
}

//! A TCP proxy that can fall silent without closing anything, as a network does that drops packets.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// Dropped, it closes all its connections.
pub(crate) struct Proxy {
    address: SocketAddrV4,
    shared: Arc<Shared>,
    listening: Option<JoinHandle<()>>,
}

struct Shared {
    upstream: SocketAddrV4,
    is_over: AtomicBool,
    /// New connections are accepted, and nothing ever comes from them.
    is_mute: AtomicBool,
    accepted: AtomicU64,
    /// Connections with smaller numbers are quiet.
    quiet_below: AtomicU64,
    streams: Mutex<HashMap<u64, Vec<TcpStream>>>,
}

impl Proxy {
    pub(crate) fn start(host: Ipv4Addr, upstream: SocketAddrV4) -> Self {
        let listener = TcpListener::bind((host, 0)).expect("a port is free");
        let SocketAddr::V4(address) = listener.local_addr().expect("it is bound") else { unreachable!() };
        let shared = Arc::new(Shared {
            upstream,
            is_over: AtomicBool::new(false),
            is_mute: AtomicBool::new(false),
            accepted: AtomicU64::new(0),
            quiet_below: AtomicU64::new(0),
            streams: Mutex::default(),
        });
        let own = Arc::clone(&shared);
        let listening = thread::spawn(move || listen(&listener, &own));
        Self { address, shared, listening: Some(listening) }
    }

    pub(crate) const fn address(&self) -> SocketAddrV4 {
        self.address
    }

    /// Whether those who connect from now on are accepted and never answered.
    pub(crate) fn mute(&self, is_mute: bool) {
        self.shared.is_mute.store(is_mute, SeqCst);
    }

    /// On the connections that there are nothing arrives any more, for good. New ones pass.
    pub(crate) fn quieten(&self) {
        self.shared.quiet_below.store(self.shared.accepted.load(SeqCst), SeqCst);
    }
}

impl Shared {
    fn streams(&self) -> MutexGuard<'_, HashMap<u64, Vec<TcpStream>>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_quiet(&self, number: u64) -> bool {
        number < self.quiet_below.load(SeqCst)
    }

    /// Ends both sides of a connection.
    fn end(&self, number: u64) {
        for stream in self.streams().remove(&number).into_iter().flatten() {
            // The other end may have closed it.
            let _gone = stream.shutdown(Shutdown::Both);
        }
    }
}

fn listen(listener: &TcpListener, shared: &Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept() {
        if shared.is_over.load(SeqCst) {
            return;
        }
        let (number, shared) = (shared.accepted.fetch_add(1, SeqCst), Arc::clone(shared));
        thread::spawn(move || {
            // Whatever fails here ends the connection, which is what the client sees.
            let _failed = serve(stream, number, &shared);
            shared.end(number);
        });
    }
}

fn serve(client: TcpStream, number: u64, shared: &Arc<Shared>) -> io::Result<()> {
    shared.streams().insert(number, vec![client.try_clone()?]);
    if shared.is_mute.load(SeqCst) {
        return swallow(client);
    }
    let server = TcpStream::connect(shared.upstream)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    shared.streams().entry(number).or_default().push(server.try_clone()?);
    let (from, to, own) = (server.try_clone()?, client.try_clone()?, Arc::clone(shared));
    thread::spawn(move || {
        let _failed = pass(from, to, number, &own);
        own.end(number);
    });
    pass(client, server, number, shared)
}

/// Reads until the client closes.
fn swallow(mut client: TcpStream) -> io::Result<()> {
    let mut bytes = [0; 1024];
    while client.read(&mut bytes)? > 0 {}
    Ok(())
}

/// That one end closes is passed on while the connection is quiet too: what a client leaves behind is then its own.
fn pass(mut from: TcpStream, mut to: TcpStream, number: u64, shared: &Shared) -> io::Result<()> {
    let mut bytes = [0; 4096];
    loop {
        let read = from.read(&mut bytes)?;
        if read == 0 {
            return Ok(());
        }
        if !shared.is_quiet(number) {
            to.write_all(&bytes[..read])?;
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_over.store(true, SeqCst);
        // Wakes the listener, which closes.
        let _woken = TcpStream::connect(self.address);
        let _panicked = self.listening.take().map(JoinHandle::join);
        let numbers: Vec<u64> = self.shared.streams().keys().copied().collect();
        for number in numbers {
            self.shared.end(number);
        }
    }
}

//! A server on the loopback that can be killed.

use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::{io, mem};

use crate::kit::lock;
use crate::kit::managed::millis;

/// An address that the system chooses.
pub(crate) const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Dropped, it is killed: its listener and all its connections are closed.
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    listening: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    is_killed: AtomicBool,
    streams: Mutex<Vec<TcpStream>>,
}

impl Server {
    /// Each connection is served by a thread of its own.
    pub(crate) fn start(address: SocketAddr, serve: impl Fn(TcpStream) + Clone + Send + 'static) -> Self {
        let listener = bind(address);
        let shared = Arc::new(Shared::default());
        let address = listener.local_addr().expect("it is bound");
        let own = Arc::clone(&shared);
        let listening = thread::spawn(move || listen(&listener, &own, serve));
        Self { address, shared, listening: Some(listening) }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes all its connections, and listens on.
    pub(crate) fn cut(&self) {
        for stream in mem::take(&mut *lock(&self.shared.streams)) {
            // The client may have closed it.
            let _gone = stream.shutdown(Shutdown::Both);
        }
    }
}

/// The port that a server had before may be a client's for a moment.
fn bind(address: SocketAddr) -> TcpListener {
    for _ in 0..1000 {
        match TcpListener::bind(address) {
            Ok(listener) => return listener,
            Err(_) => thread::sleep(millis(1)),
        }
    }
    panic!("the server's port is taken");
}

fn listen(listener: &TcpListener, shared: &Shared, serve: impl Fn(TcpStream) + Clone + Send + 'static) {
    while let Ok((stream, _)) = listener.accept() {
        if shared.is_killed.load(Ordering::SeqCst) {
            return;
        }
        if let Ok(own) = stream.try_clone() {
            lock(&shared.streams).push(own);
        }
        let serve = serve.clone();
        thread::spawn(move || serve(stream));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.is_killed.store(true, Ordering::SeqCst);
        // Wakes the listener, which closes.
        let _woken = TcpStream::connect(self.address);
        let _panicked = self.listening.take().map(JoinHandle::join);
        self.cut();
    }
}

/// A connection to a server.
///
/// A connect to a port that nothing listens at may be given that very port, and then it meets itself.
pub(crate) fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    if stream.local_addr()? == address {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    stream.set_nodelay(true)?;
    Ok(stream)
}

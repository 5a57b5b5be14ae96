//! A manager of bb8 that notes each call.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bb8::{CustomizeConnection, ManageConnection};
use conn_pool_testing::{Gate, Journal};

/// Connections are numbered: the first is 1.
#[derive(Debug, Default)]
pub(crate) struct Fake {
    pub(crate) journal: Journal,
    pub(crate) refuses: AtomicBool,
    made: AtomicUsize,
}

#[derive(Debug)]
pub(crate) struct Conn {
    pub(crate) number: usize,
    pub(crate) is_broken: bool,
    pub(crate) is_invalid: bool,
    journal: Journal,
}

impl Drop for Conn {
    fn drop(&mut self) {
        self.journal.note(format_args!("drop {}", self.number));
    }
}

impl ManageConnection for Fake {
    type Connection = Conn;
    type Error = io::Error;

    async fn connect(&self) -> io::Result<Conn> {
        if self.refuses.load(Ordering::Relaxed) {
            self.journal.note("refuse");
            return Err(io::Error::other("the server is away"));
        }
        let number = self.made.fetch_add(1, Ordering::Relaxed) + 1;
        self.journal.note(format_args!("connect {number}"));
        Ok(Conn { number, is_broken: false, is_invalid: false, journal: self.journal.clone() })
    }

    async fn is_valid(&self, conn: &mut Conn) -> io::Result<()> {
        self.journal.note(format_args!("check {}", conn.number));
        if conn.is_invalid { Err(io::Error::other("no answer")) } else { Ok(()) }
    }

    fn has_broken(&self, conn: &mut Conn) -> bool {
        self.journal.note(format_args!("return {}", conn.number));
        conn.is_broken
    }
}

/// Notes each call, awaits its gate, and refuses the connection with the given number.
pub(crate) struct Customizer {
    pub(crate) journal: Journal,
    pub(crate) gate: Gate,
    pub(crate) refused: usize,
}

impl std::fmt::Debug for Customizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Customizer")
    }
}

impl CustomizeConnection<Conn, io::Error> for Customizer {
    fn on_acquire<'a>(&'a self, conn: &'a mut Conn) -> Pin<Box<dyn Future<Output = io::Result<()>> + Send + 'a>> {
        Box::pin(async {
            self.journal.note(format_args!("acquire {}", conn.number));
            self.gate.pass_async().await;
            if conn.number == self.refused { Err(io::Error::other("no such time zone")) } else { Ok(()) }
        })
    }
}

//! A manager of r2d2 that notes each call.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use conn_pool_testing::Journal;
use r2d2::{CustomizeConnection, ManageConnection};

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

    fn connect(&self) -> io::Result<Conn> {
        if self.refuses.load(Ordering::Relaxed) {
            self.journal.note("refuse");
            return Err(io::Error::other("the server is away"));
        }
        let number = self.made.fetch_add(1, Ordering::Relaxed) + 1;
        self.journal.note(format_args!("connect {number}"));
        Ok(Conn { number, is_broken: false, is_invalid: false, journal: self.journal.clone() })
    }

    fn is_valid(&self, conn: &mut Conn) -> io::Result<()> {
        self.journal.note(format_args!("check {}", conn.number));
        if conn.is_invalid { Err(io::Error::other("no answer")) } else { Ok(()) }
    }

    fn has_broken(&self, conn: &mut Conn) -> bool {
        self.journal.note(format_args!("return {}", conn.number));
        conn.is_broken
    }
}

/// Notes each call, and refuses the connection with the given number.
#[derive(Debug, Default)]
pub(crate) struct Customizer {
    pub(crate) journal: Journal,
    pub(crate) refused: usize,
}

impl CustomizeConnection<Conn, io::Error> for Customizer {
    fn on_acquire(&self, conn: &mut Conn) -> io::Result<()> {
        self.journal.note(format_args!("acquire {}", conn.number));
        if conn.number == self.refused { Err(io::Error::other("no such time zone")) } else { Ok(()) }
    }

    fn on_release(&self, conn: Conn) {
        self.journal.note(format_args!("release {}", conn.number));
    }
}

//! What the pools lend in a sweep: it notices if two have it at once, and counts its uses.

use core::cell::Cell;
use core::ptr;

use critical_section::Mutex;

/// A connection.
#[derive(Debug)]
pub struct Conn {
    is_lent: bool,
    uses: usize,
}

/// The first thing that was found wrong.
static FAULT: Mutex<Cell<Option<&'static str>>> = Mutex::new(Cell::new(None));
/// Uses that callers have counted, less those that connections have counted which are gone.
static USES: Mutex<Cell<usize>> = Mutex::new(Cell::new(0));

pub fn fault(found: &'static str) {
    critical_section::with(|token| {
        let cell = FAULT.borrow(token);
        cell.set(cell.get().or(Some(found)));
    });
}

pub fn take_fault() -> Option<&'static str> {
    critical_section::with(|token| FAULT.borrow(token).take())
}

impl Conn {
    #[must_use]
    pub const fn new() -> Self {
        Self { is_lent: false, uses: 0 }
    }

    /// The beginning of a use. Not atomic, since nobody else has the connection.
    pub fn begin(&mut self) {
        let is_lent = &raw mut self.is_lent;
        // SAFETY: a field of `self`.
        if unsafe { ptr::read_volatile(is_lent) } {
            fault("a connection was lent twice");
        }
        // SAFETY: a field of `self`.
        unsafe { ptr::write_volatile(is_lent, true) };
        let uses = &raw mut self.uses;
        // SAFETY: a field of `self`.
        unsafe { ptr::write_volatile(uses, ptr::read_volatile(uses).wrapping_add(1)) };
        critical_section::with(|token| USES.borrow(token).update(|uses| uses.wrapping_add(1)));
    }

    /// The end of a use.
    pub fn end(&mut self) {
        // SAFETY: a field of `self`.
        unsafe { ptr::write_volatile(&raw mut self.is_lent, false) };
    }
}

impl Default for Conn {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        let uses = self.uses;
        critical_section::with(|token| USES.borrow(token).update(|all| all.wrapping_sub(uses)));
    }
}

/// From now on the uses of another pool's connections are counted.
pub fn forget_uses() {
    critical_section::with(|token| USES.borrow(token).set(0));
}

/// Compares what was counted by the callers with what was counted in the connections that are left.
pub fn check_uses(visit_all: impl FnOnce(&mut dyn FnMut(&mut Conn))) {
    let mut uses = 0_usize;
    visit_all(&mut |conn| {
        uses += conn.uses;
        if conn.is_lent {
            fault("a connection came back in the middle of a use");
        }
    });
    if uses != critical_section::with(|token| USES.borrow(token).get()) {
        fault("a use was not counted");
    }
}

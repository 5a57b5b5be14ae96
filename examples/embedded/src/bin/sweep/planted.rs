//! A pool with a fault: what a sweep finds shows that it looks.

use core::ops::{Deref, DerefMut};
use core::pin::pin;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use conn_pool_embedded::sweep::{Call, Conn, Needs, Queue, Subject, Wait, sweep_one};

/// A bit for each connection that is free.
static FREE: AtomicUsize = AtomicUsize::new(0b111);
static mut CONNS: [Conn; 3] = [const { Conn::new() }; 3];

struct Faulty;

struct Guard(usize);

impl Subject for Faulty {
    type Guard = Guard;

    fn try_get() -> Option<Guard> {
        let free = FREE.load(Relaxed);
        let number = (0..3).find(|number| free & 1 << number != 0)?;
        // The fault: who comes between the load and the store takes the same one.
        FREE.store(free & !(1 << number), Relaxed);
        Some(Guard(number))
    }

    fn refill() {}

    fn at_rest() -> Result<(), &'static str> {
        if FREE.load(Relaxed) == 0b111 { Ok(()) } else { Err("a connection is lost") }
    }
}

impl Deref for Guard {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        // SAFETY: whoever has the guard has the connection, but for the fault.
        unsafe { &*(&raw const CONNS).cast::<Conn>().add(self.0) }
    }
}

impl DerefMut for Guard {
    fn deref_mut(&mut self) -> &mut Conn {
        // SAFETY: as above.
        unsafe { &mut *(&raw mut CONNS).cast::<Conn>().add(self.0) }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        critical_section::with(|_| FREE.store(FREE.load(Relaxed) | 1 << self.0, Relaxed));
    }
}

pub fn is_found() -> Result<u32, &'static str> {
    let take = Call::<Faulty> { name: "faulty take", needs: Needs::Nothing, run: |side| side.take() };
    let nobody = || async { None };
    let mut queue: Queue<'_, Faulty> = [pin!(Wait::new(nobody)), pin!(Wait::new(nobody)), pin!(Wait::new(nobody))];
    match sweep_one(&take, core::slice::from_ref(&take), &mut queue) {
        Err("a connection was lent twice") => Ok(1),
        Err(other) => Err(other),
        Ok(_) => Err("it was not found"),
    }
}

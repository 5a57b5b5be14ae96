//! A connection is taken out of its guard and forgotten. A guard that is forgotten leaks nothing: its pool drops the
//! connection.

use std::mem;
use std::thread;

use conn_pool::Pool;

fn forget(is_sound: bool) {
    let pool = Pool::from([vec![7_u8; 1000]]);
    let mut guard = pool.try_get().unwrap();
    if !is_sound {
        mem::forget(mem::take(&mut *guard));
    }
    mem::forget(guard);
}

fn main() {
    let is_sound = std::env::args().any(|argument| argument == "sound");
    // On a thread of its own, whose stack is gone when the leak detector looks for addresses.
    thread::spawn(move || forget(is_sound)).join().unwrap();
}

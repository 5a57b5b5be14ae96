//! A connection is read after it was discarded.

use std::hint::black_box;

use conn_pool::{ConnGuard, Pool};

fn main() {
    let pool = Pool::from([Box::new(7_u64)]);
    let is_sound = std::env::args().any(|argument| argument == "sound");
    let guard = pool.try_get().unwrap();
    let inside: *const u64 = black_box(&**guard);
    if is_sound {
        // SAFETY: the guard is alive, and so is the connection.
        println!("{}", unsafe { *inside });
    }
    ConnGuard::discard(guard);
    if !is_sound {
        // SAFETY: none; this is the bug.
        println!("{}", unsafe { *inside });
    }
}

//! What most Rust libraries for C bring along: the standard library, with its threads, its allocator and its panics.

use std::cell::Cell;
use std::panic::catch_unwind;
use std::thread;

thread_local! {
    static CALLS: Cell<i32> = const { Cell::new(0) };
}

/// Panics on a thread of its own and on the caller's, and answers 2 if both panics were caught.
#[unsafe(no_mangle)]
pub extern "C" fn other_caught_panics() -> i32 {
    std::panic::set_hook(Box::new(|_| CALLS.set(CALLS.get() + 1)));
    let on_a_thread = thread::spawn(|| panic!("{}", CALLS.get())).join();
    let here = catch_unwind(|| panic!("{}", CALLS.get()));
    i32::from(on_a_thread.is_err()) + i32::from(here.is_err())
}

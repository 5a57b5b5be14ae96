//! A tour of the source: seven steps in the life of a pool, and the file that each one happens in.
//!
//! In the drawing, `.` is an idle slot, `#` one in use, `_` one without a connection, and `x` one that is set aside or
//! above the present maximum. `docs/architecture.md` has the words and the whole picture.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use conn_pool::{ConnGuard, Pool, PoolError};

fn main() -> Result<(), PoolError> {
    let pool: Pool<&str, 8> = Pool::new();
    step(
        1,
        "a new pool has slots, but no connections",
        &pool,
        "src/plain/pool.rs: the pool; then src/slot/storage.rs: its slots",
    );

    for name in ["anna", "ben", "carl", "dora"] {
        pool.insert(name).expect("there is room for eight");
    }
    step(2, "connections are put in", &pool, "src/engine/capacity.rs; src/engine/slot_state.rs: a slot's state");

    let held = [pool.try_get()?, pool.try_get()?, pool.try_get()?, pool.try_get()?];
    step(3, "all are acquired, without a lock", &pool, "src/engine/bitmap.rs: one atomic instruction each");

    let mut next = pin!(pool.get_async());
    let context = &mut Context::from_waker(Waker::noop());
    assert!(next.as_mut().poll(context).is_pending());
    step(4, "the next caller waits", &pool, "src/slot/acquire.rs: one wait; src/engine/wait_queue.rs: the queue");

    drop(held);
    let Poll::Ready(Ok(connection)) = next.poll(context) else {
        panic!("a free connection goes to the head of the queue")
    };
    step(
        5,
        "four are released: the waiter has one, three are idle",
        &pool,
        "src/engine/slow_path.rs, src/engine/granting.rs",
    );

    ConnGuard::discard(connection);
    step(6, "that one was broken: its slot is vacant", &pool, "src/slot/guard.rs: how a slot always comes back");

    pool.resize(2).expect("2 is less than 8");
    step(
        7,
        "the pool shrinks and sets a connection aside",
        &pool,
        "src/engine/resizing.rs; docs/architecture.md for the whole",
    );
    Ok(())
}

fn step(number: usize, what: &str, pool: &Pool<&str, 8>, file: &str) {
    println!("{number}. {what}\n   {pool:?}\n   open {file}\n");
}

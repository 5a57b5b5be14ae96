//! A tour of the source: seven steps in the life of a pool, and the file that each one happens in.
//!
//! In the drawing, `.` is an idle slot, `#` one in use, `_` one without a connection, and `x` one that is set aside or
//! beyond the present size.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use conn_pool::{ConnGuard, Pool, PoolError};

fn main() -> Result<(), PoolError> {
    let pool: Pool<&str, 8> = Pool::new();
    step(1, "a new pool has slots, but no connections", &pool, "src/pool.rs: the face; then src/slots.rs");

    for name in ["anna", "ben", "carl", "dora"] {
        pool.insert(name).expect("there is room for eight");
    }
    step(2, "connections are put in", &pool, "src/engine/capacity.rs; src/books.rs for what is noted of a slot");

    let held = [pool.try_get()?, pool.try_get()?, pool.try_get()?, pool.try_get()?];
    step(3, "all are borrowed, without a lock", &pool, "src/bitmap.rs: one atomic instruction each");

    let mut next = pin!(pool.get_async());
    let context = &mut Context::from_waker(Waker::noop());
    assert!(next.as_mut().poll(context).is_pending());
    step(4, "the next caller waits in line", &pool, "src/acquire.rs: one wait; src/line.rs: the line");

    drop(held);
    let Poll::Ready(Ok(connection)) = next.poll(context) else {
        panic!("a free connection goes to the head of the line")
    };
    step(
        5,
        "four come back: the caller in line has one, three are idle",
        &pool,
        "src/engine.rs, src/engine/serving.rs",
    );

    ConnGuard::discard(connection);
    step(6, "that one was broken: its slot is vacant", &pool, "src/guard.rs: how a slot always comes back");

    pool.resize(2).expect("2 is less than 8");
    step(
        7,
        "the pool shrinks and sets a connection aside",
        &pool,
        "src/engine/capacity.rs; docs/architecture.md for the whole",
    );
    Ok(())
}

fn step(number: usize, what: &str, pool: &Pool<&str, 8>, file: &str) {
    println!("{number}. {what}\n   {pool:?}\n   open {file}\n");
}

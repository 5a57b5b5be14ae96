//! Who gets a connection sees what its last owner wrote, also where no lock and no wake-up lies between the two.

use core::future::Future;
use core::task::{Context, Poll, Waker};
use std::boxed::Box;

use loom::thread;

use super::{assert_whole, client, explore, filled, join, owned, touch};

#[test]
fn a_visitor_sees_what_the_last_owner_wrote() {
    explore(|| {
        let pool = filled::<1>();
        let owner = client(0, &pool, |pool| touch(pool.get()).unwrap());
        pool.retain(|connection| connection.touch() > 0);
        join([owner]);
        assert_whole(&pool, 1);
    });
}

/// It finds its grant without the lock, and without having been woken.
#[test]
fn a_waiter_that_looks_unasked_sees_what_the_last_owner_wrote() {
    explore(|| {
        let pool = filled::<1>();
        let mut held = owned(&pool);
        let mut wait = Box::pin(pool.get_async());
        let mut look = || wait.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(look().is_pending());
        let owner = thread::spawn(move || {
            held.touch();
            drop(held);
        });
        if let Poll::Ready(granted) = look() {
            touch(granted).unwrap();
        }
        drop(wait);
        join([owner]);
        assert_whole(&pool, 1);
    });
}

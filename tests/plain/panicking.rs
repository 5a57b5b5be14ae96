//! User code that panics: wakers, destructors, the closure of `retain`.
//!
//! Without `std` a second panic during one call aborts the program (see `sync/host_bare.rs`), so tests with several
//! need that feature.

use std::sync::Arc;
use std::task::{RawWaker, RawWakerVTable, Waker};

use conn_pool::{ConnGuard, Pool};

use crate::kit::plain::{Task, assert_at_rest, hold_all, paused, waiting_tasks};
use crate::kit::{Bell, Census, panics, poll_with, waker_that, waker_that_panics};

#[test]
fn a_waker_that_panics_keeps_nobody_from_being_served() {
    for place in 0..3 {
        let pool = paused([(); 3]);
        let mut tasks: Vec<_> = (0..3)
            .map(|task| {
                if task == place {
                    Task::waiting_with(&pool, waker_that_panics("a waker's panic"))
                } else {
                    Task::waiting(&pool)
                }
            })
            .collect();
        assert!(panics(|| pool.resize(3).unwrap()), "the panic is passed on");
        for (number, task) in tasks.iter_mut().enumerate() {
            assert_eq!(task.rings(), usize::from(number != place));
            drop(task.guard());
        }
        assert_at_rest(&pool);
        assert_eq!(hold_all(&pool).len(), 3);
    }
}

#[test]
fn a_waker_that_panics_in_the_first_of_several_batches_leaves_nobody_asleep() {
    let pool = paused([(); 30]);
    let mut first = Task::waiting_with(&pool, waker_that_panics("a waker's panic"));
    let mut rest = waiting_tasks(&pool, 29);
    assert!(panics(|| pool.resize(30).unwrap()));
    assert!(rest.iter().all(|task| task.rings() == 1));
    drop(first.guard());
    for task in &mut rest {
        drop(task.guard());
    }
    assert_at_rest(&pool);
}

#[test]
fn a_newcomer_who_has_to_call_a_waker_that_panics_does_not_keep_its_connection() {
    // While the first batch is being woken, a newcomer joins the queue, has the ninth in it served first, gets a
    // connection itself, and then has to call the ninth's waker.
    let pool = Arc::new(paused([(); 30]));
    let newcomer = waker_that({
        let pool = Arc::clone(&pool);
        move || assert!(panics(|| drop(Task::new(&pool).poll())), "the waker's panic is the newcomer's")
    });
    let mut tasks = vec![Task::waiting_with(&pool, newcomer)];
    tasks.extend(waiting_tasks(&pool, 7));
    tasks.push(Task::waiting_with(&pool, waker_that_panics("a waker's panic")));
    pool.resize(30).unwrap();
    assert_eq!((pool.status().in_use, pool.status().idle), (9, 21));
    for task in &mut tasks {
        drop(task.guard());
    }
    drop(tasks);
    assert_at_rest(&pool);
}

#[test]
fn a_waker_that_panics_does_so_where_the_guard_is_dropped_and_the_grant_stands() {
    let pool = Pool::from([()]);
    let held = pool.try_get().unwrap();
    let mut waiter = Task::waiting_with(&pool, waker_that_panics("a waker's panic"));
    let mut next = Task::waiting(&pool);
    assert!(panics(|| drop(held)));
    drop(waiter.guard());
    drop(next.guard());
    assert_at_rest(&pool);
}

#[test]
fn a_waker_that_panics_does_not_keep_insert_from_inserting() {
    let pool: Pool<u8, 1> = Pool::new();
    let mut waiter = Task::waiting_with(&pool, waker_that_panics("a waker's panic"));
    assert!(panics(|| pool.insert(7).unwrap()));
    assert_eq!(*waiter.guard(), 7);
    assert_at_rest(&pool);
}

#[test]
fn a_granted_waiter_dropped_before_one_whose_waker_panics_passes_the_connection_on() {
    let pool = Pool::from([()]);
    let held = pool.try_get().unwrap();
    let granted = Task::waiting(&pool);
    let mut next = Task::waiting_with(&pool, waker_that_panics("a waker's panic"));
    drop(held);
    assert!(panics(|| drop(granted)));
    drop(next.guard());
    assert_at_rest(&pool);
}

#[test]
fn a_waker_that_panics_does_not_keep_close_from_emptying_the_pool() {
    let census = Census::new();
    let pool: Pool<_, 3> = Pool::from_fn(|_| census.connect());
    pool.resize(0).unwrap();
    let mut tasks = waiting_tasks(&pool, 10);
    tasks.push(Task::waiting_with(&pool, waker_that_panics("a waker's panic")));
    tasks.extend(waiting_tasks(&pool, 10));
    assert!(panics(|| pool.close()));
    census.assert_each_dropped_once();
    assert_eq!(pool.status().waiting, 0);
    for task in &mut tasks {
        assert_eq!(task.error().name(), "closed");
    }
}

/// A waker whose clones, and whose own cloning, do what a test tells them to.
fn waker_whose_clone_panics() -> Waker {
    const TABLE: RawWakerVTable =
        RawWakerVTable::new(|_| panic!("the cloning of a waker panics"), |_| (), |_| (), |_| ());
    // SAFETY: the table's functions touch no data.
    unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &TABLE)) }
}

#[test]
fn a_waker_whose_cloning_panics_never_gets_into_the_queue() {
    let pool = Pool::from([()]);
    let held = pool.try_get().unwrap();
    let mut future = Box::pin(pool.get_async());
    assert!(panics(|| drop(poll_with(&mut future, &waker_whose_clone_panics()))));
    assert_eq!(pool.status().waiting, 0);
    let mut behind = Task::waiting(&pool);
    drop(future);
    drop(held);
    drop(behind.guard());
    assert_at_rest(&pool);
}

#[test]
fn a_waker_whose_cloning_panics_in_the_queue_holds_nobody_up_once_its_future_is_gone() {
    let pool = Pool::from([()]);
    for served_before_it_is_dropped in [false, true] {
        let held = pool.try_get().unwrap();
        let mut waiter = Task::waiting(&pool);
        let mut behind = Task::waiting(&pool);
        assert!(panics(|| drop(poll_with(&mut waiter.future, &waker_whose_clone_panics()))));
        assert_eq!(pool.status().waiting, 2);
        if served_before_it_is_dropped {
            drop(held);
            drop(waiter);
        } else {
            drop(waiter);
            drop(held);
        }
        drop(behind.guard());
        assert_at_rest(&pool);
    }
}

#[test]
fn a_waker_whose_destructor_panics_leaves_the_queue_whole() {
    struct Panicking;
    impl std::task::Wake for Panicking {
        fn wake(self: Arc<Self>) {}
    }
    impl Drop for Panicking {
        fn drop(&mut self) {
            panic!("the destructor of a waker panics");
        }
    }
    let pool = Pool::from([()]);
    let held = pool.try_get().unwrap();
    let waker = Waker::from(Arc::new(Panicking));
    let mut cancelled = Box::pin(pool.get_async());
    assert!(poll_with(&mut cancelled, &waker).is_pending());
    drop(waker);
    let mut behind = Task::waiting(&pool);
    assert!(panics(|| drop(cancelled)), "the last clone is dropped with the future");
    drop(held);
    drop(behind.guard());
    assert_at_rest(&pool);
}

#[test]
fn a_destructor_that_panics_in_discard_leaves_the_slot_vacant() {
    let census = Census::new();
    let pool = Pool::from([census.connect_to_panic(), census.connect()]);
    let guard = pool.try_get().unwrap();
    assert_eq!(guard.number, 1);
    let other = pool.try_get().unwrap();
    let mut waiter = Task::waiting(&pool);
    assert!(panics(|| ConnGuard::discard(guard)));
    let status = pool.status();
    assert_eq!((status.vacant, status.in_use, status.waiting), (1, 1, 1));
    pool.insert(census.connect()).unwrap();
    assert_eq!(waiter.guard().number, 3);
    drop(other);
    assert_eq!(census.dropped(), 1);
    assert_eq!(pool.metrics().discarded, 1);
    assert_at_rest(&pool);
}

#[test]
fn a_destructor_that_panics_in_close_drop_surplus_or_retain_is_the_only_one_that_does_not_return() {
    for way in 0..4 {
        let census = Census::new();
        let pool = Pool::from([census.connect(), census.connect_to_panic(), census.connect()]);
        assert!(panics(|| match way {
            0 => pool.close(),
            1 => {
                pool.resize(0).unwrap();
                pool.drop_surplus();
            }
            2 => drop(pool.drain_async()),
            _ => {
                pool.retain(|connection| connection.number != 2);
            }
        }));
        assert_eq!(census.dropped(), if way == 3 { 1 } else { 3 });
        assert_eq!(pool.status().in_use, 0);
        drop(pool);
        census.assert_each_dropped_once();
    }
}

#[test]
fn a_destructor_that_panics_with_the_pool_keeps_no_other_from_running() {
    for place in 0..3 {
        let census = Census::new();
        let pool: Pool<_, 3> =
            Pool::from_fn(|number| if number == place { census.connect_to_panic() } else { census.connect() });
        assert!(panics(|| drop(pool)));
        census.assert_each_dropped_once();
    }
}

#[test]
fn a_guard_that_comes_back_to_a_closed_pool_and_panics_leaves_it_drained() {
    let census = Census::new();
    let pool = Pool::from([census.connect_to_panic()]);
    let held = pool.try_get().unwrap();
    pool.close();
    let mut drain = Box::pin(pool.drain_async());
    let (bell, waker) = Bell::new();
    assert!(poll_with(&mut drain, &waker).is_pending());
    assert!(panics(|| drop(held)));
    assert_eq!(bell.rings(), 1);
    assert!(poll_with(&mut drain, &waker).is_ready());
    census.assert_each_dropped_once();
}

#[test]
fn a_retain_closure_that_panics_gives_its_connection_back() {
    let pool = Pool::from([0, 1, 2]);
    let mut visited = 0;
    assert!(panics(|| {
        pool.retain(|connection| {
            visited += 1;
            assert!(*connection != 1, "the closure panics");
            true
        });
    }));
    assert_eq!(visited, 2);
    assert_at_rest(&pool);
    assert_eq!(hold_all(&pool).len(), 3);
}

#[test]
fn a_retain_closure_that_panics_while_others_wait_serves_them() {
    let pool = Pool::from([()]);
    let mut waiter = None;
    assert!(panics(|| {
        pool.retain(|()| {
            waiter = Some(Task::waiting(&pool));
            panic!("the closure panics");
        });
    }));
    drop(waiter.unwrap().guard());
    assert_at_rest(&pool);
}

#[test]
fn a_guard_dropped_while_a_panic_unwinds_gives_its_connection_back() {
    let pool = Pool::from([1]);
    let mut waiter = None;
    assert!(panics(|| {
        let _guard = pool.try_get().unwrap();
        waiter = Some(Task::waiting(&pool));
        panic!("the borrower panics");
    }));
    assert_eq!(*waiter.unwrap().guard(), 1);
    assert_at_rest(&pool);
}

#[cfg(feature = "std")]
mod several {
    use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
    use std::thread;
    use std::time::Duration;

    use conn_pool::Pool;

    use crate::kit::plain::{Task, assert_at_rest, paused, wait_for_waiting, waiting_tasks};
    use crate::kit::{Census, FOREVER, panics, waker_that, waker_that_panics};

    #[test]
    fn all_wakers_panic_and_everybody_is_served() {
        let pool = paused([(); 25]);
        let mut panicking: Vec<_> =
            (0..12).map(|_| Task::waiting_with(&pool, waker_that_panics("one of many panics"))).collect();
        thread::scope(|scope| {
            // It hands its guard over, because giving it back here could wake others, and so panic.
            let served = scope.spawn(|| pool.get_timeout(FOREVER));
            wait_for_waiting(&pool, 13);
            panicking.extend((0..12).map(|_| Task::waiting_with(&pool, waker_that_panics("one of many panics"))));
            assert!(panics(|| pool.resize(25).unwrap()));
            drop(served.join().unwrap().unwrap());
        });
        for task in &mut panicking {
            drop(task.guard());
        }
        assert_at_rest(&pool);
    }

    #[test]
    fn the_first_panic_is_the_one_that_is_passed_on() {
        let pool = paused([(); 2]);
        let _tasks = [
            Task::waiting_with(&pool, waker_that_panics("the first")),
            Task::waiting_with(&pool, waker_that_panics("the second")),
        ];
        let panic = catch_unwind(AssertUnwindSafe(|| pool.resize(2).unwrap())).unwrap_err();
        assert_eq!(panic.downcast_ref::<String>().map(String::as_str), Some("the first"));
    }

    #[test]
    fn several_destructors_panic_and_all_connections_go() {
        for way in 0..3 {
            let census = Census::new();
            let pool: Pool<_, 9> =
                Pool::from_fn(|number| if number % 2 == 0 { census.connect_to_panic() } else { census.connect() });
            match way {
                0 => {
                    assert!(panics(|| pool.close()));
                    assert_eq!(pool.drain(Duration::ZERO), Ok(()));
                    assert_eq!(pool.status().vacant, 9);
                }
                1 => {
                    pool.resize(0).unwrap();
                    assert!(panics(|| {
                        pool.drop_surplus();
                    }));
                    pool.resize(9).unwrap();
                    assert_eq!(pool.status().vacant, 9);
                }
                _ => assert!(panics(|| drop(pool))),
            }
            census.assert_each_dropped_once();
        }
    }

    #[test]
    fn wakers_and_destructors_panic_in_one_close() {
        let census = Census::new();
        let pool: Pool<_, 3> = Pool::from_fn(|_| census.connect_to_panic());
        pool.resize(0).unwrap();
        let mut tasks: Vec<_> =
            (0..20).map(|_| Task::waiting_with(&pool, waker_that_panics("one of many panics"))).collect();
        assert!(panics(|| pool.close()));
        census.assert_each_dropped_once();
        assert!(tasks.iter_mut().all(|task| task.error().name() == "closed"));
    }

    #[test]
    fn a_waker_panics_while_a_panic_unwinds_and_the_program_goes_on() {
        let pool = Pool::from([()]);
        let mut waiter = None;
        let panic = catch_unwind(AssertUnwindSafe(|| {
            let _guard = pool.try_get().unwrap();
            waiter = Some(Task::waiting_with(&pool, waker_that_panics("the waker panics")));
            panic!("the borrower panics");
        }));
        assert_eq!(panic.unwrap_err().downcast_ref::<&str>(), Some(&"the borrower panics"));
        drop(waiter.unwrap().guard());
        assert_at_rest(&pool);
    }

    #[test]
    fn a_pool_dropped_while_a_panic_unwinds_survives_its_connections_panics() {
        let census = Census::new();
        assert!(panics(|| {
            let _pool: Pool<_, 3> = Pool::from_fn(|_| census.connect_to_panic());
            panic!("the owner panics");
        }));
        census.assert_each_dropped_once();
    }

    #[test]
    fn a_panic_whose_payload_panics_when_it_is_dropped_is_survived() {
        struct Nasty;
        impl Drop for Nasty {
            fn drop(&mut self) {
                panic!("the payload panics");
            }
        }
        let pool = paused([(); 4]);
        let mut tasks: Vec<_> = (0..3).map(|_| Task::waiting_with(&pool, waker_that(|| panic_any(Nasty)))).collect();
        tasks.extend(waiting_tasks(&pool, 1));
        let first = catch_unwind(AssertUnwindSafe(|| pool.resize(4).unwrap())).unwrap_err();
        assert!(first.is::<Nasty>());
        assert!(panics(|| drop(first)));
        assert_eq!(tasks[3].rings(), 1);
        for task in &mut tasks {
            drop(task.guard());
        }
        assert_at_rest(&pool);
    }

    #[test]
    fn wakers_panic_on_many_threads_at_once_and_no_connection_is_lost() {
        let census = Census::new();
        let pool: Pool<_, 3> = Pool::from_fn(|_| census.connect());
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let mut task = Task::new(&pool);
                        task.set_waker(waker_that_panics("in the crowd"));
                        let _ = catch_unwind(AssertUnwindSafe(|| drop(task.poll())));
                        let _ = catch_unwind(AssertUnwindSafe(|| drop(task)));
                    }
                });
                scope.spawn(|| {
                    for _ in 0..200 {
                        let guard = pool.get_timeout(FOREVER).unwrap();
                        guard.use_alone(thread::yield_now);
                        let _ = catch_unwind(AssertUnwindSafe(|| drop(guard)));
                    }
                });
            }
        });
        assert_at_rest(&pool);
        assert_eq!(pool.status().idle, 3);
    }
}

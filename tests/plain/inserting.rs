//! Connections that are made in their slots.

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::ptr;

use conn_pool::{Pool, VacancyError};

use crate::kit::plain::{Task, assert_at_rest, hold_all, waiting_tasks};
use crate::kit::{Census, Job, panics, waker_that_panics};

#[test]
fn a_connection_is_made_where_it_is_lent() {
    let pool: Pool<u64, 3> = Pool::new();
    let place = Cell::new(ptr::null());
    pool.insert_uninit(|cell| {
        place.set(cell.as_ptr());
        cell.write(7)
    })
    .unwrap();
    let guard = pool.try_get().unwrap();
    assert_eq!((*guard, &raw const *guard), (7, place.get()));
}

#[test]
fn nothing_is_made_without_a_vacant_slot() {
    fn assert_refused<const N: usize>(pool: &Pool<u8, N>, reason: VacancyError) {
        assert_eq!(pool.insert_with(|| unreachable!("there is no slot")), Err(reason));
        assert_eq!(pool.insert_uninit(|_| unreachable!("there is no slot")), Err(reason));
        assert_eq!(pool.insert(1).unwrap_err().reason, reason);
    }

    let pool: Pool<u8, 3> = Pool::new();
    pool.resize(1).unwrap();
    pool.insert_with(|| 0).unwrap();
    assert_refused(&pool, VacancyError::Full { max_size: 1 });
    pool.close();
    assert_refused(&pool, VacancyError::Closed);
    assert_refused(&Pool::from([1, 2]), VacancyError::Full { max_size: 2 });
    assert_refused(&Pool::from([0; 0]), VacancyError::Full { max_size: 0 });
}

#[test]
fn what_is_made_in_a_slot_goes_to_the_oldest_waiter() {
    let pool: Pool<u8, 2> = Pool::new();
    let mut tasks = waiting_tasks(&pool, 2);
    pool.insert_with(|| {
        assert_eq!((pool.status().in_use, pool.status().waiting), (1, 2), "the slot is nobody else's meanwhile");
        assert!(pool.try_get().is_err());
        1
    })
    .unwrap();
    assert_eq!((tasks[0].rings(), tasks[1].rings()), (1, 0));
    pool.insert_uninit(|cell| cell.write(2)).unwrap();
    let held: Vec<_> = tasks.iter_mut().map(Task::guard).collect();
    assert_eq!(held.iter().map(|guard| **guard).collect::<Vec<_>>(), [1, 2]);
    drop(held);
    assert_at_rest(&pool);
}

#[test]
fn a_panic_while_a_connection_is_made_costs_no_slot() {
    let pool: Pool<_, 1> = Pool::new();
    let census = Census::new();
    let mut task = Task::waiting(&pool);
    assert!(panics(|| pool.insert_with(|| panic!("no connection")).unwrap()));
    assert!(panics(|| pool.insert_uninit(|_| panic!("no connection")).unwrap()));
    assert_eq!((pool.status().vacant, pool.status().in_use, task.rings()), (1, 0, 0));
    assert_eq!(pool.metrics().discarded, 0, "none was there");
    pool.insert_with(|| census.connect()).unwrap();
    task.guard().ping();
    assert_at_rest(&pool);
    drop(task);
    drop(pool);
    assert_eq!(census.made(), 1);
    census.assert_each_dropped_once();
}

#[test]
fn a_panic_in_a_slot_that_is_not_needed_any_more_retires_it() {
    let pool: Pool<u8, 2> = Pool::new();
    assert!(panics(|| {
        pool.insert_with(|| {
            pool.resize(0).unwrap();
            panic!("no connection")
        })
        .unwrap();
    }));
    assert_eq!((pool.status().in_use, pool.status().vacant), (0, 0));
    pool.resize(2).unwrap();
    assert_eq!(pool.status().vacant, 2);
}

#[test]
fn a_pool_that_is_closed_while_a_connection_is_made_drops_it() {
    let pool: Pool<_, 2> = Pool::new();
    let census = Census::new();
    let drained = Cell::new(None);
    pool.insert_with(|| {
        pool.close();
        drained.set(Some(Job::begun(pool.drain_async())));
        census.connect()
    })
    .unwrap();
    assert_eq!(census.dropped(), 1);
    drained.take().unwrap().woken_to_end();
}

#[test]
fn a_closed_pool_is_drained_when_a_connection_was_not_made() {
    let pool: Pool<u8, 2> = Pool::new();
    let drained = Cell::new(None);
    assert!(panics(|| {
        pool.insert_with(|| {
            drained.set(Some(Job::begun(pool.drain_async())));
            panic!("no connection")
        })
        .unwrap();
    }));
    drained.take().unwrap().woken_to_end();
}

#[test]
fn connections_are_made_within_each_other() {
    let pool: Pool<u8, 2> = Pool::new();
    pool.insert_with(|| {
        pool.insert_with(|| {
            assert!(pool.insert(3).is_err(), "both slots are taken");
            2
        })
        .unwrap();
        assert_eq!(*pool.try_get().unwrap(), 2, "it is there already");
        1
    })
    .unwrap();
    let mut made: Vec<_> = hold_all(&pool).iter().map(|guard| **guard).collect();
    made.sort_unstable();
    assert_eq!(made, [1, 2]);
}

#[test]
fn a_connection_is_in_the_pool_though_a_waker_panics() {
    let pool: Pool<u8, 1> = Pool::new();
    let mut task = Task::waiting_with(&pool, waker_that_panics("a waker's panic"));
    assert!(panics(|| pool.insert_with(|| 1).unwrap()));
    assert_eq!(*task.guard(), 1);
    assert_at_rest(&pool);
}

#[test]
fn a_connection_that_lies_elsewhere_is_not_taken_for_the_one_in_the_cell() {
    let pool: Pool<String, 1> = Pool::new();
    let elsewhere = Cell::new(ptr::null_mut());
    assert!(panics(|| {
        pool.insert_uninit(|_| {
            let leaked = Box::leak(Box::default());
            elsewhere.set(&raw mut *leaked);
            leaked
        })
        .unwrap();
    }));
    assert_eq!(pool.status().vacant, 1);
    // SAFETY: the box that was leaked, which nobody refers to any more.
    drop(unsafe { Box::from_raw(elsewhere.get()) });
    // Neither is one of no size, which may lie anywhere.
    let pool: Pool<(), 1> = Pool::new();
    assert!(panics(|| pool.insert_uninit(|_: &mut MaybeUninit<()>| Box::leak(Box::new(()))).unwrap()));
    assert_eq!(pool.status().vacant, 1);
}

#[test]
fn the_error_tells_the_reason_and_not_the_connection() {
    /// Has no `Debug`.
    struct Opaque;

    let pool = Pool::from([Opaque]);
    let full = pool.insert(Opaque).unwrap_err();
    assert_eq!(full.to_string(), "the pool is full: max_size is 1, and no slot is vacant");
    assert_eq!(full.to_string(), full.reason.to_string());
    assert_eq!(format!("{full:?}"), "InsertError { reason: Full { max_size: 1 }, .. }");
    pool.close();
    let closed = pool.insert_with(|| Opaque).unwrap_err();
    assert_eq!(closed.to_string(), "the pool is closed and takes no more connections");
}

//! A connection in the hands of a caller, whatever kind of connection it is.

use std::cell::Cell;

use conn_pool::{ConnGuard, Pool};

use crate::kit::plain::{Task, hold_all};

#[test]
fn guards_are_used_like_the_connection() {
    let pool = Pool::from([String::from("a")]);
    let mut guard = pool.try_get().unwrap();
    guard.push('b');
    assert_eq!(guard.len(), 2);
    assert_eq!(format!("{guard:?}"), "ConnGuard { slot: 0, connection: \"ab\" }");
}

#[test]
fn a_guard_of_a_shareable_connection_is_shared() {
    let pool = Pool::from([7]);
    let guard = pool.try_get().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| assert_eq!(*guard, 7));
        }
    });
}

#[test]
fn connections_without_a_size_are_counted_and_dropped_like_any() {
    static DROPS: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    struct Token;
    impl Drop for Token {
        fn drop(&mut self) {
            DROPS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }
    let drops = || DROPS.load(std::sync::atomic::Ordering::Relaxed);
    let pool: Pool<Token, 70> = Pool::from_fn(|_| Token);
    let held = hold_all(&pool);
    assert_eq!(held.len(), 70);
    drop(held);
    ConnGuard::discard(pool.try_get().unwrap());
    assert_eq!(drops(), 1);
    drop(pool);
    assert_eq!(drops(), 70);
}

#[test]
fn connections_are_aligned_as_they_want_to_be() {
    #[derive(Debug, Clone, Copy, PartialEq)]
    #[repr(align(64))]
    struct Wide(u8);
    #[derive(Clone, Copy)]
    #[repr(align(4096))]
    struct Page([u8; 4096]);

    let pool: Pool<Wide, 9> = Pool::from_fn(|number| Wide(u8::try_from(number).unwrap()));
    let mut held = hold_all(&pool);
    for guard in &mut held {
        assert_eq!(std::ptr::from_ref(&**guard).addr() % 64, 0);
        guard.0 += 100;
    }
    drop(held);
    let mut numbers: Vec<u8> = hold_all(&pool).iter().map(|guard| guard.0).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (100..109).collect::<Vec<u8>>());

    let pages = Box::new(Pool::from([Page([7; 4096]); 2]));
    let both = hold_all(&pages);
    assert!(
        both.iter().all(|page| std::ptr::from_ref(&**page).addr() % 4096 == 0 && page.0.iter().all(|byte| *byte == 7))
    );
}

#[test]
fn a_connection_that_cannot_be_shared_is_used_by_one_at_a_time() {
    let pool = Pool::from([Cell::new(0_u32)]);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..100 {
                    let guard = loop {
                        if let Ok(guard) = pool.try_get() {
                            break guard;
                        }
                        std::thread::yield_now();
                    };
                    guard.set(guard.get() + 1);
                }
            });
        }
    });
    assert_eq!(pool.try_get().unwrap().get(), 400);
}

#[test]
fn a_connection_that_stays_on_its_thread_makes_a_pool_that_does() {
    let pool = Pool::from([std::rc::Rc::new(1)]);
    let copy = std::rc::Rc::clone(&pool.try_get().unwrap());
    let held = pool.try_get().unwrap();
    let mut task = Task::waiting(&pool);
    drop(held);
    assert_eq!(**task.guard(), 1);
    drop(task);
    drop(pool);
    assert_eq!(std::rc::Rc::strong_count(&copy), 1);
}

#[test]
fn a_leaked_guard_holds_its_slot_and_nothing_else_changes() {
    let pool = Pool::from([1, 2]);
    std::mem::forget(pool.try_get().unwrap());
    for _ in 0..3 {
        let held = pool.try_get().unwrap();
        let mut task = Task::waiting(&pool);
        drop(held);
        drop(task.guard());
        assert_eq!((pool.status().in_use, pool.status().idle), (1, 1));
    }
    pool.resize(1).unwrap();
    assert!(pool.try_get().is_err(), "the one that may be out is out for good");
    pool.resize(2).unwrap();
    assert!(pool.try_get().is_ok());
}

#[cfg(feature = "std")]
mod with_threads {
    use conn_pool::Pool;

    #[test]
    fn a_thread_that_finds_something_free_does_not_wait() {
        let pool = Pool::from([1, 2]);
        let first = pool.get().unwrap();
        let second = pool.get().unwrap();
        assert_ne!(*first, *second);
        assert_eq!(pool.metrics().waited, 0);
    }
}

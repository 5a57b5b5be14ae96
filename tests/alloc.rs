//! Where no memory is allocated: on the fast path, and for waiting.

mod common;

use std::pin::pin;
use std::task::{Context, Poll};

use allocation_counter::measure;
use common::Bell;
use conn_pool::{Fairness, Pool};

fn allocations(work: impl FnOnce()) -> u64 {
    measure(work).count_total
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 1);
}

#[test]
fn borrowing_and_giving_back_allocate_nothing() {
    let pool = Pool::from([1, 2, 3]);
    let spent = allocations(|| {
        for _ in 0..100 {
            drop((pool.try_get().unwrap(), pool.try_get().unwrap()));
        }
        let held = (pool.try_get(), pool.try_get(), pool.try_get());
        assert!(pool.try_get().is_err());
        drop(held);
    });
    assert_eq!(spent, 0);
}

#[test]
fn a_task_waits_without_allocating() {
    for fairness in [Fairness::Fifo, Fairness::Bounded(2)] {
        let pool = Pool::from([1]).with_fairness(fairness);
        let (bell, waker) = Bell::new();
        let spent = allocations(|| {
            let mut context = Context::from_waker(&waker);
            let held = pool.try_get().unwrap();
            let mut first = pin!(pool.get_async());
            let mut second = pin!(pool.get_async());
            assert!(first.as_mut().poll(&mut context).is_pending());
            assert!(second.as_mut().poll(&mut context).is_pending());
            assert!(first.as_mut().poll(&mut context).is_pending());
            drop(held);
            let Poll::Ready(Ok(guard)) = first.poll(&mut context) else { panic!("not served") };
            drop(guard);
            // The second is dropped with its grant.
        });
        assert_eq!(spent, 0);
        assert_eq!(bell.rings(), 2);
    }
}

#[test]
fn a_crowd_is_served_and_sent_away_without_allocating() {
    let pool = Pool::from([0; 20]);
    pool.resize(0).unwrap();
    let mut tasks = common::tasks_in_line(&pool, 40);
    assert_eq!(allocations(|| pool.resize(20).unwrap()), 0);
    assert_eq!(allocations(|| pool.close()), 0);
    for task in &mut tasks[20..] {
        assert!(task.poll().is_ready());
    }
}

#[test]
fn looking_at_the_pool_allocates_nothing() {
    let pool: Pool<u8, 70> = Pool::from_fn(|_| 0);
    let held = pool.try_get().unwrap();
    let spent = allocations(|| {
        let (status, metrics) = (pool.status(), pool.metrics());
        assert_eq!((status.in_use, metrics.borrowed), (1, 1));
        assert_eq!(pool.retain(|_| true).kept, 69);
        pool.reset_peaks();
    });
    assert_eq!(spent, 0);
    drop(held);
}

#[cfg(feature = "alloc")]
#[test]
fn owning_the_pool_allocates_nothing_more() {
    let pool = std::sync::Arc::new(Pool::from([1]));
    let spent = allocations(|| {
        let held = pool.try_get_owned().unwrap();
        let mut waiting = pin!(pool.get_async_owned());
        assert!(waiting.as_mut().poll(&mut Context::from_waker(std::task::Waker::noop())).is_pending());
        drop(held);
        assert!(waiting.poll(&mut Context::from_waker(std::task::Waker::noop())).is_ready());
    });
    assert_eq!(spent, 0);
}

#[cfg(feature = "std")]
mod with_threads {
    use std::thread;
    use std::time::Duration;

    use super::common::{FOREVER, wait_for_waiting};
    use super::{Pool, allocations};

    #[test]
    fn get_on_a_free_pool_allocates_nothing() {
        let pool = Pool::from([1]);
        let spent = allocations(|| {
            drop(pool.get().unwrap());
            drop(pool.get_timeout(FOREVER).unwrap());
            drop(pool.get_timeout(Duration::ZERO).unwrap());
        });
        assert_eq!(spent, 0);
    }

    #[test]
    fn a_thread_allocates_nothing_after_its_first_wait() {
        let (pool, other) = (Pool::from([1]), Pool::from([2]));
        thread::scope(|scope| {
            let held = pool.try_get().unwrap();
            let other_held = other.try_get().unwrap();
            let waiter = scope.spawn(|| {
                assert!(other.get_timeout(Duration::from_millis(1)).is_err());
                allocations(|| {
                    drop(pool.get_timeout(FOREVER).unwrap());
                    assert!(other.get_timeout(Duration::from_millis(1)).is_err());
                })
            });
            wait_for_waiting(&pool, 1);
            drop(held);
            assert_eq!(waiter.join().unwrap(), 0);
            drop(other_held);
        });
    }

    #[test]
    fn giving_back_to_a_waiting_thread_allocates_nothing() {
        let pool = Pool::from([1]);
        thread::scope(|scope| {
            let held = pool.try_get().unwrap();
            let waiter = scope.spawn(|| *pool.get_timeout(FOREVER).unwrap());
            wait_for_waiting(&pool, 1);
            assert_eq!(allocations(|| drop(held)), 0);
            assert_eq!(waiter.join().unwrap(), 1);
        });
    }
}

//! Where no memory is allocated: on the fast path, and for waiting.
//!
//! A program of its own, since a counting allocator takes the place of the usual one.

#![cfg(feature = "statistics")]

#[path = "kit/mod.rs"]
mod kit;

use std::pin::pin;
use std::task::{Context, Poll};

use allocation_counter::measure;
use conn_pool::{Fairness, Pool};
use kit::Bell;
use kit::plain::waiting_tasks;

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
fn filling_a_pool_in_place_allocates_nothing_but_the_pool() {
    let mut place = Box::new_uninit();
    let spent = allocations(|| {
        let pool: &mut Pool<[u8; 4096], 2> = Pool::init(&mut place);
        pool.insert_with(|| [1; 4096]).unwrap();
        pool.insert_uninit(|cell| cell.write([2; 4096])).unwrap();
        pool.insert_with(|| [3; 4096]).unwrap_err();
    });
    assert_eq!(spent, 0);
    #[cfg(feature = "alloc")]
    {
        assert_eq!(allocations(|| drop(Pool::<_, 64>::new_boxed(|number| number))), 1);
        assert_eq!(allocations(|| drop(Pool::<_, 64>::new_arc(|number| number))), 1);
    }
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
    let mut tasks = waiting_tasks(&pool, 40);
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
        assert_eq!((status.in_use, metrics.acquired), (1, 1));
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
        let held = kit::plain::owned(pool.try_get().unwrap(), &pool);
        let mut waiting = pin!(kit::plain::get_async_owned(std::sync::Arc::clone(&pool)));
        assert!(waiting.as_mut().poll(&mut Context::from_waker(std::task::Waker::noop())).is_pending());
        drop(held);
        assert!(waiting.poll(&mut Context::from_waker(std::task::Waker::noop())).is_ready());
    });
    assert_eq!(spent, 0);
}

// What `tracing` and `metrics` are told allocates, as they do.
#[cfg(all(feature = "managed", not(any(feature = "metrics", feature = "tracing"))))]
mod managed {
    use std::cell::Cell;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};
    use std::time::Duration;

    use conn_pool::managed::{AsyncManager, CanSleep, Clock, Config, ConnGuard, GetError, Lifecycle, Manager, Pool};

    use super::allocations;

    /// A server that refuses a connect now and then.
    struct Server(Cell<u32>);

    impl Lifecycle for Server {
        type Connection = u64;
        type Error = ();
    }

    impl Manager for Server {
        fn connect(&self, _: Option<Duration>) -> Result<u64, ()> {
            self.0.update(|connects| connects + 1);
            if self.0.get().is_multiple_of(4) { Err(()) } else { Ok(7) }
        }
    }

    /// One that does not.
    struct Quick;

    impl Lifecycle for Quick {
        type Connection = u64;
        type Error = ();
    }

    impl Manager for Quick {
        fn connect(&self, _: Option<Duration>) -> Result<u64, ()> {
            Ok(7)
        }
    }

    impl AsyncManager for Quick {
        async fn connect(&self) -> Result<u64, ()> {
            Ok(7)
        }
    }

    /// No sleep on it ends.
    #[derive(Default)]
    struct Hands(Cell<u64>);

    impl Clock for Hands {
        const CAN_SLEEP: bool = true;

        fn now(&self) -> Duration {
            Duration::from_millis(self.0.get())
        }
    }

    impl CanSleep for Hands {}

    const CONFIG: Config = Config::new().min_idle(2).max_waiting(1);

    /// Connects that succeed and fail, checks, connections that expire, are discarded and evicted, and looks at it all.
    #[test]
    fn a_connections_life_allocates_nothing() {
        let pool: Pool<_, 4, _> = Pool::with_clock(Server(Cell::new(0)), CONFIG, Hands::default()).unwrap();
        let spent = allocations(|| {
            for round in 0..40 {
                pool.clock().0.set(round * 100_000);
                let _done = pool.maintain(pool.clock().now());
                let held = [pool.try_get(), pool.try_get(), pool.try_get(), pool.try_get()];
                for guard in held.into_iter().flatten().take(2) {
                    ConnGuard::discard(guard);
                }
                assert!(pool.loans().count() <= 4);
                pool.evict_all();
            }
            pool.resize(1).unwrap();
        });
        assert_eq!(spent, 0);
        let metrics = pool.metrics();
        assert!(
            metrics.connected > 40 && metrics.connect_failed > 10 && metrics.discarded_in_all() > 40,
            "{metrics:?}"
        );
    }

    #[test]
    fn a_task_waits_and_is_refused_without_allocating() {
        let pool: Pool<_, 1, _> = Pool::with_clock(Quick, CONFIG.min_idle(0), Hands::default()).unwrap();
        let mut context = Context::from_waker(Waker::noop());
        // A connect of the maintenance allocates.
        assert!(pin!(pool.get_async()).poll(&mut context).is_ready());
        let spent = allocations(|| {
            let mut upkeep = pin!(pool.run_maintenance());
            assert!(upkeep.as_mut().poll(&mut context).is_pending());
            for _ in 0..10 {
                let held = pin!(pool.get_async()).poll(&mut context);
                let mut waiting = pin!(pool.get_async_timeout(Duration::from_secs(1)));
                assert!(waiting.as_mut().poll(&mut context).is_pending());
                let refused = pin!(pool.get_async()).poll(&mut context).map(Result::err);
                assert!(matches!(refused, std::task::Poll::Ready(Some(GetError::QueueFull(_)))));
                drop(held);
                assert!(waiting.poll(&mut context).is_ready());
                assert!(upkeep.as_mut().poll(&mut context).is_pending());
            }
        });
        assert_eq!(spent, 0);
    }

    #[cfg(feature = "std")]
    #[test]
    fn a_thread_borrows_and_times_out_without_allocating() {
        let pool: Pool<_, 1> = Pool::new(Quick, Config::new()).unwrap();
        let in_vain = || pool.get_timeout(Duration::from_millis(1)).map(drop);
        // The first wait of a thread makes what it sleeps in.
        let held = pool.get().unwrap();
        assert!(in_vain().is_err());
        drop(held);
        let spent = allocations(|| {
            for _ in 0..3 {
                let held = pool.get().unwrap();
                assert!(matches!(in_vain(), Err(GetError::Timeout(_))));
                drop(held);
                ConnGuard::discard(pool.get().unwrap());
            }
        });
        assert_eq!(spent, 0);
    }
}

#[cfg(feature = "std")]
mod with_threads {
    use std::thread;
    use std::time::Duration;

    use super::kit::FOREVER;
    use super::kit::plain::wait_for_waiting;
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

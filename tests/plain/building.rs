//! Pools of odd sizes, in odd places.

use std::collections::HashSet;

use conn_pool::{ConnGuard, Fairness, InsertError, Pool, PoolError, TryGetError, VacancyError};

use crate::kit::plain::{Task, assert_at_rest, hold_all, waiting_tasks};
use crate::kit::{Census, Conn, panics, poll_once};

#[test]
fn a_pool_of_no_slots_has_no_connections() {
    let pool = Pool::from([(); 0]);
    assert!(matches!(pool.try_get(), Err(TryGetError::NoConnections)));
    assert!(matches!(Task::new(&pool).error(), PoolError::NoConnections));
    let refused = pool.insert(()).unwrap_err();
    assert!(matches!(refused, InsertError { reason: VacancyError::Full { max_size: 0 }, .. }), "{refused}");
    assert_eq!(pool.retain(|()| unreachable!("there is none")).kept, 0);
    assert_eq!(pool.resize(0), Ok(()));
    assert!(pool.resize(1).is_err());
    assert_eq!(pool.drop_surplus(), 0);
    assert_eq!(pool.metrics().acquired, 0);
    pool.reset_peaks();
    assert_eq!(format!("{pool:?}"), "Pool { 0/0 free [] waiting: 0 }");
    assert!(poll_once(&mut Box::pin(pool.drain_async())).is_ready());
    assert!(pool.try_get().is_err());
    assert!(matches!(pool.insert(()), Err(InsertError { reason: VacancyError::Closed, .. })));
}

#[cfg(feature = "std")]
#[test]
fn a_pool_of_no_slots_keeps_no_thread_waiting() {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    let pool: Arc<Pool<(), 0>> = Arc::default();
    let answers = [
        pool.get().map(drop),
        pool.get_timeout(Duration::MAX).map(drop),
        pool.get_timeout(Duration::ZERO).map(drop),
        pool.get_deadline(Instant::now()).map(drop),
        pool.try_get().map(drop).map_err(PoolError::from),
        futures::executor::block_on(pool.get_async()).map(drop),
        futures::executor::block_on(crate::kit::plain::get_async_owned(Arc::clone(&pool))).map(drop),
    ];
    assert!(answers.iter().all(|answer| *answer == Err(PoolError::NoConnections)), "{answers:?}");
    assert_eq!(pool.metrics().timed_out, 0);
    assert_eq!(pool.drain(Duration::ZERO), Ok(()));
}

/// Full pools, one for each way to fill one; the connections are 0 to `N - 1`.
fn full_pools<const N: usize>() -> Vec<Box<Pool<usize, N>>> {
    let inserted = Box::new(Pool::new());
    let in_place: &'static mut Pool<usize, N> = Pool::init(Box::leak(Box::new_uninit()));
    for number in 0..N {
        assert!(inserted.insert(number).is_ok());
        assert_eq!(in_place.insert_with(|| number), Ok(()));
    }
    // SAFETY: the box that was leaked, with the pool in it.
    let in_place = unsafe { Box::from_raw(in_place) };
    #[cfg_attr(not(feature = "alloc"), expect(unused_mut, reason = "there is one more"))]
    let mut pools = vec![
        inserted,
        in_place,
        Box::new(Pool::from_array(std::array::from_fn(|number| number))),
        Box::new(Pool::from_fn(|number| number)),
    ];
    #[cfg(feature = "alloc")]
    pools.push(Pool::new_boxed(|number| number));
    pools
}

/// Uses every slot, and empties each of them once: by lending, by waiting, by visiting, by discarding.
fn each_slot_is_used_once<const N: usize>() {
    for pool in full_pools::<N>() {
        use_each_slot_once(&pool);
    }
}

fn use_each_slot_once<const N: usize>(pool: &Pool<usize, N>) {
    assert_eq!((pool.status().idle, pool.status().vacant, pool.status().in_use), (N, 0, 0));
    assert_eq!(pool.metrics(), Pool::<usize, N>::new().metrics(), "nothing was acquired");
    assert!(pool.insert(N).is_err());
    let held = hold_all(pool);
    let numbers: HashSet<usize> = held.iter().map(|guard| **guard).collect();
    assert_eq!((held.len(), numbers.len()), (N, N));
    assert!(matches!(pool.try_get(), Err(TryGetError::Exhausted)));
    let passed_on: Vec<_> = held
        .into_iter()
        .map(|guard| {
            let number = *guard;
            let mut task = Task::waiting(pool);
            drop(guard);
            let guard = task.guard();
            assert_eq!(*guard, number, "the one that came back is the one that is lent");
            guard
        })
        .collect();
    assert_eq!(pool.status().in_use, N);
    drop(passed_on);
    assert_at_rest(pool);
    assert_eq!(pool.status().idle, N);
    let mut seen = HashSet::new();
    assert_eq!(pool.retain(|number| seen.insert(*number)).kept, N);
    for left in (0..N).rev() {
        ConnGuard::discard(pool.try_get().unwrap());
        assert_eq!((pool.status().idle, pool.status().vacant), (left, N - left));
    }
    assert!(pool.try_get().is_err());
    assert_eq!(pool.metrics().discarded, N);
    pool.insert(7).unwrap();
    assert_eq!(*pool.try_get().unwrap(), 7);
}

#[test]
fn each_slot_of_a_pool_of_any_size_is_used_once() {
    each_slot_is_used_once::<1>();
    each_slot_is_used_once::<2>();
    each_slot_is_used_once::<3>();
    each_slot_is_used_once::<4>();
    each_slot_is_used_once::<5>();
    each_slot_is_used_once::<31>();
    each_slot_is_used_once::<32>();
    each_slot_is_used_once::<33>();
    each_slot_is_used_once::<63>();
    each_slot_is_used_once::<64>();
    each_slot_is_used_once::<65>();
    each_slot_is_used_once::<257>();
    each_slot_is_used_once::<1000>();
}

#[test]
fn each_slot_of_the_largest_pool_is_used_once() {
    each_slot_is_used_once::<4096>();
}

#[test]
fn the_last_free_slot_of_a_large_pool_is_found_wherever_it_is() {
    let pool: Box<Pool<usize, 1000>> = Box::new(Pool::from_fn(|number| number));
    let mut held: Vec<_> = hold_all(&pool).into_iter().map(Some).collect();
    for place in (0..1000).step_by(7).chain([0, 31, 32, 999]) {
        let number = *held[place].take().unwrap();
        let guard = pool.try_get().unwrap();
        assert_eq!(*guard, number);
        assert!(pool.try_get().is_err());
        held[place] = Some(guard);
    }
}

#[test]
fn a_large_pool_serves_its_queue_from_any_slot() {
    let pool: Box<Pool<usize, 257>> = Box::new(Pool::from_fn(|number| number));
    let mut held = hold_all(&pool);
    let mut tasks = waiting_tasks(&pool, 257);
    while let Some(guard) = held.pop() {
        drop(guard);
    }
    let numbers: HashSet<usize> = tasks.iter_mut().map(|task| *task.guard()).collect();
    assert!(!numbers.is_empty());
    assert_at_rest(&pool);
}

#[test]
fn a_pool_that_cannot_be_built_drops_what_was_made() {
    fn assert_dropped(build: impl FnOnce(&mut dyn FnMut(usize) -> Conn)) {
        let census = Census::new();
        assert!(panics(|| {
            build(&mut |number| {
                assert!(number < 5, "the connector panics");
                census.connect()
            });
        }));
        assert_eq!(census.made(), 5);
        census.assert_each_dropped_once();
    }

    assert_dropped(|connect| drop(Pool::<_, 8>::from_fn(connect)));
    #[cfg(feature = "alloc")]
    {
        assert_dropped(|connect| drop(Pool::<_, 8>::new_boxed(connect)));
        assert_dropped(|connect| drop(Pool::<_, 8>::new_arc(connect)));
    }
}

#[test]
fn a_pool_drops_what_it_was_built_with() {
    let census = Census::new();
    drop(Pool::from_array([census.connect(), census.connect()]));
    drop(Pool::<_, 40>::from_fn(|_| census.connect()));
    #[cfg(feature = "alloc")]
    {
        drop(Pool::<_, 40>::new_boxed(|_| census.connect()));
        drop(Pool::<_, 40>::new_arc(|_| census.connect()));
    }
    assert!(census.made() > 40);
    census.assert_each_dropped_once();
}

#[test]
fn connections_with_destructors_are_in_a_constant() {
    static NAMES: Pool<Option<String>, 65> = Pool::from_array([const { None }; 65]);
    let two = const { Pool::from_array([Vec::<u8>::new(), Vec::new()]) };
    *NAMES.try_get().unwrap() = Some("a".to_owned());
    assert_eq!(hold_all(&NAMES).iter().filter(|name| name.is_some()).count(), 1);
    assert_eq!((NAMES.status().idle, NAMES.status().vacant), (65, 0));
    assert_eq!(hold_all(&two).len(), 2);
}

#[test]
fn a_pool_that_cannot_move_gets_its_policy_where_it_is() {
    let mut place = Box::new_uninit();
    let pool: &mut Pool<u8, 2> = Pool::init(&mut place);
    assert_eq!(pool.fairness(), Fairness::Fifo);
    pool.set_fairness(Fairness::Bounded(3));
    assert_eq!(pool.fairness(), Fairness::Bounded(3));
}

#[test]
fn a_pool_is_built_in_a_constant() {
    static POOL: Pool<u32, 65> = Pool::new().with_fairness(Fairness::Bounded(3));
    static EMPTY: Pool<u32, 0> = Pool::new();
    assert_eq!(POOL.fairness(), Fairness::Bounded(3));
    POOL.insert(1).unwrap();
    assert_eq!(*POOL.try_get().unwrap(), 1);
    assert_eq!(EMPTY.status().capacity, 0);
    assert_eq!(Pool::<u8, 3>::default().status().vacant, 3);
}

#[test]
fn a_pool_may_move_while_nobody_borrows_from_it() {
    let pool = Pool::from([1, 2]);
    drop(pool.try_get().unwrap());
    let moved = Box::new(pool);
    let held = hold_all(&moved);
    let mut task = Task::waiting(&moved);
    drop(held);
    drop(task.guard());
    drop(task);
    let back = *moved;
    assert_eq!(hold_all(&back).len(), 2);
}

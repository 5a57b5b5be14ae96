//! Guards that are taken apart, or lose the type of their pool: for drivers and for transfers by DMA.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use conn_pool::{ConnGuard, MappedGuard, Pool, PoolError, PoolRef, TryGetError};

#[test]
fn a_guard_that_was_taken_apart_is_made_whole_from_the_place_of_its_connection() {
    let pool = Pool::<_, 70>::from_fn(|number| number);
    let guards: Vec<_> = (0..70).map(|_| pool.try_get().unwrap()).collect();
    let taken_apart: Vec<_> =
        guards.into_iter().map(|guard| (ConnGuard::slot(&guard), ConnGuard::into_raw(guard))).collect();
    assert_eq!(pool.status().in_use, 70);
    for (slot, place) in taken_apart {
        // SAFETY: it is the place of a guard of this pool, which is made whole once.
        let guard = unsafe { ConnGuard::from_raw(&pool, place) };
        assert_eq!((ConnGuard::slot(&guard), *guard), (slot, slot));
    }
    assert_eq!(pool.status().idle, 70);
}

#[test]
fn connections_without_a_size_have_places_of_their_own() {
    let pool = Pool::from([(), (), ()]);
    let guards = [(); 3].map(|()| pool.try_get().unwrap());
    for (number, place) in guards.map(ConnGuard::into_raw).into_iter().enumerate() {
        // SAFETY: it is the place of a guard of this pool, which is made whole once.
        let guard = unsafe { ConnGuard::from_raw(&pool, place) };
        assert_eq!(ConnGuard::slot(&guard), number);
    }
}

#[test]
fn a_guard_that_is_not_made_whole_keeps_its_slot() {
    let pool = Pool::from([String::from("kept")]);
    let _place = ConnGuard::into_raw(pool.try_get().unwrap());
    assert_eq!(pool.try_get().unwrap_err(), TryGetError::Exhausted);
    // The connection is dropped with the pool: see the leak checks.
}

#[test]
fn a_part_of_a_connection_releases_the_whole() {
    let pool = Pool::from([[1_u8, 2, 3, 4]]);
    let guard = ConnGuard::map(pool.try_get().unwrap(), |bytes| &mut bytes[1..]);
    let mut guard = MappedGuard::map(guard, |bytes| &mut bytes[1]);
    *guard = 9;
    assert_eq!((MappedGuard::slot(&guard), pool.status().in_use), (0, 1));
    assert_eq!(format!("{guard:?}"), "MappedGuard { slot: 0, value: 9 }");
    drop(guard);
    assert_eq!(*pool.try_get().unwrap(), [1, 2, 9, 4]);
}

#[test]
fn a_part_that_cannot_be_found_leaves_the_connection_in_the_pool() {
    let pool = Pool::from([[1_u8, 2]]);
    let guard = pool.try_get().unwrap();
    let caught =
        catch_unwind(AssertUnwindSafe(|| drop(ConnGuard::map(guard, |bytes| &mut bytes[pool.status().capacity + 1]))));
    assert!(caught.is_err());
    let guard = ConnGuard::map(pool.try_get().unwrap(), |bytes| bytes);
    let caught = catch_unwind(AssertUnwindSafe(|| {
        drop(MappedGuard::map(guard, |bytes| &mut bytes[pool.status().capacity + 1]));
    }));
    assert!(caught.is_err());
    assert_eq!(pool.status().idle, 1);
}

trait Driver: Send {
    fn name(&self) -> &'static str;
}

struct Serial;
struct Wireless;

impl Driver for Serial {
    fn name(&self) -> &'static str {
        "serial"
    }
}

impl Driver for Wireless {
    fn name(&self) -> &'static str {
        "wireless"
    }
}

#[test]
fn drivers_of_several_pools_go_to_one_function() {
    fn name(driver: &MappedGuard<'_, dyn Driver>) -> &'static str {
        driver.name()
    }
    let (serial, wireless) = (Pool::from([Serial, Serial]), Pool::from([Wireless]));
    assert_eq!(name(&ConnGuard::map(serial.try_get().unwrap(), |driver| driver as &mut dyn Driver)), "serial");
    assert_eq!(name(&ConnGuard::map(wireless.try_get().unwrap(), |driver| driver as &mut dyn Driver)), "wireless");
    assert_eq!((serial.status().idle, wireless.status().idle), (2, 1));
}

#[test]
fn a_part_goes_to_another_thread() {
    static POOL: Pool<Cell<u32>, 1> = Pool::from_array([Cell::new(1)]);
    let guard = ConnGuard::map(POOL.try_get().unwrap(), Cell::get_mut);
    std::thread::spawn(move || drop(guard)).join().unwrap();
    assert_eq!(POOL.status().idle, 1);
}

#[test]
fn a_pool_of_any_size_is_used_through_one_type() {
    fn take(pool: PoolRef<'_, u32>) -> Result<MappedGuard<'_, u32>, TryGetError> {
        pool.try_get()
    }
    let (small, large) = (Pool::from([1]), Pool::<u32, 100>::from_fn(|_| 2));
    let held = take(PoolRef::from(&small)).unwrap();
    assert_eq!((*held, *take((&large).into()).unwrap()), (1, 2));
    assert_eq!(take(PoolRef::from(&small)).unwrap_err(), TryGetError::Exhausted);
    assert_eq!(take(PoolRef::from(&Pool::<u32, 0>::new())).unwrap_err(), TryGetError::NoConnections);
    assert_eq!(format!("{:?}", PoolRef::from(&small)), format!("{small:?}"));
    drop(held);
    assert_eq!(PoolRef::from(&small).status().idle, 1);
}

#[test]
fn waiters_by_reference_stand_in_the_same_queue() {
    let pool = Pool::from([7]);
    let mut context = Context::from_waker(Waker::noop());
    let held = pool.try_get().unwrap();
    let mut first = pin!(PoolRef::from(&pool).get_async());
    let mut second = pin!(pool.get_async());
    assert!(first.as_mut().poll(&mut context).is_pending());
    assert!(second.as_mut().poll(&mut context).is_pending());
    drop(held);
    assert!(second.as_mut().poll(&mut context).is_pending());
    let Poll::Ready(Ok(held)) = first.poll(&mut context) else { panic!("the first is served first") };
    drop(held);
    assert!(matches!(second.poll(&mut context), Poll::Ready(Ok(_))));
}

#[test]
fn a_waiter_by_reference_may_leave_and_is_told_of_a_closed_pool() {
    let pool = Pool::from([7]);
    let mut context = Context::from_waker(Waker::noop());
    let held = pool.try_get().unwrap();
    {
        let mut left = pin!(PoolRef::from(&pool).get_async());
        assert!(left.as_mut().poll(&mut context).is_pending());
    }
    assert_eq!(pool.status().waiting, 0);
    let mut told = pin!(PoolRef::from(&pool).get_async());
    assert!(told.as_mut().poll(&mut context).is_pending());
    pool.close();
    let Poll::Ready(Err(error)) = told.poll(&mut context) else { panic!("a closed pool has no connections") };
    assert_eq!(error, PoolError::Closed);
    assert!(PoolRef::from(&pool).is_closed());
    drop(held);
}

#[cfg(feature = "stable-deref")]
#[test]
fn a_guard_of_a_static_pool_is_a_buffer_for_dma() {
    use embedded_dma::{ReadBuffer, WriteBuffer};

    static BUFFERS: Pool<[u8; 32], 2> = Pool::from_array([[0; 32]; 2]);

    fn transfer(mut buffer: impl WriteBuffer<Word = u8>) -> usize {
        // SAFETY: the buffer is written while it is the function's.
        let (place, len) = unsafe { buffer.write_buffer() };
        // SAFETY: as above.
        unsafe { place.write_bytes(1, len) };
        len
    }

    fn send(buffer: &impl ReadBuffer<Word = u8>) -> usize {
        // SAFETY: nothing is read.
        unsafe { buffer.read_buffer() }.1
    }

    assert_eq!(transfer(BUFFERS.try_get().unwrap()), 32);
    assert_eq!(transfer(ConnGuard::map(BUFFERS.try_get().unwrap(), |buffer| &mut buffer[..8])), 8);
    assert_eq!(send(&BUFFERS.try_get().unwrap()), 32);
    assert_eq!(BUFFERS.try_get().unwrap()[31], 1);
}

//! Connections that are larger than the stack can bear, with and without optimisation.
//!
//! Each test runs on a thread with a stack of its own, which a move too many would overflow: that ends the whole
//! program, and the name of the thread is in what it says.

use std::thread;

use conn_pool::Pool;

const KIB: usize = 1024;

type Frame = [u8; 64 * KIB];

/// What a thread takes beside the connections.
const REST: usize = 64 * KIB;

/// Room for a connection, and for moving it once.
const TWICE: usize = 2 * size_of::<Frame>() + REST;

#[track_caller]
fn on_a_stack_of(bytes: usize, name: &str, work: impl FnOnce() + Send + 'static) {
    thread::Builder::new().name(name.to_owned()).stack_size(bytes).spawn(work).unwrap().join().unwrap();
}

/// Every connection is in its place, and whole.
#[track_caller]
fn assert_whole<const SIZE: usize, const N: usize>(pool: &Pool<[u8; SIZE], N>) {
    let mut seen = [false; N];
    let retained = pool.retain(|connection| {
        assert!(connection.iter().all(|byte| *byte == connection[0]));
        seen[usize::from(connection[0])] = true;
        true
    });
    assert_eq!((retained.kept, seen), (N, [true; N]));
}

fn filled_with<const SIZE: usize>(number: usize) -> [u8; SIZE] {
    [u8::try_from(number).unwrap(); SIZE]
}

#[cfg(feature = "alloc")]
#[test]
fn a_pool_is_made_on_the_heap_by_a_thread_that_could_not_hold_it() {
    on_a_stack_of(TWICE, "new_boxed", || assert_whole(&Pool::<Frame, 4>::new_boxed(filled_with)));
    on_a_stack_of(TWICE, "new_arc", || assert_whole(&Pool::<Frame, 4>::new_arc(filled_with)));
    on_a_stack_of(32 * KIB + REST, "new_boxed, many", || {
        assert_whole(&Pool::<[u8; 16 * KIB], 256>::new_boxed(filled_with));
    });
    on_a_stack_of(32 * KIB + REST, "new_arc, many", || {
        assert_whole(&Pool::<[u8; 16 * KIB], 256>::new_arc(filled_with));
    });
}

#[test]
fn a_connection_is_made_in_its_slot_by_a_thread_that_could_hold_two() {
    static POOL: Pool<Frame, 2> = Pool::new();

    on_a_stack_of(TWICE, "insert_with", || {
        POOL.insert_with(|| filled_with(1)).unwrap();
        POOL.insert_with(|| filled_with(0)).unwrap();
        POOL.insert_with(|| filled_with(2)).unwrap_err();
    });
    assert_whole(&POOL);
}

#[test]
fn a_connection_is_made_in_its_slot_by_a_thread_that_could_hold_none() {
    static POOL: Pool<[u8; 1024 * KIB], 1> = Pool::new();

    on_a_stack_of(REST, "insert_uninit", || {
        POOL.insert_uninit(|cell| {
            // SAFETY: the cell is borrowed exclusively (I2).
            unsafe { cell.as_mut_ptr().write_bytes(0, 1) };
            // SAFETY: it was written whole, and zeros are bytes (I3).
            unsafe { cell.assume_init_mut() }
        })
        .unwrap();
    });
    assert_whole(&POOL);
}

#[test]
fn an_empty_pool_is_made_in_place_by_a_thread_that_could_hold_none_of_it() {
    let mut place = Box::<Pool<[u8; 1024 * KIB], 4>>::new_uninit();
    on_a_stack_of(REST, "init", move || {
        let pool = Pool::init(&mut place);
        assert_eq!(pool.status().vacant, 4);
    });
}

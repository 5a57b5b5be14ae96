//! What may be sent, shared and moved: checked by the compiler.
//!
//! That a bound does *not* hold is checked by an ambiguity: a helper trait is implemented for everything, and once more
//! for what has the trait in question, so the compiler can tell which is meant only if that trait is missing.

use std::cell::Cell;
use std::error::Error;
use std::fmt::Debug;
use std::panic::{catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::MutexGuard;

use conn_pool::{
    ConnGuard, Drain, DrainError, Fairness, Get, GetRef, InsertError, MappedGuard, Metrics, Pool, PoolError, PoolRef,
    ResizeError, Retained, Status, VacancyError,
};

const fn send<T: Send>() {}
const fn sync<T: Sync>() {}

macro_rules! assert_not_impl {
    ($type:ty: $trait:path) => {
        const _: fn() = || {
            trait AmbiguousIfImplemented<A> {
                fn probe() {}
            }
            impl<T: ?Sized> AmbiguousIfImplemented<()> for T {}
            struct Implemented;
            impl<T: ?Sized + $trait> AmbiguousIfImplemented<Implemented> for T {}
            let _ = <$type as AmbiguousIfImplemented<_>>::probe;
        };
    };
}

// `Cell` may be sent and not shared, a `MutexGuard` shared and not sent, `Rc` neither.
type SendOnly = Cell<u8>;
type SyncOnly = MutexGuard<'static, u8>;
type Neither = Rc<u8>;

const _: () = {
    send::<Pool<u8, 1>>();
    sync::<Pool<u8, 1>>();
    send::<Pool<SendOnly, 1>>();
    sync::<Pool<SendOnly, 1>>();

    send::<ConnGuard<'_, u8, 1>>();
    sync::<ConnGuard<'_, u8, 1>>();
    send::<ConnGuard<'_, SendOnly, 1>>();
    sync::<ConnGuard<'_, SyncOnly, 1>>();

    send::<MappedGuard<'_, u8>>();
    sync::<MappedGuard<'_, [u8]>>();
    send::<MappedGuard<'_, SendOnly>>();
    sync::<MappedGuard<'_, SyncOnly>>();
    send::<PoolRef<'_, SendOnly>>();
    sync::<PoolRef<'_, SendOnly>>();
    send::<GetRef<'_, SendOnly>>();

    send::<Get<'_, u8, 1>>();
    send::<Get<'_, SendOnly, 1>>();
    send::<Drain<'_>>();

    send::<PoolError>();
    sync::<PoolError>();
};
assert_not_impl!(MappedGuard<'static, SyncOnly>: Send);
assert_not_impl!(MappedGuard<'static, SendOnly>: Sync);
// What may be sent is borrowed from what may not.
assert_not_impl!(PoolRef<'static, Neither>: From<&'static Pool<Neither, 1>>);
assert_not_impl!(Pool<SyncOnly, 1>: Send);
assert_not_impl!(Pool<SyncOnly, 1>: Sync);
assert_not_impl!(Pool<Neither, 1>: Send);
assert_not_impl!(Pool<Neither, 1>: Sync);
assert_not_impl!(ConnGuard<'static, SendOnly, 1>: Sync);
assert_not_impl!(ConnGuard<'static, SyncOnly, 1>: Send);
assert_not_impl!(ConnGuard<'static, Neither, 1>: Send);
assert_not_impl!(ConnGuard<'static, Neither, 1>: Sync);
assert_not_impl!(Get<'static, SyncOnly, 1>: Send);
assert_not_impl!(Get<'static, Neither, 1>: Send);

// Others point to a future that waits, so it must not move.
assert_not_impl!(Get<'static, u8, 1>: Unpin);
assert_not_impl!(Drain<'static>: Unpin);

assert_not_impl!(Pool<u8, 1>: Clone);
assert_not_impl!(ConnGuard<'static, u8, 1>: Clone);

#[cfg(feature = "alloc")]
mod owned {
    use super::{Neither, SendOnly, SyncOnly, send, sync};
    use conn_pool::OwnedConnGuard;

    const _: () = {
        send::<OwnedConnGuard<u8, 1>>();
        sync::<OwnedConnGuard<u8, 1>>();
        send::<OwnedConnGuard<SendOnly, 1>>();
        sync::<OwnedConnGuard<SyncOnly, 1>>();
    };
    assert_not_impl!(OwnedConnGuard<SendOnly, 1>: Sync);
    assert_not_impl!(OwnedConnGuard<SyncOnly, 1>: Send);
    assert_not_impl!(OwnedConnGuard<Neither, 1>: Send);
    assert_not_impl!(OwnedConnGuard<Neither, 1>: Sync);
    assert_not_impl!(OwnedConnGuard<u8, 1>: Clone);
}

#[test]
fn errors_are_errors_with_and_without_std() {
    fn is_error<T: core::error::Error + Debug>() {}
    is_error::<PoolError>();
    is_error::<ResizeError>();
    is_error::<DrainError>();
    is_error::<InsertError<Cell<u8>>>();
    is_error::<VacancyError>();

    let boxed: Box<dyn Error + Send + Sync> = Pool::<u8, 0>::new().try_get().unwrap_err().into();
    assert_eq!(boxed.to_string(), "the pool has no slots: it was built with N = 0");
    assert!(boxed.source().is_none());
}

/// What panics while it holds a connection leaves a sound pool behind, so nobody has to assert that it does.
#[test]
fn a_pool_may_be_used_by_what_panics() {
    let pool = Pool::from([Cell::new(7)]);
    let panicked = catch_unwind(|| {
        let _held = pool.try_get().unwrap();
        resume_unwind(Box::new("mid-query"));
    });
    assert!(panicked.is_err());
    assert_eq!(pool.try_get().unwrap().get(), 7);
}

#[test]
fn plain_data_is_copied_compared_and_printed() {
    fn is_plain<T: Copy + PartialEq + Debug + Send + Sync + 'static>() {}
    is_plain::<Status>();
    is_plain::<Metrics>();
    is_plain::<Retained>();
    is_plain::<Fairness>();
    is_plain::<PoolError>();
    is_plain::<ResizeError>();
    is_plain::<DrainError>();
    assert_eq!(Metrics::default().acquired, 0);
    assert_eq!(Fairness::default(), Fairness::Fifo);
}

#[test]
fn futures_have_a_short_debug_form() {
    let pool = Pool::from([()]);
    assert_eq!(format!("{:?}", pool.get_async()), "Get { .. }");
    let held = pool.try_get().unwrap();
    assert_eq!(format!("{:?}", pool.drain_async()), "Drain { in_use: 1, .. }");
    drop(held);
}

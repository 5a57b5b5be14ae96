// knows: nothing · must not know: what is ordered
//! Orderings that can be weakened, to show that each is needed.

/// An ordering that something rests on, with its id in the table of `docs/architecture.md`. A run of the models with
/// `CONN_POOL_WEAKEN` set to that id makes it `Relaxed`, and some model must fail then: see `ci/weaken`.
macro_rules! ord {
    ($id:ident, $ordering:ident) => {
        if $crate::sync::is_weakened(stringify!($id)) {
            core::sync::atomic::Ordering::Relaxed
        } else {
            core::sync::atomic::Ordering::$ordering
        }
    };
}
pub(crate) use ord;

/// A fence, as [`ord`]; weakened, it is left out.
macro_rules! fence {
    ($id:ident, $ordering:ident) => {
        if !$crate::sync::is_weakened(stringify!($id)) {
            $crate::sync::fence_of(core::sync::atomic::Ordering::$ordering);
        }
    };
}
pub(crate) use fence;

#[cfg(conn_pool_loom)]
pub(crate) fn is_weakened(id: &str) -> bool {
    use std::sync::OnceLock;

    static WEAKENED: OnceLock<Option<std::string::String>> = OnceLock::new();
    WEAKENED.get_or_init(|| std::env::var("CONN_POOL_WEAKEN").ok()).as_deref() == Some(id)
}

#[cfg(not(conn_pool_loom))]
#[inline(always)]
pub(crate) const fn is_weakened(_id: &str) -> bool {
    false
}

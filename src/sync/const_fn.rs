// knows: nothing · must not know: what is built
//! Constructors that are `const` where they can be.

/// A `const fn` wherever the platform's types can be built in a constant, which loom's cannot
/// (and shuttle's can).
macro_rules! const_fn {
    ($(#[$meta:meta])* $vis:vis const fn $($rest:tt)*) => {
        #[cfg(not(conn_pool_loom))]
        $(#[$meta])* $vis const fn $($rest)*
        #[cfg(conn_pool_loom)]
        $(#[$meta])* $vis fn $($rest)*
    };
}
pub(crate) use const_fn;

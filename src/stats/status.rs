// knows: nothing · must not know: how it is read
//! How full a pool is.

/// How full a pool is, from [`Pool::status`](crate::Pool::status) or in a [`PoolError`](crate::PoolError).
///
/// The figures are read one by one while callers go on, so under load they may differ by what changed in between. They
/// agree as soon as the pool rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Status {
    /// Slots that the pool was built with: its `N`.
    pub capacity: usize,
    /// Connections that may be in use at once: `capacity`, unless the pool was resized.
    pub max_size: usize,
    /// Connections that are in use. A guard that was leaked with `mem::forget` counts here for good.
    pub in_use: usize,
    /// Connections that are free to be acquired.
    pub idle: usize,
    /// Slots within the maximum that have no connection: room for `insert`.
    pub vacant: usize,
    /// Slots in which a connection is being made: they count as in use. Managed pools only.
    pub connecting: usize,
    /// Callers that wait, threads and tasks.
    pub waiting: usize,
    /// Whether the pool is suspended. Managed pools only.
    pub suspended: bool,
    /// Whether the pool is closed.
    pub closed: bool,
}

impl core::fmt::Display for Status {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { max_size, in_use, connecting, idle, vacant, waiting, .. } = self;
        write!(f, "in use: {in_use} of {max_size}")?;
        if *connecting > 0 {
            write!(f, " (connecting: {connecting})")?;
        }
        write!(f, ", idle: {idle}, vacant: {vacant}, waiting: {waiting}")?;
        f.write_str(if self.suspended { ", suspended" } else { "" })
    }
}

// knows: nothing · must not know: how it is read
//! How full a pool is.

/// How full a pool is, from [`Pool::status`](crate::Pool::status) or in a [`PoolError`](crate::PoolError).
///
/// The figures are read one by one while others go on borrowing, so under load they may be apart by whatever moved in
/// between; they settle as soon as the pool does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Status {
    /// Slots that the pool was built with: its `N`.
    pub capacity: usize,
    /// Connections that may be out at once: `capacity`, unless it was resized.
    pub max_size: usize,
    /// Connections that are lent out. A guard that was leaked with `mem::forget` counts here for good.
    pub in_use: usize,
    /// Connections that are ready to be lent.
    pub idle: usize,
    /// Slots within the maximum that have no connection: room for `insert`.
    pub vacant: usize,
    /// Slots in which somebody is connecting: they count as in use. Managed pools only.
    pub connecting: usize,
    /// Callers in the waiting line, threads and tasks.
    pub waiting: usize,
    /// Whether lending is suspended. Managed pools only.
    pub suspended: bool,
    /// Whether the pool is closed.
    pub closed: bool,
}

impl core::fmt::Display for Status {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { max_size, in_use, idle, vacant, waiting, .. } = self;
        write!(f, "in use: {in_use} of {max_size}, idle: {idle}, vacant: {vacant}, waiting: {waiting}")?;
        f.write_str(if self.suspended { ", suspended" } else { "" })
    }
}

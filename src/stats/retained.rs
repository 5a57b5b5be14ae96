// knows: nothing · must not know: who visits
//! What came of a visit to all idle connections.

/// What a [`retain`](crate::Pool::retain) did to the connections that it visited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Retained {
    /// Connections that are still in the pool.
    pub kept: usize,
    /// Connections that were discarded.
    pub discarded: usize,
}

impl Retained {
    pub(crate) const NONE: Self = Self { kept: 0, discarded: 0 };
}

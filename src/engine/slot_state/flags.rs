// knows: nothing · must not know: who owns a slot
//! The flags of a slot. One without any is vacant: it has no connection and may be given one.

/// The slot holds a connection: its cell is initialised (I3).
pub(super) const FILLED: usize = 1 << 0;
/// The slot has no connection, and is its owner's.
pub(super) const TAKEN: usize = 1 << 1;
/// The slot is above the present maximum size; with [`FILLED`], its connection is set aside.
pub(super) const RETIRED: usize = 1 << 2;
/// All of them.
pub(super) const FLAGS: usize = FILLED | TAKEN | RETIRED;

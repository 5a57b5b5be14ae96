//! Looking after connections that are not in use: those that are too old, idle for too long, to be checked, or missing.

pub(super) mod due;
pub(super) mod evict;
pub(super) mod marking;
pub(super) mod pass;

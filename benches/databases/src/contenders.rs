//! The contenders, a file for each family.

pub(crate) mod bb8;
pub(crate) mod deadpool;
pub(crate) mod ours_tasks;
pub(crate) mod ours_threads;
pub(crate) mod r2d2;

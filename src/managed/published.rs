// knows: sync · must not know: what is published
//! What was published of a pool so far to the recorder of the `metrics` facade.

use core::time::Duration;
use std::vec::Vec;

use crate::sync::{Lock, const_fn};

/// The buckets of a histogram that are not empty: the longest time of each, and how many times were in it.
pub(super) type Counts = Vec<(Duration, usize)>;

pub(crate) struct Published(pub(super) Lock<Told>);

pub(super) struct Told {
    /// Whether the metrics were described to the recorder.
    pub(super) is_described: bool,
    pub(super) wait: Counts,
    pub(super) acquire: Counts,
    pub(super) hold: Counts,
    pub(super) connect: Counts,
}

impl Published {
    const_fn! {
        pub(super) const fn new() -> Self {
            Self(Lock::new(Told {
                is_described: false,
                wait: Vec::new(),
                acquire: Vec::new(),
                hold: Vec::new(),
                connect: Vec::new(),
            }))
        }
    }
}

// knows: clock · must not know: runtimes
//! Where no task can sleep: on bare metal, and in models, unless the pool's clock can.

use core::future::pending;
use core::time::Duration;

pub(crate) use super::clock::monotonic as present;
pub(crate) type Sleep = core::future::Pending<()>;

/// Whether a task can sleep.
pub(crate) const CAN_SLEEP: bool = false;

/// Never ends.
pub(crate) fn sleep(_duration: Duration) -> Sleep {
    pending()
}

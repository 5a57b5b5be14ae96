// knows: event, outage, parts, shared_error, engine · must not know: who connects, who waits
//! Connections that turn out unfit as soon as they are made: what they say of the server.

use crate::engine::SlotToken;
use crate::managed::event::DiscardReason;
use crate::managed::outage::ConnectFailure;
use crate::managed::parts::ManagedParts;
use crate::managed::shared_error::SharedError;

/// How many milliseconds a connection is new.
const NEW: usize = 100;

/// Notes that a connection is unfit, which a caller was about to get. A server that accepts connections and closes them
/// at once is one to which connecting fails: the pool's next connect is begun after a pause, and callers are told why.
#[cold]
pub(super) fn note_unfit<P: ManagedParts>(pool: &P, slot: &SlotToken, reason: DiscardReason) {
    if !pool.engine().has_connector() {
        return;
    }
    let why = match reason {
        DiscardReason::Broken => "a new connection was unfit: closed, or refused by a hook",
        DiscardReason::Invalid => "a new connection was unfit: it did not pass its check",
        _ => return,
    };
    let (slot, now) = (slot.index(), pool.coarse());
    if pool.engine().states().get(slot).uses() > 1 || pool.record(slot).age(now) >= NEW {
        return;
    }
    let failure = || ConnectFailure { error: SharedError::of(why), ends_waits: pool.shared().config().fail_fast };
    pool.shared().note_short_lived(now, pool.tells_errors().then(failure));
}

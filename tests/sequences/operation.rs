//! What can be done to a pool, and how two bytes say it.

use std::time::Duration;

/// An index (`u8`) is taken modulo the number of things there are; without any, the operation does nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Borrow at once or not at all.
    Borrow(Call),
    /// Borrow until nothing is left, but no more than this many.
    BorrowMany(u8),
    Release(u8),
    /// Give back the guards with the lowest indices, one after the other.
    ReleaseMany(u8),
    Discard(u8),
    /// `mem::forget` a guard.
    Leak(u8),
    /// A new future of `get_async`, polled once.
    Enqueue,
    /// A new future of `get_async`, not polled yet.
    Start,
    Poll(u8),
    /// Poll with a waker that the future has not seen before.
    PollWithNewWaker(u8),
    /// Poll all those whose wakers were called, oldest first: what an executor does.
    PollWoken,
    DropWaiter(u8),
    Insert,
    /// To this many slots, modulo two more than there are, so that some are too many.
    Resize(u8),
    DropSurplus,
    /// Keep the connections whose number, modulo eight, is a set bit.
    Retain(u8),
    Close,
    /// A new future of `drain_async`, polled once.
    StartDrain,
    PollDrain(u8),
    DropDrain(u8),
    /// `drain` without patience.
    DrainNow,
    ResetPeaks,
    /// Reading the metrics is not without effect: the next use of each slot is looked at.
    ReadMetrics,
}

/// A way to borrow that returns without help from other callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    TryGet,
    /// `get_timeout(0)` looks once.
    NoPatience,
    /// `get_timeout(1 ns)` joins the queue and leaves it.
    HardlyAnyPatience,
}

impl Call {
    pub(crate) const NO_TIME: Duration = Duration::ZERO;
    pub(crate) const HARDLY_ANY_TIME: Duration = Duration::from_nanos(1);
}

impl Operation {
    /// The first byte chooses by weight, simple things first, since that is where a failing case shrinks to.
    pub(crate) fn decode(code: u8, argument: u8) -> Self {
        match code {
            0..32 => Self::Borrow(match argument % 8 {
                0..6 => Call::TryGet,
                6 => Call::NoPatience,
                _ => Call::HardlyAnyPatience,
            }),
            32..66 => Self::Release(argument),
            66..102 => Self::Enqueue,
            102..122 => Self::PollWoken,
            122..142 => Self::Poll(argument),
            142..156 => Self::DropWaiter(argument),
            156..166 => Self::Insert,
            166..182 => Self::Resize(argument),
            182..192 => Self::Discard(argument),
            192..202 => Self::BorrowMany(argument),
            202..208 => Self::ReleaseMany(argument),
            208..214 => Self::Retain(argument),
            214..220 => Self::DropSurplus,
            220..226 => Self::PollWithNewWaker(argument),
            226..230 => Self::Start,
            230..234 => Self::ReadMetrics,
            234..237 => Self::ResetPeaks,
            237..240 => Self::Leak(argument),
            240..247 => Self::PollDrain(argument),
            247..251 => Self::DropDrain(argument),
            251..253 => Self::StartDrain,
            253 => Self::DrainNow,
            254..=255 => Self::Close,
        }
    }
}

// knows: nothing · must not know: pools
//! Threads, time and panics, as `std` gives them.

use std::any::Any;
use std::boxed::Box;
use std::cell::Cell;
use std::num::NonZeroU64;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Wake, Waker};
use std::thread;
use std::thread_local;
use std::time::{Duration, Instant};

thread_local!(static HOME: Cell<usize> = const { Cell::new(0) });

/// The word that this thread looks at first, in any pool (modulo the pool's words): 0 until it has [`collided`].
#[inline(always)]
pub(crate) fn home() -> usize {
    HOME.get()
}

/// Two threads met at one word. The first time that this happens to a thread it moves to a home of its own, so threads
/// that do not meet never pay for being told apart.
///
/// Homes are numbered in a row, rather than hashed, because two threads on two words then never share one.
#[cold]
#[inline(never)]
pub(crate) fn collided() {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    if HOME.get() == 0 {
        // Relaxed: the number has no meaning beyond being spread out.
        HOME.set(NEXT.fetch_add(1, Ordering::Relaxed));
    }
}

/// From now on this thread looks at that word first, in any pool.
pub(crate) fn move_home(word: usize) {
    HOME.set(word);
}

/// The moment a wait began: nanoseconds of the monotonic clock, and one more. A word, where an `Instant` takes two, one
/// of which each wait that is not timed would have to write.
pub(crate) struct Stamp(NonZeroU64);

impl Stamp {
    #[expect(clippy::unnecessary_wraps, reason = "the shape of the twin without a clock")]
    pub(crate) fn now() -> Option<Self> {
        Some(Self(NonZeroU64::MIN.saturating_add(nanos(monotonic()))))
    }

    /// How long ago that was.
    pub(crate) fn elapsed(&self) -> Duration {
        Duration::from_nanos(nanos(monotonic()).saturating_sub(self.0.get() - 1))
    }
}

/// Centuries, at most.
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// The monotonic clock, from an arbitrary start.
pub(crate) fn monotonic() -> Duration {
    clock::read(clock::PRECISE)
}

/// The same clock; where the system has a cheaper one, that is read, and is some milliseconds behind at most.
#[inline]
pub(crate) fn coarse_monotonic() -> Duration {
    clock::read(clock::COARSE)
}

/// For how long the machine has been suspended since it was started, where the system tells.
pub(crate) fn suspended() -> Duration {
    clock::suspended()
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod clock {
    use std::hint::assert_unchecked;
    use std::time::Duration;

    pub(super) const PRECISE: libc::clockid_t = libc::CLOCK_MONOTONIC;
    pub(super) const COARSE: libc::clockid_t = libc::CLOCK_MONOTONIC_COARSE;

    #[inline]
    pub(super) fn read(clock: libc::clockid_t) -> Duration {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: a call of the C library's: it writes the time to where it is told, and fails for unknown clocks only.
        unsafe { libc::clock_gettime(clock, &raw mut time) };
        #[expect(
            clippy::cast_sign_loss,
            clippy::cast_possible_truncation,
            reason = "seconds since the start, and below a second"
        )]
        let (seconds, nanos) = (time.tv_sec as u64, time.tv_nsec as u32);
        // SAFETY: what a call of the C library's has answered: nanoseconds below a second, or the zero from above.
        unsafe { assert_unchecked(nanos < 1_000_000_000) };
        Duration::new(seconds, nanos)
    }

    /// The boot-time clock runs while the machine is suspended.
    pub(super) fn suspended() -> Duration {
        let difference = || {
            let monotonic = read(PRECISE);
            read(libc::CLOCK_BOOTTIME).saturating_sub(monotonic)
        };
        // The thread may be interrupted between two readings, which makes the difference larger: rarely twice.
        difference().min(difference())
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod clock {
    use std::sync::OnceLock;
    use std::time::{Duration, Instant};

    pub(super) const PRECISE: () = ();
    pub(super) const COARSE: () = ();

    pub(super) fn read((): ()) -> Duration {
        /// The clock has told that much before its first use: a runtime may have paused its time so long ago.
        const BEFORE: Duration = Duration::from_secs(24 * 3600);
        static FIRST: OnceLock<Instant> = OnceLock::new();
        BEFORE + FIRST.get_or_init(Instant::now).elapsed()
    }

    pub(super) fn suspended() -> Duration {
        Duration::ZERO
    }
}

/// Whether the calling thread unwinds.
#[inline(always)]
pub(crate) fn is_panicking() -> bool {
    thread::panicking()
}

thread_local!(static NUMBER: Cell<usize> = const { Cell::new(0) });

/// A number that no other thread has, nor has had, since a loan may outlive the thread that acquired it. 0 for a thread
/// that is about to end, on systems that take its variables away before that.
///
/// Each loan of a managed pool asks for it, so it is a load where it is asked for.
#[inline(always)]
pub(crate) fn thread_number() -> usize {
    NUMBER.try_with(|number| if number.get() == 0 { number_anew(number) } else { number.get() }).unwrap_or(0)
}

#[cold]
#[inline(never)]
fn number_anew(number: &Cell<usize>) -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    // Relaxed: the number has no meaning beyond being another one.
    number.set(NEXT.fetch_add(1, Ordering::Relaxed));
    number.get()
}

/// Calls `step` until it answers `false`. A panic in one step does not keep the later ones from running; the first is
/// passed on at the end, unless this thread is unwinding already, where passing it on would abort the process.
pub(crate) fn run_to_end(mut step: impl FnMut() -> bool) {
    let mut first: Option<Box<dyn Any + Send>> = None;
    loop {
        match catch_unwind(AssertUnwindSafe(&mut step)) {
            Ok(true) => {}
            Ok(false) => break,
            Err(panic) if first.is_none() => first = Some(panic),
            Err(panic) => drop_quietly(panic),
        }
    }
    match first {
        Some(panic) if !thread::panicking() => resume_unwind(panic),
        other => drop_quietly(other),
    }
}

/// What `work` answers; `None` if it has panicked, which was reported through the panic hook.
pub(crate) fn survive<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).map_err(drop_quietly).ok()
}

/// A panic's payload is the user's, and its destructor may panic in turn, with a payload of the same kind. The third
/// payload is leaked.
fn drop_quietly<T>(payload: T) {
    let second = catch_unwind(AssertUnwindSafe(|| drop(payload)));
    let third = catch_unwind(AssertUnwindSafe(|| drop(second)));
    std::mem::forget(third);
}

/// Lets other threads run.
pub(crate) fn yield_now() {
    thread::yield_now();
}

/// Puts one thread to sleep until its waker is called: the bridge from a task's way of waiting to a thread's.
///
/// It lives in an `Arc` that the thread keeps for its whole life, so a waker may be called after the engine's lock was
/// released and after the waiter's stack frame is gone, and waiting allocates nothing.
pub(crate) struct Parker {
    state: Mutex<ParkState>,
    changed: Condvar,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ParkState {
    /// The thread does not sleep; no wake-up is pending.
    Running,
    /// The thread sleeps in the condition variable: a wake-up has to notify it.
    Parked,
    /// A wake-up is pending: the next `park` returns at once.
    Notified,
}

impl Parker {
    fn new() -> Self {
        Self { state: Mutex::new(ParkState::Running), changed: Condvar::new() }
    }

    /// Sleeps until a wake-up or the deadline; `false` means that the deadline passed without one.
    ///
    /// It may return early only for a wake-up: spurious ones of the condition variable go back to sleep against the
    /// same deadline.
    pub(crate) fn park(&self, deadline: Option<Instant>) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while *state != ParkState::Notified {
            *state = ParkState::Parked;
            let Some(deadline) = deadline else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                *state = ParkState::Running;
                return false;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        *state = ParkState::Running;
        true
    }

    fn unpark(&self) {
        let before = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *state, ParkState::Notified)
        };
        if before == ParkState::Parked {
            self.changed.notify_one();
        }
    }
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.unpark();
    }
}

/// Runs `wait` with the calling thread's parker and its waker.
///
/// A nested wait of the same thread (from a waker, for instance) finds none and makes one of its own, so that it cannot
/// use up a wake-up that was meant for the wait around it.
pub(crate) fn with_parker<R>(wait: impl FnOnce(&Parker, &Waker) -> R) -> R {
    thread_local!(static PARKER: Cell<Option<(Arc<Parker>, Waker)>> = const { Cell::new(None) });
    // `try_with`, because a thread may wait while its thread-locals are being destroyed.
    let own = PARKER.try_with(Cell::take).ok().flatten().unwrap_or_else(new_parker);
    let result = wait(&own.0, &own.1);
    let _gone = PARKER.try_with(|parker| parker.set(Some(own)));
    result
}

fn new_parker() -> (Arc<Parker>, Waker) {
    let parker = Arc::new(Parker::new());
    let waker = Waker::from(Arc::clone(&parker));
    (parker, waker)
}

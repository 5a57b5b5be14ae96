// knows: status, fairness, managed · must not know: pools
//! The configuration of a pool. Later versions add fields at its end only: see `read`.

use core::ffi::{CStr, c_char, c_int, c_void};
use core::ptr;
use core::time::Duration;

use super::status::Answer;
use super::status::conn_pool_status::{
    self, CONN_POOL_CONFIG_TOO_NEW, CONN_POOL_INVALID_ARGUMENT, CONN_POOL_UNSUPPORTED,
};
use crate::fairness::Fairness;
use crate::managed::{Clock, Config, DiscardReason, Nested, ON_LEND, ON_RETURN, Shared, SystemClock};

/// The largest capacity of a pool.
pub const CONN_POOL_MAX_CAPACITY: u32 = 4096;
/// A timeout: wait for as long as it takes. Of a callback: its caller has no time limit.
pub const CONN_POOL_WAIT_FOREVER: u32 = 0xFFFF_FFFF;
/// Of `flags` in a configuration: the pool records who holds which resource, for `conn_pool_get_leases`, and refuses a
/// thread that would wait for itself with `CONN_POOL_DEADLOCK`. An acquire then reads the clock, as with
/// `max_lifetime_ms`.
///
/// A thread is known by its `pthread_self()`, which a later thread may be given once it has ended. So a lease is to be
/// released before the thread that acquired it ends: otherwise the later one may be refused.
pub const CONN_POOL_TRACK: u32 = 1;
/// The longest text of an error that `conn_pool_last_error` returns, in bytes, without the terminating zero.
pub const CONN_POOL_MAX_ERROR: u32 = 127;
/// The longest name of a pool, in bytes, without the terminating zero. A longer name is cut.
pub const CONN_POOL_MAX_NAME: u32 = 31;

/// What happened to a resource: for `conn_pool_event_fn`.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum conn_pool_event {
    /// `create` has made it.
    CONN_POOL_EVENT_CREATED = 0,
    /// `create` has failed with this code; the resource is NULL.
    CONN_POOL_EVENT_CREATE_FAILED = 1,
    /// `validate` has failed with this code; the resource is destroyed next.
    CONN_POOL_EVENT_INVALID = 2,
    /// `reset` has failed with this code; the resource is destroyed next.
    CONN_POOL_EVENT_RESET_FAILED = 3,
    /// It is about to be destroyed. The code is the reason: a `conn_pool_reason`.
    CONN_POOL_EVENT_DESTROYED = 4,
    /// It is leased for longer than `leak_after_ms`. It is still in use: do not touch it. The code is the number of its
    /// slot, by which `conn_pool_get_leases` tells who holds it.
    CONN_POOL_EVENT_LEAKED = 5,
}

/// Why a resource is destroyed: the code of `CONN_POOL_EVENT_DESTROYED`.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum conn_pool_reason {
    /// `conn_pool_discard`.
    CONN_POOL_REASON_DISCARDED = 1,
    /// `validate` has found it unfit.
    CONN_POOL_REASON_INVALID = 2,
    /// `reset` has failed.
    CONN_POOL_REASON_RESET_FAILED = 3,
    /// It is older than `max_lifetime_ms`.
    CONN_POOL_REASON_MAX_LIFETIME = 4,
    /// It was idle for longer than `idle_timeout_ms`.
    CONN_POOL_REASON_IDLE_TIMEOUT = 5,
    /// `conn_pool_evict_all`, or a `conn_pool_retain` that did not keep it.
    CONN_POOL_REASON_EVICTED = 6,
    /// It was one too many after `conn_pool_resize`.
    CONN_POOL_REASON_SURPLUS = 7,
    /// The pool is closed.
    CONN_POOL_REASON_CLOSED = 8,
    /// The library itself has failed.
    CONN_POOL_REASON_PANIC = 9,
}

impl conn_pool_reason {
    pub(super) const fn of(reason: DiscardReason) -> Self {
        match reason {
            // A program tells that a resource is broken by discarding it; none is detached by C.
            DiscardReason::Discarded | DiscardReason::Broken | DiscardReason::Detached => {
                Self::CONN_POOL_REASON_DISCARDED
            }
            DiscardReason::Invalid => Self::CONN_POOL_REASON_INVALID,
            DiscardReason::ResetFailed => Self::CONN_POOL_REASON_RESET_FAILED,
            DiscardReason::Expired => Self::CONN_POOL_REASON_MAX_LIFETIME,
            DiscardReason::Idle => Self::CONN_POOL_REASON_IDLE_TIMEOUT,
            DiscardReason::Evicted => Self::CONN_POOL_REASON_EVICTED,
            // Pools for C limit neither uses nor idle resources.
            DiscardReason::Surplus | DiscardReason::UsedUp | DiscardReason::Excess => Self::CONN_POOL_REASON_SURPLUS,
            DiscardReason::Closed => Self::CONN_POOL_REASON_CLOSED,
            DiscardReason::CheckCancelled | DiscardReason::Panicked => Self::CONN_POOL_REASON_PANIC,
        }
    }
}

/// What the library tells a tool that looks for data races: for `conn_pool_note_fn`.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum conn_pool_note {
    /// Does a tool look on? Asked when a pool is made. If the answer is 0, no more is told.
    CONN_POOL_NOTE_ASK = 0,
    /// What was released with this address before has happened before what the thread does next.
    CONN_POOL_NOTE_ACQUIRED = 1,
    /// What the thread has done so far happens before what is done by those who acquire with this address.
    CONN_POOL_NOTE_RELEASED = 2,
    /// These bytes are the library's: what happens there is none of the program's races.
    CONN_POOL_NOTE_OWN = 3,
    /// What the thread does until `CONN_POOL_NOTE_HEED` is none of the program's races: the library allocates memory
    /// that another thread may free.
    CONN_POOL_NOTE_IGNORE = 4,
    /// Ends that.
    CONN_POOL_NOTE_HEED = 5,
}

/// Tells a tool that looks for data races what the library does, as `CONN_POOL_CONFIG_INIT` has it for
/// `ThreadSanitizer`, helgrind and drd. Returns 0 if no tool looks on.
pub type conn_pool_note_fn =
    Option<unsafe extern "C" fn(note: conn_pool_note, at: *const c_void, size: usize) -> c_int>;

/// Makes a resource and stores it in `*resource`, which must not stay NULL. Returns 0, or any other number if it fails.
///
/// `within_ms` is what is left of the caller's time, at least 1; `CONN_POOL_WAIT_FOREVER` if it has no limit, as in
/// `conn_pool_try_acquire`, `conn_pool_acquire_async` and `conn_pool_maintain`. The pool cannot end a callback that
/// takes longer: the call then takes as long as the callback.
pub type conn_pool_create_fn =
    Option<unsafe extern "C" fn(user: *mut c_void, within_ms: u32, resource: *mut *mut c_void) -> c_int>;
/// Begins to make a resource, and returns at once: 0, or any other number if it cannot be begun, which is a failure as
/// by `conn_pool_connect_failed`; its text is that of `conn_pool_set_error`.
///
/// The program ends what it has begun with `conn_pool_connected` or `conn_pool_connect_failed`, and the ticket: once,
/// later, on any thread, or before this callback has returned. `within_ms` is `connect_timeout_ms`, or
/// `CONN_POOL_WAIT_FOREVER`. It is called by the thread whose call has shown that a resource is wanted. That may be any
/// call that changes the pool, also a release.
pub type conn_pool_begin_create_fn =
    Option<unsafe extern "C" fn(user: *mut c_void, ticket: u64, within_ms: u32) -> c_int>;
/// Checks or resets a resource. Returns 0 if the resource is fit, or any other number if it has to be destroyed.
pub type conn_pool_check_fn = Option<unsafe extern "C" fn(user: *mut c_void, resource: *mut c_void) -> c_int>;
/// Ends a resource: closes and frees it.
pub type conn_pool_destroy_fn = Option<unsafe extern "C" fn(user: *mut c_void, resource: *mut c_void)>;
/// Called when something happened to a resource. `code` is what the callback has returned that failed, or what the
/// event says that it is, otherwise 0.
pub type conn_pool_event_fn =
    Option<unsafe extern "C" fn(user: *mut c_void, event: conn_pool_event, resource: *mut c_void, code: c_int)>;

/// Returns the time in milliseconds, counted from any fixed moment. It must not go backwards.
pub type conn_pool_clock_fn = Option<unsafe extern "C" fn(user: *mut c_void) -> u64>;

/// The configuration of a pool. Initialise it with `CONN_POOL_CONFIG_INIT`, then set what you need. 0 and NULL are the
/// defaults.
///
/// Callbacks are called without a lock, possibly by several threads at once. They may call the pool. They must return:
/// no C++ exception and no `longjmp` may leave them.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct conn_pool_config {
    /// `sizeof(conn_pool_config)`: tells the library which version of the structure the program was compiled with.
    pub struct_size: usize,
    /// How many slots the pool has, 1 to `CONN_POOL_MAX_CAPACITY`. It cannot change later.
    pub capacity: u32,
    /// How many resources may be in use at once, up to `capacity`; 0 means `capacity`. `conn_pool_resize` changes it.
    pub max_size: u32,
    /// How many newcomers may overtake a waiter, for more throughput. 0: callers are served in the order in which they
    /// came.
    pub max_overtakes: u32,
    /// How many idle resources `conn_pool_maintain` keeps ready, as far as `max_size` allows. If there is room, it
    /// replaces a resource that is too old before it destroys it. Needs `create` or `begin_create`.
    pub min_idle: u32,
    /// `conn_pool_maintain` destroys resources that were idle for longer, except for `min_idle` of them. 0: never.
    pub idle_timeout_ms: u32,
    /// An older resource is not leased again: the acquire that finds it, or `conn_pool_maintain`, destroys it. If
    /// `conn_pool_maintain` finds it while it is leased, its release does. Only an acquire reads the clock, once; a
    /// release reads none. The limit is as exact as the clock: with the system's, to some milliseconds (on Linux a tick
    /// of the kernel, 1 to 10 ms). The lifetime of each resource is shortened by up to a quarter, at random, so that
    /// they do not all end together. 0: no limit.
    pub max_lifetime_ms: u32,
    /// A name for diagnostics, which is copied. May be NULL.
    pub name: *const c_char,
    /// Passed to every callback.
    pub user: *mut c_void,
    /// Makes a resource when a caller needs one and none is idle. NULL, if `begin_create` is NULL too: all resources
    /// come from `conn_pool_add`.
    pub create: conn_pool_create_fn,
    /// Checks an idle resource before it is leased (see `validate_after_ms`), and in `conn_pool_maintain`. May be NULL.
    pub validate: conn_pool_check_fn,
    /// Cleans a resource that is released, for the next caller. May be NULL.
    pub reset: conn_pool_check_fn,
    /// Ends a resource. May be NULL, if nothing has to be done.
    pub destroy: conn_pool_destroy_fn,
    /// Called at each event of a resource. May be NULL.
    pub on_event: conn_pool_event_fn,
    /// The clock for `idle_timeout_ms`, `max_lifetime_ms` and `validate_after_ms`. NULL: the system's monotonic clock,
    /// on Linux the coarse one, which is some milliseconds behind. The library without threads has none, and needs this
    /// one.
    pub clock_ms: conn_pool_clock_fn,
    /// `validate` is called before a resource is leased only if that is so long after its last use began, or after its
    /// last check. Then each acquire reads the clock, and a resource that was held for longer is checked too. 0: it is
    /// called for each lease.
    pub validate_after_ms: u32,
    /// `conn_pool_maintain` calls `validate` for resources that were idle for so long only, and so keeps them alive. 0:
    /// for all idle ones.
    pub keepalive_ms: u32,
    /// `CONN_POOL_TRACK`, or 0.
    pub flags: u32,
    /// `conn_pool_maintain` tells of a resource that is leased for longer, once: `CONN_POOL_EVENT_LEAKED`. Needs
    /// `CONN_POOL_TRACK`. 0: never.
    pub leak_after_ms: u32,
    /// For tools that look for data races: `CONN_POOL_CONFIG_INIT` sets it where such a tool may look on. While one
    /// does, each acquire and release takes longer. NULL: nothing is told.
    pub note: conn_pool_note_fn,
    /// Begins to make a resource when a caller needs one and none is idle, for programs that must not block: instead of
    /// `create`. Not in a library without threads. May be NULL.
    pub begin_create: conn_pool_begin_create_fn,
    /// How long the program may take to make a resource that was begun. After that the connect counts as failed for the
    /// caller that waits for it: `conn_pool_maintain` sees to that. Needs `begin_create`. 0: no limit.
    pub connect_timeout_ms: u32,
    /// How many resources may be made at once, up to `capacity`: calls of `create`, and what `begin_create` has begun.
    /// 0: `capacity`.
    pub max_connecting: u32,
}

/// The size of the first version of the structure. No version is smaller.
const FIRST_SIZE: usize = size_of::<conn_pool_config>();

/// Whether this build has a clock of its own.
const HAS_CLOCK: bool = cfg!(feature = "std");

/// No version will be larger: a larger number is memory that was not initialised.
const LARGEST_SIZE: usize = 4096;

impl conn_pool_config {
    pub(super) const EMPTY: Self = Self {
        struct_size: size_of::<Self>(),
        capacity: 0,
        max_size: 0,
        max_overtakes: 0,
        min_idle: 0,
        idle_timeout_ms: 0,
        max_lifetime_ms: 0,
        name: ptr::null(),
        user: ptr::null_mut(),
        create: None,
        validate: None,
        reset: None,
        destroy: None,
        on_event: None,
        clock_ms: None,
        validate_after_ms: 0,
        keepalive_ms: 0,
        flags: 0,
        leak_after_ms: 0,
        note: None,
        begin_create: None,
        connect_timeout_ms: 0,
        max_connecting: 0,
    };

    /// Reads a configuration of any version of the structure into this one, which is [`EMPTY`](Self::EMPTY). Fields
    /// that an older version does not have are zero. Fields that a newer one has beyond ours must be zero, because they
    /// would be ignored. (Linux has the same rule for `openat2`.)
    ///
    /// # Safety
    ///
    /// `config` is NULL, or begins with its size and may be read for so many bytes.
    pub(super) unsafe fn read(&mut self, config: *const Self) -> Answer {
        // SAFETY: as the caller promises.
        unsafe { self.copy(config) }?;
        match self.problem() {
            None => Ok(()),
            Some((status, _)) => Err(status),
        }
    }

    /// # Safety
    ///
    /// As for [`read`](Self::read).
    unsafe fn copy(&mut self, config: *const Self) -> Answer {
        // SAFETY: NULL, or as the caller promises.
        let size = unsafe { config.cast::<usize>().as_ref() }.copied().ok_or(CONN_POOL_INVALID_ARGUMENT)?;
        if !(FIRST_SIZE..=LARGEST_SIZE).contains(&size) {
            return Err(CONN_POOL_INVALID_ARGUMENT);
        }
        let beyond = size_of::<Self>()..size.max(size_of::<Self>());
        // SAFETY: within the `size` bytes that the caller promises.
        if beyond.into_iter().any(|at| unsafe { config.cast::<u8>().wrapping_add(at).read() } != 0) {
            return Err(CONN_POOL_CONFIG_TOO_NEW);
        }
        let own = ptr::from_mut(self).cast::<u8>();
        // SAFETY: the caller promises `size` bytes, our own copy has its size, and overlaps with nothing; what it is
        // overwritten with is valid, as the caller promises.
        unsafe { ptr::copy_nonoverlapping(config.cast::<u8>(), own, size.min(size_of::<Self>())) };
        self.struct_size = size_of::<Self>();
        Ok(())
    }

    /// What is wrong with a configuration, as a text; NULL if nothing is.
    ///
    /// # Safety
    ///
    /// As for [`read`](Self::read).
    pub(super) unsafe fn explain(config: *const Self) -> *const c_char {
        let mut own = Self::EMPTY;
        // SAFETY: as the caller promises.
        match unsafe { own.copy(config) } {
            Ok(()) => own.problem().map_or(ptr::null(), |(_, text)| text.as_ptr()),
            Err(CONN_POOL_CONFIG_TOO_NEW) => {
                c"struct_size is larger than in this version, and the fields beyond are not zero: use a newer library"
                    .as_ptr()
            }
            Err(_) => {
                c"the configuration is NULL, or its struct_size is not a possible size: use CONN_POOL_CONFIG_INIT"
                    .as_ptr()
            }
        }
    }

    /// The first thing that is wrong with it, as a status and a text.
    fn problem(&self) -> Option<(conn_pool_status, &'static CStr)> {
        let wrong = |text| Some((CONN_POOL_INVALID_ARGUMENT, text));
        let missing = |text| Some((CONN_POOL_UNSUPPORTED, text));
        match self {
            Self { capacity: 0, .. } => wrong(c"capacity is 0: use 1 to 4096"),
            Self { capacity, .. } if *capacity > CONN_POOL_MAX_CAPACITY => {
                wrong(c"capacity is above 4096: use 1 to 4096")
            }
            Self { max_size, capacity, .. } if max_size > capacity => {
                wrong(c"max_size is above capacity: use 0 to capacity")
            }
            Self { min_idle, .. } if *min_idle as usize > self.max_size() => {
                wrong(c"min_idle is above max_size: use 0 to max_size")
            }
            Self { create: Some(_), begin_create: Some(_), .. } => {
                wrong(c"create and begin_create are both set: use one of them")
            }
            Self { begin_create: Some(_), .. } if !HAS_CLOCK => missing(c"begin_create needs a library with threads"),
            Self { min_idle: 1.., create: None, begin_create: None, .. } => {
                wrong(c"min_idle needs create or begin_create")
            }
            Self { connect_timeout_ms: 1.., begin_create: None, .. } => wrong(c"connect_timeout_ms needs begin_create"),
            Self { max_connecting, capacity, .. } if max_connecting > capacity => {
                wrong(c"max_connecting is above capacity: use 0 to capacity")
            }
            Self { clock_ms: None, idle_timeout_ms: 1.., .. } if !HAS_CLOCK => {
                missing(c"idle_timeout_ms needs clock_ms in a library without threads")
            }
            Self { clock_ms: None, max_lifetime_ms: 1.., .. } if !HAS_CLOCK => {
                missing(c"max_lifetime_ms needs clock_ms in a library without threads")
            }
            Self { flags, .. } if *flags & !CONN_POOL_TRACK != 0 => {
                Some((CONN_POOL_CONFIG_TOO_NEW, c"flags has bits that this version does not know: use a newer library"))
            }
            Self { flags: CONN_POOL_TRACK, .. } if !HAS_CLOCK => {
                missing(c"CONN_POOL_TRACK needs a library with threads")
            }
            Self { leak_after_ms: 1.., flags: 0, .. } => wrong(c"leak_after_ms needs CONN_POOL_TRACK in flags"),
            Self { keepalive_ms: 1.., validate: None, .. } => wrong(c"keepalive_ms needs validate"),
            Self { clock_ms: None, keepalive_ms: 1.., .. } if !HAS_CLOCK => {
                missing(c"keepalive_ms needs clock_ms in a library without threads")
            }
            Self { validate_after_ms: 1.., validate: None, .. } => wrong(c"validate_after_ms needs validate"),
            Self { clock_ms: None, validate_after_ms: 1.., .. } if !HAS_CLOCK => {
                missing(c"validate_after_ms needs clock_ms in a library without threads")
            }
            _ => None,
        }
    }

    /// The time.
    pub(super) fn now(&self) -> Duration {
        match self.clock_ms {
            // SAFETY: a callback, which the program has named for this.
            Some(clock) => Duration::from_millis(unsafe { clock(self.user) }),
            None => SystemClock.coarse(),
        }
    }

    /// What a managed pool without limits keeps beside its engine.
    pub(super) const fn without_limits() -> Shared {
        let config = Config::new().connect_timeout(None).nested(Nested::Allow);
        Shared::new(config.idle_timeout(None).max_lifetime(None).validate_after(None).keepalive(None))
    }

    /// Sets the limits of this configuration.
    pub(super) fn set_limits(&self, shared: &mut Shared) {
        let span = |millis: u32| (millis != 0).then(|| Duration::from_millis(millis.into()));
        shared.set_up(|config| {
            config.min_idle = self.min_idle as usize;
            config.idle_timeout = span(self.idle_timeout_ms);
            config.max_lifetime = span(self.max_lifetime_ms);
            config.validate_after = self.validate.map(|_| Duration::from_millis(self.validate_after_ms.into()));
            // Without it `conn_pool_maintain` checks all idle resources itself.
            config.keepalive = span(self.keepalive_ms);
        });
        if self.reset.is_some() {
            shared.set(ON_RETURN);
        }
        if self.tracks() {
            shared.set(ON_LEND);
        }
        if self.note.is_some() {
            shared.set(ON_RETURN | ON_LEND);
        }
    }

    /// Whether it is recorded who holds what.
    #[inline(always)]
    pub(super) const fn tracks(&self) -> bool {
        self.flags & CONN_POOL_TRACK != 0
    }

    /// Whether the pool has resources made, by a callback of either kind.
    pub(super) const fn connects(&self) -> bool {
        self.create.is_some() || self.begin_create.is_some()
    }

    pub(super) fn max_connecting(&self) -> usize {
        if self.max_connecting == 0 { self.capacity as usize } else { self.max_connecting as usize }
    }

    pub(super) fn max_size(&self) -> usize {
        if self.max_size == 0 { self.capacity as usize } else { self.max_size as usize }
    }

    pub(super) fn fairness(&self) -> Fairness {
        if self.max_overtakes == 0 { Fairness::Fifo } else { Fairness::Bounded(self.max_overtakes) }
    }

    /// Copies the name to zeros, cut if need be.
    ///
    /// # Safety
    ///
    /// The name is NULL or a string.
    pub(super) unsafe fn copy_name(&self, copy: &mut [c_char; CONN_POOL_MAX_NAME as usize + 1]) {
        if self.name.is_null() {
            return;
        }
        for (at, place) in copy.iter_mut().take(CONN_POOL_MAX_NAME as usize).enumerate() {
            // SAFETY: a string, as the caller promises, and no character before this one ended it.
            *place = unsafe { self.name.wrapping_add(at).read() };
            if *place == 0 {
                break;
            }
        }
    }
}

// knows: status, fairness, managed · must not know: pools
//! What a pool is to be like. Grows at its end only: see `read`.

use core::ffi::{CStr, c_char, c_int, c_void};
use core::mem::{MaybeUninit, offset_of};
use core::ptr;
use core::time::Duration;

use super::status::Answer;
use super::status::conn_pool_status::{
    self, CONN_POOL_CONFIG_TOO_NEW, CONN_POOL_INVALID_ARGUMENT, CONN_POOL_UNSUPPORTED,
};
use crate::fairness::Fairness;
use crate::managed::{Clock, Config, Nested, ON_RETURN, Shared, SystemClock};

/// The most slots that a pool can have.
pub const CONN_POOL_MAX_CAPACITY: u32 = 4096;
/// The longest name of a pool, in bytes, without the terminating zero; what is longer is cut.
pub const CONN_POOL_MAX_NAME: u32 = 31;

/// What happened to a resource, for `conn_pool_event_fn`.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum conn_pool_event {
    /// `create` made it.
    CONN_POOL_EVENT_CREATED = 0,
    /// `create` failed with this code; there is no resource.
    CONN_POOL_EVENT_CREATE_FAILED = 1,
    /// `validate` failed with this code; the resource is destroyed next.
    CONN_POOL_EVENT_INVALID = 2,
    /// `reset` failed with this code; the resource is destroyed next.
    CONN_POOL_EVENT_RESET_FAILED = 3,
    /// It is about to be destroyed.
    CONN_POOL_EVENT_DESTROYED = 4,
}

/// Makes a resource and stores it in `*resource`. Returns 0, or a code of its own if it failed.
pub type conn_pool_create_fn = Option<unsafe extern "C" fn(user: *mut c_void, resource: *mut *mut c_void) -> c_int>;
/// Checks or resets a resource. Returns 0 if the resource is fit, or a code of its own if it is to be destroyed.
pub type conn_pool_check_fn = Option<unsafe extern "C" fn(user: *mut c_void, resource: *mut c_void) -> c_int>;
/// Ends a resource.
pub type conn_pool_destroy_fn = Option<unsafe extern "C" fn(user: *mut c_void, resource: *mut c_void)>;
/// Is told what happened to a resource.
pub type conn_pool_event_fn =
    Option<unsafe extern "C" fn(user: *mut c_void, event: conn_pool_event, resource: *mut c_void, code: c_int)>;

/// Tells the time, in milliseconds since whenever. It may not go backwards.
pub type conn_pool_clock_fn = Option<unsafe extern "C" fn(user: *mut c_void) -> u64>;

/// What a pool is to be like. Zero it or use `CONN_POOL_CONFIG_INIT`, set what you need, and leave the rest.
///
/// Callbacks are called without a lock of the pool, possibly by several threads at once; they may call the pool, and must
/// not throw or `longjmp` across it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct conn_pool_config {
    /// `sizeof(conn_pool_config)`: tells the library which version of this structure it is given.
    pub struct_size: usize,
    /// Slots: the most resources there can ever be, 1 to `CONN_POOL_MAX_CAPACITY`.
    pub capacity: u32,
    /// Resources that may be out at once, up to `capacity`; 0 stands for `capacity`.
    pub max_size: u32,
    /// 0: waiters are never overtaken. k: a waiter is overtaken by at most k newcomers, for the sake of throughput.
    pub max_overtakes: u32,
    /// How many idle resources `conn_pool_maintain` keeps ready, as far as `max_size` allows. A floor: what is too old is
    /// replaced before it is destroyed, if there is room. Needs `create`.
    pub min_idle: u32,
    /// `conn_pool_maintain` destroys a resource that was idle for longer, but for `min_idle` of them; 0: never.
    pub idle_timeout_ms: u32,
    /// A resource that is older is not claimed any more, and is destroyed when it comes back; each one's lifetime is shortened
    /// by up to a quarter, at random, so that they do not all end together. 0: no limit.
    pub max_lifetime_ms: u32,
    /// Name for diagnostics; copied. May be NULL.
    pub name: *const c_char,
    /// Passed to every callback.
    pub user: *mut c_void,
    /// Makes a resource when one is wanted and none is idle. NULL: resources come from `conn_pool_add` only.
    pub create: conn_pool_create_fn,
    /// Checks an idle resource before it is claimed. May be NULL.
    pub validate: conn_pool_check_fn,
    /// Brings a resource that comes back into a clean state. May be NULL.
    pub reset: conn_pool_check_fn,
    /// Ends a resource. May be NULL if there is nothing to do.
    pub destroy: conn_pool_destroy_fn,
    /// Is told what happens to resources. May be NULL.
    pub on_event: conn_pool_event_fn,
    /// Tells the time. NULL: the system's monotonic clock; a build without one needs this for `idle_timeout_ms` and
    /// `max_lifetime_ms`.
    pub clock_ms: conn_pool_clock_fn,
}

/// The size of the first version of the structure; none can be smaller.
const FIRST_SIZE: usize = offset_of!(conn_pool_config, clock_ms) + size_of::<conn_pool_clock_fn>();

/// Whether this build has a clock of its own.
const HAS_CLOCK: bool = cfg!(feature = "std");

/// What is larger cannot be the size of any version: it was not set, and is not to be believed.
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
    };

    /// Reads a caller's configuration, whichever version of the structure it has. What an older one does not have is
    /// zero; what a newer one has beyond ours must be zero, because it would be ignored. (The rule of `openat2`.)
    ///
    /// # Safety
    ///
    /// `config` is NULL, or begins with its size and may be read for so many bytes.
    pub(super) unsafe fn read(config: *const Self) -> Answer<Self> {
        // SAFETY: as the caller promises.
        unsafe { Self::copy(config) }?.check()
    }

    /// # Safety
    ///
    /// As for [`read`](Self::read).
    unsafe fn copy(config: *const Self) -> Answer<Self> {
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
        let mut own = MaybeUninit::new(Self::EMPTY);
        // SAFETY: the caller promises `size` bytes, our own copy has its size, and a local overlaps with nothing.
        unsafe { ptr::copy_nonoverlapping(config.cast::<u8>(), own.as_mut_ptr().cast(), size.min(size_of::<Self>())) };
        // SAFETY: `EMPTY`, overwritten with values that are valid, as the caller promises.
        let mut own = unsafe { own.assume_init() };
        own.struct_size = size_of::<Self>();
        Ok(own)
    }

    /// What is wrong with a caller's configuration, in words; NULL if nothing is.
    ///
    /// # Safety
    ///
    /// As for [`read`](Self::read).
    pub(super) unsafe fn explain(config: *const Self) -> *const c_char {
        // SAFETY: as the caller promises.
        match unsafe { Self::copy(config) } {
            Ok(config) => config.problem().map_or(ptr::null(), |(_, text)| text.as_ptr()),
            Err(CONN_POOL_CONFIG_TOO_NEW) => {
                c"struct_size is larger than this version knows, and what is beyond is not zero".as_ptr()
            }
            Err(_) => {
                c"the configuration is NULL, or its struct_size is no possible size: use CONN_POOL_CONFIG_INIT".as_ptr()
            }
        }
    }

    fn check(self) -> Answer<Self> {
        match self.problem() {
            None => Ok(self),
            Some((status, _)) => Err(status),
        }
    }

    /// The first thing that is wrong with it, in words.
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
            Self { min_idle: 1.., create: None, .. } => wrong(c"min_idle needs a create that makes resources"),
            Self { clock_ms: None, idle_timeout_ms: 1.., .. } if !HAS_CLOCK => {
                missing(c"idle_timeout_ms needs clock_ms in a build without a clock")
            }
            Self { clock_ms: None, max_lifetime_ms: 1.., .. } if !HAS_CLOCK => {
                missing(c"max_lifetime_ms needs clock_ms in a build without a clock")
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

    /// What a managed pool like this keeps beside its engine.
    pub(super) fn shared(&self) -> Shared {
        let span = |millis: u32| (millis != 0).then(|| Duration::from_millis(millis.into()));
        let shared = Shared::new(
            Config::new()
                .min_idle(self.min_idle as usize)
                .idle_timeout(span(self.idle_timeout_ms))
                .max_lifetime(span(self.max_lifetime_ms))
                .validate_after(self.validate.map(|_| Duration::ZERO))
                // `conn_pool_maintain` checks all that are idle.
                .keepalive(None)
                .nested(Nested::Allow),
        );
        if self.reset.is_some() {
            shared.set(ON_RETURN);
        }
        shared
    }

    pub(super) fn max_size(&self) -> usize {
        if self.max_size == 0 { self.capacity as usize } else { self.max_size as usize }
    }

    pub(super) fn fairness(&self) -> Fairness {
        if self.max_overtakes == 0 { Fairness::Fifo } else { Fairness::Bounded(self.max_overtakes) }
    }

    /// The name, cut to what the pool keeps of it, and ended by a zero.
    ///
    /// # Safety
    ///
    /// The name is NULL or a string that ends with a zero.
    pub(super) unsafe fn copy_name(&self) -> [c_char; CONN_POOL_MAX_NAME as usize + 1] {
        let mut copy = [0; CONN_POOL_MAX_NAME as usize + 1];
        if self.name.is_null() {
            return copy;
        }
        for (at, place) in copy.iter_mut().take(CONN_POOL_MAX_NAME as usize).enumerate() {
            // SAFETY: a string, as the caller promises, and no character before this one ended it.
            *place = unsafe { self.name.wrapping_add(at).read() };
            if *place == 0 {
                break;
            }
        }
        copy
    }
}

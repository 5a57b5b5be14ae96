/**
 * @file
 * conn_pool: a pool of connections, or of other resources, in a fixed number of slots, with one fair wait queue. Once a
 * pool is made, the library allocates nothing.
 *
 * conn_pool_acquire fills a lease of a resource, conn_pool_release ends it. Callers that have to wait join the wait
 * queue: first come, first served, whether they are threads or callbacks of an event loop.
 *
 * Threads.  Any thread may call any function at any time, except conn_pool_init, conn_pool_destroy and
 * conn_pool_abandon: while one of these runs, nothing else may use the pool or its storage.
 *
 * Callbacks.  A callback is called by the thread whose call needs it, without a lock of the library, possibly by
 * several threads at once. It may call the pool, but must not end it (conn_pool_destroy, conn_pool_abandon). It must
 * return: no longjmp, no C++ exception, no pthread_exit.
 *
 * Errors.  0 is success. Outputs are written on success only. NULL where a pointer is needed is an error and not a
 * crash. errno is left as it was, even if a callback sets it. See conn_pool_strerror.
 *
 * Cancellation.  No function is a cancellation point. A thread that is cancelled (pthread_cancel) during a call, also
 * while a callback runs or while it waits, goes on to the end of the call. Threads that may be cancelled at any moment
 * (PTHREAD_CANCEL_ASYNCHRONOUS) must not call the library.
 *
 * Misuse.  A lease that was released already, belongs to another pool, or is damaged is refused with a status of its
 * own, and nothing changes. So is a destroyed pool, as long as its memory is still there.
 *
 * fork.  A pool belongs to the process that made it. In a child, every call that returns a status returns
 * CONN_POOL_FORKED, except conn_pool_abandon, which forgets the pool and leaves the parent's resources alone.
 *
 * Versions.  The soname changes with each minor version until 1.0, and with each major version from then on. Within one
 * soname, functions are only added, and structures only grow, at their ends: see struct_size.
 *
 * Compiler options.  What a program passes to the library does not depend on its options: no enum and no time_t crosses
 * the border, and structures are laid out the same with `-fpack-struct=N`, `#pragma pack` and `-fshort-enums`. A waiter,
 * and storage, have to be aligned: what the program itself defines with one of them in it must not be packed.
 *
 * Signals.  Functions that wait or call callbacks are not async-signal-safe. A signal does not end a wait early.
 *
 * Interrupts.  Of the library without threads (CONN_POOL_BARE), built with the feature critical-section, interrupt
 * handlers may make most calls: see ISR-safe at each. They run the callbacks that become due by that.
 */
#ifndef CONN_POOL_H
#define CONN_POOL_H


/* Generated from the library's source by cbindgen: do not edit. See CONTRIBUTING.md. */

#include <stddef.h>
#include <stdint.h>

/* CONN_POOL_BARE: to be defined by programs that link the library without threads (no operating system). */
#ifndef CONN_POOL_BARE
/** The library has threads, a heap and a clock. */
#define CONN_POOL_HOSTED
#include <time.h>
#endif

/*
 * Tools that look for data races do not see how the library orders the callers of a resource, so they are told:
 * ThreadSanitizer if the program is compiled for it; helgrind and drd if the header of valgrind is there, and the
 * program runs under one of them. CONN_POOL_NO_VALGRIND: to be defined by programs that do not want that header.
 */
#ifdef CONN_POOL_HOSTED
#if defined(__SANITIZE_THREAD__)
#define CONN_POOL_TSAN
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CONN_POOL_TSAN
#endif
#endif
#if defined(__has_include) && !defined(CONN_POOL_NO_VALGRIND)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#define CONN_POOL_VALGRIND
#endif
#endif
#endif
#if defined(CONN_POOL_TSAN) || defined(CONN_POOL_VALGRIND)
#define CONN_POOL_NOTE conn_pool_note_to_tools
#else
/** `note` of CONN_POOL_CONFIG_INIT. */
#define CONN_POOL_NOTE NULL
#endif

/*
 * The critical section of a program without an operating system, whose library was built with the feature
 * `critical-section`: the program defines both. The first one masks interrupts, the second one unmasks them. They nest:
 * the end of the outermost section unmasks, and only if interrupts were not masked before it began. docs/c.md has an
 * example. Other builds do not call them.
 */
#ifdef CONN_POOL_BARE
#ifdef __cplusplus
extern "C" {
#endif
void _critical_section_1_0_acquire(void);
void _critical_section_1_0_release(void);
#ifdef __cplusplus
}
#endif
#endif

/* CONN_POOL_API: makes the functions visible in a shared library. */
#ifndef CONN_POOL_API
#if defined(__GNUC__) || defined(__clang__)
#define CONN_POOL_API __attribute__((__visibility__("default")))
#else
#define CONN_POOL_API
#endif
#endif

/* CONN_POOL_MUST_USE: a call whose status tells whether there is a lease, or a pool, must not be ignored. */
#ifndef CONN_POOL_MUST_USE
#if defined(__GNUC__) || defined(__clang__)
#define CONN_POOL_MUST_USE __attribute__((__warn_unused_result__))
#else
#define CONN_POOL_MUST_USE
#endif
#endif

/*
 * CONN_POOL_NONNULL: compilers warn of NULL where it is an error in any case. The library checks it all the same.
 * CONN_POOL_NO_NONNULL: to be defined by programs that do not want the warning.
 */
#if (defined(__GNUC__) || defined(__clang__)) && !defined(CONN_POOL_NO_NONNULL)
/** Warns if the argument in this position, from 1, is NULL. */
#define CONN_POOL_NONNULL(position) __attribute__((__nonnull__(position)))
#else
#define CONN_POOL_NONNULL(position)
#endif

/**
 * Releases the lease when its variable goes out of scope, also by an early `return`: for gcc and clang. An empty lease
 * is left alone.
 *
 *     CONN_POOL_RELEASED_AT_END conn_pool_lease lease = CONN_POOL_LEASE_INIT;
 */
#if defined(__GNUC__) || defined(__clang__)
#define CONN_POOL_RELEASED_AT_END __attribute__((__cleanup__(conn_pool_release_at_end)))
#endif

/** The version of this header, as a number like that of conn_pool_version: MAJOR * 10000 + MINOR * 100 + PATCH. */
#define CONN_POOL_VERSION \
    (CONN_POOL_VERSION_MAJOR * 10000 + CONN_POOL_VERSION_MINOR * 100 + CONN_POOL_VERSION_PATCH)

/** A timeout: wait for as long as it takes. */
#define CONN_POOL_WAIT_FOREVER UINT32_C(0xFFFFFFFF)

/** Bytes of storage for a pool of this capacity, as a constant: never less than conn_pool_storage_size(capacity). */
#ifdef CONN_POOL_HOSTED
#define CONN_POOL_STORAGE_SIZE(capacity) \
    (CONN_POOL_STORAGE_BASE + (size_t)(capacity) * CONN_POOL_STORAGE_PER_SLOT)
#else
#define CONN_POOL_STORAGE_SIZE(capacity) \
    (((sizeof(void *) < 8 ? CONN_POOL_STORAGE_WORDS_BARE : CONN_POOL_STORAGE_WORDS_BARE_64) \
      + (size_t)(capacity) * CONN_POOL_STORAGE_WORDS_PER_SLOT_BARE) * sizeof(void *))
#endif

/**
 * Defines storage for a pool of this capacity: pass `&name` and `sizeof name` to conn_pool_init.
 *
 *     static CONN_POOL_DEFINE_STORAGE(sensors, 4);
 */
#define CONN_POOL_DEFINE_STORAGE(name, capacity) \
    union { \
        uint64_t conn_pool_aligned; \
        void *conn_pool_aligned_too; \
        unsigned char bytes[CONN_POOL_STORAGE_SIZE(capacity)]; \
    } name

/** As CONN_POOL_DEFINE_STORAGE, with `static` before it. */
#define CONN_POOL_DEFINE_STATIC(name, capacity) static CONN_POOL_DEFINE_STORAGE(name, capacity)

/** An empty lease. */
#define CONN_POOL_LEASE_INIT { NULL, NULL, 0, 0 }

/** A waiter that was never used. */
#define CONN_POOL_WAITER_INIT { { 0 } }

/** A configuration with defaults: `conn_pool_config config = CONN_POOL_CONFIG_INIT;` */
#define CONN_POOL_CONFIG_INIT \
    { sizeof(conn_pool_config), 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, \
      0, 0, CONN_POOL_NOTE, NULL, 0, 0 }

/* The library expects the structures as they are without packing. */
#if defined(__GNUC__) || defined(__clang__) || defined(_MSC_VER)
#pragma pack(push, 16)
#endif


/**
 * The version of this header: its major number.
 */
#define CONN_POOL_VERSION_MAJOR 0

/**
 * The version of this header: its minor number.
 */
#define CONN_POOL_VERSION_MINOR 1

/**
 * The version of this header: its patch number.
 */
#define CONN_POOL_VERSION_PATCH 0

/**
 * The largest capacity of a pool.
 */
#define CONN_POOL_MAX_CAPACITY 4096

/**
 * Of `flags` in a configuration: the pool records who holds which resource, for `conn_pool_get_leases`, and refuses a
 * thread that would wait for itself with `CONN_POOL_DEADLOCK`. An acquire then reads the clock, as with
 * `max_lifetime_ms`.
 *
 * A thread is known by its `pthread_self()`, which a later thread may be given once it has ended. So a lease is to be
 * released before the thread that acquired it ends: otherwise the later one may be refused.
 */
#define CONN_POOL_TRACK 1

/**
 * The longest text of an error that `conn_pool_last_error` returns, in bytes, without the terminating zero.
 */
#define CONN_POOL_MAX_ERROR 127

/**
 * The longest name of a pool, in bytes, without the terminating zero. A longer name is cut.
 */
#define CONN_POOL_MAX_NAME 31

/**
 * Bytes of storage for a pool without its slots: see `CONN_POOL_STORAGE_SIZE`.
 */
#define CONN_POOL_STORAGE_BASE 3072

/**
 * Bytes of storage for each slot, with room for what later versions may keep there.
 */
#define CONN_POOL_STORAGE_PER_SLOT 160

/**
 * The same for the library without threads (`CONN_POOL_BARE`), in words of the target: `sizeof(void *)`. There is no
 * room for later versions, since the archive is linked with the program.
 */
#define CONN_POOL_STORAGE_WORDS_BARE 216

/**
 * The same on targets of 64 bits, where numbers take fewer words.
 */
#define CONN_POOL_STORAGE_WORDS_BARE_64 165

/**
 * The same of each slot.
 */
#define CONN_POOL_STORAGE_WORDS_PER_SLOT_BARE 12

/**
 * What happened to a resource: for `conn_pool_event_fn`.
 */
enum conn_pool_event
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * `create` has made it.
     */
    CONN_POOL_EVENT_CREATED = 0,
    /**
     * `create` has failed with this code; the resource is NULL.
     */
    CONN_POOL_EVENT_CREATE_FAILED = 1,
    /**
     * `validate` has failed with this code; the resource is destroyed next.
     */
    CONN_POOL_EVENT_INVALID = 2,
    /**
     * `reset` has failed with this code; the resource is destroyed next.
     */
    CONN_POOL_EVENT_RESET_FAILED = 3,
    /**
     * It is about to be destroyed. The code is the reason: a `conn_pool_reason`.
     */
    CONN_POOL_EVENT_DESTROYED = 4,
    /**
     * It is leased for longer than `leak_after_ms`. It is still in use: do not touch it. The code is the number of its
     * slot, by which `conn_pool_get_leases` tells who holds it.
     */
    CONN_POOL_EVENT_LEAKED = 5,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum conn_pool_event conn_pool_event;
#else
typedef int32_t conn_pool_event;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What the library tells a tool that looks for data races: for `conn_pool_note_fn`.
 */
enum conn_pool_note
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Does a tool look on? Asked when a pool is made. If the answer is 0, no more is told.
     */
    CONN_POOL_NOTE_ASK = 0,
    /**
     * What was released with this address before has happened before what the thread does next.
     */
    CONN_POOL_NOTE_ACQUIRED = 1,
    /**
     * What the thread has done so far happens before what is done by those who acquire with this address.
     */
    CONN_POOL_NOTE_RELEASED = 2,
    /**
     * These bytes are the library's: what happens there is none of the program's races.
     */
    CONN_POOL_NOTE_OWN = 3,
    /**
     * What the thread does until `CONN_POOL_NOTE_HEED` is none of the program's races: the library allocates memory
     * that another thread may free.
     */
    CONN_POOL_NOTE_IGNORE = 4,
    /**
     * Ends that.
     */
    CONN_POOL_NOTE_HEED = 5,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum conn_pool_note conn_pool_note;
#else
typedef int32_t conn_pool_note;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What a call returns: 0 is success, a positive value is no error either, a negative value is an error.
 */
enum conn_pool_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Success.
     */
    CONN_POOL_OK = 0,
    /**
     * `conn_pool_acquire_async`: the waiter is queued, and its callback will be called once.
     */
    CONN_POOL_PENDING = 1,
    /**
     * No resource is free now, and the call does not wait.
     */
    CONN_POOL_EXHAUSTED = -1,
    /**
     * The time was up before a resource was free.
     */
    CONN_POOL_TIMED_OUT = -2,
    /**
     * The pool is closed.
     */
    CONN_POOL_CLOSED = -3,
    /**
     * The pool is in use: leases are held, callers wait, or tickets are out.
     */
    CONN_POOL_BUSY = -4,
    /**
     * A pointer is NULL that must not be, a value is out of range, or the pool is destroyed. For a configuration
     * `conn_pool_config_problem` says which.
     */
    CONN_POOL_INVALID_ARGUMENT = -5,
    /**
     * This build of the library cannot do that.
     */
    CONN_POOL_UNSUPPORTED = -6,
    /**
     * The configuration sets fields that this version does not have: the program was compiled with a newer header.
     */
    CONN_POOL_CONFIG_TOO_NEW = -7,
    /**
     * The storage is smaller than `conn_pool_storage_size` asks for.
     */
    CONN_POOL_STORAGE_TOO_SMALL = -8,
    /**
     * The storage is not aligned to `conn_pool_storage_align`.
     */
    CONN_POOL_MISALIGNED = -9,
    /**
     * The pool could not be allocated.
     */
    CONN_POOL_OUT_OF_MEMORY = -10,
    /**
     * The lease is empty, or was released already; or the ticket is 0, or was used already.
     */
    CONN_POOL_NOT_HELD = -11,
    /**
     * The lease was released, and its slot has been leased again since; or the ticket was used, and its slot has had
     * another one since.
     */
    CONN_POOL_STALE = -12,
    /**
     * The lease, the waiter or the ticket belongs to another pool.
     */
    CONN_POOL_WRONG_POOL = -13,
    /**
     * The lease has a slot, resource or generation that was never handed out, or the ticket was never issued: it is
     * damaged or forged.
     */
    CONN_POOL_FORGED = -14,
    /**
     * `conn_pool_add`: no slot within `max_size` is vacant.
     */
    CONN_POOL_FULL = -15,
    /**
     * The resource could not be made: see `conn_pool_last_error`.
     */
    CONN_POOL_CREATE_FAILED = -16,
    /**
     * `conn_pool_acquire_async`: the waiter is in a wait queue already.
     */
    CONN_POOL_ALREADY_WAITING = -17,
    /**
     * `conn_pool_cancel`: the waiter is in no wait queue. Its callback was called, or is about to be, or it was never
     * queued.
     */
    CONN_POOL_NOT_WAITING = -18,
    /**
     * The process is a fork's child, and the pool belongs to the parent: see `conn_pool_abandon`.
     */
    CONN_POOL_FORKED = -19,
    /**
     * The library itself has failed. Please report it.
     */
    CONN_POOL_PANIC = -20,
    /**
     * The thread would wait for itself: it holds what it would wait for. Only in a pool with `CONN_POOL_TRACK`.
     */
    CONN_POOL_DEADLOCK = -21,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum conn_pool_status conn_pool_status;
#else
typedef int32_t conn_pool_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Why a resource is destroyed: the code of `CONN_POOL_EVENT_DESTROYED`.
 */
enum conn_pool_reason
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * `conn_pool_discard`.
     */
    CONN_POOL_REASON_DISCARDED = 1,
    /**
     * `validate` has found it unfit.
     */
    CONN_POOL_REASON_INVALID = 2,
    /**
     * `reset` has failed.
     */
    CONN_POOL_REASON_RESET_FAILED = 3,
    /**
     * It is older than `max_lifetime_ms`.
     */
    CONN_POOL_REASON_MAX_LIFETIME = 4,
    /**
     * It was idle for longer than `idle_timeout_ms`.
     */
    CONN_POOL_REASON_IDLE_TIMEOUT = 5,
    /**
     * `conn_pool_evict_all`, or a `conn_pool_retain` that did not keep it.
     */
    CONN_POOL_REASON_EVICTED = 6,
    /**
     * It was one too many after `conn_pool_resize`.
     */
    CONN_POOL_REASON_SURPLUS = 7,
    /**
     * The pool is closed.
     */
    CONN_POOL_REASON_CLOSED = 8,
    /**
     * The library itself has failed.
     */
    CONN_POOL_REASON_PANIC = 9,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum conn_pool_reason conn_pool_reason;
#else
typedef int32_t conn_pool_reason;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * A pool of resources. Opaque; made by `conn_pool_create` or `conn_pool_init`.
 */
typedef struct conn_pool conn_pool;

/**
 * Makes a resource and stores it in `*resource`, which must not stay NULL. Returns 0, or any other number if it fails.
 *
 * `within_ms` is what is left of the caller's time, at least 1; `CONN_POOL_WAIT_FOREVER` if it has no limit, as in
 * `conn_pool_try_acquire`, `conn_pool_acquire_async` and `conn_pool_maintain`. The pool cannot end a callback that
 * takes longer: the call then takes as long as the callback.
 */
typedef int (*conn_pool_create_fn)(void *user, uint32_t within_ms, void **resource);

/**
 * Checks or resets a resource. Returns 0 if the resource is fit, or any other number if it has to be destroyed.
 */
typedef int (*conn_pool_check_fn)(void *user, void *resource);

/**
 * Ends a resource: closes and frees it.
 */
typedef void (*conn_pool_destroy_fn)(void *user, void *resource);

/**
 * Called when something happened to a resource. `code` is what the callback has returned that failed, or what the
 * event says that it is, otherwise 0.
 */
typedef void (*conn_pool_event_fn)(void *user, conn_pool_event event, void *resource, int code);

/**
 * Returns the time in milliseconds, counted from any fixed moment. It must not go backwards.
 */
typedef uint64_t (*conn_pool_clock_fn)(void *user);

/**
 * Tells a tool that looks for data races what the library does, as `CONN_POOL_CONFIG_INIT` has it for
 * `ThreadSanitizer`, helgrind and drd. Returns 0 if no tool looks on.
 */
typedef int (*conn_pool_note_fn)(conn_pool_note note, const void *at, size_t size);

/**
 * Begins to make a resource, and returns at once: 0, or any other number if it cannot be begun, which is a failure as
 * by `conn_pool_connect_failed`; its text is that of `conn_pool_set_error`.
 *
 * The program ends what it has begun with `conn_pool_connected` or `conn_pool_connect_failed`, and the ticket: once,
 * later, on any thread, or before this callback has returned. `within_ms` is `connect_timeout_ms`, or
 * `CONN_POOL_WAIT_FOREVER`. It is called by the thread whose call has shown that a resource is wanted. That may be any
 * call that changes the pool, also a release.
 */
typedef int (*conn_pool_begin_create_fn)(void *user, uint64_t ticket, uint32_t within_ms);

/**
 * The configuration of a pool. Initialise it with `CONN_POOL_CONFIG_INIT`, then set what you need. 0 and NULL are the
 * defaults.
 *
 * Callbacks are called without a lock, possibly by several threads at once. They may call the pool. They must return:
 * no C++ exception and no `longjmp` may leave them.
 */
typedef struct conn_pool_config {
    /**
     * `sizeof(conn_pool_config)`: tells the library which version of the structure the program was compiled with.
     */
    size_t struct_size;
    /**
     * How many slots the pool has, 1 to `CONN_POOL_MAX_CAPACITY`. It cannot change later.
     */
    uint32_t capacity;
    /**
     * How many resources may be in use at once, up to `capacity`; 0 means `capacity`. `conn_pool_resize` changes it.
     */
    uint32_t max_size;
    /**
     * How many newcomers may overtake a waiter, for more throughput. 0: callers are served in the order in which they
     * came.
     */
    uint32_t max_overtakes;
    /**
     * How many idle resources `conn_pool_maintain` keeps ready, as far as `max_size` allows. If there is room, it
     * replaces a resource that is too old before it destroys it. Needs `create` or `begin_create`.
     */
    uint32_t min_idle;
    /**
     * `conn_pool_maintain` destroys resources that were idle for longer, except for `min_idle` of them. 0: never.
     */
    uint32_t idle_timeout_ms;
    /**
     * An older resource is not leased again: the acquire that finds it, or `conn_pool_maintain`, destroys it. If
     * `conn_pool_maintain` finds it while it is leased, its release does. Only an acquire reads the clock, once; a
     * release reads none. The limit is as exact as the clock: with the system's, to some milliseconds (on Linux a tick
     * of the kernel, 1 to 10 ms). The lifetime of each resource is shortened by up to a quarter, at random, so that
     * they do not all end together. 0: no limit.
     */
    uint32_t max_lifetime_ms;
    /**
     * A name for diagnostics, which is copied. May be NULL.
     */
    const char *name;
    /**
     * Passed to every callback.
     */
    void *user;
    /**
     * Makes a resource when a caller needs one and none is idle. NULL, if `begin_create` is NULL too: all resources
     * come from `conn_pool_add`.
     */
    conn_pool_create_fn create;
    /**
     * Checks an idle resource before it is leased (see `validate_after_ms`), and in `conn_pool_maintain`. May be NULL.
     */
    conn_pool_check_fn validate;
    /**
     * Cleans a resource that is released, for the next caller. May be NULL.
     */
    conn_pool_check_fn reset;
    /**
     * Ends a resource. May be NULL, if nothing has to be done.
     */
    conn_pool_destroy_fn destroy;
    /**
     * Called at each event of a resource. May be NULL.
     */
    conn_pool_event_fn on_event;
    /**
     * The clock for `idle_timeout_ms`, `max_lifetime_ms` and `validate_after_ms`. NULL: the system's monotonic clock,
     * on Linux the coarse one, which is some milliseconds behind. The library without threads has none, and needs this
     * one.
     */
    conn_pool_clock_fn clock_ms;
    /**
     * `validate` is called before a resource is leased only if that is so long after its last use began, or after its
     * last check. Then each acquire reads the clock, and a resource that was held for longer is checked too. 0: it is
     * called for each lease.
     */
    uint32_t validate_after_ms;
    /**
     * `conn_pool_maintain` calls `validate` for resources that were idle for so long only, and so keeps them alive. 0:
     * for all idle ones.
     */
    uint32_t keepalive_ms;
    /**
     * `CONN_POOL_TRACK`, or 0.
     */
    uint32_t flags;
    /**
     * `conn_pool_maintain` tells of a resource that is leased for longer, once: `CONN_POOL_EVENT_LEAKED`. Needs
     * `CONN_POOL_TRACK`. 0: never.
     */
    uint32_t leak_after_ms;
    /**
     * For tools that look for data races: `CONN_POOL_CONFIG_INIT` sets it where such a tool may look on. While one
     * does, each acquire and release takes longer. NULL: nothing is told.
     */
    conn_pool_note_fn note;
    /**
     * Begins to make a resource when a caller needs one and none is idle, for programs that must not block: instead of
     * `create`. Not in a library without threads. May be NULL.
     */
    conn_pool_begin_create_fn begin_create;
    /**
     * How long the program may take to make a resource that was begun. After that the connect counts as failed for the
     * caller that waits for it: `conn_pool_maintain` sees to that. Needs `begin_create`. 0: no limit.
     */
    uint32_t connect_timeout_ms;
    /**
     * How many resources may be made at once, up to `capacity`: calls of `create`, and what `begin_create` has begun.
     * 0: `capacity`.
     */
    uint32_t max_connecting;
} conn_pool_config;

/**
 * The right to use a resource, from acquire to release.
 *
 * A plain value. It may be copied, but a copy is the same lease: only one of them can be released. All zero is an
 * empty lease.
 */
typedef struct conn_pool_lease {
    /**
     * The pool that the resource belongs to; NULL in an empty lease.
     */
    struct conn_pool *pool;
    /**
     * The resource: what `create` made, or what was passed to `conn_pool_add`.
     */
    void *resource;
    /**
     * The slot of the resource. Private to the library.
     */
    uint32_t slot;
    /**
     * Tells this lease from earlier and later ones of the slot. Private to the library.
     */
    uint32_t generation;
} conn_pool_lease;

/**
 * A place in the wait queue for a callback, in the caller's memory.
 *
 * Zero it before its first use (`CONN_POOL_WAITER_INIT`). While it is in use it must neither move nor be freed: from
 * `conn_pool_acquire_async` until its callback is called or it is cancelled. Then it can be used again.
 */
typedef struct conn_pool_waiter {
    /**
     * Private to the library.
     */
    uint64_t reserved[24];
} conn_pool_waiter;

/**
 * Called once when an asynchronous wait is over. With `CONN_POOL_OK`, `lease` points to the lease, to be copied; with
 * any other status it is NULL.
 */
typedef void (*conn_pool_ready_fn)(void *user, conn_pool_status status, const struct conn_pool_lease *lease);

/**
 * What a pool has counted, and how full it is: from `conn_pool_get_stats`. Later versions add fields at the end only.
 *
 * The fields are read one after the other. While other threads use the pool they may not add up; once no thread does,
 * they do.
 */
typedef struct conn_pool_stats {
    /**
     * How many bytes of the structure the library has written. If that is less than the caller has asked for, the
     * library is older than the program: the fields beyond are zero, and mean nothing.
     */
    size_t struct_size;
    /**
     * Slots.
     */
    size_t capacity;
    /**
     * Resources that may be in use at once.
     */
    size_t max_size;
    /**
     * Resources in use: leased, in a callback, or being made.
     */
    size_t in_use;
    /**
     * Resources ready to be acquired.
     */
    size_t idle;
    /**
     * Slots within `max_size` that have no resource.
     */
    size_t vacant;
    /**
     * Callers in the wait queue.
     */
    size_t waiting;
    /**
     * The most resources in use at once, since `conn_pool_reset_peaks`.
     */
    size_t peak_in_use;
    /**
     * The most callers waiting at once, since `conn_pool_reset_peaks`.
     */
    size_t peak_waiting;
    /**
     * Resources acquired, with those that `validate` then found unfit. This and all counts below wrap at `SIZE_MAX`.
     */
    size_t acquired;
    /**
     * Those of `acquired` whose resource had been acquired before.
     */
    size_t reused;
    /**
     * Callers that had to wait.
     */
    size_t waited;
    /**
     * Callers whose time was up before they got a resource.
     */
    size_t timed_out;
    /**
     * Newcomers that overtook a waiter; 0 unless `max_overtakes` is set.
     */
    size_t overtakes;
    /**
     * Resources that `create` has made, or that came by `conn_pool_connected`.
     */
    size_t created;
    /**
     * Calls of `create` that failed, and tickets that ended in failure.
     */
    size_t create_failed;
    /**
     * Resources that `validate` found unfit.
     */
    size_t invalid;
    /**
     * Resources that `reset` has failed to clean.
     */
    size_t reset_failed;
    /**
     * Resources destroyed, for any reason.
     */
    size_t destroyed;
    /**
     * Releases and discards that were refused because something was wrong with the lease, and uses of a ticket because
     * something was wrong with that.
     */
    size_t misused;
    /**
     * 1 if the pool is closed, else 0.
     */
    size_t closed;
    /**
     * Calls without a wait that were refused because no resource was free.
     */
    size_t exhausted;
    /**
     * 1 if the pool is suspended, else 0.
     */
    size_t suspended;
    /**
     * Resources that are being made: calls of `create`, and what `begin_create` has begun, within its time.
     */
    size_t connecting;
} conn_pool_stats;

#if defined(CONN_POOL_HOSTED)
/**
 * A lease that is held, and who holds it: from `conn_pool_get_leases`. Later versions add fields at the end only.
 */
typedef struct conn_pool_lease_info {
    /**
     * The resource. It is in use.
     */
    void *resource;
    /**
     * What was passed to `conn_pool_acquire_tagged`, else NULL.
     */
    const char *tag;
    /**
     * The thread that acquired it: its `pthread_self()`, as a number. 0: a callback was given it (`on_ready`).
     */
    uint64_t thread;
    /**
     * For how many milliseconds it has been held.
     */
    uint64_t held_ms;
    /**
     * The number of its slot.
     */
    uint32_t slot;
    /**
     * 0.
     */
    uint32_t reserved;
} conn_pool_lease_info;
#endif





#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The version of the linked library, as a number: MAJOR * 10000 + MINOR * 100 + PATCH, like `CONN_POOL_VERSION` of the
 * header.
 *
 * - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: yes. Blocks: no.
 */
CONN_POOL_API
uint32_t conn_pool_version(void);

/**
 * The version of the linked library, as the string "major.minor.patch".
 *
 * - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: yes. Blocks: no.
 * - Ownership: the string is constant; do not free it.
 */
CONN_POOL_API const char *conn_pool_version_string(void);

/**
 * The meaning of a status, as a short English text. Never NULL, whatever the number.
 *
 * - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: yes. Blocks: no.
 * - Ownership: the string is constant; do not free it.
 */
CONN_POOL_API const char *conn_pool_strerror(int status);

/**
 * The name of a status in this header, such as `CONN_POOL_OK`, for logs. Never NULL, whatever the number.
 *
 * - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: yes. Blocks: no.
 * - Ownership: the string is constant; do not free it.
 */
CONN_POOL_API const char *conn_pool_status_name(int status);

/**
 * What is wrong with a configuration, and what would be right, as a short English text. NULL if nothing is wrong.
 *
 * - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: yes. Blocks: no.
 * - Ownership: the string is constant; do not free it.
 *
 * @pre `config` is NULL or readable for its `struct_size` bytes.
 */
CONN_POOL_API
const char *conn_pool_config_problem(const struct conn_pool_config *config);

/**
 * How many bytes of storage `conn_pool_init` needs for a pool of this capacity. 0 if the capacity is out of range.
 *
 * `CONN_POOL_STORAGE_SIZE(capacity)` is a constant that is never less.
 *
 * - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: yes. Blocks: no.
 */
CONN_POOL_API
size_t conn_pool_storage_size(uint32_t capacity);

/**
 * The alignment, in bytes, that `conn_pool_init` needs of its storage.
 *
 * - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: yes. Blocks: no.
 */
CONN_POOL_API size_t conn_pool_storage_align(void);

/**
 * Makes a pool in the caller's storage, without a heap. `CONN_POOL_DEFINE_STATIC` defines such storage.
 *
 * - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: no.
 * - Returns `CONN_POOL_OK`; `CONN_POOL_STORAGE_TOO_SMALL`, `CONN_POOL_MISALIGNED`; `CONN_POOL_INVALID_ARGUMENT`,
 *   `CONN_POOL_UNSUPPORTED` or `CONN_POOL_CONFIG_TOO_NEW` if something is wrong with the configuration (see
 *   `conn_pool_config_problem`).
 * - Ownership: the pool owns the storage until `conn_pool_destroy` or `conn_pool_abandon` has returned `CONN_POOL_OK`.
 *   Until then the storage must neither move nor be freed. `config` and its name are copied; `user` and the callbacks
 *   must outlive the pool.
 *
 * @pre `storage` is NULL or writable for `size` bytes; `config` is NULL or readable for its `struct_size` bytes; `out` is
 * NULL or writable.
 */
CONN_POOL_API
CONN_POOL_MUST_USE
conn_pool_status conn_pool_init(void *storage,
                                size_t size,
                                const struct conn_pool_config *config,
                                struct conn_pool **out)
CONN_POOL_NONNULL(4);

/**
 * Adds a resource to the pool, for the longest waiter if there is one.
 *
 * - Thread-safe: yes. ISR-safe: as `conn_pool_try_acquire`. Async-signal-safe: no. Blocks: only for as long as
 *   callbacks take.
 * - Returns `CONN_POOL_OK`; `CONN_POOL_FULL` if no slot within `max_size` is vacant; `CONN_POOL_CLOSED`,
 *   `CONN_POOL_FORKED`; `CONN_POOL_INVALID_ARGUMENT`, also if the resource is NULL.
 * - Ownership: on success the pool owns the resource and ends it with `destroy`; otherwise the caller keeps it.
 *
 * @pre The pool is NULL, or was made by this library and is not freed.
 */
CONN_POOL_API
CONN_POOL_MUST_USE
conn_pool_status conn_pool_add(struct conn_pool *pool,
                               void *resource);

/**
 * Acquires a resource if one is free now, or can be created. A pool with `begin_create` asks for one if none is free.
 *
 * - Thread-safe: yes. ISR-safe: in a build without threads with the feature `critical-section`, if the callbacks of
 *   the pool may run in a handler. Async-signal-safe: no. Blocks: only for as long as `create` and `validate` take.
 * - Returns `CONN_POOL_OK`; `CONN_POOL_EXHAUSTED`, `CONN_POOL_CLOSED`, `CONN_POOL_CREATE_FAILED`, `CONN_POOL_FORKED`,
 *   `CONN_POOL_INVALID_ARGUMENT`.
 * - Ownership: the caller holds the lease until it is passed to `conn_pool_release` or `conn_pool_discard`. It is
 *   written on success only.
 *
 * @pre The pool is NULL, or was made by this library and is not freed; `lease` is NULL or writable.
 */
CONN_POOL_API
CONN_POOL_MUST_USE
conn_pool_status conn_pool_try_acquire(struct conn_pool *pool,
                                       struct conn_pool_lease *lease)
CONN_POOL_NONNULL(2);

/**
 * Acquires a resource, waiting in the queue for up to `timeout_ms` milliseconds.
 *
 * 0 does not wait, like `conn_pool_try_acquire`; `CONN_POOL_WAIT_FOREVER` waits for as long as it takes. The time
 * counts from the call, with what `create` and `validate` take, but not what `destroy` takes for a resource that is
 * too old; a spurious wake-up does not start it again. A call that finds a resource free reads no clock for it, unless
 * `validate` has to be called. A resource that is granted just as the time is up is not lost: the call succeeds.
 *
 * - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: up to `timeout_ms`, and for as long as `create` and
 *   `validate` take. A thread that holds the only lease and acquires another waits for itself.
 * - Returns `CONN_POOL_OK`; `CONN_POOL_TIMED_OUT` (with 0: `CONN_POOL_EXHAUSTED`), `CONN_POOL_CLOSED`,
 *   `CONN_POOL_CREATE_FAILED` (see `conn_pool_last_error`), `CONN_POOL_FORKED`, `CONN_POOL_INVALID_ARGUMENT`;
 *   `CONN_POOL_DEADLOCK` if the thread itself holds all resources and would wait without limit, in a pool with
 *   `CONN_POOL_TRACK`; in a build without threads `CONN_POOL_UNSUPPORTED` if it would have to wait.
 * - Ownership: as for `conn_pool_try_acquire`.
 *
 * @pre The pool is NULL, or was made by this library and is not freed; `lease` is NULL or writable.
 */
CONN_POOL_API
CONN_POOL_MUST_USE
conn_pool_status conn_pool_acquire(struct conn_pool *pool,
                                   uint32_t timeout_ms,
                                   struct conn_pool_lease *lease)
CONN_POOL_NONNULL(3);

/**
 * Acquires a resource now, or joins the wait queue, in which threads wait too, and is called back.
 *
 * On `CONN_POOL_OK` the lease is written at once, and `on_ready` is not called. On `CONN_POOL_PENDING` `on_ready` will
 * be called exactly once, unless the wait is cancelled first. The thread that calls it is the one whose call has
 * served the waiter: usually a release, but it may be any call that changes the pool, even this one before it has
 * returned. So hold no lock around calls of the pool that `on_ready` takes. If a resource has to be checked for the
 * waiter, the same thread does that.
 *
 * It creates none for a waiter: a pool with `begin_create` asks for one, and in a pool with `create`
 * `conn_pool_maintain` creates it, for which the thread of `conn_pool_start_maintenance` is called at once. So one of
 * these has to be called where resources are discarded or found unfit while waiters wait.
 *
 * `on_ready` may call the pool, but must not end it, and must not wait: no acquire with a timeout and no drain, of
 * this pool or another. Other callbacks that are due on the same thread are called after it has returned, and may hold
 * what it would wait for.
 *
 * - Thread-safe: yes. ISR-safe: as `conn_pool_try_acquire`. Async-signal-safe: no. Blocks: as
 *   `conn_pool_try_acquire`.
 * - Returns `CONN_POOL_OK`, `CONN_POOL_PENDING`; `CONN_POOL_ALREADY_WAITING` if the waiter is in a wait queue;
 *   `CONN_POOL_CLOSED`, `CONN_POOL_CREATE_FAILED`, `CONN_POOL_FORKED`; `CONN_POOL_EXHAUSTED` if a callback has
 *   cancelled it meanwhile; `CONN_POOL_INVALID_ARGUMENT`.
 * - Ownership: `waiter` stays the caller's. It must neither move nor be freed until `on_ready` was called or
 *   `conn_pool_cancel` has returned `CONN_POOL_OK`. `lease` is written before the call returns, or not at all.
 *   `on_ready` owns the lease that it is given.
 *
 * @pre The pool is NULL, or was made by this library and is not freed; `waiter` is NULL, zeroed, or was used before;
 * `lease` is NULL or writable.
 */
CONN_POOL_API
CONN_POOL_MUST_USE
conn_pool_status conn_pool_acquire_async(struct conn_pool *pool,
                                         struct conn_pool_waiter *waiter,
                                         conn_pool_ready_fn on_ready,
                                         void *user,
                                         struct conn_pool_lease *lease)
CONN_POOL_NONNULL(5);

/**
 * Cancels an asynchronous wait: `on_ready` will not be called.
 *
 * On `CONN_POOL_NOT_WAITING` `on_ready` was called, or will be. If it will be, and the resource meant for it turns out
 * unfit, it gets `CONN_POOL_EXHAUSTED`: after this call the waiter does not join the queue again.
 *
 * - Thread-safe: yes, but not at the same time as a call that uses the waiter again. ISR-safe: as
 *   `conn_pool_try_acquire`. Async-signal-safe: no. Blocks: only for as long as callbacks take that become due.
 * - Returns `CONN_POOL_OK`; `CONN_POOL_NOT_WAITING` if it is too late (`on_ready` was called, is being called, or is
 *   about to be) or the waiter was never queued; `CONN_POOL_WRONG_POOL` if it is in another pool's queue;
 *   `CONN_POOL_FORKED`, `CONN_POOL_INVALID_ARGUMENT`.
 * - Ownership: after `CONN_POOL_OK` the waiter may be freed.
 *
 * @pre The pool is NULL, or was made by this library and is not freed; `waiter` is NULL, zeroed, or was used before.
 */
CONN_POOL_API
conn_pool_status conn_pool_cancel(struct conn_pool *pool,
                                  struct conn_pool_waiter *waiter)
CONN_POOL_NONNULL(2);

/**
 * Releases a lease: its resource goes to the longest waiter, or is idle. The lease is zeroed.
 *
 * A pool with `reset` resets the resource first, and destroys it if that fails. A closed pool destroys it.
 *
 * - Thread-safe: yes; any thread may release the lease, not only the one that acquired it. ISR-safe: as
 *   `conn_pool_try_acquire`; the handler then calls `destroy` if the pool is closed, and `on_ready` if a
 *   callback is waiting. Async-signal-safe: no. Blocks: only for as long as callbacks take.
 * - Returns `CONN_POOL_OK`. If something is wrong with the lease, nothing changes: `CONN_POOL_NOT_HELD` (empty, or
 *   released already), `CONN_POOL_STALE` (and its slot is leased again), `CONN_POOL_WRONG_POOL`, `CONN_POOL_FORGED`.
 *   Also `CONN_POOL_FORKED`, `CONN_POOL_INVALID_ARGUMENT`.
 * - Not detected: two threads that release or discard copies of one lease at the very same moment. That is a data race
 *   of the program; the slot may then be leased to two callers, or without a resource.
 * - Ownership: on success the pool owns the resource again.
 *
 * @pre The pool is NULL, or was made by this library and is not freed; `lease` is NULL, or readable and writable.
 */
CONN_POOL_API
conn_pool_status conn_pool_release(struct conn_pool *pool,
                                   struct conn_pool_lease *lease)
CONN_POOL_NONNULL(2);

/**
 * Ends a lease whose resource is broken: the resource is destroyed and its slot is vacant. The lease is zeroed.
 *
 * If callers wait, a thread that waits creates another resource for itself, in a pool with `create`, and for waiters
 * `conn_pool_maintain` does; a pool with `begin_create` asks for one; in a pool without, it takes `conn_pool_add`.
 * This call creates none.
 *
 * - Thread-safe: yes. ISR-safe: as `conn_pool_try_acquire`. Async-signal-safe: no. Blocks: only for as long as
 *   callbacks take.
 * - Returns what `conn_pool_release` returns.
 * - Ownership: on success the resource is gone.
 *
 * @pre The pool is NULL, or was made by this library and is not freed; `lease` is NULL, or readable and writable.
 */
CONN_POOL_API
conn_pool_status conn_pool_discard(struct conn_pool *pool,
                                   struct conn_pool_lease *lease)
CONN_POOL_NONNULL(2);

/**
 * Sets how many resources may be in use at once, from 0 to the capacity. 0 pauses the pool.
 *
 * Resources in use are left alone. Of the idle ones a smaller pool keeps only as many as it has room for: a pool with
 * `create` destroys the surplus; a pool without sets it aside until it grows again or `conn_pool_maintain` is called.
 *
 * - Thread-safe: yes. ISR-safe: as `conn_pool_try_acquire`. Async-signal-safe: no. Blocks: only for as long as
 *   callbacks take.
 * - Returns `CONN_POOL_OK`; `CONN_POOL_INVALID_ARGUMENT` if `max_size` is above the capacity; `CONN_POOL_FORKED`.
 * - Ownership: leases stay valid, and with their callers.
 *
 * @pre The pool is NULL, or was made by this library and is not freed.
 */
CONN_POOL_API
conn_pool_status conn_pool_resize(struct conn_pool *pool,
                                  uint32_t max_size);

/**
 * Maintains the idle resources. Call it from a timer, or start a thread that does: `conn_pool_start_maintenance`.
 *
 * It destroys the surplus of a resize, what is older than `max_lifetime_ms`, and what was idle for longer than
 * `idle_timeout_ms`, except for `min_idle` resources. It creates what is missing to `min_idle`, or asks for it with
 * `begin_create`, and ends the waits for connects that take longer than `connect_timeout_ms`. It creates what waiters
 * of `conn_pool_acquire_async` want. Last, it destroys what `validate` finds unfit (see `keepalive_ms`); the next call
 * replaces that. It tells of leases that last longer than `leak_after_ms`.
 *
 * - Thread-safe: yes. ISR-safe: as `conn_pool_try_acquire`. Async-signal-safe: no. Blocks: only for as long as
 *   callbacks take.
 *   A resource is in use while it is checked.
 * - Returns `CONN_POOL_OK`; `CONN_POOL_FORKED`, `CONN_POOL_INVALID_ARGUMENT`. `destroyed`, which may be NULL, gets the
 *   number of resources destroyed.
 * - Ownership: leases stay valid, and with their callers.
 *
 * @pre The pool is NULL, or was made by this library and is not freed; `destroyed` is NULL or writable.
 */
CONN_POOL_API
conn_pool_status conn_pool_maintain(struct conn_pool *pool,
                                    size_t *destroyed);

/**
 * What the pool has counted, and how full it is. Takes no lock and delays no caller.
 *
 * - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: no. Blocks: no.
 * - Returns `CONN_POOL_OK`; `CONN_POOL_INVALID_ARGUMENT`, `CONN_POOL_FORKED`.
 * - Ownership: `stats` stays the caller's. `size` is `sizeof(conn_pool_stats)`: it tells the library which version of
 *   the structure the program was compiled with.
 *
 * @pre The pool is NULL, or was made by this library and is not freed; `stats` is NULL or writable for `size` bytes.
 */
CONN_POOL_API
conn_pool_status conn_pool_get_stats(const struct conn_pool *pool,
                                     struct conn_pool_stats *stats,
                                     size_t size)
CONN_POOL_NONNULL(2);

/**
 * Resets `peak_in_use` and `peak_waiting` to what is in use and waiting now.
 *
 * - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: no.
 * - Returns `CONN_POOL_OK`; `CONN_POOL_FORKED`, `CONN_POOL_INVALID_ARGUMENT`.
 *
 * @pre The pool is NULL, or was made by this library and is not freed.
 */
CONN_POOL_API conn_pool_status conn_pool_reset_peaks(struct conn_pool *pool);

/**
 * The pool's name, cut to `CONN_POOL_MAX_NAME` bytes; "" if it has none, or if `pool` is NULL.
 *
 * - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: yes. Blocks: no.
 * - Ownership: the string belongs to the pool and lives as long as it.
 *
 * @pre The pool is NULL, or was made by this library and is not freed.
 */
CONN_POOL_API const char *conn_pool_name(const struct conn_pool *pool);

/**
 * Closes the pool for good. New callers and all waiters get `CONN_POOL_CLOSED`. Idle resources are destroyed now, the
 * others when they are released. What `begin_create` has begun is still to be ended by the program; what it brings is
 * destroyed. To close it again does nothing.
 *
 * - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: only for as long as callbacks take.
 * - Returns `CONN_POOL_OK`; `CONN_POOL_FORKED`, `CONN_POOL_INVALID_ARGUMENT`.
 * - Ownership: leases stay valid, and have to be released as before.
 *
 * @pre The pool is NULL, or was made by this library and is not freed.
 */
CONN_POOL_API
conn_pool_status conn_pool_close(struct conn_pool *pool);

/**
 * Closes the pool, stops its maintenance thread and waits until no lease is held and no ticket of `begin_create` is
 * out, for up to `timeout_ms` milliseconds. 0 does not wait; `CONN_POOL_WAIT_FOREVER` waits for as long as it takes.
 * May be repeated.
 *
 * - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: up to `timeout_ms`, and for as long as callbacks
 *   take. A thread that holds a lease waits for itself.
 * - Returns `CONN_POOL_OK`; `CONN_POOL_BUSY` if leases are still held, or tickets out (`conn_pool_get_stats` tells how
 *   many, and `conn_pool_get_leases` by whom); `CONN_POOL_DEADLOCK` if the thread itself holds one and would wait
 *   without limit, in a pool with `CONN_POOL_TRACK`; `CONN_POOL_FORKED`, `CONN_POOL_INVALID_ARGUMENT`; in a build
 *   without threads `CONN_POOL_UNSUPPORTED` if it would have to wait.
 * - Ownership: after `CONN_POOL_OK` the threads that released the leases no longer touch the pool. It may be destroyed
 *   as soon as no thread is in another of its functions.
 *
 * @pre The pool is NULL, or was made by this library and is not freed.
 */
CONN_POOL_API
conn_pool_status conn_pool_drain(struct conn_pool *pool,
                                 uint32_t timeout_ms);

/**
 * Ends a pool: destroys its resources, stops its maintenance thread in any case, and frees it if `conn_pool_create`
 * made it. NULL is allowed, and does nothing.
 *
 * - Thread-safe: no: no other thread may use the pool, now or later. ISR-safe: no. Async-signal-safe: no. Blocks: only
 *   for as long as callbacks take.
 * - Returns `CONN_POOL_OK`; `CONN_POOL_BUSY`, with nothing changed, while leases are held, tickets of `begin_create`
 *   are out, or callers wait (use `conn_pool_drain` first); `CONN_POOL_FORKED` in a fork's child (see
 *   `conn_pool_abandon`); `CONN_POOL_INVALID_ARGUMENT` if it was destroyed already, as far as its memory is still
 *   there to tell.
 * - Ownership: on success the pool is gone, and storage of the caller's is the caller's again.
 *
 * @pre The pool is NULL, or was made by this library and is not freed, and nothing else is using it.
 */
CONN_POOL_API
conn_pool_status conn_pool_destroy(struct conn_pool *pool);

/**
 * Forgets a pool, even if leases are held: calls no callback, and frees its memory if `conn_pool_create` made it. NULL
 * is allowed, and does nothing.
 *
 * For the child of a fork, where the resources belong to the parent. In any other process no caller may be waiting,
 * and no callback may be due. In the process that started a maintenance thread (`conn_pool_start_maintenance`) it
 * stops that, and waits until the callbacks of the thread have returned.
 *
 * - Thread-safe: no, as `conn_pool_destroy`. ISR-safe: no. Async-signal-safe: for a pool in the caller's storage, but
 *   not if it has a maintenance thread to stop. Blocks: only to stop that.
 * - Returns `CONN_POOL_OK`; `CONN_POOL_INVALID_ARGUMENT` if it was destroyed already, as far as its memory is still
 *   there to tell.
 * - Ownership: the pool is gone; it is for the caller to close or forget its resources.
 *
 * @pre The pool is NULL, or was made by this library and is not freed, and nothing in this process is using it.
 */
CONN_POOL_API
conn_pool_status conn_pool_abandon(struct conn_pool *pool);

#if defined(CONN_POOL_HOSTED)
/**
 * Ends what `begin_create` has begun: the resource is made, and goes to the longest waiter, or is idle. A closed pool
 * destroys it, as at a release.
 *
 * A ticket stays valid until it is used, however long that takes: a resource that comes after `connect_timeout_ms` is
 * taken all the same.
 *
 * - Thread-safe: yes; also within `begin_create`. ISR-safe: no. Async-signal-safe: no. Blocks: only for as long as
 *   callbacks take.
 * - Returns `CONN_POOL_OK`. If something is wrong with the ticket, nothing changes: `CONN_POOL_NOT_HELD` (0, or used
 *   already), `CONN_POOL_STALE` (and its slot has another one now), `CONN_POOL_WRONG_POOL`, `CONN_POOL_FORGED`. Also
 *   `CONN_POOL_FORKED`, and `CONN_POOL_INVALID_ARGUMENT`, for which the ticket stays valid, if the resource is NULL.
 * - Ownership: on success the pool owns the resource and ends it with `destroy`; if the pool is closed it does so now.
 *   Otherwise the caller keeps it.
 *
 * @pre The pool is NULL, or was made by this library and is not freed.
 */
CONN_POOL_API
CONN_POOL_MUST_USE
conn_pool_status conn_pool_connected(struct conn_pool *pool,
                                     uint64_t ticket,
                                     void *resource);
#endif

#if defined(CONN_POOL_HOSTED)
/**
 * Ends what `begin_create` has begun: the resource could not be made. The longest waiter gets
 * `CONN_POOL_CREATE_FAILED`, unless other connects are under way for all that wait; for the next one `begin_create` is
 * called again.
 *
 * `code` and `text` are for `conn_pool_last_error`. The text is copied, and cut to `CONN_POOL_MAX_ERROR` bytes; it may
 * be NULL.
 *
 * - Thread-safe: yes; also within `begin_create`. ISR-safe: no. Async-signal-safe: no. Blocks: only for as long as
 *   callbacks take.
 * - Returns what `conn_pool_connected` returns.
 *
 * @pre The pool is NULL, or was made by this library and is not freed; `text` is NULL or a string.
 */
CONN_POOL_API
conn_pool_status conn_pool_connect_failed(struct conn_pool *pool,
                                          uint64_t ticket,
                                          int code,
                                          const char *text);
#endif

#if defined(CONN_POOL_HOSTED)
/**
 * Makes a pool on the heap. It has no resources at first.
 *
 * - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: no.
 * - Returns `CONN_POOL_OK`; `CONN_POOL_INVALID_ARGUMENT`, `CONN_POOL_UNSUPPORTED` or `CONN_POOL_CONFIG_TOO_NEW` if
 *   something is wrong with the configuration (see `conn_pool_config_problem`); `CONN_POOL_OUT_OF_MEMORY`.
 * - Ownership: the caller owns `*out`, and ends it with `conn_pool_destroy`. `config` and its name are copied; `user`
 *   and the callbacks must outlive the pool.
 *
 * @pre `config` is NULL or readable for its `struct_size` bytes; `out` is NULL or writable.
 */
CONN_POOL_API
CONN_POOL_MUST_USE
conn_pool_status conn_pool_create(const struct conn_pool_config *config,
                                  struct conn_pool **out)
CONN_POOL_NONNULL(2);
#endif

#if defined(CONN_POOL_HOSTED)
/**
 * As `conn_pool_acquire`, until a time on `CLOCK_MONOTONIC`: `conn_pool_acquire_until` for programs without
 * `struct timespec`. If the time has passed, it tries once.
 *
 * - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: until then, and for as long as `create` and
 *   `validate` take.
 * - Returns what `conn_pool_acquire` returns, with `CONN_POOL_TIMED_OUT` when the time is up. Also
 *   `CONN_POOL_INVALID_ARGUMENT` if `nanoseconds` is not from 0 to 999,999,999.
 * - Ownership: as for `conn_pool_acquire`.
 *
 * @pre The pool is NULL, or was made by this library and is not freed; `lease` is NULL or writable.
 */
CONN_POOL_API
CONN_POOL_MUST_USE
conn_pool_status conn_pool_acquire_deadline(struct conn_pool *pool,
                                            int64_t seconds,
                                            int64_t nanoseconds,
                                            struct conn_pool_lease *lease)
CONN_POOL_NONNULL(4);
#endif

#if defined(CONN_POOL_HOSTED)
/**
 * As `conn_pool_acquire`, with a tag that tells what the resource is for: `conn_pool_get_leases` returns it, in a pool
 * with `CONN_POOL_TRACK`.
 *
 * - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: as `conn_pool_acquire`.
 * - Returns what `conn_pool_acquire` returns.
 * - Ownership: as for `conn_pool_acquire`. The tag is not copied: it must live as long as the lease, and as long as
 *   others may ask who holds it. A string constant does. It may be NULL.
 *
 * @pre The pool is NULL, or was made by this library and is not freed; `lease` is NULL or writable.
 */
CONN_POOL_API
CONN_POOL_MUST_USE
conn_pool_status conn_pool_acquire_tagged(struct conn_pool *pool,
                                          uint32_t timeout_ms,
                                          const char *tag,
                                          struct conn_pool_lease *lease)
CONN_POOL_NONNULL(4);
#endif

#if defined(CONN_POOL_HOSTED)
/**
 * Who holds which resource, and for how long: of a pool with `CONN_POOL_TRACK`. To be asked when a pool is exhausted,
 * or cannot be drained.
 *
 * Fills `leases` with up to `room` of them, in the order of their slots. Leases that begin or end meanwhile may be
 * left out.
 *
 * - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: no.
 * - Returns `CONN_POOL_OK`; `CONN_POOL_UNSUPPORTED` if the pool does not record that; `CONN_POOL_FORKED`,
 *   `CONN_POOL_INVALID_ARGUMENT`. `count` gets the number of leases that are held, which may be more than `room`.
 * - Ownership: `leases` stays the caller's, and may be NULL if `room` is 0. `size` is `sizeof(conn_pool_lease_info)`:
 *   it tells the library which version of the structure the program was compiled with. The resources are in use: do
 *   not touch them.
 *
 * @pre The pool is NULL, or was made by this library and is not freed; `leases` is NULL or writable for `room` times
 * `size` bytes; `count` is NULL or writable.
 */
CONN_POOL_API
conn_pool_status conn_pool_get_leases(const struct conn_pool *pool,
                                      struct conn_pool_lease_info *leases,
                                      size_t size,
                                      size_t room,
                                      size_t *count);
#endif

#if defined(CONN_POOL_HOSTED)
/**
 * Why `create` or `begin_create` has failed: for the program's callback, which calls this before it returns. The text
 * is copied, and cut to `CONN_POOL_MAX_ERROR` bytes. NULL forgets it.
 *
 * - Thread-safe: yes: each thread has a text of its own. ISR-safe: no. Async-signal-safe: no. Blocks: no.
 * - Returns `CONN_POOL_OK`.
 *
 * @pre `text` is NULL or a string.
 */
CONN_POOL_API
conn_pool_status conn_pool_set_error(const char *text);
#endif

#if defined(CONN_POOL_HOSTED)
/**
 * Why the thread's last call that returned `CONN_POOL_CREATE_FAILED` has failed, or the last one within which
 * `on_ready` was called with that status: what `create` or `begin_create` has returned, or was passed to
 * `conn_pool_connect_failed`; `CONN_POOL_TIMED_OUT` if `connect_timeout_ms` was over. `text`, if it is not NULL, gets
 * what the callback has passed to `conn_pool_set_error`, or what `conn_pool_connect_failed` was passed, or "".
 *
 * A caller that has waited for a connect of the program, or of another thread, is told of the latest failure of these
 * in the pool by the time that it goes on: that may be a later one than the failure that has ended its wait.
 *
 * - Thread-safe: yes: each thread has an error of its own. ISR-safe: no. Async-signal-safe: no. Blocks: no.
 * - Ownership: the text belongs to the library. It is valid until the thread calls the library again.
 *
 * @pre `text` is NULL or writable.
 */
CONN_POOL_API
int conn_pool_last_error(const char **text);
#endif

#if defined(CONN_POOL_HOSTED)
/**
 * Starts a thread that maintains the pool: it calls what `conn_pool_maintain` does, as often as the limits of the
 * configuration ask for. So each of them is kept to within a tenth of itself, and 10 ms.
 *
 * The thread calls the callbacks; it blocks all signals. `conn_pool_drain` and `conn_pool_destroy` stop it. It creates
 * what `min_idle` and waiters of `conn_pool_acquire_async` want; other callers that find nothing idle create for
 * themselves, as without it. Callers may call `conn_pool_maintain` beside it.
 *
 * - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: no.
 * - Returns `CONN_POOL_OK`; `CONN_POOL_BUSY` if it was started already; `CONN_POOL_CLOSED`; `CONN_POOL_OUT_OF_MEMORY`
 *   if the thread cannot be started; `CONN_POOL_FORKED`, `CONN_POOL_INVALID_ARGUMENT`.
 * - Ownership: the thread belongs to the pool. It does not exist in the child of a fork.
 *
 * @pre The pool is NULL, or was made by this library and is not freed.
 */
CONN_POOL_API
conn_pool_status conn_pool_start_maintenance(struct conn_pool *pool);
#endif

/**
 * Suspends the pool until `conn_pool_resume`: no resource is leased, and callers wait, as if all were in use. For a
 * server that is about to be replaced, or that must not be called for a while.
 *
 * - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: no.
 * - Returns `CONN_POOL_OK`; `CONN_POOL_FORKED`, `CONN_POOL_INVALID_ARGUMENT`. To suspend it again does nothing.
 * - Ownership: leases stay valid, and with their callers.
 *
 * @pre The pool is NULL, or was made by this library and is not freed.
 */
CONN_POOL_API
conn_pool_status conn_pool_suspend(struct conn_pool *pool);

/**
 * Ends `conn_pool_suspend`: resources are leased again, to the longest waiters first.
 *
 * - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: only for as long as callbacks take.
 * - Returns `CONN_POOL_OK`, also for a pool that is not suspended; `CONN_POOL_FORKED`, `CONN_POOL_INVALID_ARGUMENT`.
 *
 * @pre The pool is NULL, or was made by this library and is not freed.
 */
CONN_POOL_API
conn_pool_status conn_pool_resume(struct conn_pool *pool);

/**
 * Destroys every resource that was created or added before this call, and those whose `create` has begun: idle ones
 * now, the others when they are released. For a server that was replaced, or credentials that were changed.
 *
 * From then on acquires and releases look at the record of a resource, and take a little longer.
 *
 * - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: only for as long as callbacks take.
 * - Returns `CONN_POOL_OK`; `CONN_POOL_FORKED`, `CONN_POOL_INVALID_ARGUMENT`. `destroyed`, which may be NULL, gets the
 *   number of resources destroyed by this call.
 * - Ownership: leases stay valid, and with their callers.
 *
 * @pre The pool is NULL, or was made by this library and is not freed; `destroyed` is NULL or writable.
 */
CONN_POOL_API
conn_pool_status conn_pool_evict_all(struct conn_pool *pool,
                                     size_t *destroyed);

/**
 * Shows `keep` every idle resource, one after the other, and destroys those for which it returns another number than
 * 0. Resources in use are not shown.
 *
 * - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: only for as long as callbacks take.
 *   A resource is in use while it is shown. `keep` may call the pool, but must not end it.
 * - Returns `CONN_POOL_OK`; `CONN_POOL_FORKED`, `CONN_POOL_INVALID_ARGUMENT`. `destroyed`, which may be NULL, gets the
 *   number of resources destroyed by this call.
 * - Ownership: `user` is passed to `keep`, and not kept.
 *
 * @pre The pool is NULL, or was made by this library and is not freed; `keep` may be called with `user`; `destroyed` is
 * NULL or writable.
 */
CONN_POOL_API
conn_pool_status conn_pool_retain(struct conn_pool *pool,
                                  conn_pool_check_fn keep,
                                  void *user,
                                  size_t *destroyed);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus


#if defined(__GNUC__) || defined(__clang__) || defined(_MSC_VER)
#pragma pack(pop)
#endif

/**
 * Releases a lease that goes out of scope: for CONN_POOL_RELEASED_AT_END. The status is lost.
 */
static inline void conn_pool_release_at_end(conn_pool_lease *lease)
{
    if (lease->pool) {
        (void)conn_pool_release(lease->pool, lease);
    }
}

/*
 * Declared if <time.h> has what it needs: with -std=c99 or -std=c11, the program has to define _POSIX_C_SOURCE as
 * 200809L.
 */
#if defined(CONN_POOL_HOSTED) && defined(CLOCK_MONOTONIC)
/**
 * As `conn_pool_acquire`, until a time on `CLOCK_MONOTONIC`. If the time has passed, it tries once.
 *
 * - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: until `deadline`, and for as long as `create` and
 *   `validate` take.
 * - Returns what `conn_pool_acquire_deadline` returns, and `CONN_POOL_INVALID_ARGUMENT` if `deadline` is NULL.
 * - Ownership: as for `conn_pool_acquire`.
 *
 * Compiled into the program, because the size of `time_t` may differ between the program and the library.
 *
 * @pre The pool is NULL, or was made by this library and is not freed; `deadline` is NULL or readable; `lease` is NULL or
 * writable.
 */
CONN_POOL_MUST_USE
static inline conn_pool_status conn_pool_acquire_until(conn_pool *pool,
                                                       const struct timespec *deadline,
                                                       conn_pool_lease *lease)
{
    int64_t seconds = deadline ? deadline->tv_sec : 0;
    int64_t nanoseconds = deadline ? deadline->tv_nsec : -1;

    return conn_pool_acquire_deadline(pool, seconds, nanoseconds, lease);
}
#endif

#if defined(CONN_POOL_TSAN) || defined(CONN_POOL_VALGRIND)
#ifdef __cplusplus
extern "C" {
#endif
#ifdef CONN_POOL_TSAN
/* Of ThreadSanitizer's run-time library. */
void __tsan_acquire(void *addr);
void __tsan_release(void *addr);
void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line);
void AnnotateIgnoreWritesBegin(const char *file, int line);
void AnnotateIgnoreWritesEnd(const char *file, int line);
#endif
/**
 * Tells the tools that look on. For CONN_POOL_CONFIG_INIT: compiled into the program, because that knows its tools.
 */
static inline int conn_pool_note_to_tools(conn_pool_note note, const void *at, size_t size)
{
    int is_watched = 0;

#ifdef CONN_POOL_TSAN
    is_watched = 1;
    if (note == CONN_POOL_NOTE_ACQUIRED) {
        __tsan_acquire((void *)(uintptr_t)at);
    } else if (note == CONN_POOL_NOTE_RELEASED) {
        __tsan_release((void *)(uintptr_t)at);
    } else if (note == CONN_POOL_NOTE_IGNORE) {
        AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
        AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
    } else if (note == CONN_POOL_NOTE_HEED) {
        AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
        AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
    }
#endif
#ifdef CONN_POOL_VALGRIND
    is_watched = is_watched || RUNNING_ON_VALGRIND;
    if (note == CONN_POOL_NOTE_ACQUIRED) {
        /* ANNOTATE_HAPPENS_AFTER of helgrind.h and drd.h, which cannot both be included. */
        VALGRIND_DO_CLIENT_REQUEST_STMT(VG_USERREQ_TOOL_BASE('H', 'G') + 256 + 34, at, 0, 0, 0, 0);
    } else if (note == CONN_POOL_NOTE_RELEASED) {
        /* ANNOTATE_HAPPENS_BEFORE */
        VALGRIND_DO_CLIENT_REQUEST_STMT(VG_USERREQ_TOOL_BASE('H', 'G') + 256 + 33, at, 0, 0, 0, 0);
    } else if (note == CONN_POOL_NOTE_OWN) {
        /* VALGRIND_HG_DISABLE_CHECKING, and DRD_IGNORE_VAR */
        VALGRIND_DO_CLIENT_REQUEST_STMT(VG_USERREQ_TOOL_BASE('H', 'G') + 256 + 39, at, size, 0, 0, 0);
        VALGRIND_DO_CLIENT_REQUEST_STMT(VG_USERREQ_TOOL_BASE('D', 'R') + 2, at, size, 0, 0, 0);
    }
#endif
    (void)at;
    (void)size;
    return is_watched;
}
#ifdef __cplusplus
}
#endif
#endif

#endif /* CONN_POOL_H */

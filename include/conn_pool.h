/*
 * conn_pool: fixed slots, one fair line, no allocation after a pool was made.
 *
 * Lease a resource with conn_pool_acquire, give it back with conn_pool_release. Callers who have to wait stand in one
 * line, first come, first served, whether they are threads or callbacks of an event loop.
 *
 * Threads.  Every function may be called by any thread at any time, but for conn_pool_init, conn_pool_destroy and
 * conn_pool_abandon, which need the pool (or its storage) to themselves.
 *
 * Callbacks.  Called without a lock of the library's, by the thread whose call needs them, possibly by several threads at
 * once. They may call the pool, but not end it (conn_pool_destroy, conn_pool_abandon). They must return: no longjmp, no C++
 * exception, no pthread_exit.
 *
 * Errors.  0 is success. Outputs are written on success only. NULL where a pointer is needed is an error and not a
 * crash. errno is left as it was, also over what callbacks set. See conn_pool_strerror.
 *
 * Misuse.  A lease that is given back twice, to the wrong pool, or that is damaged is refused with a status of its own,
 * and nothing is changed; so is a destroyed pool for as long as its memory is still there.
 *
 * fork.  A pool belongs to the process that made it. In a child every call that returns a status answers CONN_POOL_FORKED,
 * but for conn_pool_abandon, which forgets the pool without touching the parent's resources.
 *
 * Versions.  Within one soname functions are only added, and structures only grow, at their ends: see struct_size.
 *
 * Signals.  The functions that wait are not async-signal-safe. A signal never ends a wait early.
 */


#ifndef CONN_POOL_H
#define CONN_POOL_H

/* Made of the library's source by cbindgen: do not edit. See CONTRIBUTING.md. */

#include <stddef.h>
#include <stdint.h>

/*
 * CONN_POOL_BARE: defined by programs that link the library built without threads (no operating system).
 */
#ifndef CONN_POOL_BARE
#define CONN_POOL_HOSTED
#include <time.h>
struct timespec;
#endif

/* CONN_POOL_API: how the functions are found in a shared library. */
#ifndef CONN_POOL_API
#if defined(__GNUC__) || defined(__clang__)
#define CONN_POOL_API __attribute__((visibility("default")))
#else
#define CONN_POOL_API
#endif
#endif

/** The version of this header as one number, as conn_pool_version tells it of the library: MAJOR * 10000 + MINOR * 100 + PATCH. */
#define CONN_POOL_VERSION \
    (CONN_POOL_VERSION_MAJOR * 10000 + CONN_POOL_VERSION_MINOR * 100 + CONN_POOL_VERSION_PATCH)

/** Wait for as long as it takes. */
#define CONN_POOL_WAIT_FOREVER UINT32_C(0xFFFFFFFF)

/** The storage for a pool of so many slots, as a constant: at least conn_pool_storage_size(capacity) bytes. */
#ifdef CONN_POOL_HOSTED
#define CONN_POOL_STORAGE_SIZE(capacity) \
    (CONN_POOL_STORAGE_BASE + (size_t)(capacity) * CONN_POOL_STORAGE_PER_SLOT)
#else
#define CONN_POOL_STORAGE_SIZE(capacity) \
    (CONN_POOL_STORAGE_BASE_BARE + (size_t)(capacity) * CONN_POOL_STORAGE_PER_SLOT)
#endif

/**
 * Defines storage for a pool of so many slots: pass `&name` and `sizeof name` to conn_pool_init.
 *
 *     static CONN_POOL_DEFINE_STORAGE(sensors, 4);
 */
#define CONN_POOL_DEFINE_STORAGE(name, capacity) \
    union { \
        uint64_t aligned; \
        void *aligned_too; \
        unsigned char bytes[CONN_POOL_STORAGE_SIZE(capacity)]; \
    } name

/** Defines static storage for a pool of so many slots: pass `&name` and `sizeof name` to conn_pool_init. */
#define CONN_POOL_DEFINE_STATIC(name, capacity) static CONN_POOL_DEFINE_STORAGE(name, capacity)

/** An empty lease. */
#define CONN_POOL_LEASE_INIT { NULL, NULL, 0, 0 }

/** A waiter that was never used. */
#define CONN_POOL_WAITER_INIT { { 0 } }

/** A configuration with only its size set: `conn_pool_config config = CONN_POOL_CONFIG_INIT;` */
#define CONN_POOL_CONFIG_INIT \
    { sizeof(conn_pool_config), 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL }


/**
 * The most slots that a pool can have.
 */
#define CONN_POOL_MAX_CAPACITY 4096

/**
 * The longest name of a pool, in bytes, without the terminating zero; what is longer is cut.
 */
#define CONN_POOL_MAX_NAME 31

/**
 * The bytes of storage that a pool needs beside its slots, at most: see `CONN_POOL_STORAGE_SIZE`.
 */
#define CONN_POOL_STORAGE_BASE 3072

/**
 * The same in a build without `std`.
 */
#define CONN_POOL_STORAGE_BASE_BARE 1024

/**
 * The bytes of storage for each slot, at most. With room for what later versions may keep there.
 */
#define CONN_POOL_STORAGE_PER_SLOT 96

/**
 * The version that this header is of: major.
 */
#define CONN_POOL_VERSION_MAJOR 0

/**
 * The version that this header is of: minor.
 */
#define CONN_POOL_VERSION_MINOR 1

/**
 * The version that this header is of: patch.
 */
#define CONN_POOL_VERSION_PATCH 0

/**
 * What happened to a resource, for `conn_pool_event_fn`.
 */
enum conn_pool_event
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * `create` made it.
     */
    CONN_POOL_EVENT_CREATED = 0,
    /**
     * `create` failed with this code; there is no resource.
     */
    CONN_POOL_EVENT_CREATE_FAILED = 1,
    /**
     * `validate` failed with this code; the resource is destroyed next.
     */
    CONN_POOL_EVENT_INVALID = 2,
    /**
     * `reset` failed with this code; the resource is destroyed next.
     */
    CONN_POOL_EVENT_RESET_FAILED = 3,
    /**
     * It is about to be destroyed.
     */
    CONN_POOL_EVENT_DESTROYED = 4,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum conn_pool_event conn_pool_event;
#else
typedef int32_t conn_pool_event;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What a call answers: 0 is success, what is above is not an error, what is below is.
 */
enum conn_pool_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Done.
     */
    CONN_POOL_OK = 0,
    /**
     * `conn_pool_acquire_async`: the waiter stands in line, and its callback will be called once.
     */
    CONN_POOL_PENDING = 1,
    /**
     * Nothing is free now, and the caller did not want to wait.
     */
    CONN_POOL_EXHAUSTED = -1,
    /**
     * The time was up before a resource came free.
     */
    CONN_POOL_TIMED_OUT = -2,
    /**
     * The pool is closed.
     */
    CONN_POOL_CLOSED = -3,
    /**
     * The pool is still in use: leases are out, or callers wait.
     */
    CONN_POOL_BUSY = -4,
    /**
     * A pointer is NULL that must not be, or a value makes no sense. For a configuration `conn_pool_config_problem`
     * says which.
     */
    CONN_POOL_INVALID_ARGUMENT = -5,
    /**
     * What was asked for is not in this version or build of the library.
     */
    CONN_POOL_UNSUPPORTED = -6,
    /**
     * The configuration has fields set that this version does not know: it was compiled against a newer header.
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
     * There is no memory for the pool.
     */
    CONN_POOL_OUT_OF_MEMORY = -10,
    /**
     * The lease is empty or was given back already.
     */
    CONN_POOL_NOT_HELD = -11,
    /**
     * The lease was given back, and its slot has been lent again since.
     */
    CONN_POOL_STALE = -12,
    /**
     * The lease is of another pool.
     */
    CONN_POOL_WRONG_POOL = -13,
    /**
     * The lease names a slot or a resource that it was not given: it is damaged or forged.
     */
    CONN_POOL_FORGED = -14,
    /**
     * `conn_pool_add`: no slot within `max_size` is vacant.
     */
    CONN_POOL_FULL = -15,
    /**
     * The callback `create` failed.
     */
    CONN_POOL_CREATE_FAILED = -16,
    /**
     * The waiter stands in a line already.
     */
    CONN_POOL_WAITING = -17,
    /**
     * `conn_pool_cancel`: the waiter stands in no line; its callback was called, or is being called.
     */
    CONN_POOL_NOT_WAITING = -18,
    /**
     * The process is a fork's child: the pool belongs to the parent.
     */
    CONN_POOL_FORKED = -19,
    /**
     * The library has failed, and stopped the failure at its border. Please report it.
     */
    CONN_POOL_PANIC = -20,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum conn_pool_status conn_pool_status;
#else
typedef int32_t conn_pool_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Why the pool parts with a connection.
 */
typedef struct Reason Reason;

/**
 * A pool of resources. Opaque: made by `conn_pool_create` or `conn_pool_init`.
 */
typedef struct conn_pool conn_pool;

/**
 * Makes a resource and stores it in `*resource`. Returns 0, or a code of its own if it failed.
 */
typedef int (*conn_pool_create_fn)(void *user, void **resource);

/**
 * Checks or resets a resource. Returns 0 if the resource is fit, or a code of its own if it is to be destroyed.
 */
typedef int (*conn_pool_check_fn)(void *user, void *resource);

/**
 * Ends a resource.
 */
typedef void (*conn_pool_destroy_fn)(void *user, void *resource);

/**
 * Is told what happened to a resource.
 */
typedef void (*conn_pool_event_fn)(void *user, conn_pool_event event, void *resource, int code);

/**
 * Tells the time, in milliseconds since whenever. It may not go backwards.
 */
typedef uint64_t (*conn_pool_clock_fn)(void *user);

/**
 * What a pool is to be like. Zero it or use `CONN_POOL_CONFIG_INIT`, set what you need, and leave the rest.
 *
 * Callbacks are called without a lock of the pool, possibly by several threads at once; they may call the pool, and must
 * not throw or `longjmp` across it.
 */
typedef struct conn_pool_config {
    /**
     * `sizeof(conn_pool_config)`: tells the library which version of this structure it is given.
     */
    size_t struct_size;
    /**
     * Slots: the most resources there can ever be, 1 to `CONN_POOL_MAX_CAPACITY`.
     */
    uint32_t capacity;
    /**
     * Resources that may be out at once, up to `capacity`; 0 stands for `capacity`.
     */
    uint32_t max_size;
    /**
     * 0: waiters are never overtaken. k: a waiter is overtaken by at most k newcomers, for the sake of throughput.
     */
    uint32_t max_overtakes;
    /**
     * How many idle resources `conn_pool_maintain` keeps ready, as far as `max_size` allows. A floor: what is too old is
     * replaced before it is destroyed, if there is room. Needs `create`.
     */
    uint32_t min_idle;
    /**
     * `conn_pool_maintain` destroys a resource that was idle for longer, but for `min_idle` of them; 0: never.
     */
    uint32_t idle_timeout_ms;
    /**
     * A resource that is older is not lent any more, and is destroyed when it comes back; each one's lifetime is shortened
     * by up to a quarter, at random, so that they do not all end together. 0: no limit.
     */
    uint32_t max_lifetime_ms;
    /**
     * Name for diagnostics; copied. May be NULL.
     */
    const char *name;
    /**
     * Passed to every callback.
     */
    void *user;
    /**
     * Makes a resource when one is wanted and none is idle. NULL: resources come from `conn_pool_add` only.
     */
    conn_pool_create_fn create;
    /**
     * Checks an idle resource before it is lent. May be NULL.
     */
    conn_pool_check_fn validate;
    /**
     * Brings a resource that comes back into a clean state. May be NULL.
     */
    conn_pool_check_fn reset;
    /**
     * Ends a resource. May be NULL if there is nothing to do.
     */
    conn_pool_destroy_fn destroy;
    /**
     * Is told what happens to resources. May be NULL.
     */
    conn_pool_event_fn on_event;
    /**
     * Tells the time. NULL: the system's monotonic clock; a build without one needs this for `idle_timeout_ms` and
     * `max_lifetime_ms`.
     */
    conn_pool_clock_fn clock_ms;
} conn_pool_config;

/**
 * A resource on loan. A plain value: zero means "none", a copy is the same lease and not another one.
 */
typedef struct conn_pool_lease {
    /**
     * The pool that it is of; NULL in an empty lease.
     */
    struct conn_pool *pool;
    /**
     * What was borrowed: what `create` made, or what `conn_pool_add` was given.
     */
    void *resource;
    /**
     * Its slot; the library's own business.
     */
    uint32_t slot;
    /**
     * Tells this lease from the slot's earlier and later ones; the library's own business.
     */
    uint32_t generation;
} conn_pool_lease;

/**
 * A place in line for a callback, in the caller's memory. Zero it before its first use (`CONN_POOL_WAITER_INIT`), and leave
 * it where it is until its callback was called or it was cancelled; then it can be used again.
 */
typedef struct conn_pool_waiter {
    /**
     * The library's own business.
     */
    uint64_t reserved[24];
} conn_pool_waiter;

/**
 * The wait of a callback is over. `lease` is to be copied; it is NULL unless `status` is `CONN_POOL_OK`.
 */
typedef void (*conn_pool_ready_fn)(void *user, conn_pool_status status, const struct conn_pool_lease *lease);

/**
 * What a pool has counted, and how full it is: from `conn_pool_stats`. Grows at its end only.
 *
 * Figures that move meanwhile may be apart; they settle as soon as the pool does.
 */
typedef struct conn_pool_figures {
    /**
     * Slots.
     */
    size_t capacity;
    /**
     * Resources that may be out at once.
     */
    size_t max_size;
    /**
     * Resources that are out.
     */
    size_t in_use;
    /**
     * Resources ready to be lent.
     */
    size_t idle;
    /**
     * Slots within `max_size` that have no resource.
     */
    size_t vacant;
    /**
     * Callers in line.
     */
    size_t waiting;
    /**
     * The most that were in use at once, since the marks were reset.
     */
    size_t peak_in_use;
    /**
     * The most that waited at once, since the marks were reset.
     */
    size_t peak_waiting;
    /**
     * Resources taken from the pool, those included that `validate` then refused. Counts wrap at `SIZE_MAX`.
     */
    size_t acquired;
    /**
     * Of those, how many were of a resource that had been lent before.
     */
    size_t reused;
    /**
     * Callers who had to wait.
     */
    size_t waited;
    /**
     * Callers whose time was up.
     */
    size_t timed_out;
    /**
     * Newcomers who passed a waiter; 0 unless `max_overtakes` was set.
     */
    size_t overtakes;
    /**
     * Resources that `create` made.
     */
    size_t created;
    /**
     * Calls of `create` that failed.
     */
    size_t create_failed;
    /**
     * Resources that `validate` found unfit.
     */
    size_t invalid;
    /**
     * Resources that `reset` could not clean.
     */
    size_t reset_failed;
    /**
     * Resources that were destroyed, for whatever reason.
     */
    size_t destroyed;
    /**
     * Releases and discards that were refused because the lease was not in order.
     */
    size_t misused;
    /**
     * 1 if the pool is closed, else 0.
     */
    size_t closed;
    /**
     * Callers who did not want to wait, and were refused because nothing was free.
     */
    size_t exhausted;
} conn_pool_figures;



#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The version of the library that is linked: two decimal digits each for major, minor and patch, as in
 * `CONN_POOL_VERSION` of the header.
 *
 * - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: yes. Blocks: no.
 */
CONN_POOL_API uint32_t conn_pool_version(void);

/**
 * The version of the library that is linked, as "major.minor.patch".
 *
 * - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: yes. Blocks: no.
 * - Ownership: the string is constant; do not free it.
 */
CONN_POOL_API const char *conn_pool_version_string(void);

/**
 * What a status means, for people. Never NULL, whatever the number.
 *
 * - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: yes. Blocks: no.
 * - Ownership: the string is constant; do not free it.
 */
CONN_POOL_API const char *conn_pool_strerror(int status);

/**
 * A status by its name in this header, for logs. Never NULL, whatever the number.
 *
 * - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: yes. Blocks: no.
 * - Ownership: the string is constant; do not free it.
 */
CONN_POOL_API const char *conn_pool_status_name(int status);

/**
 * What is wrong with a configuration and what would be right, for people; NULL if nothing is.
 *
 * - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: yes. Blocks: no.
 * - Ownership: the string is constant; do not free it.
 *
 * @pre `config` is NULL or valid for its `struct_size` bytes.
 */
CONN_POOL_API const char *conn_pool_config_problem(const struct conn_pool_config *config);

/**
 * The bytes of storage that `conn_pool_init` needs for so many slots; 0 if there can be no such pool.
 * `CONN_POOL_STORAGE_SIZE(capacity)` is the same at compile time, or a little more.
 *
 * - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: yes. Blocks: no.
 */
CONN_POOL_API size_t conn_pool_storage_size(uint32_t capacity);

/**
 * What the storage for `conn_pool_init` must be aligned to, in bytes.
 *
 * - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: yes. Blocks: no.
 */
CONN_POOL_API size_t conn_pool_storage_align(void);

/**
 * Makes a pool in the caller's storage: no heap is needed. See `CONN_POOL_DEFINE_STATIC`.
 *
 * - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: no.
 * - Returns `CONN_POOL_OK`; `CONN_POOL_STORAGE_TOO_SMALL`, `CONN_POOL_MISALIGNED`; `CONN_POOL_INVALID_ARGUMENT`,
 *   `CONN_POOL_UNSUPPORTED` or `CONN_POOL_CONFIG_TOO_NEW` if something is wrong with the configuration.
 * - Ownership: the storage is the pool's until `conn_pool_destroy` or `conn_pool_abandon` has returned OK; it must neither move
 *   nor be freed. `config` and its name are copied; `user` and the callbacks must outlive the pool.
 *
 * @pre `storage` is NULL or may be written for `size` bytes; `config` is NULL or valid for its `struct_size` bytes; `out` is NULL
 * or may be written.
 */
CONN_POOL_API
conn_pool_status conn_pool_init(void *storage,
                                size_t size,
                                const struct conn_pool_config *config,
                                struct conn_pool **out);

/**
 * Gives the pool a resource that is ready, and so serves the oldest waiter.
 *
 * - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: only for as long as callbacks take.
 * - Returns `CONN_POOL_OK`; `CONN_POOL_FULL` if no slot within `max_size` is vacant; `CONN_POOL_CLOSED`, `CONN_POOL_FORKED`,
 *   `CONN_POOL_INVALID_ARGUMENT`.
 * - Ownership: on success the resource is the pool's, which ends it with `destroy`; else it stays the caller's.
 *
 * @pre The pool is NULL or was made by this library and not freed.
 */
CONN_POOL_API
conn_pool_status conn_pool_add(struct conn_pool *pool,
                               void *resource);

/**
 * Borrows a resource if one is free now, or can be created.
 *
 * - Thread-safe: yes. ISR-safe: in a build for interrupts (feature `critical-section`), for a pool without `create` and
 *   `validate`. Async-signal-safe: no. Blocks: only for as long as `create` and `validate` take.
 * - Returns `CONN_POOL_OK`; `CONN_POOL_EXHAUSTED`, `CONN_POOL_CLOSED`, `CONN_POOL_CREATE_FAILED`, `CONN_POOL_FORKED`,
 *   `CONN_POOL_INVALID_ARGUMENT`.
 * - Ownership: the lease is the caller's until it is given back with `conn_pool_release` or `conn_pool_discard`. It is
 *   written on success only.
 *
 * @pre The pool is NULL or was made by this library and not freed; `lease` is NULL or may be written.
 */
CONN_POOL_API
conn_pool_status conn_pool_try_acquire(struct conn_pool *pool,
                                       struct conn_pool_lease *lease);

/**
 * Borrows a resource, waiting in line for up to `timeout_ms` milliseconds.
 *
 * 0 is `conn_pool_try_acquire`; `CONN_POOL_WAIT_FOREVER` waits for as long as it takes. The time counts from the call;
 * being woken for nothing does not start it again. A resource that is granted in the very moment the time is up is the
 * caller's.
 *
 * - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: up to `timeout_ms`, and for as long as the callbacks
 *   `create` and `validate` take. A thread that holds the last lease and asks for another waits for itself.
 * - Returns `CONN_POOL_OK`; `CONN_POOL_TIMED_OUT` (with 0: `CONN_POOL_EXHAUSTED`), `CONN_POOL_CLOSED`,
 *   `CONN_POOL_CREATE_FAILED`, `CONN_POOL_FORKED`; in a build without threads `CONN_POOL_UNSUPPORTED` if it would have to wait.
 * - Ownership: as for `conn_pool_try_acquire`.
 *
 * @pre The pool is NULL or was made by this library and not freed; `lease` is NULL or may be written.
 */
CONN_POOL_API
conn_pool_status conn_pool_acquire(struct conn_pool *pool,
                                   uint32_t timeout_ms,
                                   struct conn_pool_lease *lease);

/**
 * Borrows a resource now, or takes a place in the line in which threads wait too, and is called back.
 *
 * On `CONN_POOL_OK` the lease is there at once, and there is no callback. On `CONN_POOL_PENDING` `on_ready` will be called
 * exactly once, unless the place is given up first: by whichever thread finds that it is its turn. Usually that is the one that
 * brings the resource back, but it may be any whose call changes the pool, this one included before it has returned. So hold
 * no lock around calls of the pool that `on_ready` takes. If a resource has to be created or checked for it, that is done
 * by the same thread.
 *
 * `on_ready` may call the pool, but must not end it, and must not wait: no acquire with a timeout and no drain, of this pool
 * or another. Callbacks whose turn comes on the same thread are called after it has returned, and may own what it waits for.
 *
 * - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: as `conn_pool_try_acquire`.
 * - Returns `CONN_POOL_OK`, `CONN_POOL_PENDING`; `CONN_POOL_WAITING` if the waiter stands in a line; `CONN_POOL_CLOSED`,
 *   `CONN_POOL_CREATE_FAILED`, `CONN_POOL_FORKED`; `CONN_POOL_EXHAUSTED` if a callback cancelled it meanwhile;
 *   `CONN_POOL_INVALID_ARGUMENT`.
 * - Ownership: `waiter` stays the caller's, and must neither move nor be freed until `on_ready` was called or
 *   `conn_pool_cancel` has returned `CONN_POOL_OK`. `lease` is written at once or not at all. The lease that `on_ready` is given
 *   is the callee's.
 *
 * @pre The pool is NULL or was made by this library and not freed; `waiter` is NULL, zeroed, or was used before; `lease` is NULL
 * or may be written.
 */
CONN_POOL_API
conn_pool_status conn_pool_acquire_async(struct conn_pool *pool,
                                         struct conn_pool_waiter *waiter,
                                         conn_pool_ready_fn on_ready,
                                         void *user,
                                         struct conn_pool_lease *lease);

/**
 * Gives up a place in line: `on_ready` will not be called.
 *
 * On `CONN_POOL_NOT_WAITING` it was called, or will be; with `CONN_POOL_EXHAUSTED` if the resource that it was to have turns out
 * unfit, since it does not go back in line then.
 *
 * - Thread-safe: yes, but not at the same time as a call that uses the waiter again. ISR-safe: no. Async-signal-safe: no.
 *   Blocks: only for as long as callbacks take that are due meanwhile.
 * - Returns `CONN_POOL_OK`; `CONN_POOL_NOT_WAITING` if it is too late (`on_ready` was called, is being called, or is about to
 *   be) or the waiter was never in line; `CONN_POOL_WRONG_POOL` if it stands in another pool's line; `CONN_POOL_FORKED`.
 * - Ownership: after `CONN_POOL_OK` the waiter may be freed.
 *
 * @pre The pool is NULL or was made by this library and not freed; `waiter` is NULL, zeroed, or was used before.
 */
CONN_POOL_API
conn_pool_status conn_pool_cancel(struct conn_pool *pool,
                                  struct conn_pool_waiter *waiter);

/**
 * Gives a lease back, and so serves the oldest waiter. The lease is zeroed.
 *
 * With `reset`, the resource is reset first, and destroyed if that fails. Once the pool is closed it is destroyed.
 *
 * - Thread-safe: yes; a lease may be given back by another thread than the one that got it. ISR-safe: as
 *   `conn_pool_try_acquire`, for a pool without `reset`; in a closed pool `destroy`, and for waiters `on_ready`, are then called
 *   in the handler. Async-signal-safe: no. Blocks: only for as long as callbacks take.
 * - Returns `CONN_POOL_OK`; and if the lease is not in order, with nothing changed: `CONN_POOL_NOT_HELD` (empty, or given back
 *   already), `CONN_POOL_STALE` (and its slot lent again), `CONN_POOL_WRONG_POOL`, `CONN_POOL_FORGED`; `CONN_POOL_FORKED`,
 *   `CONN_POOL_INVALID_ARGUMENT`.
 *   Two threads that give back or discard copies of one lease at the very same moment are a data race of the program's own,
 *   which may go unnoticed: the slot may then be lent to two callers, or without a resource.
 * - Ownership: on success the resource is the pool's again.
 *
 * @pre The pool is NULL or was made by this library and not freed; `lease` is NULL or may be read and written.
 */
CONN_POOL_API
conn_pool_status conn_pool_release(struct conn_pool *pool,
                                   struct conn_pool_lease *lease);

/**
 * Gives a lease back whose resource is broken: it is destroyed, and its slot is vacant. The lease is zeroed.
 *
 * A pool with `create` makes another one for whoever waits; else `conn_pool_add` may.
 *
 * - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: only for as long as callbacks take.
 * - Returns what `conn_pool_release` returns.
 * - Ownership: on success the resource is gone.
 *
 * @pre The pool is NULL or was made by this library and not freed; `lease` is NULL or may be read and written.
 */
CONN_POOL_API conn_pool_status conn_pool_discard(struct conn_pool *pool, struct conn_pool_lease *lease);

/**
 * Sets how many resources may be out at once, 0 to the pool's capacity; 0 pauses it.
 *
 * What is out is left alone. A pool with `create` destroys what it has no place for; another one sets it aside until the pool
 * grows again or `conn_pool_maintain` is called.
 *
 * - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: only for as long as callbacks take.
 * - Returns `CONN_POOL_OK`; `CONN_POOL_INVALID_ARGUMENT` if `max_size` is above the capacity; `CONN_POOL_FORKED`.
 * - Ownership: leases stay their holders'.
 *
 * @pre The pool is NULL or was made by this library and not freed.
 */
CONN_POOL_API
conn_pool_status conn_pool_resize(struct conn_pool *pool,
                                  uint32_t max_size);

/**
 * Looks after the idle resources: destroys what a resize has set aside, what is older than `max_lifetime_ms`, and what was
 * idle for longer than `idle_timeout_ms` beyond `min_idle` of them; creates what is missing to `min_idle`; destroys what
 * `validate` finds unfit, to be made up for by the next call. To be called from a timer of the program's own, since the
 * library starts no thread.
 *
 * - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: only for as long as callbacks take.
 *   A resource is out while it is checked.
 * - Returns `CONN_POOL_OK`; `CONN_POOL_FORKED`, `CONN_POOL_INVALID_ARGUMENT`. `ended`, which may be NULL, gets the number of
 *   resources destroyed.
 * - Ownership: what is destroyed is gone; nothing else changes.
 *
 * @pre The pool is NULL or was made by this library and not freed; `ended` is NULL or may be written.
 */
CONN_POOL_API
conn_pool_status conn_pool_maintain(struct conn_pool *pool,
                                    size_t *ended);

/**
 * What the pool has counted, and how full it is. Takes no lock and stops nobody.
 *
 * - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: no. Blocks: no.
 * - Returns `CONN_POOL_OK`; `CONN_POOL_INVALID_ARGUMENT`, `CONN_POOL_FORKED`.
 * - Ownership: `figures` is the caller's; `size` is `sizeof(conn_pool_figures)`, by which the library knows which version of
 *   the structure it is given.
 *
 * @pre The pool is NULL or was made by this library and not freed; `figures` is NULL or may be written for `size` bytes.
 */
CONN_POOL_API
conn_pool_status conn_pool_stats(const struct conn_pool *pool,
                                 struct conn_pool_figures *figures,
                                 size_t size);

/**
 * Starts the marks `peak_in_use` and `peak_waiting` anew from what they are now.
 *
 * - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: no.
 * - Returns `CONN_POOL_OK`; `CONN_POOL_FORKED`, `CONN_POOL_INVALID_ARGUMENT`.
 *
 * @pre The pool is NULL or was made by this library and not freed.
 */
CONN_POOL_API conn_pool_status conn_pool_reset_peaks(struct conn_pool *pool);

/**
 * The pool's name, as far as it was kept (31 bytes); "" if it has none, or for NULL.
 *
 * - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: yes. Blocks: no.
 * - Ownership: the string is the pool's and lives as long.
 *
 * @pre The pool is NULL or was made by this library and not freed.
 */
CONN_POOL_API const char *conn_pool_name(const struct conn_pool *pool);

/**
 * Closes the pool for good: new callers and all who wait get `CONN_POOL_CLOSED`; idle resources are destroyed now, the others
 * when they come back. Closing it again does nothing.
 *
 * - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: only for as long as callbacks take.
 * - Returns `CONN_POOL_OK`; `CONN_POOL_FORKED`, `CONN_POOL_INVALID_ARGUMENT`.
 * - Ownership: leases stay their holders', to be given back as ever.
 *
 * @pre The pool is NULL or was made by this library and not freed.
 */
CONN_POOL_API
conn_pool_status conn_pool_close(struct conn_pool *pool);

/**
 * Closes the pool and waits until every lease has come back, for up to `timeout_ms` milliseconds (0: looks once;
 * `CONN_POOL_WAIT_FOREVER`). May be repeated.
 *
 * - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: up to `timeout_ms`, and for as long as callbacks take. A
 *   thread that holds a lease waits for itself.
 * - Returns `CONN_POOL_OK`; `CONN_POOL_BUSY` if leases are still out (`conn_pool_stats` tells how many); `CONN_POOL_FORKED`,
 *   `CONN_POOL_INVALID_ARGUMENT`; in a build without threads `CONN_POOL_UNSUPPORTED` if it would have to wait.
 * - Ownership: after `CONN_POOL_OK` whoever gave back a lease is done with the pool, so that it may be destroyed if nobody is in
 *   another of its functions.
 *
 * @pre The pool is NULL or was made by this library and not freed.
 */
CONN_POOL_API
conn_pool_status conn_pool_drain(struct conn_pool *pool,
                                 uint32_t timeout_ms);

/**
 * Ends a pool: destroys its resources, and frees it if `conn_pool_create` has made it. NULL is fine, and does nothing.
 *
 * - Thread-safe: no: nobody else may be using the pool, or do so later. ISR-safe: no. Async-signal-safe: no. Blocks: only for as
 *   long as callbacks take.
 * - Returns `CONN_POOL_OK`; `CONN_POOL_BUSY`, with nothing changed, while leases are out or somebody waits
 *   (`conn_pool_drain` first); `CONN_POOL_FORKED` in a fork's child (see `conn_pool_abandon`).
 * - Ownership: on success the pool is gone, and storage of the caller's is the caller's again.
 *
 * @pre The pool is NULL or was made by this library and not freed, and nobody else is using it.
 */
CONN_POOL_API
conn_pool_status conn_pool_destroy(struct conn_pool *pool);

/**
 * Forgets a pool, whatever is out: no callback is called, no lock is taken, its memory is freed if `conn_pool_create` has made
 * it. For the child of a fork, where the resources belong to the parent; anywhere else nobody may be waiting, or due to be
 * called back. NULL is fine, and does nothing.
 *
 * - Thread-safe: no, as `conn_pool_destroy`. ISR-safe: no. Async-signal-safe: for a pool in the caller's storage. Blocks: no.
 * - Returns `CONN_POOL_OK`; `CONN_POOL_INVALID_ARGUMENT` if it was destroyed already (and lay in storage of the caller's).
 * - Ownership: the pool is gone; its resources are the caller's to forget or to close.
 *
 * @pre The pool is NULL or was made by this library and not freed, and nobody in this process is using it.
 */
CONN_POOL_API
conn_pool_status conn_pool_abandon(struct conn_pool *pool);

#if defined(CONN_POOL_HOSTED)
/**
 * Makes a pool on the heap.
 *
 * The capacity and all the rest of it are chosen by `config`; the pool starts without resources.
 *
 * - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: no.
 * - Returns `CONN_POOL_OK`; `CONN_POOL_INVALID_ARGUMENT`, `CONN_POOL_UNSUPPORTED` or `CONN_POOL_CONFIG_TOO_NEW` if
 *   something is wrong with the configuration (see `conn_pool_config_problem`); `CONN_POOL_OUT_OF_MEMORY`.
 * - Ownership: `*out` is the caller's, to be given to `conn_pool_destroy`. `config` and its name are copied; `user` and
 *   the callbacks must outlive the pool.
 *
 * @pre `config` is NULL or valid for its `struct_size` bytes; `out` is NULL or may be written.
 */
CONN_POOL_API
conn_pool_status conn_pool_create(const struct conn_pool_config *config,
                                  struct conn_pool **out);
#endif

#if defined(CONN_POOL_HOSTED)
/**
 * As `conn_pool_acquire`, until a moment on `CLOCK_MONOTONIC`. One that has passed tries once.
 *
 * - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: until `deadline`, and for as long as the callbacks
 *   `create` and `validate` take.
 * - Returns what `conn_pool_acquire` returns, with `CONN_POOL_TIMED_OUT` when the time is up; `CONN_POOL_INVALID_ARGUMENT`
 *   too if the deadline's nanoseconds are not below one second.
 * - Ownership: as for `conn_pool_acquire`.
 *
 * @pre The pool is NULL or was made by this library and not freed; `deadline` is NULL or may be read, `lease` NULL or written.
 */
CONN_POOL_API
conn_pool_status conn_pool_acquire_until(struct conn_pool *pool,
                                         const struct timespec *deadline,
                                         struct conn_pool_lease *lease);
#endif

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* CONN_POOL_H */

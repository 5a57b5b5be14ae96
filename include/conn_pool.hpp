/*
 * conn_pool for C++17: a pool and its leases as values that clean up behind themselves.
 *
 * A thin, inline layer over conn_pool.h, where the functions are explained. It throws nothing and
 * needs neither exceptions nor RTTI: what can fail returns a `connpool::status`, or a
 * `connpool::result`, which has a value or the status that says why not. Callbacks are functions of
 * C; a lambda without captures is one.
 *
 *     connpool::config config = connpool::make_config();
 *     config.capacity = 4;
 *     config.create = [](void *, std::uint32_t, void **resource) { return connect(resource); };
 *     config.destroy = [](void *, void *resource) { disconnect(resource); };
 *
 *     auto pool = connpool::pool::create(config);
 *     if (!pool) { return complain(connpool::text(pool.status())); }
 *     if (auto lease = pool->acquire(std::chrono::seconds(2))) {
 *         use(lease->as<connection>());
 *     }   // released here
 *
 * The namespace is `connpool`, because `conn_pool` is the name of the structure of C.
 *
 * Threads.  Any thread may use a `pool` at any time, except for what ends or replaces it: its move,
 * its destructor, `destroy`, `abandon` and `detach`. A `lease` is for one thread at a time, and may
 * be moved to another thread.
 *
 * Callbacks.  Called without a lock, possibly by several threads at once. They must return: no
 * exception may leave them.
 *
 * fork.  A pool belongs to the process that made it. In a child, its destructor and those of its
 * leases leave the parent's resources alone.
 */

#ifndef CONN_POOL_HPP
#define CONN_POOL_HPP

#include "conn_pool.h"

#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>

#if (defined(_MSVC_LANG) ? _MSVC_LANG : __cplusplus) < 201703L
#error "conn_pool.hpp needs C++17"
#endif

namespace connpool {

/** What a call returns: `CONN_POOL_OK` is success. */
using status = ::conn_pool_status;
/** What happened to a resource, for `config::on_event`. */
using event = ::conn_pool_event;
/** The configuration of a pool: from `make_config`. */
using config = ::conn_pool_config;
/** What a pool has counted, and how full it is. */
using stats = ::conn_pool_stats;

/**
 * A configuration with defaults.
 *
 * - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: yes. Blocks: no.
 */
[[nodiscard]] inline config make_config() noexcept
{
    return CONN_POOL_CONFIG_INIT;
}

/**
 * What is wrong with a configuration, and what would be right, as a short English text. Null if
 * nothing is wrong.
 *
 * - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: yes. Blocks: no.
 * - Ownership: the string is constant.
 */
[[nodiscard]] inline const char *problem(const config &config) noexcept
{
    return ::conn_pool_config_problem(&config);
}

/**
 * The meaning of a status, as a short English text. Never null.
 *
 * - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: yes. Blocks: no.
 * - Ownership: the strings are constant.
 */
[[nodiscard]] inline const char *text(status status) noexcept
{
    return ::conn_pool_strerror(status);
}

/**
 * The name of a status, such as "CONN_POOL_OK", for logs. Never null.
 *
 * - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: yes. Blocks: no.
 * - Ownership: the string is constant.
 */
[[nodiscard]] inline const char *name(status status) noexcept
{
    return ::conn_pool_status_name(status);
}

/**
 * A value, or the status that tells why there is none.
 *
 * Without a value, `*` and `->` give an empty `T`: no lease, no pool, zeros.
 */
template <class T>
class [[nodiscard]] result {
public:
    /** Of a call that failed. */
    result(connpool::status why) noexcept : status_(why) {}
    /** Of a call that succeeded. */
    result(T &&value) noexcept : value_(std::move(value)), status_(CONN_POOL_OK) {}

    /** Whether there is a value. */
    explicit operator bool() const noexcept { return status_ == CONN_POOL_OK; }
    [[nodiscard]] connpool::status status() const noexcept { return status_; }

    [[nodiscard]] T &operator*() & noexcept { return value_; }
    [[nodiscard]] const T &operator*() const & noexcept { return value_; }
    /** To be moved out: `connpool::lease lease = *pool.acquire();` */
    [[nodiscard]] T &&operator*() && noexcept { return std::move(value_); }
    [[nodiscard]] T *operator->() noexcept { return &value_; }
    [[nodiscard]] const T *operator->() const noexcept { return &value_; }

private:
    T value_{};
    connpool::status status_;
};

/**
 * The right to use a resource. Its destructor releases the resource. It can be moved and not
 * copied.
 *
 * An empty lease (never filled, moved from, released or discarded) has a null resource and does
 * nothing.
 */
class [[nodiscard]] lease {
public:
    lease() noexcept = default;

    /**
     * Takes over a lease of C, such as the one that `conn_pool_acquire_async` passes to `on_ready`.
     *
     * - Ownership: from now on this object releases it, and the plain structure must not be used.
     */
    explicit lease(const ::conn_pool_lease &plain) noexcept : plain_(plain) {}

    lease(const lease &) = delete;
    lease &operator=(const lease &) = delete;

    /** Leaves the other one empty. */
    lease(lease &&other) noexcept : plain_(other.detach()) {}

    /**
     * Releases what this one holds, and leaves the other one empty. Moving a lease to itself does
     * nothing.
     */
    lease &operator=(lease &&other) noexcept
    {
        if (this != &other) {
            release();
            plain_ = other.detach();
        }
        return *this;
    }

    /**
     * Releases the resource. The status is lost: call `release` where it matters.
     *
     * - Blocks: only for as long as callbacks take.
     */
    ~lease() { release(); }

    /** Whether there is a resource. */
    explicit operator bool() const noexcept { return plain_.pool != nullptr; }

    /** The resource: what `create` made, or what was passed to `add`. */
    [[nodiscard]] void *get() const noexcept { return plain_.resource; }

    /**
     * The resource, as a pointer to `T`.
     *
     * @pre The pool's resources are of this type.
     */
    template <class T>
    [[nodiscard]] T *as() const noexcept
    {
        return static_cast<T *>(plain_.resource);
    }

    /**
     * Releases the resource now: it goes to the longest waiter, or is idle. The lease is empty
     * afterwards, unless it was refused.
     *
     * - Thread-safe: no, as everything that changes a lease. Async-signal-safe: no. Blocks: only
     *   for as long as callbacks take.
     * - Returns `CONN_POOL_OK`; `CONN_POOL_NOT_HELD` if it was empty; what `conn_pool_release`
     *   returns.
     * - Ownership: on success the pool owns the resource again.
     */
    connpool::status release() noexcept
    {
        return *this ? ::conn_pool_release(plain_.pool, &plain_) : CONN_POOL_NOT_HELD;
    }

    /**
     * Ends the lease of a broken resource: the resource is destroyed and its slot is vacant. The
     * lease is empty afterwards, unless it was refused.
     *
     * - Thread-safe: no, as everything that changes a lease. Async-signal-safe: no. Blocks: only
     *   for as long as callbacks take.
     * - Returns what `release` returns.
     * - Ownership: on success the resource is gone.
     */
    connpool::status discard() noexcept
    {
        return *this ? ::conn_pool_discard(plain_.pool, &plain_) : CONN_POOL_NOT_HELD;
    }

    /**
     * The lease as a plain structure, for functions of C. This one is empty afterwards.
     *
     * - Ownership: the caller has to release it.
     */
    [[nodiscard]] ::conn_pool_lease detach() noexcept
    {
        return std::exchange(plain_, ::conn_pool_lease{});
    }

private:
    ::conn_pool_lease plain_{};
};

/**
 * A pool of resources, which it owns. It can be moved, while leases are held too, and not copied.
 *
 * The functions of an empty pool (never made, moved from, or destroyed) return
 * `CONN_POOL_INVALID_ARGUMENT`.
 */
class [[nodiscard]] pool {
public:
    pool() noexcept = default;

    /**
     * Takes over a pool of C.
     *
     * - Ownership: from now on this object destroys it.
     */
    explicit pool(::conn_pool *plain) noexcept : plain_(plain) {}

    pool(const pool &) = delete;
    pool &operator=(const pool &) = delete;

    /** Leaves the other one empty. */
    pool(pool &&other) noexcept : plain_(other.detach()) {}

    /** Ends what this one holds, as the destructor does, and leaves the other one empty. */
    pool &operator=(pool &&other) noexcept
    {
        if (this != &other) {
            end();
            plain_ = other.detach();
        }
        return *this;
    }

    /**
     * Ends the pool.
     *
     * While leases are held or callers wait, the pool is closed instead, and its memory is never
     * freed: the leases can still be released, which destroys their resources. So call `drain`
     * first, if other threads may still use the pool.
     *
     * - Thread-safe: no: no other thread may be using the `pool`. Blocks: only for as long as
     *   callbacks take.
     */
    ~pool() { end(); }

#ifdef CONN_POOL_HOSTED
    /**
     * Makes a pool on the heap.
     *
     * - Thread-safe: yes. Async-signal-safe: no. Blocks: no.
     * - Returns the pool; `CONN_POOL_INVALID_ARGUMENT`, `CONN_POOL_UNSUPPORTED` or
     *   `CONN_POOL_CONFIG_TOO_NEW` if something is wrong with the configuration (see `problem`);
     *   `CONN_POOL_OUT_OF_MEMORY`.
     * - Ownership: the configuration and its name are copied; `user` and the callbacks must outlive
     *   the pool.
     */
    static result<pool> create(const config &config) noexcept
    {
        ::conn_pool *plain = nullptr;
        connpool::status status = ::conn_pool_create(&config, &plain);
        return made(status, plain);
    }
#endif

    /**
     * Makes a pool in the caller's storage: see `CONN_POOL_DEFINE_STATIC`.
     *
     * - Thread-safe: yes. Async-signal-safe: no. Blocks: no.
     * - Returns the pool; what `conn_pool_init` returns.
     * - Ownership: the pool owns the storage until it is gone; see the destructor for when that is.
     *   The rest is as for `create`.
     *
     * @pre `storage` is null or may be written for `size` bytes.
     */
    static result<pool> init(void *storage, std::size_t size, const config &config) noexcept
    {
        ::conn_pool *plain = nullptr;
        connpool::status status = ::conn_pool_init(storage, size, &config, &plain);
        return made(status, plain);
    }

    /** Whether there is a pool. */
    explicit operator bool() const noexcept { return plain_ != nullptr; }

    /** The pool for functions of C. It stays with this object. */
    [[nodiscard]] ::conn_pool *get() const noexcept { return plain_; }

    /**
     * The pool for functions of C. This one is empty afterwards.
     *
     * - Ownership: the caller has to destroy it.
     */
    [[nodiscard]] ::conn_pool *detach() noexcept { return std::exchange(plain_, nullptr); }

    /**
     * Acquires a resource if one is free now, or can be created.
     *
     * - Thread-safe: yes. Async-signal-safe: no. Blocks: only for as long as `create` and
     *   `validate` take.
     * - Returns a lease; `CONN_POOL_EXHAUSTED`, `CONN_POOL_CLOSED`, `CONN_POOL_CREATE_FAILED`,
     *   `CONN_POOL_FORKED`.
     * - Ownership: the resource is the lease's until it ends.
     */
    result<lease> try_acquire() noexcept
    {
        ::conn_pool_lease plain{};
        connpool::status status = ::conn_pool_try_acquire(plain_, &plain);
        return leased(status, plain);
    }

    /**
     * Acquires a resource, waiting in the queue for as long as it takes.
     *
     * - Thread-safe: yes. Async-signal-safe: no. Blocks: until it is the caller's turn, or the pool
     *   is closed.
     * - Returns a lease; `CONN_POOL_CLOSED`, `CONN_POOL_CREATE_FAILED`, `CONN_POOL_FORKED`.
     * - Ownership: the resource is the lease's until it ends.
     */
    result<lease> acquire() noexcept { return acquire_ms(CONN_POOL_WAIT_FOREVER); }

    /**
     * Acquires a resource, waiting in the queue for up to `timeout`, rounded up to milliseconds.
     * Zero or less tries once; 49 days or more wait for as long as it takes.
     *
     * - Thread-safe: yes. Async-signal-safe: no. Blocks: up to `timeout`, and for as long as
     *   `create` and `validate` take.
     * - Returns a lease; `CONN_POOL_TIMED_OUT` (`CONN_POOL_EXHAUSTED` if it tried once),
     *   `CONN_POOL_CLOSED`, `CONN_POOL_CREATE_FAILED`, `CONN_POOL_FORKED`.
     * - Ownership: the resource is the lease's until it ends.
     */
    template <class Rep, class Period>
    result<lease> acquire(std::chrono::duration<Rep, Period> timeout) noexcept
    {
        return acquire_ms(milliseconds(timeout));
    }

    /**
     * As `acquire`, until a time on a steady clock. If it has passed, it tries once.
     */
    template <class Clock, class Duration>
    result<lease> acquire_until(std::chrono::time_point<Clock, Duration> deadline) noexcept
    {
        static_assert(Clock::is_steady, "a deadline on a clock that may be set is no deadline");
        const auto now = Clock::now();
        return acquire(deadline > now ? deadline - now : Duration::zero());
    }

    /**
     * Adds a resource to the pool, for the longest waiter if there is one.
     *
     * - Thread-safe: yes. Async-signal-safe: no. Blocks: only for as long as callbacks take.
     * - Returns `CONN_POOL_OK`; `CONN_POOL_FULL` if no slot is vacant; `CONN_POOL_CLOSED`.
     * - Ownership: on success the pool owns the resource and ends it with `destroy`; otherwise the
     *   caller keeps it.
     */
    [[nodiscard]] connpool::status add(void *resource) noexcept
    {
        return ::conn_pool_add(plain_, resource);
    }

    /**
     * Sets how many resources may be in use at once, from 0 to the capacity. 0 pauses the pool.
     *
     * - Thread-safe: yes. Async-signal-safe: no. Blocks: only for as long as callbacks take.
     * - Returns `CONN_POOL_OK`; `CONN_POOL_INVALID_ARGUMENT` if `max_size` is above the capacity.
     */
    [[nodiscard]] connpool::status resize(std::uint32_t max_size) noexcept
    {
        return ::conn_pool_resize(plain_, max_size);
    }

    /**
     * Maintains the idle resources. Call it from a timer: the library starts no thread.
     *
     * - Thread-safe: yes. Async-signal-safe: no. Blocks: only for as long as callbacks take.
     * - Returns the number of resources that were destroyed.
     */
    result<std::size_t> maintain() noexcept
    {
        std::size_t destroyed = 0;
        connpool::status status = ::conn_pool_maintain(plain_, &destroyed);
        if (status != CONN_POOL_OK) {
            return status;
        }
        return destroyed;
    }

    /**
     * What the pool has counted, and how full it is.
     *
     * - Thread-safe: yes. Async-signal-safe: no. Blocks: no.
     */
    [[nodiscard]] result<connpool::stats> stats() const noexcept
    {
        connpool::stats stats{};
        connpool::status status = ::conn_pool_get_stats(plain_, &stats, sizeof stats);
        if (status != CONN_POOL_OK) {
            return status;
        }
        return stats;
    }

    /**
     * Resets `peak_in_use` and `peak_waiting` to what is in use and waiting now.
     *
     * - Thread-safe: yes. Async-signal-safe: no. Blocks: no.
     */
    connpool::status reset_peaks() noexcept { return ::conn_pool_reset_peaks(plain_); }

    /**
     * The pool's name; "" if it has none.
     *
     * - Thread-safe: yes. Async-signal-safe: yes. Blocks: no.
     * - Ownership: the string belongs to the pool and lives as long as it.
     */
    [[nodiscard]] const char *name() const noexcept { return ::conn_pool_name(plain_); }

    /**
     * Closes the pool for good: new callers and all waiters get `CONN_POOL_CLOSED`.
     *
     * - Thread-safe: yes. Async-signal-safe: no. Blocks: only for as long as callbacks take.
     */
    connpool::status close() noexcept { return ::conn_pool_close(plain_); }

    /**
     * Closes the pool and waits until no lease is held.
     *
     * - Thread-safe: yes. Async-signal-safe: no. Blocks: as long as it takes, or up to `timeout`,
     *   rounded as for `acquire`. A thread that holds a lease waits for itself.
     * - Returns `CONN_POOL_OK`; `CONN_POOL_BUSY` if leases are still held.
     */
    [[nodiscard]] connpool::status drain() noexcept
    {
        return ::conn_pool_drain(plain_, CONN_POOL_WAIT_FOREVER);
    }

    template <class Rep, class Period>
    [[nodiscard]] connpool::status drain(std::chrono::duration<Rep, Period> timeout) noexcept
    {
        return ::conn_pool_drain(plain_, milliseconds(timeout));
    }

    /**
     * Ends the pool, and returns whether that was possible. An empty one has ended already.
     *
     * - Thread-safe: no: no other thread may be using the pool. Async-signal-safe: no. Blocks: only
     *   for as long as callbacks take.
     * - Returns `CONN_POOL_OK`; `CONN_POOL_BUSY`, with nothing changed, while leases are held or
     *   callers wait; `CONN_POOL_FORKED`.
     * - Ownership: on success the pool is empty.
     */
    [[nodiscard]] connpool::status destroy() noexcept
    {
        connpool::status status = ::conn_pool_destroy(plain_);
        if (status == CONN_POOL_OK) {
            plain_ = nullptr;
        }
        return status;
    }

    /**
     * Forgets the pool, even if leases are held: no callback is called. For the child of a fork.
     *
     * - Thread-safe: no. Async-signal-safe: for a pool in the caller's storage. Blocks: no.
     * - Ownership: the pool is empty; it is for the caller to close or forget its resources.
     */
    connpool::status abandon() noexcept { return ::conn_pool_abandon(detach()); }

private:
    static result<pool> made(connpool::status status, ::conn_pool *plain) noexcept
    {
        if (status != CONN_POOL_OK) {
            return status;
        }
        return pool(plain);
    }

    static result<lease> leased(connpool::status status, const ::conn_pool_lease &plain) noexcept
    {
        if (status != CONN_POOL_OK) {
            return status;
        }
        return lease(plain);
    }

    result<lease> acquire_ms(std::uint32_t timeout_ms) noexcept
    {
        ::conn_pool_lease plain{};
        connpool::status status = ::conn_pool_acquire(plain_, timeout_ms, &plain);
        return leased(status, plain);
    }

    /* In floating point, because the longest durations overflow as whole milliseconds. */
    template <class Rep, class Period>
    static std::uint32_t milliseconds(std::chrono::duration<Rep, Period> timeout) noexcept
    {
        double wanted = std::ceil(std::chrono::duration<double, std::milli>(timeout).count());
        if (!(wanted > 0)) {
            return 0;
        }
        if (wanted >= CONN_POOL_WAIT_FOREVER) {
            return CONN_POOL_WAIT_FOREVER;
        }
        return static_cast<std::uint32_t>(wanted);
    }

    void end() noexcept
    {
        switch (::conn_pool_destroy(plain_)) {
        case CONN_POOL_FORKED:
            ::conn_pool_abandon(plain_);
            break;
        case CONN_POOL_BUSY:
            ::conn_pool_close(plain_);
            break;
        default:
            break;
        }
        plain_ = nullptr;
    }

    ::conn_pool *plain_ = nullptr;
};

}  // namespace connpool

#endif  // CONN_POOL_HPP

/*
 * conn_pool for C++17: a pool and its leases as values that clean up behind themselves.
 *
 * A thin layer over conn_pool.h, where the functions are explained; all of it is inline. It throws
 * nothing and needs neither exceptions nor RTTI: what can fail returns a `connpool::status`, or a
 * `connpool::result` that has a value or tells why not. Callbacks are those of C; lambdas that
 * capture nothing will do.
 *
 *     connpool::config config = connpool::make_config();
 *     config.capacity = 4;
 *     config.create = [](void *, void **resource) { return connect(resource); };
 *     config.destroy = [](void *, void *resource) { disconnect(resource); };
 *
 *     auto pool = connpool::pool::create(config);
 *     if (!pool) { return complain(connpool::text(pool.status())); }
 *     if (auto lease = pool->acquire(std::chrono::seconds(2))) {
 *         use(lease->as<connection>());
 *     }   // given back here
 *
 * The namespace is `connpool` because the name `conn_pool` is taken, by the structure of C.
 *
 * Threads.  A `pool` may be used by any thread at any time, but for what ends or replaces it: its
 * move, its destructor, `destroy`, `abandon` and `detach`. A `lease` is for one thread at a time,
 * and may be moved to another thread.
 *
 * Callbacks.  Called without a lock, possibly by several threads at once. They must return: an
 * exception must not leave them.
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

/** What a call answers: `CONN_POOL_OK` is success. */
using status = ::conn_pool_status;
/** What happened to a resource, for `config::on_event`. */
using event = ::conn_pool_event;
/** What a pool is to be like: from `make_config`. */
using config = ::conn_pool_config;
/** What a pool has counted, and how full it is. */
using stats = ::conn_pool_stats;

/**
 * A configuration with nothing set but its size.
 *
 * - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: yes. Blocks: no.
 */
[[nodiscard]] inline config make_config() noexcept
{
    return CONN_POOL_CONFIG_INIT;
}

/**
 * What is wrong with a configuration and what would be right, for people; null if nothing is.
 *
 * - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: yes. Blocks: no.
 * - Ownership: the string is constant.
 */
[[nodiscard]] inline const char *problem(const config &config) noexcept
{
    return ::conn_pool_config_problem(&config);
}

/**
 * What a status means, for people; and its name, for logs. Never null.
 *
 * - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: yes. Blocks: no.
 * - Ownership: the strings are constant.
 */
[[nodiscard]] inline const char *text(status status) noexcept
{
    return ::conn_pool_strerror(status);
}

[[nodiscard]] inline const char *name(status status) noexcept
{
    return ::conn_pool_status_name(status);
}

/**
 * A value, or the status that tells why there is none.
 *
 * Without a value, what `*` and `->` lead to is an empty `T`: no lease, no pool, zeros.
 */
template <class T>
class [[nodiscard]] result {
public:
    /** What a failed call returns. */
    result(connpool::status why) noexcept : status_(why) {}
    /** What a call returns that had success. */
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
 * A resource on loan, which goes back to its pool when the lease ends. It can be moved and not
 * copied.
 *
 * An empty lease (never filled, moved from, released or discarded) has a null resource and does
 * nothing.
 */
class [[nodiscard]] lease {
public:
    lease() noexcept = default;

    /**
     * Takes over a lease of C, as an `on_ready` of `conn_pool_acquire_async` is given it.
     *
     * - Ownership: from now on it is this one's to give back; the plain structure is not to be used
     *   any more.
     */
    explicit lease(const ::conn_pool_lease &plain) noexcept : plain_(plain) {}

    lease(const lease &) = delete;
    lease &operator=(const lease &) = delete;

    /** Leaves the other one empty. */
    lease(lease &&other) noexcept : plain_(other.detach()) {}

    /**
     * Gives back what this one holds and leaves the other one empty. Moving a lease to itself does
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
     * Gives the resource back. What the pool answers is lost: call `release` where it matters.
     *
     * - Blocks: only for as long as callbacks take.
     */
    ~lease() { release(); }

    /** Whether there is a resource on loan. */
    explicit operator bool() const noexcept { return plain_.pool != nullptr; }

    /** What was borrowed: what `create` made, or what `add` was given. */
    [[nodiscard]] void *get() const noexcept { return plain_.resource; }

    /**
     * What was borrowed, as what it is.
     *
     * @pre The pool's resources are of this type.
     */
    template <class T>
    [[nodiscard]] T *as() const noexcept
    {
        return static_cast<T *>(plain_.resource);
    }

    /**
     * Gives the resource back now, and so serves the oldest waiter. The lease is empty afterwards,
     * unless it was refused.
     *
     * - Thread-safe: no, as everything that changes a lease. Async-signal-safe: no. Blocks: only
     *   for as long as callbacks take.
     * - Returns `CONN_POOL_OK`; `CONN_POOL_NOT_HELD` if it was empty; what `conn_pool_release`
     *   returns.
     * - Ownership: on success the resource is the pool's again.
     */
    connpool::status release() noexcept
    {
        return *this ? ::conn_pool_release(plain_.pool, &plain_) : CONN_POOL_NOT_HELD;
    }

    /**
     * Gives a broken resource back: it is destroyed, and its slot is vacant. The lease is empty
     * afterwards, unless it was refused.
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
     * The lease for a function of C, which has to give it back. This one is empty afterwards.
     *
     * - Ownership: the caller's.
     */
    [[nodiscard]] ::conn_pool_lease detach() noexcept
    {
        return std::exchange(plain_, ::conn_pool_lease{});
    }

private:
    ::conn_pool_lease plain_{};
};

/**
 * A pool of resources, which it owns. It can be moved and not copied; its leases and waiters do not
 * mind.
 *
 * An empty pool (never made, moved from, or destroyed) answers `CONN_POOL_INVALID_ARGUMENT`.
 */
class [[nodiscard]] pool {
public:
    pool() noexcept = default;

    /**
     * Takes over a pool of C.
     *
     * - Ownership: from now on it is this one's to destroy.
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
     * While leases are out or somebody waits it is closed instead, and its memory is never freed:
     * the leases can still come back, and their resources are destroyed then. So `drain` it before,
     * if threads may still be at work.
     *
     * - Thread-safe: no: nobody else may be using the `pool`. Blocks: only for as long as callbacks
     *   take.
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
     * - Ownership: the storage is the pool's until the pool is gone; see the destructor for when
     *   that is. The rest is as for `create`.
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

    /** The pool for functions of C; it stays this one's. */
    [[nodiscard]] ::conn_pool *get() const noexcept { return plain_; }

    /**
     * The pool for a function of C, which has to destroy it. This one is empty afterwards.
     *
     * - Ownership: the caller's.
     */
    [[nodiscard]] ::conn_pool *detach() noexcept { return std::exchange(plain_, nullptr); }

    /**
     * Borrows a resource if one is free now, or can be created.
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
        return lent(status, plain);
    }

    /**
     * Borrows a resource, waiting in line for as long as it takes.
     *
     * - Thread-safe: yes. Async-signal-safe: no. Blocks: until it is the caller's turn, or the pool
     *   is closed.
     * - Returns a lease; `CONN_POOL_CLOSED`, `CONN_POOL_CREATE_FAILED`, `CONN_POOL_FORKED`.
     * - Ownership: the resource is the lease's until it ends.
     */
    result<lease> acquire() noexcept { return acquire_ms(CONN_POOL_WAIT_FOREVER); }

    /**
     * Borrows a resource, waiting in line for up to `timeout`, rounded up to milliseconds. Nothing,
     * or less, tries once; 49 days and more wait for as long as it takes.
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
     * As `acquire`, until a moment on a steady clock. One that has passed tries once.
     */
    template <class Clock, class Duration>
    result<lease> acquire_until(std::chrono::time_point<Clock, Duration> deadline) noexcept
    {
        static_assert(Clock::is_steady, "a deadline on a clock that may be set is no deadline");
        const auto now = Clock::now();
        return acquire(deadline > now ? deadline - now : Duration::zero());
    }

    /**
     * Gives the pool a resource that is ready, and so serves the oldest waiter.
     *
     * - Thread-safe: yes. Async-signal-safe: no. Blocks: only for as long as callbacks take.
     * - Returns `CONN_POOL_OK`; `CONN_POOL_FULL` if no slot is vacant; `CONN_POOL_CLOSED`.
     * - Ownership: on success the resource is the pool's, which ends it with `destroy`; else it
     *   stays the caller's.
     */
    [[nodiscard]] connpool::status add(void *resource) noexcept
    {
        return ::conn_pool_add(plain_, resource);
    }

    /**
     * Sets how many resources may be out at once, 0 to the capacity.
     *
     * - Thread-safe: yes. Async-signal-safe: no. Blocks: only for as long as callbacks take.
     * - Returns `CONN_POOL_OK`; `CONN_POOL_INVALID_ARGUMENT` if `max_size` is above the capacity.
     */
    [[nodiscard]] connpool::status resize(std::uint32_t max_size) noexcept
    {
        return ::conn_pool_resize(plain_, max_size);
    }

    /**
     * Looks after the idle resources; to be called from a timer of the program's own.
     *
     * - Thread-safe: yes. Async-signal-safe: no. Blocks: only for as long as callbacks take.
     * - Returns the number of resources that were destroyed.
     */
    result<std::size_t> maintain() noexcept
    {
        std::size_t ended = 0;
        connpool::status status = ::conn_pool_maintain(plain_, &ended);
        if (status != CONN_POOL_OK) {
            return status;
        }
        return ended;
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
     * Starts the marks `peak_in_use` and `peak_waiting` anew.
     *
     * - Thread-safe: yes. Async-signal-safe: no. Blocks: no.
     */
    connpool::status reset_peaks() noexcept { return ::conn_pool_reset_peaks(plain_); }

    /**
     * The pool's name; "" if it has none.
     *
     * - Thread-safe: yes. Async-signal-safe: yes. Blocks: no.
     * - Ownership: the string is the pool's and lives as long.
     */
    [[nodiscard]] const char *name() const noexcept { return ::conn_pool_name(plain_); }

    /**
     * Closes the pool for good: new callers and all who wait get `CONN_POOL_CLOSED`.
     *
     * - Thread-safe: yes. Async-signal-safe: no. Blocks: only for as long as callbacks take.
     */
    connpool::status close() noexcept { return ::conn_pool_close(plain_); }

    /**
     * Closes the pool and waits until every lease has come back.
     *
     * - Thread-safe: yes. Async-signal-safe: no. Blocks: as long as it takes, or up to `timeout`,
     *   rounded as for `acquire`. A thread that holds a lease waits for itself.
     * - Returns `CONN_POOL_OK`; `CONN_POOL_BUSY` if leases are still out.
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
     * Ends the pool, and tells whether that was possible. An empty one has ended already.
     *
     * - Thread-safe: no: nobody else may be using the pool. Async-signal-safe: no. Blocks: only for
     *   as long as callbacks take.
     * - Returns `CONN_POOL_OK`; `CONN_POOL_BUSY`, with nothing changed, while leases are out or
     *   somebody waits; `CONN_POOL_FORKED`.
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
     * Forgets the pool, whatever is out: no callback is called. For the child of a fork.
     *
     * - Thread-safe: no. Async-signal-safe: for a pool in the caller's storage. Blocks: no.
     * - Ownership: the pool is empty; its resources are the caller's to forget.
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

    static result<lease> lent(connpool::status status, const ::conn_pool_lease &plain) noexcept
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
        return lent(status, plain);
    }

    /* In floating point, because the longest durations do not fit whole milliseconds. */
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

/**
 * @file
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
 * Callbacks.  Called without a lock, possibly by several threads at once. Those of a `config` are
 * functions of C and must return: no exception may leave them. Those of a `pool_of` are any
 * callables, with captures; an exception that leaves one is a failure of what it was to do.
 *
 *     connpool::callbacks<connection> calls;
 *     calls.create = [&](std::uint32_t within_ms) { return connect(address, within_ms); };
 *     auto pool = connpool::pool_of<connection>::create(config, std::move(calls));
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
#include <functional>
#include <memory>
#include <new>
#include <utility>
#if defined(__cpp_exceptions)
#include <exception>
#endif
#if defined(__cpp_impl_coroutine)
#include <coroutine>
#endif

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
[[nodiscard]] inline const char *problem(const config &wanted) noexcept
{
    return ::conn_pool_config_problem(&wanted);
}

/**
 * The meaning of a status, as a short English text. Never null.
 *
 * - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: yes. Blocks: no.
 * - Ownership: the strings are constant.
 */
[[nodiscard]] inline const char *text(status of) noexcept
{
    return ::conn_pool_strerror(of);
}

/**
 * The name of a status, such as "CONN_POOL_OK", for logs. Never null.
 *
 * - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: yes. Blocks: no.
 * - Ownership: the string is constant.
 */
[[nodiscard]] inline const char *name(status of) noexcept
{
    return ::conn_pool_status_name(of);
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
    /** Why there is no value; `CONN_POOL_OK` if there is one. */
    [[nodiscard]] connpool::status status() const noexcept { return status_; }

    /** The value. */
    [[nodiscard]] T &operator*() & noexcept { return value_; }
    /** The value, to be read. */
    [[nodiscard]] const T &operator*() const & noexcept { return value_; }
    /** To be moved out: `connpool::lease lease = *pool.acquire();` */
    [[nodiscard]] T &&operator*() && noexcept { return std::move(value_); }
    /** A member of the value. */
    [[nodiscard]] T *operator->() noexcept { return &value_; }
    /** A member of the value, to be read. */
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
    static result<pool> create(const config &wanted) noexcept
    {
        ::conn_pool *plain = nullptr;
        connpool::status answer = ::conn_pool_create(&wanted, &plain);
        return made(answer, plain);
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
    static result<pool> init(void *storage, std::size_t size, const config &wanted) noexcept
    {
        ::conn_pool *plain = nullptr;
        connpool::status answer = ::conn_pool_init(storage, size, &wanted, &plain);
        return made(answer, plain);
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
        connpool::status answer = ::conn_pool_try_acquire(plain_, &plain);
        return leased(answer, plain);
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
        /* In floating point, because the latest times of coarse units overflow as those of the clock. */
        using seconds = std::chrono::duration<double>;
        const seconds now = Clock::now().time_since_epoch();
        return acquire(seconds(deadline.time_since_epoch()) - now);
    }

#if defined(__cpp_impl_coroutine)
    /**
     * Acquires a resource in a coroutine: `auto lease = co_await pool.acquire_async();`
     *
     * - Thread-safe: yes. Async-signal-safe: no. Blocks: as `try_acquire`.
     * - Returns what is to be awaited: see `acquire_awaiter`.
     */
    inline class acquire_awaiter acquire_async() noexcept;
#endif

    /**
     * Adds a resource to the pool, for the longest waiter if there is one.
     *
     * - Thread-safe: yes. Async-signal-safe: no. Blocks: only for as long as callbacks take.
     * - Returns `CONN_POOL_OK`; `CONN_POOL_FULL` if no slot is vacant; `CONN_POOL_CLOSED`;
     *   `CONN_POOL_INVALID_ARGUMENT` if the resource is null.
     * - Ownership: on success the pool owns the resource and ends it with `destroy`; otherwise the
     *   caller keeps it.
     */
    [[nodiscard]] connpool::status add(void *resource) noexcept
    {
        return ::conn_pool_add(plain_, resource);
    }

#ifdef CONN_POOL_HOSTED
    /**
     * Ends what `config::begin_create` has begun: the resource is made.
     *
     * - Thread-safe: yes. Async-signal-safe: no. Blocks: only for as long as callbacks take.
     * - Returns `CONN_POOL_OK`, also in a closed pool, which destroys it; if something is wrong with
     *   the ticket, what `conn_pool_connected` returns.
     * - Ownership: on success the pool owns the resource; otherwise the caller keeps it.
     */
    [[nodiscard]] connpool::status connected(std::uint64_t ticket, void *resource) noexcept
    {
        return ::conn_pool_connected(plain_, ticket, resource);
    }

    /**
     * Ends what `config::begin_create` has begun: the resource could not be made. The code and the
     * text, which may be null, are for `conn_pool_last_error`.
     *
     * - Thread-safe: yes. Async-signal-safe: no. Blocks: only for as long as callbacks take.
     * - Returns what `connected` returns.
     */
    connpool::status connect_failed(std::uint64_t ticket, int code, const char *why = nullptr) noexcept
    {
        return ::conn_pool_connect_failed(plain_, ticket, code, why);
    }
#endif

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
     * Maintains the idle resources. Call it from a timer, or see `conn_pool_start_maintenance`.
     *
     * - Thread-safe: yes. Async-signal-safe: no. Blocks: only for as long as callbacks take.
     * - Returns the number of resources that were destroyed.
     */
    result<std::size_t> maintain() noexcept
    {
        std::size_t destroyed = 0;
        connpool::status answer = ::conn_pool_maintain(plain_, &destroyed);
        if (answer != CONN_POOL_OK) {
            return answer;
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
        connpool::stats counted{};
        connpool::status answer = ::conn_pool_get_stats(plain_, &counted, sizeof counted);
        if (answer != CONN_POOL_OK) {
            return answer;
        }
        return counted;
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

    /** As `drain`, for up to `timeout`. */
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
        connpool::status answer = ::conn_pool_destroy(plain_);
        if (answer == CONN_POOL_OK) {
            plain_ = nullptr;
        }
        return answer;
    }

    /**
     * Forgets the pool, even if leases are held: calls no callback. For the child of a fork. In the
     * process that started a maintenance thread it stops that, and waits until the thread's callbacks
     * have returned.
     *
     * - Thread-safe: no. Async-signal-safe: for a pool in the caller's storage, but not if it has a
     *   maintenance thread to stop. Blocks: only to stop that.
     * - Ownership: the pool is empty; it is for the caller to close or forget its resources.
     */
    connpool::status abandon() noexcept { return ::conn_pool_abandon(detach()); }

private:
    static result<pool> made(connpool::status answer, ::conn_pool *plain) noexcept
    {
        if (answer != CONN_POOL_OK) {
            return answer;
        }
        return pool(plain);
    }

    static result<lease> leased(connpool::status answer, const ::conn_pool_lease &plain) noexcept
    {
        if (answer != CONN_POOL_OK) {
            return answer;
        }
        return lease(plain);
    }

    result<lease> acquire_ms(std::uint32_t timeout_ms) noexcept
    {
        ::conn_pool_lease plain{};
        connpool::status answer = ::conn_pool_acquire(plain_, timeout_ms, &plain);
        return leased(answer, plain);
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

#if defined(__cpp_impl_coroutine)
/**
 * What `co_await` waits for: a lease of a pool, from `pool::acquire_async`. It waits in the queue in
 * which threads wait, and is resumed by the thread whose call has served it, usually a release: a
 * program with an event loop goes back there first.
 *
 * It must not outlive the pool. Destroyed while it waits, it leaves the queue; a destructor that
 * runs while another thread resumes it is an error of the program.
 */
class [[nodiscard]] acquire_awaiter {
public:
    /** Of this pool. It waits for nothing yet. */
    explicit acquire_awaiter(::conn_pool *plain) noexcept : pool_(plain) {}

    acquire_awaiter(const acquire_awaiter &) = delete;
    acquire_awaiter &operator=(const acquire_awaiter &) = delete;

    /** Leaves the queue. */
    ~acquire_awaiter()
    {
        if (is_queued_) {
            (void)::conn_pool_cancel(pool_, &waiter_);
        }
    }

    /** For `co_await`: it always asks the pool. */
    [[nodiscard]] bool await_ready() const noexcept { return false; }

    /** For `co_await`: whether the coroutine has to wait. */
    bool await_suspend(std::coroutine_handle<> task) noexcept
    {
        task_ = task;
        is_queued_ = true;
        const connpool::status answer =
            ::conn_pool_acquire_async(pool_, &waiter_, ready, this, &lease_);
        /* Once it is queued it may have been resumed, and be gone. */
        if (answer == CONN_POOL_PENDING) {
            return true;
        }
        is_queued_ = false;
        answer_ = answer;
        return false;
    }

    /** The lease, or `CONN_POOL_CLOSED`, `CONN_POOL_CREATE_FAILED`, `CONN_POOL_FORKED`. */
    result<lease> await_resume() noexcept
    {
        if (answer_ != CONN_POOL_OK) {
            return answer_;
        }
        return lease(lease_);
    }

private:
    static void ready(void *user, connpool::status answer, const ::conn_pool_lease *plain)
    {
        auto *self = static_cast<acquire_awaiter *>(user);
        self->is_queued_ = false;
        self->answer_ = answer;
        if (plain != nullptr) {
            self->lease_ = *plain;
        }
        self->task_.resume();
    }

    ::conn_pool *pool_;
    ::conn_pool_waiter waiter_ = CONN_POOL_WAITER_INIT;
    ::conn_pool_lease lease_{};
    std::coroutine_handle<> task_;
    connpool::status answer_ = CONN_POOL_PENDING;
    bool is_queued_ = false;
};

inline acquire_awaiter pool::acquire_async() noexcept
{
    return acquire_awaiter(plain_);
}
#endif

/** A lease of a `pool_of`: `*lease` and `lease->` are the resource. */
template <class T>
class [[nodiscard]] lease_of : public lease {
public:
    lease_of() noexcept = default;
    /** Takes over a lease whose resource is a `T`. */
    explicit lease_of(lease &&plain) noexcept : lease(std::move(plain)) {}

    /** The resource. */
    [[nodiscard]] T &operator*() const noexcept { return *as<T>(); }
    /** A member of the resource. */
    [[nodiscard]] T *operator->() const noexcept { return as<T>(); }
};

/**
 * The callbacks of a `pool_of`. Each may be empty, but for `create` or `begin_create` if nothing is
 * added by hand.
 * They may be called by several threads at once.
 */
template <class T>
struct callbacks {
    /** Makes a resource within so many milliseconds; null if that fails. */
    std::function<T *(std::uint32_t within_ms)> create;
    /**
     * Instead of `create`: begins to make a resource, and returns whether it could. The program ends
     * that with `pool_of::connected` or `pool_of::connect_failed`.
     */
    std::function<bool(std::uint64_t ticket, std::uint32_t within_ms)> begin_create;
    /** Whether a resource that was idle is fit. */
    std::function<bool(T &)> validate;
    /** Cleans a resource for the next caller. Whether that succeeded. */
    std::function<bool(T &)> reset;
    /** Ends a resource; if it is empty, `delete` does. */
    std::function<void(T *)> destroy;
    /**
     * Called at each event of a resource, which is null if there is none: see `conn_pool_event`. It is
     * called instead of `config::on_event`.
     *
     * The code of a failure is 1 if the callable has returned null or false, 2 if an exception has left
     * it, or what `pool_of::connect_failed` was passed. That of another event is what the event says.
     */
    std::function<void(event what, T *resource, int code)> on_event;
};

/**
 * A pool of resources of one type, with callables as callbacks.
 *
 * An exception that leaves `create` or `begin_create` makes it fail, with its `what()` as the text of
 * `conn_pool_last_error`; one that leaves `validate` or `reset` makes the resource unfit; one that
 * leaves `destroy` or `on_event` is dropped. None but the first changes that text.
 *
 * Everything else is as in `pool`, which it has inside: see `plain`. The pool must be drained before
 * it is destroyed if other threads may hold leases: while some are held, its callbacks stay alive
 * with it and are never freed.
 */
template <class T>
class [[nodiscard]] pool_of {
public:
    pool_of() noexcept = default;
    /** Leaves the other one empty. */
    pool_of(pool_of &&) noexcept = default;

    /** Ends what this one holds, as the destructor does, and leaves the other one empty. */
    pool_of &operator=(pool_of &&other) noexcept
    {
        if (this != &other) {
            end();
            called_ = std::move(other.called_);
            pool_ = std::move(other.pool_);
        }
        return *this;
    }

    /** Ends the pool, as the destructor of `pool` does. */
    ~pool_of() { end(); }

#ifdef CONN_POOL_HOSTED
    /**
     * Makes a pool on the heap. The callbacks of the configuration that `callbacks` has, too, are
     * replaced, but for `on_event` if the callable is empty. That function and `clock_ms` are called with
     * the configuration's `user`.
     *
     * - Thread-safe: yes. Async-signal-safe: no. Blocks: no.
     * - Returns the pool; what `pool::create` returns.
     */
    static result<pool_of> create(config wanted, callbacks<T> calls) noexcept
    {
        pool_of made;
        made.called_.reset(new (std::nothrow) called{
            std::move(calls), wanted.user, wanted.on_event, wanted.clock_ms});
        if (made.called_ == nullptr) {
            return CONN_POOL_OUT_OF_MEMORY;
        }
        const callbacks<T> &own_calls = made.called_->calls;
        wanted.user = made.called_.get();
        wanted.create = own_calls.create ? call_create : nullptr;
        wanted.begin_create = own_calls.begin_create ? call_begin_create : nullptr;
        wanted.validate = own_calls.validate ? call_validate : nullptr;
        wanted.reset = own_calls.reset ? call_reset : nullptr;
        wanted.destroy = call_destroy;
        if (own_calls.on_event) {
            wanted.on_event = call_on_event;
        } else if (wanted.on_event != nullptr) {
            wanted.on_event = call_on_event_of_config;
        }
        wanted.clock_ms = wanted.clock_ms != nullptr ? call_clock_ms : nullptr;
        result<pool> own = pool::create(wanted);
        if (!own) {
            return own.status();
        }
        made.pool_ = std::move(*own);
        return made;
    }
#endif

    /** Whether there is a pool. */
    explicit operator bool() const noexcept { return static_cast<bool>(pool_); }

    /** The pool itself, for everything that does not hand out resources. */
    [[nodiscard]] pool &plain() noexcept { return pool_; }

    /** As `pool::try_acquire`. */
    result<lease_of<T>> try_acquire() noexcept { return typed(pool_.try_acquire()); }

    /** As `pool::acquire`, for as long as it takes. */
    result<lease_of<T>> acquire() noexcept { return typed(pool_.acquire()); }

    /** As `pool::acquire`, for up to `timeout`. */
    template <class Rep, class Period>
    result<lease_of<T>> acquire(std::chrono::duration<Rep, Period> timeout) noexcept
    {
        return typed(pool_.acquire(timeout));
    }

    /** As `pool::acquire_until`. */
    template <class Clock, class Duration>
    result<lease_of<T>> acquire_until(std::chrono::time_point<Clock, Duration> deadline) noexcept
    {
        return typed(pool_.acquire_until(deadline));
    }

#if defined(__cpp_impl_coroutine)
    /** What `co_await` waits for: a lease of a type, from `pool_of::acquire_async`. */
    class [[nodiscard]] awaiter : public acquire_awaiter {
    public:
        /** Of this pool. It waits for nothing yet. */
        explicit awaiter(::conn_pool *plain) noexcept : acquire_awaiter(plain) {}

        /** As `acquire_awaiter::await_resume`. */
        result<lease_of<T>> await_resume() noexcept { return typed(acquire_awaiter::await_resume()); }
    };

    /** As `pool::acquire_async`: `auto lease = co_await pool.acquire_async();` */
    awaiter acquire_async() noexcept { return awaiter(pool_.get()); }
#endif

    /**
     * As `pool::add`.
     *
     * - Ownership: on success the pool ends it with `destroy`, or else with `delete`.
     */
    [[nodiscard]] connpool::status add(T *resource) noexcept { return pool_.add(resource); }

#ifdef CONN_POOL_HOSTED
    /** As `pool::connected`. */
    [[nodiscard]] connpool::status connected(std::uint64_t ticket, T *resource) noexcept
    {
        return pool_.connected(ticket, resource);
    }

    /** As `pool::connect_failed`. */
    connpool::status connect_failed(std::uint64_t ticket, int code, const char *why = nullptr) noexcept
    {
        return pool_.connect_failed(ticket, code, why);
    }
#endif

private:
    /* What the pool calls: the callables, and the functions of the configuration with their `user`. */
    struct called {
        callbacks<T> calls;
        void *user;
        conn_pool_event_fn on_event;
        conn_pool_clock_fn clock_ms;
    };

    /* What `work` returns; 2 if an exception leaves it, of which `thrown` is told. */
    template <class Work>
    static int guarded(Work work, void (*thrown)(const char *) noexcept) noexcept
    {
#if defined(__cpp_exceptions)
        try {
            return work();
        } catch (const std::exception &one) {
            thrown(one.what());
        } catch (...) {
            thrown("an exception that is no std::exception");
        }
        return 2;
#else
        (void)thrown;
        return work();
#endif
    }

    static void tell(const char *what) noexcept
    {
#ifdef CONN_POOL_HOSTED
        (void)::conn_pool_set_error(what);
#else
        (void)what;
#endif
    }

    /* The thread's text is why `create` has failed last, and may be read later. */
    static void drop(const char *) noexcept {}

    static const callbacks<T> &of(void *user) noexcept { return static_cast<called *>(user)->calls; }

    static void call_on_event(void *user, event what, void *resource, int code)
    {
        (void)guarded(
            [=] {
                of(user).on_event(what, static_cast<T *>(resource), code);
                return 0;
            },
            drop);
    }

    static void call_on_event_of_config(void *user, event what, void *resource, int code)
    {
        const called &own = *static_cast<called *>(user);
        own.on_event(own.user, what, resource, code);
    }

    static std::uint64_t call_clock_ms(void *user)
    {
        const called &own = *static_cast<called *>(user);
        return own.clock_ms(own.user);
    }

    static int call_create(void *user, std::uint32_t within_ms, void **resource)
    {
        return guarded(
            [=] {
                *resource = of(user).create(within_ms);
                return *resource == nullptr ? 1 : 0;
            },
            tell);
    }

    static int call_begin_create(void *user, std::uint64_t ticket, std::uint32_t within_ms)
    {
        return guarded([=] { return of(user).begin_create(ticket, within_ms) ? 0 : 1; }, tell);
    }

    static int call_validate(void *user, void *resource)
    {
        return guarded([=] { return of(user).validate(*static_cast<T *>(resource)) ? 0 : 1; }, drop);
    }

    static int call_reset(void *user, void *resource)
    {
        return guarded([=] { return of(user).reset(*static_cast<T *>(resource)) ? 0 : 1; }, drop);
    }

    static void call_destroy(void *user, void *resource)
    {
        (void)guarded(
            [=] {
                if (of(user).destroy) {
                    of(user).destroy(static_cast<T *>(resource));
                } else {
                    delete static_cast<T *>(resource);
                }
                return 0;
            },
            drop);
    }

    static result<lease_of<T>> typed(result<lease> plain) noexcept
    {
        if (!plain) {
            return plain.status();
        }
        return lease_of<T>(std::move(*plain));
    }

    void end() noexcept
    {
        if (pool_ && pool_.destroy() != CONN_POOL_OK) {
            /* Leases are held still: their release calls `destroy`. Or it is a fork's child. */
            pool_ = pool();
            (void)called_.release();
        }
        called_.reset();
    }

    std::unique_ptr<called> called_;
    pool pool_;
};

}  // namespace connpool

#endif  // CONN_POOL_HPP

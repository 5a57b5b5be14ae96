/*
 * conn_pool.hpp: what its pools and leases do by themselves, and what they refuse to do.
 *
 * Prints a line for each test, and exits with 1 at the first check that fails.
 */
#include <conn_pool.hpp>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string_view>
#include <sys/wait.h>
#include <thread>
#include <type_traits>
#include <unistd.h>
#include <utility>

using namespace std::chrono_literals;

static_assert(!std::is_copy_constructible_v<connpool::lease>);
static_assert(!std::is_copy_assignable_v<connpool::lease>);
static_assert(!std::is_copy_constructible_v<connpool::pool>);
static_assert(!std::is_copy_assignable_v<connpool::pool>);
static_assert(!std::is_copy_constructible_v<connpool::result<connpool::lease>>);
static_assert(std::is_nothrow_move_constructible_v<connpool::lease>);
static_assert(std::is_nothrow_move_assignable_v<connpool::lease>);
static_assert(std::is_nothrow_move_constructible_v<connpool::pool>);
static_assert(std::is_nothrow_move_assignable_v<connpool::pool>);
static_assert(std::is_nothrow_default_constructible_v<connpool::lease>);
static_assert(std::is_nothrow_default_constructible_v<connpool::pool>);
static_assert(!std::is_convertible_v<connpool::lease, bool>);
static_assert(!std::is_convertible_v<connpool::pool, bool>);
static_assert(!std::is_convertible_v<connpool::pool, ::conn_pool *>);
static_assert(sizeof(connpool::lease) == sizeof(::conn_pool_lease));
static_assert(sizeof(connpool::pool) == sizeof(::conn_pool *));

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            std::fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
            std::exit(1); \
        } \
    } while (0)

namespace {

struct connection {
    int number;
};

struct counts {
    std::atomic<int> made{0};
    std::atomic<int> ended{0};
};

connpool::config config_of(std::uint32_t capacity, counts &counts)
{
    connpool::config config = connpool::make_config();
    config.capacity = capacity;
    config.name = "raii";
    config.user = &counts;
    config.create = [](void *user, std::uint32_t, void **resource) {
        *resource = new connection{++static_cast<struct counts *>(user)->made};
        return 0;
    };
    config.destroy = [](void *user, void *resource) {
        delete static_cast<connection *>(resource);
        ++static_cast<struct counts *>(user)->ended;
    };
    return config;
}

connpool::pool pool_of(std::uint32_t capacity, counts &counts)
{
    auto made = connpool::pool::create(config_of(capacity, counts));
    CHECK(made);
    CHECK(made.status() == CONN_POOL_OK);
    return *std::move(made);
}

std::size_t in_use(const connpool::pool &pool)
{
    auto stats = pool.stats();
    CHECK(stats);
    return stats->in_use;
}

void a_lease_is_released_at_the_end_of_its_scope()
{
    counts counts;
    connpool::pool pool = pool_of(2, counts);
    {
        auto lease = pool.try_acquire();
        CHECK(lease);
        CHECK(*lease);
        CHECK(lease->get() != nullptr);
        CHECK(lease->as<connection>()->number == 1);
        CHECK(lease->as<connection>() == lease->get());
        CHECK(in_use(pool) == 1);
    }
    CHECK(in_use(pool) == 0);
    CHECK(pool.stats()->idle == 1);
}

int returns_early(connpool::pool &pool, bool early)
{
    connpool::lease lease = *pool.try_acquire();
    CHECK(lease);
    if (early) {
        return 1;
    }
    CHECK(lease.release() == CONN_POOL_OK);
    return 2;
}

void a_lease_is_released_on_an_early_return()
{
    counts counts;
    connpool::pool pool = pool_of(1, counts);
    CHECK(returns_early(pool, true) == 1);
    CHECK(in_use(pool) == 0);
    CHECK(returns_early(pool, false) == 2);
    CHECK(in_use(pool) == 0);
    CHECK(pool.stats()->misused == 0);
}

void a_lease_that_is_moved_is_released_once()
{
    counts counts;
    connpool::pool pool = pool_of(1, counts);
    {
        connpool::lease first = *pool.try_acquire();
        void *resource = first.get();
        connpool::lease second = std::move(first);
        CHECK(!first);
        CHECK(first.get() == nullptr);
        CHECK(first.release() == CONN_POOL_NOT_HELD);
        CHECK(first.discard() == CONN_POOL_NOT_HELD);
        CHECK(second.get() == resource);
        CHECK(in_use(pool) == 1);
    }
    CHECK(in_use(pool) == 0);
    CHECK(pool.stats()->misused == 0);
}

void a_lease_that_is_moved_to_itself_stays()
{
    counts counts;
    connpool::pool pool = pool_of(1, counts);
    connpool::lease lease = *pool.try_acquire();
    connpool::lease &same = lease;
    void *resource = lease.get();
    lease = std::move(same);
    CHECK(lease);
    CHECK(lease.get() == resource);
    CHECK(in_use(pool) == 1);
}

void a_lease_that_is_assigned_to_releases_what_it_held()
{
    counts counts;
    connpool::pool pool = pool_of(2, counts);
    connpool::lease lease = *pool.try_acquire();
    connpool::lease other = *pool.try_acquire();
    void *resource = other.get();
    CHECK(in_use(pool) == 2);
    lease = std::move(other);
    CHECK(in_use(pool) == 1);
    CHECK(lease.get() == resource);
    lease = connpool::lease();
    CHECK(!lease);
    CHECK(in_use(pool) == 0);
}

void a_lease_that_was_released_is_empty()
{
    counts counts;
    connpool::pool pool = pool_of(1, counts);
    connpool::lease lease = *pool.try_acquire();
    CHECK(lease.release() == CONN_POOL_OK);
    CHECK(!lease);
    CHECK(lease.release() == CONN_POOL_NOT_HELD);
    CHECK(pool.stats()->misused == 0);
}

void a_discarded_resource_is_destroyed_and_replaced()
{
    counts counts;
    connpool::pool pool = pool_of(1, counts);
    connpool::lease lease = *pool.try_acquire();
    CHECK(lease.discard() == CONN_POOL_OK);
    CHECK(!lease);
    CHECK(counts.ended == 1);
    lease = *pool.try_acquire();
    CHECK(lease.as<connection>()->number == 2);
}

void a_detached_lease_is_the_callers()
{
    counts counts;
    connpool::pool pool = pool_of(1, counts);
    ::conn_pool_lease plain = CONN_POOL_LEASE_INIT;
    {
        connpool::lease lease = *pool.try_acquire();
        plain = lease.detach();
        CHECK(!lease);
    }
    CHECK(in_use(pool) == 1);
    {
        connpool::lease again(plain);
    }
    CHECK(in_use(pool) == 0);
}

void a_timeout_is_told_from_a_try()
{
    counts counts;
    connpool::pool pool = pool_of(1, counts);
    connpool::lease held = *pool.acquire();
    CHECK(held);
    CHECK(pool.try_acquire().status() == CONN_POOL_EXHAUSTED);
    CHECK(pool.acquire(0s).status() == CONN_POOL_EXHAUSTED);
    CHECK(pool.acquire(-5min).status() == CONN_POOL_EXHAUSTED);
    constexpr double no_number = std::numeric_limits<double>::quiet_NaN();
    CHECK(pool.acquire(std::chrono::duration<double>(no_number)).status() == CONN_POOL_EXHAUSTED);

    auto began = std::chrono::steady_clock::now();
    auto late = pool.acquire(20ms);
    CHECK(!late);
    CHECK(!*late);
    CHECK(late.status() == CONN_POOL_TIMED_OUT);
    CHECK(std::chrono::steady_clock::now() - began >= 20ms);

    /* Rounded up, and so not a try. */
    CHECK(pool.acquire(1ns).status() == CONN_POOL_TIMED_OUT);
    auto now = std::chrono::steady_clock::now();
    CHECK(pool.acquire_until(now + 20ms).status() == CONN_POOL_TIMED_OUT);
    CHECK(std::chrono::steady_clock::now() >= now + 20ms);
    CHECK(pool.acquire_until(now - 1h).status() == CONN_POOL_EXHAUSTED);
}

template <class Timeout>
void waits_for(connpool::pool &pool, Timeout timeout)
{
    connpool::lease held = *pool.try_acquire();
    CHECK(held);
    std::atomic<bool> served{false};
    std::thread waiter([&] { served = static_cast<bool>(pool.acquire(timeout)); });
    while (pool.stats()->waiting == 0) {
        std::this_thread::yield();
    }
    CHECK(held.release() == CONN_POOL_OK);
    waiter.join();
    CHECK(served);
    CHECK(in_use(pool) == 0);
}

void the_longest_durations_wait_until_served()
{
    counts counts;
    connpool::pool pool = pool_of(1, counts);
    waits_for(pool, 1h);
    waits_for(pool, std::chrono::hours::max());
    waits_for(pool, std::chrono::nanoseconds::max());
    waits_for(pool, std::chrono::duration<double>(1e300));
}

void a_lease_may_end_on_another_thread()
{
    counts counts;
    connpool::pool pool = pool_of(1, counts);
    connpool::lease lease = *pool.try_acquire();
    std::thread([lease = std::move(lease)]() mutable {
        CHECK(lease.release() == CONN_POOL_OK);
    }).join();
    CHECK(in_use(pool) == 0);
}

void what_a_pool_owns_ends_with_it()
{
    counts counts;
    {
        connpool::pool pool = pool_of(3, counts);
        auto first = pool.try_acquire();
        auto second = pool.try_acquire();
        CHECK(counts.made == 2);
    }
    CHECK(counts.ended == 2);
}

void a_pool_can_be_moved_while_leases_are_held()
{
    counts counts;
    connpool::pool pool = pool_of(1, counts);
    connpool::lease lease = *pool.try_acquire();
    connpool::pool other = std::move(pool);
    CHECK(!pool);
    CHECK(pool.get() == nullptr);
    CHECK(pool.try_acquire().status() == CONN_POOL_INVALID_ARGUMENT);
    CHECK(pool.stats().status() == CONN_POOL_INVALID_ARGUMENT);
    CHECK(pool.destroy() == CONN_POOL_OK);
    CHECK(lease.release() == CONN_POOL_OK);
    CHECK(in_use(other) == 0);

    connpool::pool &same = other;
    other = std::move(same);
    CHECK(other);
    other = connpool::pool();
    CHECK(!other);
    CHECK(counts.ended == 1);
}

void destroy_tells_that_leases_are_held()
{
    counts counts;
    connpool::pool pool = pool_of(1, counts);
    connpool::lease lease = *pool.try_acquire();
    CHECK(pool.destroy() == CONN_POOL_BUSY);
    CHECK(pool);
    CHECK(pool.drain(1ms) == CONN_POOL_BUSY);
    CHECK(pool.try_acquire().status() == CONN_POOL_CLOSED);
    CHECK(lease.release() == CONN_POOL_OK);
    CHECK(pool.drain() == CONN_POOL_OK);
    CHECK(pool.destroy() == CONN_POOL_OK);
    CHECK(!pool);
    CHECK(counts.ended == 1);
}

void a_lease_may_outlive_its_pool()
{
    /* In storage of this function, so that the rest of the pool is no leak. */
    CONN_POOL_DEFINE_STATIC(storage, 1);
    counts counts;
    connpool::lease lease;
    {
        auto pool = connpool::pool::init(&storage, sizeof storage, config_of(1, counts));
        CHECK(pool);
        lease = *pool->try_acquire();
    }
    CHECK(lease);
    CHECK(counts.ended == 0);
    CHECK(lease.as<connection>()->number == 1);
    CHECK(lease.release() == CONN_POOL_OK);
    CHECK(counts.ended == 1);
}

void a_pool_without_create_gets_its_resources()
{
    CONN_POOL_DEFINE_STATIC(storage, 2);
    static connection connections[3];
    connpool::config config = connpool::make_config();
    config.capacity = 2;
    auto made = connpool::pool::init(&storage, sizeof storage, config);
    CHECK(made);
    connpool::pool pool = *std::move(made);
    CHECK(pool.add(&connections[0]) == CONN_POOL_OK);
    CHECK(pool.add(&connections[1]) == CONN_POOL_OK);
    CHECK(pool.add(&connections[2]) == CONN_POOL_FULL);
    CHECK(pool.try_acquire()->as<connection>() == &connections[0]);
}

void resize_maintain_and_stats_tell_what_they_did()
{
    counts counts;
    connpool::config config = config_of(2, counts);
    config.validate = [](void *, void *resource) {
        return static_cast<connection *>(resource)->number == 1 ? 7 : 0;
    };
    auto made = connpool::pool::create(config);
    CHECK(made);
    connpool::pool pool = *std::move(made);
    CHECK(std::string_view(pool.name()) == "raii");
    CHECK(pool.resize(3) == CONN_POOL_INVALID_ARGUMENT);
    CHECK(pool.resize(1) == CONN_POOL_OK);
    CHECK(pool.stats()->max_size == 1);
    CHECK(pool.acquire());
    auto ended = pool.maintain();
    CHECK(ended);
    CHECK(*ended == 1);
    CHECK(pool.stats()->invalid == 1);
    CHECK(*pool.maintain() == 0);
    CHECK(pool.reset_peaks() == CONN_POOL_OK);
    CHECK(pool.stats()->peak_in_use == 0);
    CHECK(pool.close() == CONN_POOL_OK);
    CHECK(pool.stats()->closed == 1);
    CHECK(pool.acquire().status() == CONN_POOL_CLOSED);
    CHECK(connpool::pool().maintain().status() == CONN_POOL_INVALID_ARGUMENT);
}

void what_is_wrong_is_told()
{
    counts counts;
    connpool::config config = config_of(0, counts);
    auto made = connpool::pool::create(config);
    CHECK(!made);
    CHECK(!*made);
    CHECK(made.status() == CONN_POOL_INVALID_ARGUMENT);
    CHECK(connpool::problem(config) != nullptr);
    CHECK(connpool::problem(config_of(1, counts)) == nullptr);
    CHECK(std::string_view(connpool::name(made.status())) == "CONN_POOL_INVALID_ARGUMENT");
    CHECK(std::string_view(connpool::text(CONN_POOL_OK)) != "");

    config = config_of(1, counts);
    config.create = [](void *, std::uint32_t, void **) { return 5; };
    made = connpool::pool::create(config);
    CHECK(made);
    CHECK(made->try_acquire().status() == CONN_POOL_CREATE_FAILED);
}

void a_forks_child_leaves_the_parents_resources_alone()
{
    counts counts;
    connpool::config config = config_of(1, counts);
    /* Not on the heap, where the child's copy would be a leak. */
    config.create = [](void *, std::uint32_t, void **resource) {
        static connection only;
        *resource = &only;
        return 0;
    };
    config.destroy = [](void *user, void *) { ++static_cast<struct counts *>(user)->ended; };
    auto pool = connpool::pool::create(config);
    CHECK(pool);
    auto lease = pool->try_acquire();
    CHECK(lease);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        CHECK(pool->try_acquire().status() == CONN_POOL_FORKED);
        CHECK(lease->release() == CONN_POOL_FORKED);
        *lease = connpool::lease();
        *pool = connpool::pool();
        _exit(counts.ended == 0 ? 0 : 1);
    }
    int ended = 0;
    CHECK(waitpid(child, &ended, 0) == child);
    CHECK(WIFEXITED(ended) && WEXITSTATUS(ended) == 0);
    CHECK(lease->release() == CONN_POOL_OK);
    CHECK(pool->destroy() == CONN_POOL_OK);
    CHECK(counts.ended == 1);
}

void an_abandoned_pool_calls_no_callback()
{
    CONN_POOL_DEFINE_STATIC(storage, 1);
    static connection only;
    counts counts;
    connpool::config config = config_of(1, counts);
    config.create = nullptr;
    auto pool = connpool::pool::init(&storage, sizeof storage, config);
    CHECK(pool);
    CHECK(pool->add(&only) == CONN_POOL_OK);
    CHECK(pool->abandon() == CONN_POOL_OK);
    CHECK(!*pool);
    CHECK(counts.ended == 0);
}

}  // namespace

#define RUN(test) (test(), std::printf("ok %s\n", #test))

int main()
{
    RUN(a_lease_is_released_at_the_end_of_its_scope);
    RUN(a_lease_is_released_on_an_early_return);
    RUN(a_lease_that_is_moved_is_released_once);
    RUN(a_lease_that_is_moved_to_itself_stays);
    RUN(a_lease_that_is_assigned_to_releases_what_it_held);
    RUN(a_lease_that_was_released_is_empty);
    RUN(a_discarded_resource_is_destroyed_and_replaced);
    RUN(a_detached_lease_is_the_callers);
    RUN(a_timeout_is_told_from_a_try);
    RUN(the_longest_durations_wait_until_served);
    RUN(a_lease_may_end_on_another_thread);
    RUN(what_a_pool_owns_ends_with_it);
    RUN(a_pool_can_be_moved_while_leases_are_held);
    RUN(destroy_tells_that_leases_are_held);
    RUN(a_lease_may_outlive_its_pool);
    RUN(a_pool_without_create_gets_its_resources);
    RUN(resize_maintain_and_stats_tell_what_they_did);
    RUN(what_is_wrong_is_told);
    RUN(a_forks_child_leaves_the_parents_resources_alone);
    RUN(an_abandoned_pool_calls_no_callback);
    return 0;
}

/* The maintenance thread: it keeps to the limits by itself, and ends with the pool. */
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "check.h"

/* What the callbacks have seen. Atomics, because the thread calls them too. */
struct world {
    int things[64];
    int made;
    int ended;
    int checks;
    int drains;
    int signals_let_through;
    conn_pool *pool;
};

/* Of on_ready. */
static int calls;

static int create(void *user, uint32_t within_ms, void **resource)
{
    struct world *world = user;

    (void)within_ms;
    *resource = &world->things[__atomic_fetch_add(&world->made, 1, __ATOMIC_RELAXED) % 64];
    return 0;
}

static int validate(void *user, void *resource)
{
    struct world *world = user;
    sigset_t blocked;

    (void)resource;
    if (pthread_sigmask(SIG_SETMASK, NULL, &blocked) != 0 || sigismember(&blocked, SIGTERM) != 1) {
        __atomic_fetch_add(&world->signals_let_through, 1, __ATOMIC_RELAXED);
    }
    __atomic_fetch_add(&world->checks, 1, __ATOMIC_RELAXED);
    return 0;
}

static void destroy(void *user, void *resource)
{
    struct world *world = user;

    (void)resource;
    if (world->drains) {
        CHECK_STATUS(CONN_POOL_OK, conn_pool_close(world->pool));
        conn_pool_drain(world->pool, 0);
    }
    __atomic_fetch_add(&world->ended, 1, __ATOMIC_RELEASE);
}

static int becomes_within(const int *count, int least, int ms)
{
    const struct timespec moment = { 0, 1000000 };
    int tries;

    for (tries = 0; tries < ms && __atomic_load_n(count, __ATOMIC_ACQUIRE) < least; tries++) {
        nanosleep(&moment, NULL);
    }
    return __atomic_load_n(count, __ATOMIC_ACQUIRE) >= least;
}

/* Waits for a time that only a broken pool exceeds. */
static int becomes(const int *count, int least)
{
    return becomes_within(count, least, 60000);
}

static conn_pool_config config_for(struct world *world)
{
    conn_pool_config config = CONN_POOL_CONFIG_INIT;

    memset(world, 0, sizeof *world);
    config.capacity = 4;
    config.user = world;
    config.create = create;
    config.destroy = destroy;
    return config;
}

static conn_pool *open_pool(struct world *world, const conn_pool_config *config)
{
    CHECK_STATUS(CONN_POOL_OK, conn_pool_create(config, &world->pool));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_start_maintenance(world->pool));
    return world->pool;
}

static void idle_resources_are_kept_ready_and_alive(void)
{
    struct world world;
    conn_pool_config config = config_for(&world);
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    conn_pool *pool;

    config.min_idle = 2;
    config.validate = validate;
    config.keepalive_ms = 20;
    config.validate_after_ms = 1000000;
    pool = open_pool(&world, &config);
    CHECK_STATUS(CONN_POOL_BUSY, conn_pool_start_maintenance(pool));
    CHECK(becomes(&world.made, 2) && becomes(&world.checks, 4));
    /* What is gone is replaced. */
    CHECK_STATUS(CONN_POOL_OK, conn_pool_acquire(pool, PATIENCE_MS, &lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_discard(pool, &lease));
    CHECK(becomes(&world.made, 3));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_drain(pool, PATIENCE_MS));
    CHECK_STATUS(CONN_POOL_CLOSED, conn_pool_start_maintenance(pool));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
    CHECK(world.ended == world.made && world.signals_let_through == 0);
}

/* A lease that one thread hands to another: a mutex, since every checker knows what it orders. */
static pthread_mutex_t handing = PTHREAD_MUTEX_INITIALIZER;

static void hand(const conn_pool_lease *from, conn_pool_lease *to)
{
    CHECK(pthread_mutex_lock(&handing) == 0);
    *to = *from;
    CHECK(pthread_mutex_unlock(&handing) == 0);
}

static void on_ready(void *user, conn_pool_status status, const conn_pool_lease *lease)
{
    CHECK_STATUS(CONN_POOL_OK, status);
    hand(lease, user);
    __atomic_fetch_add(&calls, 1, __ATOMIC_RELEASE);
}

/* The thread sleeps for 30 s, as it has nothing to do, unless it is called. */
static void the_thread_connects_for_a_callback_when_a_resource_is_discarded(void)
{
    struct world world;
    conn_pool_config config = config_for(&world);
    conn_pool_waiter waiter = CONN_POOL_WAITER_INIT;
    conn_pool_lease lease = CONN_POOL_LEASE_INIT, later = CONN_POOL_LEASE_INIT;
    conn_pool *pool;
    int round;

    config.capacity = 1;
    pool = open_pool(&world, &config);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_acquire(pool, PATIENCE_MS, &lease));
    for (round = 1; round <= 3; round++) {
        CHECK_STATUS(CONN_POOL_PENDING, conn_pool_acquire_async(pool, &waiter, on_ready, &later, &later));
        CHECK_STATUS(CONN_POOL_OK, conn_pool_discard(pool, &lease));
        CHECK(becomes_within(&calls, round, 8000));
        hand(&later, &lease);
    }
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
    CHECK(world.made == 4 && world.ended == 4);
}

static void limits_are_kept_and_destroy_ends_the_thread(void)
{
    struct world world;
    conn_pool_config config = config_for(&world);
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    conn_pool *pool;

    config.idle_timeout_ms = 20;
    pool = open_pool(&world, &config);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_acquire(pool, PATIENCE_MS, &lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    CHECK(becomes(&world.ended, 1));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));

    config = config_for(&world);
    config.max_lifetime_ms = 40;
    pool = open_pool(&world, &config);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_acquire(pool, PATIENCE_MS, &lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    CHECK(becomes(&world.ended, 1));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
    /* One that has nothing to do sleeps, and ends at once. */
    config = config_for(&world);
    pool = open_pool(&world, &config);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

static void the_thread_may_drain_its_own_pool(void)
{
    struct world world;
    conn_pool_config config = config_for(&world);
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    conn_pool *pool;

    config.idle_timeout_ms = 20;
    world.drains = 1;
    pool = open_pool(&world, &config);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_acquire(pool, PATIENCE_MS, &lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    CHECK(becomes(&world.ended, 1));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_drain(pool, PATIENCE_MS));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

int main(void)
{
    idle_resources_are_kept_ready_and_alive();
    the_thread_connects_for_a_callback_when_a_resource_is_discarded();
    limits_are_kept_and_destroy_ends_the_thread();
    the_thread_may_drain_its_own_pool();
    return check_report("upkeep");
}

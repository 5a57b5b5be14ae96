/* The life of a resource: which callbacks are called, when, and what their results lead to. */
#include <pthread.h>
#include <string.h>

#include "check.h"

enum { ITEMS = 32, EVENTS = 5, CAPACITY = 3 };

enum {
    CODE_CREATE = 41,
    CODE_UNFIT = 42,
    CODE_UNCLEAN = 43,
};

enum state { NOT_MADE, ALIVE, ENDED };

struct item {
    enum state state;
    int checks;
    int resets;
    int unfit;
    int unclean;
};

/* What the callbacks of a pool have made and seen. */
struct world {
    pthread_mutex_t lock;
    conn_pool *pool;
    struct item items[ITEMS];
    int made;
    int ended;
    int failures_to_come;
    int close_while_creating;
    int events[EVENTS];
    int wrong;
};

static int create(void *user, uint32_t within_ms, void **resource)
{
    struct world *world = user;
    struct item *item = NULL;
    int close_now;

    (void)within_ms;
    pthread_mutex_lock(&world->lock);
    if (world->failures_to_come > 0) {
        world->failures_to_come--;
    } else if (world->made < ITEMS) {
        item = &world->items[world->made++];
        item->state = ALIVE;
    }
    close_now = world->close_while_creating;
    pthread_mutex_unlock(&world->lock);
    if (close_now) {
        CHECK_STATUS(CONN_POOL_OK, conn_pool_close(world->pool));
    }
    if (item == NULL) {
        return CODE_CREATE;
    }
    *resource = item;
    return 0;
}

static int validate(void *user, void *resource)
{
    struct world *world = user;
    struct item *item = resource;
    int unfit;

    pthread_mutex_lock(&world->lock);
    world->wrong += item->state != ALIVE;
    item->checks++;
    unfit = item->unfit;
    pthread_mutex_unlock(&world->lock);
    return unfit ? CODE_UNFIT : 0;
}

static int reset(void *user, void *resource)
{
    struct world *world = user;
    struct item *item = resource;
    int unclean;

    pthread_mutex_lock(&world->lock);
    world->wrong += item->state != ALIVE;
    item->resets++;
    unclean = item->unclean;
    pthread_mutex_unlock(&world->lock);
    return unclean ? CODE_UNCLEAN : 0;
}

static void destroy(void *user, void *resource)
{
    struct world *world = user;
    struct item *item = resource;

    pthread_mutex_lock(&world->lock);
    world->wrong += item->state != ALIVE;
    item->state = ENDED;
    world->ended++;
    pthread_mutex_unlock(&world->lock);
}

/* Checks that each event has the right code and resource, and that it may call the pool. */
static void on_event(void *user, conn_pool_event event, void *resource, int code)
{
    static const int codes[EVENTS] = { 0, CODE_CREATE, CODE_UNFIT, CODE_UNCLEAN, 0 };
    struct world *world = user;
    const struct item *item = resource;
    conn_pool_stats stats;
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    int wrong = 0;

    if (world->pool != NULL) {
        wrong += conn_pool_get_stats(world->pool, &stats, sizeof stats) != CONN_POOL_OK;
        wrong += conn_pool_release(world->pool, &lease) != CONN_POOL_NOT_HELD;
    }
    pthread_mutex_lock(&world->lock);
    wrong += (int)event < 0 || (int)event >= EVENTS;
    if (wrong == 0) {
        world->events[event]++;
        /* The code of an end is its reason: see why.c. */
        wrong += event == CONN_POOL_EVENT_DESTROYED ? code <= 0 : code != codes[event];
        wrong += (item == NULL) != (event == CONN_POOL_EVENT_CREATE_FAILED);
        wrong += item != NULL && item->state != ALIVE;
    }
    world->wrong += wrong;
    pthread_mutex_unlock(&world->lock);
}

static conn_pool_config config_for(struct world *world, uint32_t capacity)
{
    conn_pool_config config = CONN_POOL_CONFIG_INIT;

    memset(world, 0, sizeof *world);
    CHECK(pthread_mutex_init(&world->lock, NULL) == 0);
    config.capacity = capacity;
    config.name = "lifecycle";
    config.user = world;
    config.create = create;
    config.validate = validate;
    config.reset = reset;
    config.destroy = destroy;
    config.on_event = on_event;
    return config;
}

static conn_pool *open_pool(struct world *world, uint32_t capacity)
{
    conn_pool_config config = config_for(world, capacity);

    CHECK_STATUS(CONN_POOL_OK, conn_pool_create(&config, &world->pool));
    return world->pool;
}

/* Ends a pool that is not in use, and compares its counters with what the callbacks have seen. */
static void close_pool(struct world *world)
{
    conn_pool_stats stats;

    CHECK_STATUS(CONN_POOL_OK, conn_pool_drain(world->pool, 0));
    stats = STATS(world->pool);
    CHECK(stats.closed == 1 && stats.in_use == 0 && stats.idle == 0);
    CHECK(stats.created == stats.destroyed);
    CHECK(stats.created == (size_t)world->made && stats.destroyed == (size_t)world->ended);
    CHECK(stats.created == (size_t)world->events[CONN_POOL_EVENT_CREATED]);
    CHECK(stats.create_failed == (size_t)world->events[CONN_POOL_EVENT_CREATE_FAILED]);
    CHECK(stats.invalid == (size_t)world->events[CONN_POOL_EVENT_INVALID]);
    CHECK(stats.reset_failed == (size_t)world->events[CONN_POOL_EVENT_RESET_FAILED]);
    CHECK(stats.destroyed == (size_t)world->events[CONN_POOL_EVENT_DESTROYED]);
    CHECK(world->wrong == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(world->pool));
    CHECK(world->made == world->ended);
    CHECK(pthread_mutex_destroy(&world->lock) == 0);
}

static void resources_are_created_when_needed_and_reused(void)
{
    struct world world;
    conn_pool *pool = open_pool(&world, CAPACITY);
    conn_pool_lease leases[CAPACITY], one_more = CONN_POOL_LEASE_INIT;
    struct item *item;
    int at;

    CHECK(strcmp(conn_pool_name(pool), "lifecycle") == 0);
    CHECK(world.made == 0 && STATS(pool).vacant == CAPACITY);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &leases[0]));
    item = leases[0].resource;
    CHECK(item == &world.items[0] && item->checks == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &leases[0]));
    CHECK(item->resets == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &leases[0]));
    CHECK(leases[0].resource == item && item->checks == 1 && world.made == 1);
    for (at = 1; at < CAPACITY; at++) {
        CHECK_STATUS(CONN_POOL_OK, conn_pool_acquire(pool, PATIENCE_MS, &leases[at]));
    }
    CHECK(world.made == CAPACITY);
    CHECK_STATUS(CONN_POOL_EXHAUSTED, conn_pool_try_acquire(pool, &one_more));
    for (at = 0; at < CAPACITY; at++) {
        CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &leases[at]));
    }
    CHECK(STATS(pool).idle == CAPACITY && STATS(pool).reused == 1);
    close_pool(&world);
}

static void a_failed_create_leaves_the_slot_vacant(void)
{
    struct world world;
    conn_pool *pool = open_pool(&world, 1);
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;

    world.failures_to_come = 2;
    CHECK_STATUS(CONN_POOL_CREATE_FAILED, conn_pool_try_acquire(pool, &lease));
    CHECK_STATUS(CONN_POOL_CREATE_FAILED, conn_pool_acquire(pool, PATIENCE_MS, &lease));
    CHECK(lease.pool == NULL && STATS(pool).vacant == 1 && STATS(pool).in_use == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    CHECK(STATS(pool).create_failed == 2 && STATS(pool).created == 1);
    close_pool(&world);
}

static int forget(void *user, uint32_t within_ms, void **resource)
{
    (void)user;
    (void)within_ms;
    (void)resource;
    return 0;
}

static void a_create_that_forgets_the_resource_has_failed(void)
{
    struct world world;
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    conn_pool *pool = NULL;

    memset(&world, 0, sizeof world);
    config.capacity = 1;
    config.user = &world;
    config.create = forget;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_create(&config, &pool));
    CHECK_STATUS(CONN_POOL_CREATE_FAILED, conn_pool_try_acquire(pool, &lease));
    CHECK(lease.pool == NULL && STATS(pool).create_failed == 1 && STATS(pool).created == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

struct waiter {
    conn_pool *pool;
    pthread_t thread;
    conn_pool_status status;
};

static void *wait_in_queue(void *argument)
{
    struct waiter *waiter = argument;
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;

    waiter->status = conn_pool_acquire(waiter->pool, PATIENCE_MS, &lease);
    if (waiter->status == CONN_POOL_OK) {
        CHECK_STATUS(CONN_POOL_OK, conn_pool_release(waiter->pool, &lease));
    }
    return NULL;
}

static void start(struct waiter *waiter, conn_pool *pool)
{
    waiter->pool = pool;
    waiter->status = CONN_POOL_PANIC;
    CHECK(pthread_create(&waiter->thread, NULL, wait_in_queue, waiter) == 0);
}

static void after_a_failed_create_the_next_waiter_is_served(void)
{
    enum { WAITERS = 3 };
    struct world world;
    conn_pool *pool = open_pool(&world, 1);
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    struct waiter waiters[WAITERS];
    int at;

    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
    for (at = 0; at < WAITERS; at++) {
        start(&waiters[at], pool);
        CHECK_WAITING(pool, (size_t)at + 1);
    }
    pthread_mutex_lock(&world.lock);
    world.failures_to_come = 1;
    pthread_mutex_unlock(&world.lock);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_discard(pool, &lease));
    for (at = 0; at < WAITERS; at++) {
        CHECK(pthread_join(waiters[at].thread, NULL) == 0);
        CHECK_STATUS(at == 0 ? CONN_POOL_CREATE_FAILED : CONN_POOL_OK, waiters[at].status);
    }
    CHECK(world.made == 2);
    close_pool(&world);
}

static void an_unfit_resource_is_replaced(void)
{
    struct world world;
    conn_pool *pool = open_pool(&world, 1);
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;

    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    world.items[0].unfit = 1;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
    CHECK(lease.resource == &world.items[1] && world.items[0].state == ENDED);
    CHECK(STATS(pool).invalid == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));

    world.items[1].unfit = 1;
    world.failures_to_come = 1;
    CHECK_STATUS(CONN_POOL_CREATE_FAILED, conn_pool_try_acquire(pool, &lease));
    CHECK(world.items[1].state == ENDED && STATS(pool).vacant == 1);
    close_pool(&world);
}

static void an_unfit_resource_gives_way_to_the_next_one(void)
{
    struct world world;
    conn_pool_config config = config_for(&world, 2);
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    void *item = NULL;

    config.create = NULL;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_create(&config, &world.pool));
    CHECK(create(&world, 1, &item) == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_add(world.pool, item));
    CHECK(create(&world, 1, &item) == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_add(world.pool, item));
    world.items[0].unfit = 1;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(world.pool, &lease));
    CHECK(lease.resource == &world.items[1]);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(world.pool, &lease));
    world.items[1].unfit = 1;
    CHECK_STATUS(CONN_POOL_EXHAUSTED, conn_pool_try_acquire(world.pool, &lease));
    CHECK(lease.pool == NULL && world.ended == 2);
    CHECK(STATS(world.pool).vacant == 2 && STATS(world.pool).invalid == 2);
    CHECK(STATS(world.pool).created == 0 && STATS(world.pool).destroyed == 2);
    CHECK(world.wrong == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(world.pool));
    CHECK(pthread_mutex_destroy(&world.lock) == 0);
}

static void a_resource_that_cannot_be_reset_is_destroyed(void)
{
    struct world world;
    conn_pool *pool = open_pool(&world, 1);
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;

    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
    world.items[0].unclean = 1;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    CHECK(lease.pool == NULL && world.items[0].state == ENDED);
    CHECK(STATS(pool).reset_failed == 1 && STATS(pool).vacant == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
    CHECK(lease.resource == &world.items[1]);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    close_pool(&world);
}

static void a_discarded_resource_is_destroyed_without_a_reset(void)
{
    struct world world;
    conn_pool *pool = open_pool(&world, 1);
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;

    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_discard(pool, &lease));
    CHECK(world.items[0].resets == 0 && world.items[0].state == ENDED);
    CHECK(STATS(pool).vacant == 1);
    close_pool(&world);
}

static void a_pool_closed_while_it_creates_keeps_nothing(void)
{
    struct world world;
    conn_pool *pool = open_pool(&world, 1);
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;

    world.close_while_creating = 1;
    CHECK_STATUS(CONN_POOL_CLOSED, conn_pool_try_acquire(pool, &lease));
    CHECK(lease.pool == NULL && world.made == 1 && world.ended == 1);
    close_pool(&world);
}

static void a_pool_shrinks_and_grows(void)
{
    struct world world;
    conn_pool *pool = open_pool(&world, CAPACITY);
    conn_pool_lease leases[CAPACITY], lease = CONN_POOL_LEASE_INIT;
    struct waiter waiter;
    int at;

    for (at = 0; at < CAPACITY; at++) {
        CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &leases[at]));
    }
    CHECK_STATUS(CONN_POOL_INVALID_ARGUMENT, conn_pool_resize(pool, CAPACITY + 1));
    CHECK(STATS(pool).max_size == CAPACITY);
    /* Resources in use are left alone, and destroyed when they are released. */
    CHECK_STATUS(CONN_POOL_OK, conn_pool_resize(pool, 1));
    CHECK(STATS(pool).max_size == 1 && STATS(pool).in_use == CAPACITY && world.ended == 0);
    for (at = 0; at < CAPACITY; at++) {
        CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &leases[at]));
    }
    CHECK(STATS(pool).idle == 1 && world.ended == CAPACITY - 1);
    /* Idle resources are destroyed at once. 0 pauses the pool. */
    CHECK_STATUS(CONN_POOL_OK, conn_pool_resize(pool, 0));
    CHECK(STATS(pool).idle == 0 && world.ended == CAPACITY);
    CHECK_STATUS(CONN_POOL_EXHAUSTED, conn_pool_try_acquire(pool, &lease));
    start(&waiter, pool);
    CHECK_WAITING(pool, 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_resize(pool, CAPACITY));
    CHECK(pthread_join(waiter.thread, NULL) == 0);
    CHECK_STATUS(CONN_POOL_OK, waiter.status);
    for (at = 0; at < CAPACITY; at++) {
        CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &leases[at]));
    }
    for (at = 0; at < CAPACITY; at++) {
        CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &leases[at]));
    }
    close_pool(&world);
}

static void max_size_bounds_what_is_in_use(void)
{
    struct world world;
    conn_pool_config config = config_for(&world, CAPACITY);
    conn_pool_lease lease = CONN_POOL_LEASE_INIT, one_more = CONN_POOL_LEASE_INIT;

    config.max_size = 1;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_create(&config, &world.pool));
    CHECK(STATS(world.pool).max_size == 1 && STATS(world.pool).capacity == CAPACITY);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(world.pool, &lease));
    CHECK_STATUS(CONN_POOL_EXHAUSTED, conn_pool_try_acquire(world.pool, &one_more));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_resize(world.pool, 2));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(world.pool, &one_more));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(world.pool, &lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(world.pool, &one_more));
    close_pool(&world);
}

static void maintenance_ends_what_is_unfit(void)
{
    struct world world;
    conn_pool *pool = open_pool(&world, CAPACITY);
    conn_pool_lease leases[CAPACITY];
    size_t ended = 77;
    int at;

    for (at = 0; at < CAPACITY; at++) {
        CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &leases[at]));
    }
    for (at = 1; at < CAPACITY; at++) {
        CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &leases[at]));
    }
    /* The first is unfit too, but in use, so it is not checked. */
    world.items[0].unfit = 1;
    world.items[1].unfit = 1;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_maintain(pool, &ended));
    CHECK(ended == 1 && world.ended == 1 && world.items[1].state == ENDED);
    CHECK(world.items[0].checks == 0 && world.items[2].checks == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_maintain(pool, &ended));
    CHECK(ended == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &leases[0]));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_maintain(pool, NULL));
    CHECK(world.items[0].state == ENDED && STATS(pool).idle == 1);
    CHECK(STATS(pool).in_use == 0);
    close_pool(&world);
}

/* A pool that cannot make resources keeps its surplus until maintenance. */
static void maintenance_ends_what_a_resize_has_set_aside(void)
{
    struct world world;
    conn_pool_config config = config_for(&world, 2);
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    void *item = NULL;
    size_t ended = 77;

    config.create = NULL;
    config.validate = NULL;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_create(&config, &world.pool));
    CHECK(create(&world, 1, &item) == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_add(world.pool, item));
    CHECK(create(&world, 1, &item) == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_add(world.pool, item));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_resize(world.pool, 0));
    CHECK(world.ended == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_resize(world.pool, 2));
    CHECK(STATS(world.pool).idle == 2);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_resize(world.pool, 1));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_maintain(world.pool, &ended));
    CHECK(ended == 1 && world.ended == 1 && STATS(world.pool).idle == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(world.pool, &lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(world.pool, &lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(world.pool));
    CHECK(world.ended == 2 && world.wrong == 0);
    CHECK(pthread_mutex_destroy(&world.lock) == 0);
}

static void a_pool_is_not_ended_while_it_is_in_use(void)
{
    struct world world;
    conn_pool *pool = open_pool(&world, 2);
    conn_pool_lease held = CONN_POOL_LEASE_INIT, idle = CONN_POOL_LEASE_INIT;
    conn_pool_stats stats;

    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &held));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &idle));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &idle));
    CHECK_STATUS(CONN_POOL_BUSY, conn_pool_destroy(pool));
    /* Nothing has changed: it is still open. */
    CHECK(STATS(pool).closed == 0 && world.ended == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &idle));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &idle));

    CHECK_STATUS(CONN_POOL_BUSY, conn_pool_drain(pool, 0));
    stats = STATS(pool);
    CHECK(stats.closed == 1 && stats.in_use == 1 && stats.idle == 0 && world.ended == 1);
    CHECK_STATUS(CONN_POOL_CLOSED, conn_pool_try_acquire(pool, &idle));
    CHECK_STATUS(CONN_POOL_BUSY, conn_pool_destroy(pool));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_close(pool));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &held));
    CHECK(world.ended == 2);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_drain(pool, CONN_POOL_WAIT_FOREVER));
    close_pool(&world);
}

static void a_waiter_keeps_a_pool_alive(void)
{
    struct world world;
    conn_pool *pool = open_pool(&world, 1);
    struct waiter waiter;

    CHECK_STATUS(CONN_POOL_OK, conn_pool_resize(pool, 0));
    start(&waiter, pool);
    CHECK_WAITING(pool, 1);
    CHECK_STATUS(CONN_POOL_BUSY, conn_pool_destroy(pool));
    CHECK(STATS(pool).waiting == 1 && STATS(pool).closed == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_close(pool));
    CHECK(pthread_join(waiter.thread, NULL) == 0);
    CHECK_STATUS(CONN_POOL_CLOSED, waiter.status);
    close_pool(&world);
}

static void *drain(void *argument)
{
    struct waiter *waiter = argument;
    waiter->status = conn_pool_drain(waiter->pool, PATIENCE_MS);
    return NULL;
}

static void a_drain_waits_for_what_is_in_use(void)
{
    const struct timespec moment = { 0, 200000 };
    struct world world;
    conn_pool *pool = open_pool(&world, 2);
    conn_pool_lease one = CONN_POOL_LEASE_INIT, two = CONN_POOL_LEASE_INIT;
    struct waiter waiter;
    int tries;

    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &one));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &two));
    waiter.pool = pool;
    waiter.status = CONN_POOL_PANIC;
    CHECK(pthread_create(&waiter.thread, NULL, drain, &waiter) == 0);
    for (tries = 0; tries < 100000; tries++) {
        conn_pool_stats stats;
        if (conn_pool_get_stats(pool, &stats, sizeof stats) != CONN_POOL_OK || stats.closed) {
            break;
        }
        nanosleep(&moment, NULL);
    }
    CHECK(STATS(pool).closed == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &one));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_discard(pool, &two));
    CHECK(pthread_join(waiter.thread, NULL) == 0);
    CHECK_STATUS(CONN_POOL_OK, waiter.status);
    close_pool(&world);
}

static void a_long_name_is_cut(void)
{
    char name[CONN_POOL_MAX_NAME + 2];
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    conn_pool *pool = NULL;
    size_t length;

    config.capacity = 1;
    for (length = CONN_POOL_MAX_NAME - 1; length <= CONN_POOL_MAX_NAME + 1; length++) {
        size_t kept = length < CONN_POOL_MAX_NAME ? length : CONN_POOL_MAX_NAME;
        memset(name, 'n', length);
        name[length] = '\0';
        config.name = name;
        CHECK_STATUS(CONN_POOL_OK, conn_pool_create(&config, &pool));
        /* The name was copied. */
        memset(name, 'x', length);
        CHECK(strlen(conn_pool_name(pool)) == kept);
        CHECK(strspn(conn_pool_name(pool), "n") == kept);
        CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
    }
}

static void an_abandoned_pool_calls_no_callback(void)
{
    struct world world;
    conn_pool *pool = open_pool(&world, 2);
    conn_pool_lease held = CONN_POOL_LEASE_INIT, idle = CONN_POOL_LEASE_INIT;

    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &held));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &idle));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &idle));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_abandon(pool));
    CHECK(world.ended == 0 && world.events[CONN_POOL_EVENT_DESTROYED] == 0 && world.wrong == 0);
    CHECK(pthread_mutex_destroy(&world.lock) == 0);
}

int main(void)
{
    resources_are_created_when_needed_and_reused();
    a_failed_create_leaves_the_slot_vacant();
    a_create_that_forgets_the_resource_has_failed();
    after_a_failed_create_the_next_waiter_is_served();
    an_unfit_resource_is_replaced();
    an_unfit_resource_gives_way_to_the_next_one();
    a_resource_that_cannot_be_reset_is_destroyed();
    a_discarded_resource_is_destroyed_without_a_reset();
    a_pool_closed_while_it_creates_keeps_nothing();
    a_pool_shrinks_and_grows();
    max_size_bounds_what_is_in_use();
    maintenance_ends_what_is_unfit();
    maintenance_ends_what_a_resize_has_set_aside();
    a_pool_is_not_ended_while_it_is_in_use();
    a_waiter_keeps_a_pool_alive();
    a_drain_waits_for_what_is_in_use();
    a_long_name_is_cut();
    an_abandoned_pool_calls_no_callback();
    return check_report("lifecycle");
}

/* The ages of resources, by a clock of the program's own, and what conn_pool_maintain does. */
#include <string.h>

#include "check.h"

enum { ITEMS = 64, CAPACITY = 4 };

/* What the callbacks of a pool have made, and the time that its clock tells. */
struct world {
    uint64_t now;
    int items[ITEMS];
    int made;
    int ended;
    int most_alive;
    int is_down;
};

static uint64_t clock_ms(void *user)
{
    return ((struct world *)user)->now;
}

static int create(void *user, uint32_t within_ms, void **resource)
{
    struct world *world = user;

    (void)within_ms;
    if (world->is_down || world->made == ITEMS) {
        return 7;
    }
    *resource = &world->items[world->made++];
    if (world->made - world->ended > world->most_alive) {
        world->most_alive = world->made - world->ended;
    }
    return 0;
}

static void destroy(void *user, void *resource)
{
    (void)resource;
    ((struct world *)user)->ended++;
}

static conn_pool_config config_for(struct world *world)
{
    conn_pool_config config = CONN_POOL_CONFIG_INIT;

    memset(world, 0, sizeof *world);
    world->now = 1000;
    config.capacity = CAPACITY;
    config.user = world;
    config.create = create;
    config.destroy = destroy;
    config.clock_ms = clock_ms;
    return config;
}

static conn_pool *open_pool(const conn_pool_config *config)
{
    conn_pool *pool = NULL;

    CHECK_STATUS(CONN_POOL_OK, conn_pool_create(config, &pool));
    return pool;
}

static size_t maintain(conn_pool *pool)
{
    size_t ended = 77;

    CHECK_STATUS(CONN_POOL_OK, conn_pool_maintain(pool, &ended));
    return ended;
}

static void *use_once(conn_pool *pool)
{
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    void *resource;

    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
    resource = lease.resource;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    return resource;
}

static void maintenance_keeps_min_idle_ready(void)
{
    struct world world;
    conn_pool_config config = config_for(&world);
    conn_pool_lease leases[CAPACITY];
    conn_pool *pool;
    int at;

    config.min_idle = 2;
    pool = open_pool(&config);
    CHECK(STATS(pool).idle == 0);
    CHECK(maintain(pool) == 0 && STATS(pool).idle == 2 && world.made == 2);
    CHECK(maintain(pool) == 0 && world.made == 2);
    for (at = 0; at < CAPACITY - 1; at++) {
        CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &leases[at]));
    }
    /* There is room for one more. */
    CHECK(maintain(pool) == 0 && STATS(pool).idle == 1 && world.made == CAPACITY);
    for (at = 0; at < CAPACITY - 1; at++) {
        CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &leases[at]));
    }
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
    CHECK(world.ended == world.made);
}

static void a_failed_create_is_tried_again_after_a_pause(void)
{
    struct world world;
    conn_pool_config config = config_for(&world);
    conn_pool *pool;

    config.min_idle = 1;
    pool = open_pool(&config);
    world.is_down = 1;
    CHECK(maintain(pool) == 0 && STATS(pool).create_failed == 1);
    world.is_down = 0;
    CHECK(maintain(pool) == 0 && STATS(pool).create_failed == 1 && world.made == 0);
    world.now += 200;
    CHECK(maintain(pool) == 0 && STATS(pool).idle == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

static void idle_resources_are_destroyed_down_to_min_idle(void)
{
    struct world world;
    conn_pool_config config = config_for(&world);
    conn_pool_lease leases[CAPACITY];
    conn_pool *pool;
    int at;

    config.min_idle = 1;
    config.idle_timeout_ms = 100;
    pool = open_pool(&config);
    for (at = 0; at < CAPACITY; at++) {
        CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &leases[at]));
    }
    for (at = 0; at < CAPACITY; at++) {
        CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &leases[at]));
    }
    CHECK(maintain(pool) == 0);
    world.now += 99;
    CHECK(maintain(pool) == 0 && STATS(pool).idle == CAPACITY);
    world.now += 1;
    CHECK(maintain(pool) == CAPACITY - 1 && STATS(pool).idle == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

/* A release reads no clock. */
static void a_resource_that_ages_while_it_is_leased_is_destroyed_by_the_next_acquire(void)
{
    struct world world;
    conn_pool_config config = config_for(&world);
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    conn_pool *pool;
    void *first;

    config.max_lifetime_ms = 100;
    pool = open_pool(&config);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
    first = lease.resource;
    world.now += 100;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    CHECK(world.ended == 0 && STATS(pool).idle == 1);
    CHECK(use_once(pool) != first);
    CHECK(world.ended == 1 && STATS(pool).idle == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

static void maintenance_destroys_what_has_aged_while_it_was_leased(void)
{
    struct world world;
    conn_pool_config config = config_for(&world);
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    conn_pool *pool;

    config.max_lifetime_ms = 100;
    pool = open_pool(&config);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
    world.now += 100;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    CHECK(maintain(pool) == 1 && world.ended == 1 && STATS(pool).vacant == CAPACITY);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

/* Maintenance leaves a mark on it, which the release sees. */
static void a_resource_that_maintenance_found_too_old_is_destroyed_when_it_is_released(void)
{
    struct world world;
    conn_pool_config config = config_for(&world);
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    conn_pool *pool;

    config.max_lifetime_ms = 100;
    pool = open_pool(&config);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
    world.now += 100;
    CHECK(maintain(pool) == 0 && world.ended == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    CHECK(world.ended == 1 && STATS(pool).idle == 0 && STATS(pool).vacant == CAPACITY);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

/* A resource is idle from its release on, however long its lease was, with a maximum lifetime too. */
static void the_time_in_use_is_not_idle_time(void)
{
    struct world world;
    conn_pool_config config = config_for(&world);
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    conn_pool *pool;

    config.idle_timeout_ms = 100;
    config.max_lifetime_ms = 100000;
    pool = open_pool(&config);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
    CHECK(maintain(pool) == 0);
    world.now += 500;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    CHECK(maintain(pool) == 0);
    world.now += 99;
    CHECK(maintain(pool) == 0 && STATS(pool).idle == 1);
    use_once(pool);
    world.now += 99;
    CHECK(maintain(pool) == 0 && STATS(pool).idle == 1);
    world.now += 100;
    CHECK(maintain(pool) == 1 && STATS(pool).idle == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

static void an_old_resource_is_not_leased_again(void)
{
    struct world world;
    conn_pool_config config = config_for(&world);
    conn_pool *pool;
    void *first;

    config.max_lifetime_ms = 100;
    pool = open_pool(&config);
    first = use_once(pool);
    /* A lifetime is shortened by up to a quarter. */
    world.now += 74;
    CHECK(use_once(pool) == first);
    world.now += 26;
    CHECK(use_once(pool) != first && world.ended == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

static void an_old_resource_is_replaced_before_it_is_destroyed(void)
{
    struct world world;
    conn_pool_config config = config_for(&world);
    conn_pool *pool;

    config.min_idle = 1;
    config.max_lifetime_ms = 100;
    pool = open_pool(&config);
    CHECK(maintain(pool) == 0 && world.made == 1);
    world.now += 100;
    CHECK(maintain(pool) == 1 && STATS(pool).idle == 1);
    CHECK(world.made == 2 && world.ended == 1 && world.most_alive == 2);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

/* The release looks at what is recorded of a resource, but only of one that there is. */
static void a_lease_of_a_slot_that_does_not_exist_is_refused(void)
{
    struct world world;
    conn_pool_config config = config_for(&world);
    conn_pool_lease lease = CONN_POOL_LEASE_INIT, forged;
    conn_pool *pool;

    config.max_lifetime_ms = 100;
    pool = open_pool(&config);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
    forged = lease;
    forged.slot = 1u << 31;
    CHECK_STATUS(CONN_POOL_FORGED, conn_pool_release(pool, &forged));
    forged.slot = CAPACITY;
    CHECK_STATUS(CONN_POOL_FORGED, conn_pool_release(pool, &forged));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    CHECK_STATUS(CONN_POOL_NOT_HELD, conn_pool_release(pool, &lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

/* With the system's clock, a new resource is not too old. */
static void without_clock_ms_the_clock_is_the_systems(void)
{
    struct world world;
    conn_pool_config config = config_for(&world);
    conn_pool *pool;
    void *first;

    config.clock_ms = NULL;
    config.max_lifetime_ms = 3600000;
    config.idle_timeout_ms = 3600000;
    pool = open_pool(&config);
    first = use_once(pool);
    CHECK(maintain(pool) == 0);
    CHECK(use_once(pool) == first);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

static int checks;

static int count_check(void *user, void *resource)
{
    (void)user;
    (void)resource;
    checks++;
    return 0;
}

/* How often a resource is checked that is used once, after so many milliseconds each. */
static int checks_after(struct world *world, conn_pool *pool, uint64_t pause)
{
    checks = 0;
    world->now += pause;
    use_once(pool);
    return checks;
}

static void a_resource_used_not_long_ago_is_not_checked(void)
{
    struct world world;
    conn_pool_config config = config_for(&world);
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    conn_pool *pool;

    config.capacity = 1;
    config.validate = count_check;
    config.validate_after_ms = 100;
    pool = open_pool(&config);
    CHECK(checks_after(&world, pool, 0) == 0);
    CHECK(checks_after(&world, pool, 60) == 0);
    CHECK(checks_after(&world, pool, 60) == 0);
    CHECK(checks_after(&world, pool, 100) == 0);
    CHECK(checks_after(&world, pool, 101) == 1);
    CHECK(checks_after(&world, pool, 99) == 0);
    /* Counted from when its last use began. */
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
    world.now += 101;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    CHECK(checks_after(&world, pool, 0) == 1);
    /* Maintenance checks it in any case, and that counts. */
    checks = 0;
    world.now += 90;
    CHECK(maintain(pool) == 0 && checks == 1);
    CHECK(checks_after(&world, pool, 90) == 0);
    CHECK(checks_after(&world, pool, 101) == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));

    config.validate_after_ms = 0;
    pool = open_pool(&config);
    CHECK(checks_after(&world, pool, 0) == 0);
    CHECK(checks_after(&world, pool, 0) == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

int main(void)
{
    maintenance_keeps_min_idle_ready();
    a_failed_create_is_tried_again_after_a_pause();
    idle_resources_are_destroyed_down_to_min_idle();
    a_resource_that_ages_while_it_is_leased_is_destroyed_by_the_next_acquire();
    maintenance_destroys_what_has_aged_while_it_was_leased();
    a_resource_that_maintenance_found_too_old_is_destroyed_when_it_is_released();
    the_time_in_use_is_not_idle_time();
    an_old_resource_is_not_leased_again();
    an_old_resource_is_replaced_before_it_is_destroyed();
    a_lease_of_a_slot_that_does_not_exist_is_refused();
    without_clock_ms_the_clock_is_the_systems();
    a_resource_used_not_long_ago_is_not_checked();
    return check_report("ages");
}

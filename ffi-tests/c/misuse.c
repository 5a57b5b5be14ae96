/* Every wrong call has its own status, changes nothing, and leaves a pool that works. */
/* Here NULL is passed on purpose. */
#define CONN_POOL_NO_NONNULL
#include <string.h>

#include "check.h"

enum { CAPACITY = 2, CANARY = 0x5A };

static int things[CAPACITY];

static conn_pool *open_pool(uint32_t capacity)
{
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    conn_pool *pool = NULL;
    uint32_t at;

    config.capacity = capacity;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_create(&config, &pool));
    for (at = 0; at < capacity; at++) {
        CHECK_STATUS(CONN_POOL_OK, conn_pool_add(pool, &things[at % CAPACITY]));
    }
    return pool;
}

/*
 * All resources are idle, and can be acquired and released. So far, `misused` calls were refused.
 */
static void still_works(conn_pool *pool, uint32_t capacity, size_t misused)
{
    conn_pool_lease leases[CAPACITY], one_more = CONN_POOL_LEASE_INIT;
    conn_pool_stats stats = STATS(pool);
    uint32_t at;

    CHECK(stats.misused == misused);
    CHECK(stats.in_use == 0 && stats.idle == capacity && stats.waiting == 0);
    CHECK(capacity <= CAPACITY);
    for (at = 0; at < capacity; at++) {
        CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &leases[at]));
        CHECK(leases[at].resource == &things[0] || leases[at].resource == &things[1]);
    }
    CHECK(capacity < 2 || leases[0].resource != leases[1].resource);
    CHECK_STATUS(CONN_POOL_EXHAUSTED, conn_pool_try_acquire(pool, &one_more));
    for (at = 0; at < capacity; at++) {
        CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &leases[at]));
    }
    CHECK(STATS(pool).misused == misused && STATS(pool).in_use == 0);
}

static conn_pool_lease damaged_lease(void)
{
    conn_pool_lease lease;
    memset(&lease, CANARY, sizeof lease);
    return lease;
}

static int is_as_it_was(const void *value, size_t size)
{
    const unsigned char *bytes = value;
    size_t at;

    for (at = 0; at < size; at++) {
        if (bytes[at] != CANARY) {
            return 0;
        }
    }
    return 1;
}

static void never_called(void *user, conn_pool_status status, const conn_pool_lease *lease)
{
    (void)user;
    (void)status;
    (void)lease;
    CHECK(!"a callback of a call that was refused");
}

/* Every function that takes a pool refuses this one, and leaves its outputs alone. */
static void refuses(conn_pool_status expected, conn_pool *pool)
{
    conn_pool_lease lease = damaged_lease();
    conn_pool_waiter waiter = CONN_POOL_WAITER_INIT;
    const conn_pool_waiter fresh = CONN_POOL_WAITER_INIT;
    conn_pool_stats stats;
    struct timespec past = { 0, 0 };
    size_t number;

    memset(&stats, CANARY, sizeof stats);
    memset(&number, CANARY, sizeof number);
    CHECK_STATUS(expected, conn_pool_add(pool, &things[0]));
    CHECK_STATUS(expected, conn_pool_try_acquire(pool, &lease));
    CHECK_STATUS(expected, conn_pool_acquire(pool, 0, &lease));
    CHECK_STATUS(expected, conn_pool_acquire(pool, PATIENCE_MS, &lease));
    CHECK_STATUS(expected, conn_pool_acquire_until(pool, &past, &lease));
    CHECK_STATUS(expected, conn_pool_acquire_async(pool, &waiter, never_called, NULL, &lease));
    CHECK_STATUS(expected, conn_pool_cancel(pool, &waiter));
    CHECK_STATUS(expected, conn_pool_release(pool, &lease));
    CHECK_STATUS(expected, conn_pool_discard(pool, &lease));
    CHECK_STATUS(expected, conn_pool_resize(pool, 1));
    CHECK_STATUS(expected, conn_pool_maintain(pool, &number));
    CHECK_STATUS(expected, conn_pool_get_stats(pool, &stats, sizeof stats));
    CHECK_STATUS(expected, conn_pool_reset_peaks(pool));
    CHECK_STATUS(expected, conn_pool_close(pool));
    CHECK_STATUS(expected, conn_pool_drain(pool, 0));
    CHECK(is_as_it_was(&lease, sizeof lease) && is_as_it_was(&stats, sizeof stats));
    CHECK(is_as_it_was(&number, sizeof number) && memcmp(&waiter, &fresh, sizeof waiter) == 0);
}

static void no_pool_is_an_error_and_no_crash(void)
{
    refuses(CONN_POOL_INVALID_ARGUMENT, NULL);
    CHECK(strcmp(conn_pool_name(NULL), "") == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(NULL));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_abandon(NULL));
}

static void a_destroyed_pool_is_none(void)
{
    static CONN_POOL_DEFINE_STORAGE(storage, 1);
    static const unsigned char filled[] = { 0, 1, 0x55, 0xaa, 0xc0, 0xff };
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    conn_pool *pool = NULL;
    size_t at;

    config.capacity = 1;
    config.name = "gone";
    CHECK_STATUS(CONN_POOL_OK, conn_pool_init(&storage, sizeof storage, &config, &pool));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
    refuses(CONN_POOL_INVALID_ARGUMENT, pool);
    CHECK(strcmp(conn_pool_name(pool), "") == 0);
    CHECK_STATUS(CONN_POOL_INVALID_ARGUMENT, conn_pool_destroy(pool));
    CHECK_STATUS(CONN_POOL_INVALID_ARGUMENT, conn_pool_abandon(pool));

    CHECK_STATUS(CONN_POOL_OK, conn_pool_init(&storage, sizeof storage, &config, &pool));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_abandon(pool));
    refuses(CONN_POOL_INVALID_ARGUMENT, pool);
    CHECK_STATUS(CONN_POOL_INVALID_ARGUMENT, conn_pool_abandon(pool));

    /* Storage that never held a pool, whatever is in it. */
    for (at = 0; at < sizeof filled; at++) {
        memset(&storage, filled[at], sizeof storage);
        refuses(CONN_POOL_INVALID_ARGUMENT, (conn_pool *)(void *)&storage);
    }
}

static void null_anywhere_is_an_error_and_no_crash(void)
{
    static CONN_POOL_DEFINE_STORAGE(storage, 1);
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    conn_pool_lease lease = damaged_lease();
    conn_pool_waiter waiter = CONN_POOL_WAITER_INIT;
    conn_pool_stats stats;
    struct timespec past = { 0, 0 };
    conn_pool *none = NULL, *pool = open_pool(CAPACITY);
    const conn_pool_status invalid = CONN_POOL_INVALID_ARGUMENT;

    config.capacity = 1;
    CHECK_STATUS(invalid, conn_pool_create(NULL, &none));
    CHECK_STATUS(invalid, conn_pool_create(&config, NULL));
    CHECK_STATUS(invalid, conn_pool_create(NULL, NULL));
    CHECK_STATUS(invalid, conn_pool_init(NULL, sizeof storage, &config, &none));
    CHECK_STATUS(invalid, conn_pool_init(&storage, sizeof storage, NULL, &none));
    CHECK_STATUS(invalid, conn_pool_init(&storage, sizeof storage, &config, NULL));
    CHECK_STATUS(invalid, conn_pool_init(NULL, 0, NULL, NULL));
    CHECK(none == NULL);
    CHECK(conn_pool_config_problem(NULL) != NULL);

    CHECK_STATUS(invalid, conn_pool_try_acquire(pool, NULL));
    CHECK_STATUS(invalid, conn_pool_acquire(pool, 0, NULL));
    CHECK_STATUS(invalid, conn_pool_acquire(pool, PATIENCE_MS, NULL));
    CHECK_STATUS(invalid, conn_pool_acquire_until(pool, &past, NULL));
    CHECK_STATUS(invalid, conn_pool_acquire_until(pool, NULL, &lease));
    CHECK_STATUS(invalid, conn_pool_acquire_async(pool, NULL, never_called, NULL, &lease));
    CHECK_STATUS(invalid, conn_pool_acquire_async(pool, &waiter, NULL, NULL, &lease));
    CHECK_STATUS(invalid, conn_pool_acquire_async(pool, &waiter, never_called, NULL, NULL));
    CHECK_STATUS(invalid, conn_pool_cancel(pool, NULL));
    CHECK_STATUS(invalid, conn_pool_release(pool, NULL));
    CHECK_STATUS(invalid, conn_pool_discard(pool, NULL));
    CHECK_STATUS(invalid, conn_pool_get_stats(pool, NULL, sizeof stats));
    CHECK_STATUS(invalid, conn_pool_get_stats(pool, &stats, 0));
    /* There is room, so that nothing else is wrong. */
    CHECK_STATUS(CONN_POOL_OK, conn_pool_create(&config, &none));
    CHECK_STATUS(invalid, conn_pool_add(none, NULL));
    CHECK_STATUS(CONN_POOL_EXHAUSTED, conn_pool_try_acquire(none, &lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(none));
    CHECK(is_as_it_was(&lease, sizeof lease));
    /* This output may be NULL. */
    CHECK_STATUS(CONN_POOL_OK, conn_pool_maintain(pool, NULL));

    still_works(pool, CAPACITY, 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

typedef conn_pool_status end_lease(conn_pool *pool, conn_pool_lease *lease);

/* The lease is refused, and left as it is. */
static void refuses_lease(conn_pool_status expected, end_lease *end_lease, conn_pool *pool,
                          conn_pool_lease lease)
{
    conn_pool_lease same = lease;

    CHECK_STATUS(expected, end_lease(pool, &same));
    CHECK(same.pool == lease.pool && same.resource == lease.resource);
    CHECK(same.slot == lease.slot && same.generation == lease.generation);
}

static void a_lease_is_released_once(end_lease *end_lease)
{
    const conn_pool_lease empty = CONN_POOL_LEASE_INIT;
    conn_pool_lease lease = CONN_POOL_LEASE_INIT, copy;
    conn_pool *pool = open_pool(1);

    refuses_lease(CONN_POOL_NOT_HELD, end_lease, pool, empty);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
    copy = lease;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    CHECK_STATUS(CONN_POOL_NOT_HELD, end_lease(pool, &lease));
    refuses_lease(CONN_POOL_NOT_HELD, end_lease, pool, copy);
    CHECK(STATS(pool).idle == 1 && STATS(pool).destroyed == 0);

    /* The slot is leased again: the new lease stays valid. */
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
    CHECK(lease.slot == copy.slot && lease.generation != copy.generation);
    refuses_lease(CONN_POOL_STALE, end_lease, pool, copy);
    CHECK(STATS(pool).in_use == 1 && STATS(pool).destroyed == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    refuses_lease(CONN_POOL_STALE, end_lease, pool, copy);

    still_works(pool, 1, 5);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

static void a_discarded_lease_is_gone(end_lease *end_lease)
{
    conn_pool_lease lease = CONN_POOL_LEASE_INIT, copy;
    conn_pool *pool = open_pool(1);

    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
    copy = lease;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_discard(pool, &lease));
    CHECK_STATUS(CONN_POOL_NOT_HELD, end_lease(pool, &lease));
    refuses_lease(CONN_POOL_NOT_HELD, end_lease, pool, copy);
    CHECK(STATS(pool).destroyed == 1 && STATS(pool).vacant == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_add(pool, &things[1]));
    refuses_lease(CONN_POOL_NOT_HELD, end_lease, pool, copy);
    still_works(pool, 1, 3);
    refuses_lease(CONN_POOL_STALE, end_lease, pool, copy);
    still_works(pool, 1, 4);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

static void a_lease_is_released_to_its_own_pool(end_lease *end_lease)
{
    conn_pool_lease lease = CONN_POOL_LEASE_INIT, others = CONN_POOL_LEASE_INIT;
    conn_pool *pool = open_pool(1), *other = open_pool(1);

    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
    refuses_lease(CONN_POOL_WRONG_POOL, end_lease, other, lease);
    /* Also while the same slot of the other pool is leased, in the same generation. */
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(other, &others));
    CHECK(others.slot == lease.slot && others.generation == lease.generation);
    refuses_lease(CONN_POOL_WRONG_POOL, end_lease, other, lease);
    CHECK(STATS(pool).in_use == 1 && STATS(other).in_use == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(other, &others));
    still_works(pool, 1, 0);
    still_works(other, 1, 2);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(other));
}

static conn_pool_lease with_slot(conn_pool_lease lease, uint32_t slot)
{
    lease.slot = slot;
    return lease;
}

static conn_pool_lease with_generation(conn_pool_lease lease, uint32_t generation)
{
    lease.generation = generation;
    return lease;
}

static conn_pool_lease with_resource(conn_pool_lease lease, void *resource)
{
    lease.resource = resource;
    return lease;
}

static void a_forged_lease_is_refused(end_lease *end_lease)
{
    conn_pool_lease first = CONN_POOL_LEASE_INIT, second = CONN_POOL_LEASE_INIT;
    conn_pool *pool = open_pool(CAPACITY);
    const conn_pool_status forged = CONN_POOL_FORGED;

    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &first));
    /* A slot that was never leased, and slots that do not exist. */
    refuses_lease(forged, end_lease, pool, with_slot(first, 1 - first.slot));
    refuses_lease(forged, end_lease, pool, with_slot(first, CAPACITY));
    refuses_lease(forged, end_lease, pool, with_slot(first, CONN_POOL_MAX_CAPACITY));
    refuses_lease(forged, end_lease, pool, with_slot(first, UINT32_MAX));
    /* A slot of another lease, in the same generation. */
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &second));
    CHECK(second.generation == first.generation && second.slot == 1 - first.slot);
    refuses_lease(forged, end_lease, pool, with_slot(first, second.slot));
    /* Generations that have not come yet, or never come. */
    refuses_lease(forged, end_lease, pool, with_generation(first, first.generation + 1));
    refuses_lease(forged, end_lease, pool, with_generation(first, first.generation + 2));
    refuses_lease(forged, end_lease, pool, with_generation(first, 0));
    refuses_lease(forged, end_lease, pool, with_generation(first, 0x40000001));
    /* The resource of another lease, and what is no resource. */
    refuses_lease(forged, end_lease, pool, with_resource(first, second.resource));
    refuses_lease(forged, end_lease, pool, with_resource(first, &first));
    refuses_lease(forged, end_lease, pool, with_resource(first, NULL));

    CHECK(STATS(pool).in_use == CAPACITY && STATS(pool).destroyed == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &first));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &second));
    still_works(pool, CAPACITY, 12);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

/* With `reset`, a release takes another way through the library. It checks the lease there too. */
static int resets;

static int count_resets(void *user, void *resource)
{
    (void)user;
    (void)resource;
    resets++;
    return 0;
}

static void a_refused_lease_is_not_reset(void)
{
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    conn_pool_lease lease = CONN_POOL_LEASE_INIT, copy;
    conn_pool *pool = NULL;

    config.capacity = 1;
    config.reset = count_resets;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_create(&config, &pool));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_add(pool, &things[0]));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
    copy = lease;
    CHECK_STATUS(CONN_POOL_FORGED, conn_pool_release(pool, &(conn_pool_lease){
                                                                pool, &things[1], lease.slot,
                                                                lease.generation }));
    CHECK(resets == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    CHECK(resets == 1);
    refuses_lease(CONN_POOL_NOT_HELD, conn_pool_release, pool, copy);
    CHECK(resets == 1);
    still_works(pool, 1, 2);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

/* Both ways to make a pool refuse it with the same status, and there are words for it. */
static void refuses_config(conn_pool_status expected, const conn_pool_config *config,
                           const char *word)
{
    static CONN_POOL_DEFINE_STORAGE(storage, CAPACITY);
    conn_pool *pool = NULL;
    const char *problem = conn_pool_config_problem(config);

    memset(&storage, CANARY, sizeof storage);
    CHECK_STATUS(expected, conn_pool_create(config, &pool));
    CHECK_STATUS(expected, conn_pool_init(&storage, sizeof storage, config, &pool));
    CHECK(pool == NULL && is_as_it_was(&storage, sizeof storage));
    if (CHECK(problem != NULL)) {
        CHECK(strstr(problem, word) != NULL);
    }
}

static conn_pool_config fine_config(void)
{
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    config.capacity = CAPACITY;
    return config;
}

static void a_configuration_that_makes_no_sense_is_refused(void)
{
    conn_pool_config config = fine_config();

    config.capacity = 0;
    refuses_config(CONN_POOL_INVALID_ARGUMENT, &config, "capacity");
    config.capacity = CONN_POOL_MAX_CAPACITY + 1;
    refuses_config(CONN_POOL_INVALID_ARGUMENT, &config, "capacity");
    config.capacity = UINT32_MAX;
    refuses_config(CONN_POOL_INVALID_ARGUMENT, &config, "capacity");
    config = fine_config();
    config.max_size = CAPACITY + 1;
    refuses_config(CONN_POOL_INVALID_ARGUMENT, &config, "max_size");
    config = fine_config();
    config.min_idle = CAPACITY + 1;
    refuses_config(CONN_POOL_INVALID_ARGUMENT, &config, "min_idle");
    config.min_idle = 1;
    config.create = NULL;
    refuses_config(CONN_POOL_INVALID_ARGUMENT, &config, "min_idle");
}

/* The configuration of a program that was compiled against a newer header: ours, and more. */
struct newer_config {
    conn_pool_config known;
    unsigned char more[24];
};

static void a_configuration_of_another_size_is_understood_or_refused(void)
{
    conn_pool_config config = fine_config();
    struct newer_config newer;
    conn_pool *pool = NULL;
    size_t at;

    config.struct_size = 0;
    refuses_config(CONN_POOL_INVALID_ARGUMENT, &config, "struct_size");
    config.struct_size = sizeof config - 1;
    refuses_config(CONN_POOL_INVALID_ARGUMENT, &config, "struct_size");
    config.struct_size = sizeof config.struct_size;
    refuses_config(CONN_POOL_INVALID_ARGUMENT, &config, "struct_size");

    memset(&newer, 0, sizeof newer);
    newer.known = fine_config();
    newer.known.struct_size = sizeof newer;
    CHECK(conn_pool_config_problem(&newer.known) == NULL);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_create(&newer.known, &pool));
    CHECK(STATS(pool).capacity == CAPACITY);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
    for (at = 0; at < sizeof newer.more; at++) {
        newer.more[at] = 1;
        refuses_config(CONN_POOL_CONFIG_TOO_NEW, &newer.known, "struct_size");
        newer.more[at] = 0;
    }
}

/*
 * The figures of a newer and of an older program: as many as it has room for, and zeros for what is
 * not known here.
 */
static void stats_of_another_size_are_understood(void)
{
    struct {
        conn_pool_stats known;
        size_t more[2];
        unsigned char canary;
    } newer;
    conn_pool_stats stats;
    conn_pool *pool = open_pool(CAPACITY);
    size_t size;

    memset(&newer, CANARY, sizeof newer);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_get_stats(pool, &newer.known,
                                               sizeof newer.known + sizeof newer.more));
    CHECK(newer.known.capacity == CAPACITY && newer.known.closed == 0);
    /* How much of it means something. */
    CHECK(newer.known.struct_size == sizeof newer.known);
    CHECK(newer.more[0] == 0 && newer.more[1] == 0 && newer.canary == CANARY);

    memset(&stats, CANARY, sizeof stats);
    size = offsetof(conn_pool_stats, max_size);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_get_stats(pool, &stats, size));
    CHECK(stats.struct_size == size && stats.capacity == CAPACITY);
    CHECK(is_as_it_was(&stats.max_size, sizeof stats - size));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

int main(void)
{
    static end_lease *const ways[] = { conn_pool_release, conn_pool_discard };
    size_t way;

    no_pool_is_an_error_and_no_crash();
    a_destroyed_pool_is_none();
    null_anywhere_is_an_error_and_no_crash();
    for (way = 0; way < sizeof ways / sizeof ways[0]; way++) {
        a_lease_is_released_once(ways[way]);
        a_discarded_lease_is_gone(ways[way]);
        a_lease_is_released_to_its_own_pool(ways[way]);
        a_forged_lease_is_refused(ways[way]);
    }
    a_refused_lease_is_not_reset();
    a_configuration_that_makes_no_sense_is_refused();
    a_configuration_of_another_size_is_understood_or_refused();
    stats_of_another_size_are_understood();
    return check_report("misuse");
}

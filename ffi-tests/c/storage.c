/* Pools in the program's own storage: without a heap, of any capacity, and within the storage. */
#include <string.h>

#include "check.h"

CONN_POOL_DEFINE_STATIC(of_1, 1);
CONN_POOL_DEFINE_STATIC(of_2, 2);
static CONN_POOL_DEFINE_STORAGE(of_64, 64);
static CONN_POOL_DEFINE_STORAGE(of_65, 65);
static CONN_POOL_DEFINE_STORAGE(of_1024, 1024);
CONN_POOL_DEFINE_STATIC(of_4096, CONN_POOL_MAX_CAPACITY);

enum { MOST = CONN_POOL_MAX_CAPACITY, CANARY = 0xA5, GUARD = 64 };

static int things[MOST];
static unsigned char seen[MOST];
static conn_pool_lease leases[MOST];

static void *user_of_destroy;
static int destroyed;

static void destroy(void *user, void *resource)
{
    user_of_destroy = user;
    destroyed += resource >= (void *)&things[0] && resource < (void *)&things[MOST];
}

/* Fills a pool, acquires all of its resources, and releases them. */
static void every_slot_works(conn_pool *pool, uint32_t capacity)
{
    uint32_t at, refused = 0;
    conn_pool_lease one_more = CONN_POOL_LEASE_INIT;

    memset(seen, 0, sizeof seen);
    for (at = 0; at < capacity; at++) {
        refused += conn_pool_add(pool, &things[at]) != CONN_POOL_OK;
    }
    CHECK(refused == 0);
    CHECK_STATUS(CONN_POOL_FULL, conn_pool_add(pool, &things[0]));
    CHECK(STATS(pool).idle == capacity);
    for (at = 0; at < capacity; at++) {
        if (conn_pool_try_acquire(pool, &leases[at]) != CONN_POOL_OK) {
            refused++;
            continue;
        }
        refused += leases[at].slot >= capacity;
        refused += seen[(int *)leases[at].resource - things]++ != 0;
    }
    CHECK(refused == 0);
    CHECK_STATUS(CONN_POOL_EXHAUSTED, conn_pool_try_acquire(pool, &one_more));
    CHECK(STATS(pool).in_use == capacity);
    CHECK_STATUS(CONN_POOL_BUSY, conn_pool_destroy(pool));
    for (at = 0; at < capacity; at++) {
        refused += conn_pool_release(pool, &leases[at]) != CONN_POOL_OK;
    }
    CHECK(refused == 0);
}

static void a_pool_lives_in_static_storage(void *storage, size_t size, uint32_t capacity)
{
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    conn_pool *pool = NULL;

    config.capacity = capacity;
    config.user = storage;
    config.destroy = destroy;
    CHECK(size >= CONN_POOL_STORAGE_SIZE(capacity));
    CHECK(CONN_POOL_STORAGE_SIZE(capacity) >= conn_pool_storage_size(capacity));
    if (!CHECK_STATUS(CONN_POOL_OK, conn_pool_init(storage, size, &config, &pool))) {
        return;
    }
    CHECK((void *)pool == storage);
    every_slot_works(pool, capacity);
    destroyed = 0;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
    CHECK(destroyed == (int)capacity && user_of_destroy == storage);
    CHECK_STATUS(CONN_POOL_INVALID_ARGUMENT, conn_pool_try_acquire(pool, &lease));
    CHECK_STATUS(CONN_POOL_INVALID_ARGUMENT, conn_pool_destroy(pool));

    /* What a pool has left in the storage does not matter to the next one. */
    CHECK_STATUS(CONN_POOL_OK, conn_pool_init(storage, size, &config, &pool));
    CHECK(STATS(pool).vacant == capacity && STATS(pool).acquired == 0);
    CHECK_STATUS(CONN_POOL_EXHAUSTED, conn_pool_try_acquire(pool, &lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_add(pool, &things[0]));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
    CHECK(destroyed == (int)capacity + 1);
}

static void the_macros_give_enough(void)
{
    uint32_t capacity, too_small = 0, too_large = 0, not_growing = 0;

    for (capacity = 1; capacity <= MOST; capacity++) {
        too_small += CONN_POOL_STORAGE_SIZE(capacity) < conn_pool_storage_size(capacity);
        too_large += CONN_POOL_STORAGE_SIZE(capacity) > conn_pool_storage_size(capacity) / 4 * 5;
        not_growing += conn_pool_storage_size(capacity) <= conn_pool_storage_size(capacity - 1);
    }
    CHECK(too_small == 0);
    /* The room for later versions is a quarter. It is stated in bytes, so there is more where words are shorter. */
    CHECK(too_large == 0 || sizeof(void *) < 8);
    CHECK(not_growing == 0);
    CHECK(conn_pool_storage_size(0) == 0);
    CHECK(conn_pool_storage_size(MOST + 1) == 0);
    CHECK(conn_pool_storage_size(UINT32_MAX) == 0);
    CHECK(conn_pool_storage_align() > 0);
    CHECK((conn_pool_storage_align() & (conn_pool_storage_align() - 1)) == 0);
    CHECK((uintptr_t)&of_1 % conn_pool_storage_align() == 0);
}

static int is_all(const unsigned char *bytes, size_t count)
{
    size_t at;

    for (at = 0; at < count; at++) {
        if (bytes[at] != CANARY) {
            return 0;
        }
    }
    return 1;
}

/* Exactly conn_pool_storage_size bytes are enough, and what is before and behind is left alone. */
static void the_exact_size_is_enough(uint32_t capacity)
{
    unsigned char *whole = of_4096.bytes, *storage = whole + GUARD;
    size_t size = conn_pool_storage_size(capacity);
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    conn_pool *pool = NULL;

    CHECK(GUARD + size + GUARD <= sizeof of_4096);
    memset(whole, CANARY, GUARD + size + GUARD);
    config.capacity = capacity;
    CHECK_STATUS(CONN_POOL_STORAGE_TOO_SMALL, conn_pool_init(storage, size - 1, &config, &pool));
    CHECK_STATUS(CONN_POOL_STORAGE_TOO_SMALL, conn_pool_init(storage, 0, &config, &pool));
    CHECK(pool == NULL && is_all(whole, GUARD + size + GUARD));
    if (!CHECK_STATUS(CONN_POOL_OK, conn_pool_init(storage, size, &config, &pool))) {
        return;
    }
    every_slot_works(pool, capacity);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
    CHECK(is_all(whole, GUARD) && is_all(storage + size, GUARD));
}

static void misaligned_storage_is_refused(void)
{
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    conn_pool *pool = NULL;
    size_t shift, size = conn_pool_storage_size(1);

    memset(&of_2, CANARY, sizeof of_2);
    config.capacity = 1;
    for (shift = 1; shift < conn_pool_storage_align(); shift++) {
        CHECK_STATUS(CONN_POOL_MISALIGNED,
                     conn_pool_init(of_2.bytes + shift, size, &config, &pool));
    }
    CHECK(pool == NULL && is_all(of_2.bytes, sizeof of_2));
}

int main(void)
{
    a_pool_lives_in_static_storage(&of_1, sizeof of_1, 1);
    a_pool_lives_in_static_storage(&of_2, sizeof of_2, 2);
    a_pool_lives_in_static_storage(&of_64, sizeof of_64, 64);
    a_pool_lives_in_static_storage(&of_65, sizeof of_65, 65);
    a_pool_lives_in_static_storage(&of_1024, sizeof of_1024, 1024);
    a_pool_lives_in_static_storage(&of_4096, sizeof of_4096, MOST);
    the_macros_give_enough();
    the_exact_size_is_enough(1);
    the_exact_size_is_enough(63);
    the_exact_size_is_enough(1000);
    misaligned_storage_is_refused();
    return check_report("storage");
}

/* The basics: versions, names of statuses, and a lease from acquire to release. */
#include <limits.h>
#include <string.h>

#include "check.h"

static void versions_agree(void)
{
    char text[64];

    CHECK(conn_pool_version() == CONN_POOL_VERSION);
    CHECK(CONN_POOL_VERSION == CONN_POOL_VERSION_MAJOR * 10000 + CONN_POOL_VERSION_MINOR * 100
                                   + CONN_POOL_VERSION_PATCH);
    snprintf(text, sizeof text, "%d.%d.%d", CONN_POOL_VERSION_MAJOR, CONN_POOL_VERSION_MINOR,
             CONN_POOL_VERSION_PATCH);
    CHECK(strcmp(conn_pool_version_string(), text) == 0);
}

#define STATUS(name) { name, #name }

static const struct {
    int number;
    const char *name;
} statuses[] = {
    STATUS(CONN_POOL_OK),
    STATUS(CONN_POOL_PENDING),
    STATUS(CONN_POOL_EXHAUSTED),
    STATUS(CONN_POOL_TIMED_OUT),
    STATUS(CONN_POOL_CLOSED),
    STATUS(CONN_POOL_BUSY),
    STATUS(CONN_POOL_INVALID_ARGUMENT),
    STATUS(CONN_POOL_UNSUPPORTED),
    STATUS(CONN_POOL_CONFIG_TOO_NEW),
    STATUS(CONN_POOL_STORAGE_TOO_SMALL),
    STATUS(CONN_POOL_MISALIGNED),
    STATUS(CONN_POOL_OUT_OF_MEMORY),
    STATUS(CONN_POOL_NOT_HELD),
    STATUS(CONN_POOL_STALE),
    STATUS(CONN_POOL_WRONG_POOL),
    STATUS(CONN_POOL_FORGED),
    STATUS(CONN_POOL_FULL),
    STATUS(CONN_POOL_CREATE_FAILED),
    STATUS(CONN_POOL_ALREADY_WAITING),
    STATUS(CONN_POOL_NOT_WAITING),
    STATUS(CONN_POOL_FORKED),
    STATUS(CONN_POOL_PANIC),
    STATUS(CONN_POOL_DEADLOCK),
};

static const size_t status_count = sizeof statuses / sizeof statuses[0];

/*
 * How many numbers near zero have a name in the library. So a status that is missing in the table
 * above is noticed.
 */
static size_t named_by_the_library(void)
{
    size_t count = 0;
    int number;

    for (number = -1000; number <= 1000; number++) {
        count += strcmp(conn_pool_status_name(number), "CONN_POOL_UNKNOWN") != 0;
    }
    return count;
}

static void statuses_have_names_and_texts(void)
{
    static const int unknown[] = { 2, 22, -22, -1000, INT_MAX, INT_MIN };
    const char *no_text = conn_pool_strerror(INT_MIN);
    size_t at, other;

    for (at = 0; at < status_count; at++) {
        const char *text = conn_pool_strerror(statuses[at].number);
        CHECK(strcmp(conn_pool_status_name(statuses[at].number), statuses[at].name) == 0);
        CHECK(text != NULL && text[0] != '\0' && strcmp(text, no_text) != 0);
        for (other = 0; other < at; other++) {
            CHECK(strcmp(text, conn_pool_strerror(statuses[other].number)) != 0);
        }
    }
    CHECK(named_by_the_library() == status_count);
    for (at = 0; at < sizeof unknown / sizeof unknown[0]; at++) {
        CHECK(strcmp(conn_pool_status_name(unknown[at]), "CONN_POOL_UNKNOWN") == 0);
        CHECK(strcmp(conn_pool_strerror(unknown[at]), "not a status of conn_pool") == 0);
    }
}

static int is_empty(const conn_pool_lease *lease)
{
    return lease->pool == NULL && lease->resource == NULL && lease->slot == 0
           && lease->generation == 0;
}

static void a_lease_is_acquired_and_released(void)
{
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    conn_pool_lease first = CONN_POOL_LEASE_INIT, second = CONN_POOL_LEASE_INIT;
    conn_pool_stats stats;
    conn_pool *pool = NULL;
    int one = 1, two = 2;

    config.capacity = 3;
    config.name = "basic";
    CHECK(conn_pool_config_problem(&config) == NULL);
    if (!CHECK_STATUS(CONN_POOL_OK, conn_pool_create(&config, &pool))) {
        return;
    }
    CHECK(strcmp(conn_pool_name(pool), "basic") == 0);
    CHECK_STATUS(CONN_POOL_EXHAUSTED, conn_pool_try_acquire(pool, &first));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_add(pool, &one));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_add(pool, &two));
    stats = STATS(pool);
    CHECK(stats.capacity == 3 && stats.max_size == 3);
    CHECK(stats.idle == 2 && stats.vacant == 1 && stats.in_use == 0);

    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &first));
    CHECK(first.pool == pool && (first.resource == &one || first.resource == &two));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_acquire(pool, PATIENCE_MS, &second));
    CHECK(second.pool == pool && second.resource != first.resource);
    CHECK(second.resource == &one || second.resource == &two);
    CHECK(second.slot != first.slot);
    stats = STATS(pool);
    CHECK(stats.idle == 0 && stats.vacant == 1 && stats.in_use == 2);

    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &first));
    CHECK(is_empty(&first));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_discard(pool, &second));
    CHECK(is_empty(&second));
    stats = STATS(pool);
    CHECK(stats.idle == 1 && stats.vacant == 2 && stats.in_use == 0);
    CHECK(stats.acquired == 2 && stats.destroyed == 1 && stats.misused == 0);
    CHECK(stats.peak_in_use == 2);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_reset_peaks(pool));
    CHECK(STATS(pool).peak_in_use == 0);

    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &first));
    CHECK(STATS(pool).reused == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &first));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

static void a_pool_takes_no_more_resources_than_it_has_slots(void)
{
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    conn_pool *pool = NULL;
    int one = 1, two = 2;

    config.capacity = 1;
    if (!CHECK_STATUS(CONN_POOL_OK, conn_pool_create(&config, &pool))) {
        return;
    }
    CHECK(strcmp(conn_pool_name(pool), "") == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_add(pool, &one));
    CHECK_STATUS(CONN_POOL_FULL, conn_pool_add(pool, &two));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
    CHECK_STATUS(CONN_POOL_FULL, conn_pool_add(pool, &two));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_discard(pool, &lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_add(pool, &two));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_close(pool));
    CHECK_STATUS(CONN_POOL_CLOSED, conn_pool_add(pool, &one));
    CHECK_STATUS(CONN_POOL_CLOSED, conn_pool_try_acquire(pool, &lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

#ifdef CONN_POOL_RELEASED_AT_END
/* Returns early while it holds a lease. */
static size_t return_early(conn_pool *pool)
{
    CONN_POOL_RELEASED_AT_END conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    CONN_POOL_RELEASED_AT_END conn_pool_lease empty = CONN_POOL_LEASE_INIT;

    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
    /* It does nothing more for one that was released. */
    conn_pool_release_at_end(&empty);
    return empty.pool == NULL ? STATS(pool).in_use : 77;
}

static void a_lease_may_end_with_its_variable(void)
{
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    conn_pool *pool = NULL;
    int thing = 0;

    config.capacity = 1;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_create(&config, &pool));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_add(pool, &thing));
    CHECK(return_early(pool) == 1);
    CHECK(STATS(pool).in_use == 0 && STATS(pool).misused == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}
#endif

int main(void)
{
    versions_agree();
    statuses_have_names_and_texts();
    a_lease_is_acquired_and_released();
    a_pool_takes_no_more_resources_than_it_has_slots();
#ifdef CONN_POOL_RELEASED_AT_END
    a_lease_may_end_with_its_variable();
#endif
    return check_report("basic");
}

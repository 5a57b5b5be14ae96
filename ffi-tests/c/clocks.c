/*
 * How often a pair of acquire and release reads a clock, counted: by a clock_gettime of this
 * program's own, which the library calls too.
 */
#include "check.h"

/* Where a long has 32 bits, the library calls a function with a time_t of 64 bits if there is one. */
#if defined(__linux__) && defined(__LP64__)

#include <sys/syscall.h>

/* POSIX does not declare it. */
extern long syscall(long number, ...);

static __thread int precise_reads;
static __thread int coarse_reads;

int clock_gettime(clockid_t clock, struct timespec *now)
{
    *(clock == CLOCK_MONOTONIC ? &precise_reads : &coarse_reads) += 1;
    return (int)syscall(SYS_clock_gettime, clock, now);
}

static int create(void *user, uint32_t within_ms, void **resource)
{
    static char made;

    (void)within_ms;
    (void)user;
    *resource = &made;
    return 0;
}

static int approve(void *user, void *resource)
{
    (void)user;
    (void)resource;
    return 0;
}

/* What is counted from here on. */
static void begin(void)
{
    precise_reads = 0;
    coarse_reads = 0;
}

static conn_pool *open_pool(const conn_pool_config *config)
{
    conn_pool *pool = NULL;
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;

    CHECK_STATUS(CONN_POOL_OK, conn_pool_create(config, &pool));
    /* The first resource is created, and it takes a clock to tell how long that takes. */
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    return pool;
}

enum { PAIRS = 3 };

/* Of PAIRS pairs each, by every function that acquires. */
static void check_reads(conn_pool *pool, int coarse)
{
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    int at;

    begin();
    for (at = 0; at < PAIRS; at++) {
        CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
        CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    }
    CHECK(precise_reads == 0 && coarse_reads == PAIRS * coarse);
    begin();
    for (at = 0; at < PAIRS; at++) {
        CHECK_STATUS(CONN_POOL_OK, conn_pool_acquire(pool, PATIENCE_MS, &lease));
        CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    }
    CHECK(precise_reads == 0 && coarse_reads == PAIRS * coarse);
    begin();
    for (at = 0; at < PAIRS; at++) {
        CHECK_STATUS(CONN_POOL_OK, conn_pool_acquire_deadline(pool, 1, 0, &lease));
        CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    }
    CHECK(precise_reads == 0 && coarse_reads == PAIRS * coarse);
}

static conn_pool_config config_for(uint32_t capacity)
{
    conn_pool_config config = CONN_POOL_CONFIG_INIT;

    config.capacity = capacity;
    config.create = create;
    return config;
}

static void a_pair_reads_no_clock(void)
{
    conn_pool_config config = config_for(2);
    conn_pool_lease held = CONN_POOL_LEASE_INIT;
    conn_pool *pool;

    pool = open_pool(&config);
    check_reads(pool, 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
    config.idle_timeout_ms = PATIENCE_MS;
    config.reset = approve;
    pool = open_pool(&config);
    check_reads(pool, 0);
    /* Nor if the first slot is not free. */
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &held));
    CHECK(conn_pool_add(pool, &held) == CONN_POOL_OK);
    check_reads(pool, 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &held));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

static void a_pair_with_a_lifetime_reads_the_coarse_clock_once(void)
{
    conn_pool_config config = config_for(2);
    conn_pool_lease held = CONN_POOL_LEASE_INIT;
    conn_pool *pool;

    config.max_lifetime_ms = PATIENCE_MS;
    pool = open_pool(&config);
    check_reads(pool, 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &held));
    CHECK(conn_pool_add(pool, &held) == CONN_POOL_OK);
    check_reads(pool, 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &held));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
    config.reset = approve;
    pool = open_pool(&config);
    check_reads(pool, 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

static void maintenance_costs_the_next_lease_no_more(void)
{
    conn_pool_config config = config_for(1);
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    conn_pool *pool;

    config.max_lifetime_ms = PATIENCE_MS;
    pool = open_pool(&config);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_maintain(pool, NULL));
    begin();
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    CHECK(precise_reads == 0 && coarse_reads == 1);
    check_reads(pool, 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

/* What a callback takes counts, so the time has to begin before it. */
static void a_pool_that_checks_reads_the_clock_for_a_timeout(void)
{
    conn_pool_config config = config_for(1);
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    conn_pool *pool;

    config.validate = approve;
    pool = open_pool(&config);
    begin();
    CHECK_STATUS(CONN_POOL_OK, conn_pool_acquire(pool, CONN_POOL_WAIT_FOREVER, &lease));
    CHECK(precise_reads == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_acquire(pool, PATIENCE_MS, &lease));
    CHECK(precise_reads == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

static void a_pool_that_need_not_check_reads_no_clock_for_a_timeout(void)
{
    conn_pool_config config = config_for(1);
    conn_pool *pool;

    config.validate = approve;
    config.validate_after_ms = PATIENCE_MS;
    pool = open_pool(&config);
    check_reads(pool, 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

/* Else the counts above would mean nothing. */
static void a_caller_that_waits_reads_the_clock(void)
{
    conn_pool_config config = config_for(1);
    conn_pool_lease held = CONN_POOL_LEASE_INIT, lease = CONN_POOL_LEASE_INIT;
    conn_pool *pool = open_pool(&config);

    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &held));
    begin();
    CHECK_STATUS(CONN_POOL_TIMED_OUT, conn_pool_acquire(pool, 1, &lease));
    CHECK(precise_reads > 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &held));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

int main(void)
{
    a_pair_reads_no_clock();
    a_pair_with_a_lifetime_reads_the_coarse_clock_once();
    maintenance_costs_the_next_lease_no_more();
    a_pool_that_checks_reads_the_clock_for_a_timeout();
    a_pool_that_need_not_check_reads_no_clock_for_a_timeout();
    a_caller_that_waits_reads_the_clock();
    return check_report("clocks");
}

#else

/* Here the library's calls cannot be caught: they go elsewhere. */
int main(void)
{
    CHECK(conn_pool_version() == CONN_POOL_VERSION);
    return check_report("clocks");
}

#endif

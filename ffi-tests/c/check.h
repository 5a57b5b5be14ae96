/*
 * The checks of the programs in this folder.
 *
 * A check that fails is printed with its place and its text, and the program goes on. check_report,
 * at the end of main, gives the program's exit code.
 *
 * The counters are relaxed atomics on purpose: a mutex would order the threads that check
 * something, and so hide from ThreadSanitizer that the pool has failed to order them.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <time.h>

#include <conn_pool.h>

/*
 * For waits that a correct pool ends at once. If a wake-up is lost, the wait times out, and the
 * program does not hang.
 */
#define PATIENCE_MS 60000

static unsigned check_total;
static unsigned check_failed;

static inline int check_that(int holds, const char *file, int line, const char *text)
{
    __atomic_fetch_add(&check_total, 1, __ATOMIC_RELAXED);
    if (!holds) {
        __atomic_fetch_add(&check_failed, 1, __ATOMIC_RELAXED);
        fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, text);
    }
    return holds;
}

static inline int check_status(int expected, int found, const char *file, int line,
                               const char *text)
{
    __atomic_fetch_add(&check_total, 1, __ATOMIC_RELAXED);
    if (expected != found) {
        __atomic_fetch_add(&check_failed, 1, __ATOMIC_RELAXED);
        fprintf(stderr, "%s:%d: %s answered %s (%d) instead of %s\n", file, line, text,
                conn_pool_status_name(found), found, conn_pool_status_name(expected));
    }
    return expected == found;
}

static inline conn_pool_stats check_stats(const conn_pool *pool, const char *file, int line)
{
    conn_pool_stats stats;
    conn_pool_status status = conn_pool_get_stats(pool, &stats, sizeof stats);
    if (status != CONN_POOL_OK) {
        const conn_pool_stats none = { 0 };
        stats = none;
    }
    check_status(CONN_POOL_OK, status, file, line, "conn_pool_get_stats");
    return stats;
}

/* Waits until so many callers are in the wait queue, for a time that only a broken pool exceeds. */
static inline int check_waiting(const conn_pool *pool, size_t count)
{
    const struct timespec moment = { 0, 200000 };
    conn_pool_stats stats;
    int tries;

    for (tries = 0; tries < 100000; tries++) {
        if (conn_pool_get_stats(pool, &stats, sizeof stats) != CONN_POOL_OK) {
            return 0;
        }
        if (stats.waiting == count) {
            return 1;
        }
        nanosleep(&moment, NULL);
    }
    return 0;
}

/* Prints the outcome, and returns the exit code for main. */
static inline int check_report(const char *name)
{
    unsigned total = __atomic_load_n(&check_total, __ATOMIC_RELAXED);
    unsigned failed = __atomic_load_n(&check_failed, __ATOMIC_RELAXED);

    if (failed != 0 || total == 0) {
        printf("%s: %u of %u checks failed\n", name, failed, total);
    } else {
        printf("%s: %u checks passed\n", name, total);
    }
    fflush(stdout);
    return failed != 0 || total == 0;
}

/* Both are 1 if the check holds, so that a program can stop where it cannot go on. */
#define CHECK(condition) check_that((condition) ? 1 : 0, __FILE__, __LINE__, #condition)
#define CHECK_STATUS(expected, call) check_status((expected), (call), __FILE__, __LINE__, #call)

/* What the pool has counted. */
#define STATS(pool) check_stats((pool), __FILE__, __LINE__)

/* So many callers are in the wait queue, now or in a moment. */
#define CHECK_WAITING(pool, count) \
    check_that(check_waiting((pool), (count)), __FILE__, __LINE__, #count " callers wait at " #pool)

#endif

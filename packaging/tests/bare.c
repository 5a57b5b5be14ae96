/*
 * A program without an operating system, a heap or a C library, with its pool in static storage.
 * Compiled with -DCONN_POOL_BARE. Exits with 0, or with the number of the line whose check failed.
 */
#include <conn_pool.h>

#define SENSORS 2

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            return __LINE__; \
        } \
    } while (0)

#ifdef WITH_INTERRUPTS
/* What the feature `critical-section` needs of a program. A real one masks interrupts here. */
static int masked;

void _critical_section_1_0_acquire(void)
{
    masked++;
}

void _critical_section_1_0_release(void)
{
    masked--;
}
#endif

/* What the library calls if it finds a bug of its own. */
void abort(void);

void abort(void)
{
    for (;;) {
    }
}

static CONN_POOL_DEFINE_STORAGE(storage, SENSORS);
static int sensors[SENSORS];
static conn_pool_waiter waiter;

static conn_pool_status heard;
static conn_pool_lease served;

static void on_ready(void *user, conn_pool_status status, const conn_pool_lease *lease)
{
    (void)user;
    heard = status;
    if (lease != NULL) {
        served = *lease;
    }
}

/* What is stated is no less than what is needed, and more by a few words at most, which some builds use for locks. */
static int is_about_right(uint32_t capacity)
{
    size_t stated = CONN_POOL_STORAGE_SIZE(capacity), needed = conn_pool_storage_size(capacity);

    return needed != 0 && needed <= stated && stated <= needed + 6 * sizeof(void *);
}

static int run(void)
{
    static conn_pool_config config = CONN_POOL_CONFIG_INIT;
    conn_pool_lease first = CONN_POOL_LEASE_INIT;
    conn_pool_lease second = CONN_POOL_LEASE_INIT;
    conn_pool_lease copy;
    conn_pool_stats stats;
    conn_pool *pool = NULL;
    uint32_t capacity;

    CHECK(conn_pool_version() == CONN_POOL_VERSION);
    for (capacity = 1; capacity <= CONN_POOL_MAX_CAPACITY; capacity++) {
        CHECK(is_about_right(capacity));
    }
    config.capacity = SENSORS;
    CHECK(conn_pool_init(&storage, 1, &config, &pool) == CONN_POOL_STORAGE_TOO_SMALL);
    CHECK(conn_pool_init(&storage, sizeof storage, &config, &pool) == CONN_POOL_OK);
    CHECK(conn_pool_add(pool, &sensors[0]) == CONN_POOL_OK);
    CHECK(conn_pool_add(pool, &sensors[1]) == CONN_POOL_OK);
    CHECK(conn_pool_add(pool, &sensors[1]) == CONN_POOL_FULL);

    CHECK(conn_pool_try_acquire(pool, &first) == CONN_POOL_OK);
    CHECK(conn_pool_acquire(pool, 0, &second) == CONN_POOL_OK);
    CHECK(first.resource != second.resource);
    CHECK(conn_pool_try_acquire(pool, &served) == CONN_POOL_EXHAUSTED);
    CHECK(conn_pool_acquire(pool, 10, &served) == CONN_POOL_UNSUPPORTED);

    CHECK(conn_pool_acquire_async(pool, &waiter, on_ready, NULL, &served) == CONN_POOL_PENDING);
    CHECK(served.pool == NULL);
    copy = first;
    CHECK(conn_pool_release(pool, &first) == CONN_POOL_OK);
    CHECK(heard == CONN_POOL_OK && served.resource == copy.resource);
    CHECK(conn_pool_release(pool, &copy) == CONN_POOL_STALE);
    CHECK(conn_pool_release(pool, &first) == CONN_POOL_NOT_HELD);

    CHECK(conn_pool_get_stats(pool, &stats, sizeof stats) == CONN_POOL_OK);
    CHECK(stats.capacity == SENSORS && stats.in_use == SENSORS && stats.waiting == 0);
    CHECK(conn_pool_destroy(pool) == CONN_POOL_BUSY);
    CHECK(conn_pool_release(pool, &served) == CONN_POOL_OK);
    CHECK(conn_pool_release(pool, &second) == CONN_POOL_OK);
    CHECK(conn_pool_drain(pool, 0) == CONN_POOL_OK);
    CHECK(conn_pool_try_acquire(pool, &first) == CONN_POOL_CLOSED);
    CHECK(conn_pool_destroy(pool) == CONN_POOL_OK);
#ifdef WITH_INTERRUPTS
    CHECK(masked == 0);
#endif
    return 0;
}

int main(void)
{
    /* An exit code has eight bits: a multiple of 256 must not look like success. */
    int line = run();
    return line > 255 ? 255 : line;
}

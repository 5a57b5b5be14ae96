/*
 * Two threads count with a resource, each under its lease. The bug: they also count after the release, when the
 * resource is another's. With an argument they do not, and then there is no race, though the tools do not see how the
 * library orders the threads.
 */
#include <pthread.h>
#include <sched.h>

#include <conn_pool.h>

enum { ROUNDS = 2000 };

static conn_pool *pool;
static int is_sound;

static void *count(void *unused)
{
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    int round;

    for (round = 0; round < ROUNDS; round++) {
        int *counter;

        if (conn_pool_acquire(pool, CONN_POOL_WAIT_FOREVER, &lease) != CONN_POOL_OK) {
            return &pool;
        }
        counter = lease.resource;
        ++*counter;
        if (round % 64 == 0) {
            sched_yield();
        }
        if (conn_pool_release(pool, &lease) != CONN_POOL_OK) {
            return &pool;
        }
        if (!is_sound) {
            ++*counter;
        }
    }
    return unused;
}

/* The resource is looked at by whoever checks and ends it, too. */
static int look(void *user, void *resource)
{
    (void)user;
    return *(int *)resource < 0;
}

static int create(void *user, uint32_t within_ms, void **resource)
{
    (void)within_ms;
    *(int *)user = 0;
    *resource = user;
    return 0;
}

static void destroy(void *user, void *resource)
{
    (void)user;
    ++*(int *)resource;
}

static int count_in_threads(const conn_pool_config *config, int rounds)
{
    pthread_t threads[2];
    void *result[2];
    int at;

    if (conn_pool_create(config, &pool) != CONN_POOL_OK) {
        return 2;
    }
    for (at = 0; at < 2; at++) {
        if (pthread_create(&threads[at], NULL, count, NULL) != 0) {
            return 2;
        }
    }
    /* Meanwhile this thread ends what is idle. */
    while (rounds-- > 0) {
        conn_pool_resize(pool, 0);
        conn_pool_resize(pool, 1);
        conn_pool_maintain(pool, NULL);
        sched_yield();
    }
    for (at = 0; at < 2; at++) {
        pthread_join(threads[at], &result[at]);
    }
    return conn_pool_destroy(pool) != CONN_POOL_OK || result[0] != NULL || result[1] != NULL;
}

int main(int argc, char **argv)
{
    static int counter;
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    int plain, checked;

    (void)argv;
    is_sound = argc > 1;
    config.capacity = 1;
    config.user = &counter;
    config.create = create;
    config.destroy = destroy;
    plain = count_in_threads(&config, 100);
    config.validate = look;
    config.reset = look;
    checked = count_in_threads(&config, 100);
    return plain != 0 ? plain : checked;
}

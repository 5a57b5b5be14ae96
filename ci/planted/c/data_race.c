/*
 * Two threads let the library write their leases to the same place: the race is in the library's
 * code. With an argument each has a place of its own.
 */
#include <pthread.h>

#include <conn_pool.h>

static conn_pool *pool;
static conn_pool_lease leases[2];

static void *borrow(void *lease)
{
    return conn_pool_try_acquire(pool, lease) != CONN_POOL_OK ? &pool : NULL;
}

int main(int argc, char **argv)
{
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    pthread_t threads[2];
    int at;

    (void)argv;
    config.capacity = 2;
    if (conn_pool_create(&config, &pool) != CONN_POOL_OK
        || conn_pool_add(pool, &leases[0]) != CONN_POOL_OK
        || conn_pool_add(pool, &leases[1]) != CONN_POOL_OK) {
        return 2;
    }
    for (at = 0; at < 2; at++) {
        if (pthread_create(&threads[at], NULL, borrow, &leases[argc > 1 ? at : 0]) != 0) {
            return 2;
        }
    }
    for (at = 0; at < 2; at++) {
        pthread_join(threads[at], NULL);
    }
    return conn_pool_release(pool, &leases[0]) != CONN_POOL_OK
           || conn_pool_release(pool, &leases[1]) != CONN_POOL_OK
           || conn_pool_destroy(pool) != CONN_POOL_OK;
}

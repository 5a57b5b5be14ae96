/* A shared library that contains the archive, as a plugin would. */
#include <conn_pool.h>

__attribute__((visibility("default"))) int plugin_run(void);

int plugin_run(void)
{
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    conn_pool *pool = NULL;
    int thing = 0;

    config.capacity = 1;
    return conn_pool_create(&config, &pool) != CONN_POOL_OK
           || conn_pool_add(pool, &thing) != CONN_POOL_OK
           || conn_pool_acquire(pool, CONN_POOL_WAIT_FOREVER, &lease) != CONN_POOL_OK
           || conn_pool_release(pool, &lease) != CONN_POOL_OK
           || conn_pool_destroy(pool) != CONN_POOL_OK;
}

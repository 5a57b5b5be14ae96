/*
 * A lease in memory that was freed is handed to the library: the library touches it, not this
 * program, so the report shows that the library is looked at too. With an argument the memory is
 * freed afterwards.
 */
#include <stdlib.h>

#include <conn_pool.h>

int main(int argc, char **argv)
{
    const int sound = argc > 1;
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    conn_pool_lease *lease = calloc(1, sizeof *lease);
    conn_pool *pool = NULL;
    int resource = 0, status;

    (void)argv;
    config.capacity = 1;
    if (lease == NULL || conn_pool_create(&config, &pool) != CONN_POOL_OK
        || conn_pool_add(pool, &resource) != CONN_POOL_OK
        || conn_pool_try_acquire(pool, lease) != CONN_POOL_OK) {
        return 2;
    }
    if (!sound) {
        free(lease);
    }
    status = conn_pool_release(pool, lease);
    if (sound) {
        free(lease);
    }
    return status != CONN_POOL_OK || conn_pool_destroy(pool) != CONN_POOL_OK;
}

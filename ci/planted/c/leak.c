/* Pools that are not destroyed. With an argument they are destroyed. */
#include <conn_pool.h>

/* More than one, since a stray copy of a pointer may stay in a register. */
#define POOLS 16

static int make_pool(int destroyed)
{
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    conn_pool *pool = NULL;

    config.capacity = 4;
    if (conn_pool_create(&config, &pool) != CONN_POOL_OK) {
        return 1;
    }
    return destroyed && conn_pool_destroy(pool) != CONN_POOL_OK;
}

int main(int argc, char **argv)
{
    int count, failed = 0;

    (void)argv;
    for (count = 0; count < POOLS; count++) {
        failed |= make_pool(argc > 1);
    }
    return failed;
}

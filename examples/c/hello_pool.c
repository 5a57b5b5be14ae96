/* First steps with conn_pool: cc hello_pool.c $(pkg-config --cflags --libs conn_pool) */
#include <conn_pool.h>
#include <stdio.h>
#include <stdlib.h>

static int connect_one(void *user, uint32_t within_ms, void **resource)
{
    (void)within_ms;
    (void)user;
    *resource = calloc(1, sizeof(int));
    return *resource == NULL; /* what is not 0 says that it failed */
}

static void disconnect_one(void *user, void *resource)
{
    (void)user;
    free(resource);
}

static void check(const char *what, conn_pool_status status)
{
    if (status != CONN_POOL_OK) {
        fprintf(stderr, "%s: %s\n", what, conn_pool_strerror(status));
        exit(1);
    }
}

int main(void)
{
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    conn_pool *pool;
    conn_pool_stats stats;

    config.capacity = 4;
    config.create = connect_one;
    config.destroy = disconnect_one;
    check("create", conn_pool_create(&config, &pool));
    for (int i = 0; i < 3; i++) {
        conn_pool_lease lease;
        check("acquire", conn_pool_acquire(pool, 2000, &lease)); /* waits up to two seconds */
        printf("request %d on this connection\n", ++*(int *)lease.resource);
        check("release", conn_pool_release(pool, &lease));
    }
    check("stats", conn_pool_get_stats(pool, &stats, sizeof stats));
    printf("leases: %zu, connections: %zu\n", stats.acquired, stats.created);
    check("destroy", conn_pool_destroy(pool));
    return 0;
}

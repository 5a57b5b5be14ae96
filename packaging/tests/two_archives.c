/* Two Rust archives in one program, conn_pool's and that of ci/other-archive: both must work. */
#include <stdio.h>

#include <conn_pool.h>

int other_caught_panics(void);

int main(void)
{
    static CONN_POOL_DEFINE_STORAGE(storage, 1);
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    conn_pool *pool = NULL;
    int resource = 0, caught;

    config.capacity = 1;
    if (conn_pool_init(&storage, sizeof storage, &config, &pool) != CONN_POOL_OK
        || conn_pool_add(pool, &resource) != CONN_POOL_OK
        || conn_pool_acquire(pool, 0, &lease) != CONN_POOL_OK || lease.resource != &resource
        || conn_pool_release(pool, &lease) != CONN_POOL_OK
        || conn_pool_destroy(pool) != CONN_POOL_OK) {
        fprintf(stderr, "the pool does not work\n");
        return 1;
    }
    caught = other_caught_panics();
    if (caught != 2) {
        fprintf(stderr, "the other library caught %d of 2 panics\n", caught);
        return 1;
    }
    return 0;
}

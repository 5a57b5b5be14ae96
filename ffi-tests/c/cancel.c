/* pthread_cancel: no function of the library is a cancellation point, and callbacks end undisturbed. */
#include <pthread.h>

#include "check.h"

/* A callback that waits until its thread was cancelled, and then comes across a cancellation point. */
struct world {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int is_inside;
    int was_cancelled;
    int passed;
    int resource;
};

static void meet(struct world *world)
{
    pthread_mutex_lock(&world->lock);
    world->is_inside = 1;
    pthread_cond_broadcast(&world->changed);
    while (!world->was_cancelled) {
        pthread_cond_wait(&world->changed, &world->lock);
    }
    world->is_inside = 0;
    world->was_cancelled = 0;
    pthread_mutex_unlock(&world->lock);
    pthread_testcancel();
    world->passed++;
}

static int create(void *user, uint32_t within_ms, void **resource)
{
    struct world *world = user;

    (void)within_ms;
    meet(world);
    *resource = &world->resource;
    return 0;
}

static int check(void *user, void *resource)
{
    (void)resource;
    meet(user);
    return 0;
}

static void destroy(void *user, void *resource)
{
    (void)resource;
    meet(user);
}

static void ready(void *user, conn_pool_status status, const conn_pool_lease *lease)
{
    conn_pool_lease own = CONN_POOL_LEASE_INIT;

    CHECK_STATUS(CONN_POOL_OK, status);
    if (lease != NULL) {
        own = *lease;
    }
    meet(user);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(own.pool, &own));
}

struct caller {
    pthread_t thread;
    conn_pool *pool;
    conn_pool_lease lease;
    conn_pool_status status;
};

static void *acquire(void *argument)
{
    struct caller *caller = argument;

    caller->status = conn_pool_acquire(caller->pool, PATIENCE_MS, &caller->lease);
    pthread_testcancel();
    return NULL;
}

static void *release(void *argument)
{
    struct caller *caller = argument;

    caller->status = conn_pool_release(caller->pool, &caller->lease);
    pthread_testcancel();
    return NULL;
}

static void *discard(void *argument)
{
    struct caller *caller = argument;

    caller->status = conn_pool_discard(caller->pool, &caller->lease);
    pthread_testcancel();
    return NULL;
}

/* Cancels a thread while it is in a callback of its call, which succeeds all the same. */
static void cancel_inside(struct world *world, struct caller *caller, void *(*call)(void *))
{
    void *result = NULL;

    world->passed = 0;
    CHECK(pthread_create(&caller->thread, NULL, call, caller) == 0);
    pthread_mutex_lock(&world->lock);
    while (!world->is_inside) {
        pthread_cond_wait(&world->changed, &world->lock);
    }
    CHECK(pthread_cancel(caller->thread) == 0);
    world->was_cancelled = 1;
    pthread_cond_broadcast(&world->changed);
    pthread_mutex_unlock(&world->lock);
    CHECK(pthread_join(caller->thread, &result) == 0);
    /* The cancellation is not lost: it comes when the call has returned. */
    CHECK(result == PTHREAD_CANCELED && world->passed == 1);
    CHECK_STATUS(CONN_POOL_OK, caller->status);
}

static void a_thread_is_cancelled_after_its_callback(void)
{
    struct world world = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, 0, 0 };
    struct caller caller = { 0 };
    conn_pool_waiter waiter = CONN_POOL_WAITER_INIT;
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    conn_pool_lease unused = CONN_POOL_LEASE_INIT;

    config.capacity = 1;
    config.user = &world;
    config.create = create;
    config.destroy = destroy;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_create(&config, &caller.pool));
    cancel_inside(&world, &caller, acquire);
    cancel_inside(&world, &caller, discard);
    cancel_inside(&world, &caller, acquire);
    CHECK_STATUS(CONN_POOL_PENDING,
                 conn_pool_acquire_async(caller.pool, &waiter, ready, &world, &unused));
    cancel_inside(&world, &caller, release);
    CHECK(STATS(caller.pool).idle == 1 && STATS(caller.pool).in_use == 0);
    world.was_cancelled = 1;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(caller.pool));

    config.create = NULL;
    config.destroy = NULL;
    config.validate = check;
    config.reset = check;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_create(&config, &caller.pool));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_add(caller.pool, &world.resource));
    cancel_inside(&world, &caller, acquire);
    cancel_inside(&world, &caller, release);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(caller.pool));
}

/* A thread that waits is not torn out of the queue: it waits on, and is cancelled after the call. */
static void a_thread_is_cancelled_after_its_wait(void)
{
    struct world world = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, 0, 0 };
    struct caller caller = { 0 };
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    void *result = NULL;

    config.capacity = 1;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_create(&config, &caller.pool));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_add(caller.pool, &world.resource));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(caller.pool, &lease));
    CHECK(pthread_create(&caller.thread, NULL, acquire, &caller) == 0);
    CHECK_WAITING(caller.pool, 1);
    CHECK(pthread_cancel(caller.thread) == 0);
    CHECK(STATS(caller.pool).waiting == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(caller.pool, &lease));
    CHECK(pthread_join(caller.thread, &result) == 0 && result == PTHREAD_CANCELED);
    CHECK_STATUS(CONN_POOL_OK, caller.status);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(caller.pool, &caller.lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(caller.pool));
}

/* Whether its thread may be cancelled is the program's, and as it was after each call. */
static void the_state_of_the_thread_is_as_it_was(void)
{
    struct world world = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, 0, 0 };
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    conn_pool *pool = NULL;
    const int states[] = { PTHREAD_CANCEL_DISABLE, PTHREAD_CANCEL_ENABLE };
    int at, was;

    config.capacity = 1;
    config.user = &world;
    config.create = create;
    for (at = 0; at < 2; at++) {
        CHECK(pthread_setcancelstate(states[at], &was) == 0);
        world.was_cancelled = 1;
        CHECK_STATUS(CONN_POOL_OK, conn_pool_create(&config, &pool));
        CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
        CHECK_STATUS(CONN_POOL_EXHAUSTED, conn_pool_try_acquire(pool, &lease));
        CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
        CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
        CHECK(pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &was) == 0 && was == states[at]);
    }
}

int main(void)
{
    a_thread_is_cancelled_after_its_callback();
    a_thread_is_cancelled_after_its_wait();
    the_state_of_the_thread_is_as_it_was();
    return check_report("cancel");
}

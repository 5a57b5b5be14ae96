/*
 * Threads that share a pool: every thread is served, in order, and no two use one resource at the
 * same time.
 */
#include <pthread.h>
#include <sched.h>

#include "check.h"

enum { WORKERS = 8, RESOURCES = 3, ROUNDS = 200, WAITERS = 8, ENDS = 100 };

/*
 * Plain integers, and no atomics: the pool promises that a thread sees what the one before it has
 * written, and ThreadSanitizer shall see if it does not.
 */
struct resource {
    int users;
    int uses;
};

struct worker {
    conn_pool *pool;
    pthread_t thread;
    int served;
};

static void *work(void *argument)
{
    struct worker *worker = argument;
    int round;

    for (round = 0; round < ROUNDS; round++) {
        conn_pool_lease lease = CONN_POOL_LEASE_INIT;
        struct resource *resource;
        if (!CHECK_STATUS(CONN_POOL_OK, conn_pool_acquire(worker->pool, PATIENCE_MS, &lease))) {
            break;
        }
        resource = lease.resource;
        resource->users++;
        if (round % 8 == 0) {
            sched_yield();
        }
        CHECK(resource->users == 1);
        resource->users--;
        resource->uses++;
        worker->served++;
        if (!CHECK_STATUS(CONN_POOL_OK, conn_pool_release(worker->pool, &lease))) {
            break;
        }
    }
    return NULL;
}

static void every_thread_is_served(uint32_t max_overtakes)
{
    struct resource resources[RESOURCES] = { { 0, 0 } };
    struct worker workers[WORKERS];
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    conn_pool_stats stats;
    conn_pool *pool = NULL;
    int at, uses = 0;

    config.capacity = RESOURCES;
    config.max_overtakes = max_overtakes;
    if (!CHECK_STATUS(CONN_POOL_OK, conn_pool_create(&config, &pool))) {
        return;
    }
    for (at = 0; at < RESOURCES; at++) {
        CHECK_STATUS(CONN_POOL_OK, conn_pool_add(pool, &resources[at]));
    }
    for (at = 0; at < WORKERS; at++) {
        workers[at].pool = pool;
        workers[at].served = 0;
        CHECK(pthread_create(&workers[at].thread, NULL, work, &workers[at]) == 0);
    }
    for (at = 0; at < WORKERS; at++) {
        CHECK(pthread_join(workers[at].thread, NULL) == 0);
        CHECK(workers[at].served == ROUNDS);
    }
    for (at = 0; at < RESOURCES; at++) {
        CHECK(resources[at].users == 0);
        uses += resources[at].uses;
    }
    CHECK(uses == WORKERS * ROUNDS);
    stats = STATS(pool);
    CHECK(stats.acquired == (size_t)WORKERS * ROUNDS);
    CHECK(stats.in_use == 0 && stats.waiting == 0 && stats.idle == RESOURCES);
    CHECK(stats.peak_in_use <= RESOURCES && stats.misused == 0 && stats.timed_out == 0);
    CHECK(max_overtakes != 0 || stats.overtakes == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

/*
 * Waiters, each a thread or a callback. There is one resource, and who leases it may write to
 * `order`.
 */
struct queue {
    conn_pool *pool;
    int order[WAITERS];
    int length;
};

struct customer {
    struct queue *queue;
    int number;
    pthread_t thread;
    conn_pool_waiter waiter;
};

static void sign_and_release(struct customer *customer, const conn_pool_lease *lease)
{
    struct queue *queue = customer->queue;
    conn_pool_lease own = *lease;

    CHECK(own.resource == queue);
    if (CHECK(queue->length < WAITERS)) {
        queue->order[queue->length++] = customer->number;
    }
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(own.pool, &own));
}

static void *wait_as_a_thread(void *argument)
{
    struct customer *customer = argument;
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;

    if (CHECK_STATUS(CONN_POOL_OK, conn_pool_acquire(customer->queue->pool, PATIENCE_MS, &lease))) {
        sign_and_release(customer, &lease);
    }
    return NULL;
}

static void called_back(void *user, conn_pool_status status, const conn_pool_lease *lease)
{
    if (CHECK_STATUS(CONN_POOL_OK, status)) {
        sign_and_release(user, lease);
    }
}

static int only_threads(int number)
{
    (void)number;
    return 0;
}

static int every_other_one(int number)
{
    return number % 2 == 1;
}

static int pairs(int number)
{
    return number / 2 % 2 == 0;
}

/*
 * Each joins the queue once the one before it is in the queue. In `order` they sign in the order in
 * which they are served.
 */
static void waiters_are_served_in_order(int (*is_callback)(int number))
{
    struct queue queue = { NULL, { 0 }, 0 };
    struct customer customers[WAITERS];
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    conn_pool_lease lease = CONN_POOL_LEASE_INIT, unused = CONN_POOL_LEASE_INIT;
    int at, callbacks = 0;

    config.capacity = 1;
    if (!CHECK_STATUS(CONN_POOL_OK, conn_pool_create(&config, &queue.pool))) {
        return;
    }
    CHECK_STATUS(CONN_POOL_OK, conn_pool_add(queue.pool, &queue));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(queue.pool, &lease));
    for (at = 0; at < WAITERS; at++) {
        const conn_pool_waiter fresh = CONN_POOL_WAITER_INIT;
        struct customer *customer = &customers[at];
        customer->queue = &queue;
        customer->number = at;
        customer->waiter = fresh;
        if (is_callback(at)) {
            callbacks++;
            CHECK_STATUS(CONN_POOL_PENDING,
                         conn_pool_acquire_async(queue.pool, &customer->waiter, called_back,
                                                 customer, &unused));
        } else {
            CHECK(pthread_create(&customer->thread, NULL, wait_as_a_thread, customer) == 0);
        }
        CHECK_WAITING(queue.pool, (size_t)at + 1);
    }
    CHECK(STATS(queue.pool).peak_waiting == WAITERS);
    CHECK(queue.length == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(queue.pool, &lease));
    for (at = 0; at < WAITERS; at++) {
        if (!is_callback(at)) {
            CHECK(pthread_join(customers[at].thread, NULL) == 0);
        }
    }
    /* If the last waiter is a callback, a thread has called it that is joined by now. */
    CHECK(unused.pool == NULL && callbacks < WAITERS);
    if (CHECK(queue.length == WAITERS)) {
        for (at = 0; at < WAITERS; at++) {
            CHECK(queue.order[at] == at);
        }
    }
    CHECK(STATS(queue.pool).waited == WAITERS);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(queue.pool));
}

struct handover {
    conn_pool *pool;
    conn_pool_lease lease;
};

static void *release(void *argument)
{
    struct handover *handover = argument;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(handover->pool, &handover->lease));
    return NULL;
}

static void another_thread_may_release_a_lease(void)
{
    struct handover handover = { NULL, CONN_POOL_LEASE_INIT };
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    pthread_t thread;
    int thing = 0;

    config.capacity = 1;
    if (!CHECK_STATUS(CONN_POOL_OK, conn_pool_create(&config, &handover.pool))) {
        return;
    }
    CHECK_STATUS(CONN_POOL_OK, conn_pool_add(handover.pool, &thing));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(handover.pool, &handover.lease));
    CHECK(pthread_create(&thread, NULL, release, &handover) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(handover.lease.pool == NULL);
    CHECK(STATS(handover.pool).in_use == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(handover.pool));
}

/* A caller that queues and cancels. Its callback stores what it was called with. */
struct caller {
    conn_pool *pool;
    conn_pool_waiter waiter;
    conn_pool_lease lease;
    conn_pool_status status;
    /* Set by the callback, last of all. */
    int called;
    int served;
    /* Checks that failed. They are counted here, since how many are made depends on the timing. */
    int wrong;
};

static void post(void *user, conn_pool_status status, const conn_pool_lease *lease)
{
    struct caller *caller = user;

    caller->status = status;
    if (lease != NULL) {
        caller->lease = *lease;
    }
    __atomic_store_n(&caller->called, 1, __ATOMIC_RELEASE);
}

static int is_called_soon(struct caller *caller)
{
    const struct timespec moment = { 0, 200000 };
    int tries;

    for (tries = 0; tries < 100000; tries++) {
        if (__atomic_load_n(&caller->called, __ATOMIC_ACQUIRE)) {
            return 1;
        }
        nanosleep(&moment, NULL);
    }
    return 0;
}

/* Either it is cancelled in time, or its callback is called: always one of the two. */
static void *queue_and_cancel(void *argument)
{
    struct caller *caller = argument;
    int round;

    for (round = 0; round < ROUNDS && caller->wrong == 0; round++) {
        conn_pool_status status = conn_pool_acquire_async(caller->pool, &caller->waiter, post,
                                                          caller, &caller->lease);
        if (status == CONN_POOL_PENDING) {
            if (round % 4 == 0) {
                sched_yield();
            }
            status = conn_pool_cancel(caller->pool, &caller->waiter);
            if (status == CONN_POOL_OK) {
                caller->wrong += __atomic_load_n(&caller->called, __ATOMIC_ACQUIRE);
                continue;
            }
            if (status != CONN_POOL_NOT_WAITING || !is_called_soon(caller)) {
                caller->wrong++;
                break;
            }
            caller->called = 0;
            status = caller->status;
        }
        caller->served++;
        caller->wrong += status != CONN_POOL_OK;
        caller->wrong += conn_pool_release(caller->pool, &caller->lease) != CONN_POOL_OK;
    }
    return NULL;
}

static void a_waiter_is_cancelled_or_served(void)
{
    enum { CALLERS = 3 };
    struct resource resource = { 0, 0 };
    struct caller callers[CALLERS];
    struct worker worker = { NULL, 0, 0 };
    pthread_t threads[CALLERS];
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    conn_pool_stats stats;
    size_t served = 0;
    int at;

    config.capacity = 1;
    if (!CHECK_STATUS(CONN_POOL_OK, conn_pool_create(&config, &worker.pool))) {
        return;
    }
    CHECK_STATUS(CONN_POOL_OK, conn_pool_add(worker.pool, &resource));
    for (at = 0; at < CALLERS; at++) {
        const struct caller fresh = {
            NULL, CONN_POOL_WAITER_INIT, CONN_POOL_LEASE_INIT, CONN_POOL_PANIC, 0, 0, 0
        };
        callers[at] = fresh;
        callers[at].pool = worker.pool;
        CHECK(pthread_create(&threads[at], NULL, queue_and_cancel, &callers[at]) == 0);
    }
    CHECK(pthread_create(&worker.thread, NULL, work, &worker) == 0);
    CHECK(pthread_join(worker.thread, NULL) == 0);
    for (at = 0; at < CALLERS; at++) {
        CHECK(pthread_join(threads[at], NULL) == 0);
        CHECK(callers[at].wrong == 0);
        served += (size_t)callers[at].served;
    }
    CHECK(worker.served == ROUNDS);
    stats = STATS(worker.pool);
    CHECK(stats.acquired == served + ROUNDS);
    CHECK(stats.in_use == 0 && stats.waiting == 0 && stats.idle == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(worker.pool));
}

static int make_nothing(void *user, uint32_t within_ms, void **resource)
{
    static char made;

    (void)within_ms;
    (void)user;
    *resource = &made;
    return 0;
}

struct returner {
    pthread_t thread;
    conn_pool *pool;
    conn_pool_lease lease;
};

static void *release_last(void *argument)
{
    struct returner *returner = argument;

    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(returner->pool, &returner->lease));
    return NULL;
}

/*
 * The pool may be drained and destroyed while the thread that has released the last lease is still
 * in conn_pool_release. It must not touch the pool then: valgrind and AddressSanitizer see if it
 * does.
 */
static void a_drained_pool_may_be_destroyed_at_once(uint32_t capacity)
{
    int round, at;

    for (round = 0; round < ENDS; round++) {
        struct returner returners[2];
        conn_pool_config config = CONN_POOL_CONFIG_INIT;
        conn_pool *pool = NULL;

        config.capacity = capacity;
        config.create = make_nothing;
        CHECK_STATUS(CONN_POOL_OK, conn_pool_create(&config, &pool));
        for (at = 0; at < 2; at++) {
            returners[at].pool = pool;
            CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &returners[at].lease));
        }
        for (at = 0; at < 2; at++) {
            CHECK(pthread_create(&returners[at].thread, NULL, release_last, &returners[at]) == 0);
        }
        CHECK_STATUS(CONN_POOL_OK, conn_pool_drain(pool, PATIENCE_MS));
        CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
        for (at = 0; at < 2; at++) {
            CHECK(pthread_join(returners[at].thread, NULL) == 0);
        }
    }
}

int main(void)
{
    every_thread_is_served(0);
    every_thread_is_served(2);
    waiters_are_served_in_order(only_threads);
    waiters_are_served_in_order(every_other_one);
    waiters_are_served_in_order(pairs);
    another_thread_may_release_a_lease();
    a_waiter_is_cancelled_or_served();
    a_drained_pool_may_be_destroyed_at_once(2);
    a_drained_pool_may_be_destroyed_at_once(300);
    return check_report("threads");
}

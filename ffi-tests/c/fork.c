/*
 * Pools and fork: a pool belongs to the process that made it. A child is refused by every function,
 * may forget the pool and make its own, and does not disturb the parent.
 *
 * A child calls only the functions under test and async-signal-safe ones: the parent has other
 * threads, and a lock that one of them held stays locked in the child. So a child counts no checks.
 * It exits with 0, or says which check has failed.
 */
#include <pthread.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum { FORKS = 20, BUSY_THREADS = 3, CHILD_SECONDS = 60 };

static void say(const char *text)
{
    /* If this fails, nothing more can be done. */
    ssize_t ignored = write(STDERR_FILENO, text, strlen(text));
    (void)ignored;
}

#define TEXT_OF(line) #line
#define LINE_TEXT(line) TEXT_OF(line)

/* In a child, which exits at the first check that fails. */
#define DEMAND(condition)                                                                        \
    do {                                                                                         \
        if (!(condition)) {                                                                      \
            say(__FILE__ ":" LINE_TEXT(__LINE__) ": does not hold in the child: " #condition "\n");     \
            _exit(1);                                                                            \
        }                                                                                        \
    } while (0)

struct scene {
    conn_pool *pool;
    conn_pool_lease lease;
    conn_pool_waiter *waiter;
};

/* Runs `act` in a child. If it hangs, its alarm ends it, and it has failed. */
static void in_a_child(void (*act)(const struct scene *), const struct scene *scene)
{
    int outcome = -1;
    pid_t child;

    fflush(stdout);
    child = fork();
    if (child == 0) {
        alarm(CHILD_SECONDS);
        act(scene);
        _exit(0);
    }
    if (CHECK(child > 0)) {
        CHECK(waitpid(child, &outcome, 0) == child);
        CHECK(WIFEXITED(outcome) && WEXITSTATUS(outcome) == 0);
    }
}

static int destroyed;

static void count_destroyed(void *user, void *resource)
{
    (void)user;
    (void)resource;
    destroyed++;
}

/* What the program was asked for last. */
static uint64_t ticket_out = 1;

static int begin_create(void *user, uint64_t ticket, uint32_t within_ms)
{
    (void)user;
    (void)within_ms;
    ticket_out = ticket;
    return 0;
}

static conn_pool *open_pool(void *resource)
{
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    conn_pool *pool = NULL;

    config.capacity = 1;
    config.name = "parent's";
    config.destroy = count_destroyed;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_create(&config, &pool));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_add(pool, resource));
    return pool;
}

static void count_calls(void *user, conn_pool_status status, const conn_pool_lease *lease)
{
    int *calls = user;
    (void)status;
    (void)lease;
    ++*calls;
}

static void demand_refusals(const struct scene *scene, conn_pool_status expected)
{
    const conn_pool_lease none = CONN_POOL_LEASE_INIT;
    conn_pool_lease lease = CONN_POOL_LEASE_INIT, held = scene->lease;
    conn_pool_waiter waiter = CONN_POOL_WAITER_INIT;
    conn_pool_stats stats;
    struct timespec past = { 0, 0 };
    int calls = 0;
    size_t number = 77;

    stats.capacity = 77;
    DEMAND(conn_pool_add(scene->pool, &calls) == expected);
    DEMAND(conn_pool_try_acquire(scene->pool, &lease) == expected);
    DEMAND(conn_pool_acquire(scene->pool, 0, &lease) == expected);
    DEMAND(conn_pool_acquire(scene->pool, CONN_POOL_WAIT_FOREVER, &lease) == expected);
    DEMAND(conn_pool_acquire_until(scene->pool, &past, &lease) == expected);
    DEMAND(conn_pool_acquire_async(scene->pool, &waiter, count_calls, &calls, &lease) == expected);
    DEMAND(conn_pool_cancel(scene->pool, &waiter) == expected);
    DEMAND(conn_pool_release(scene->pool, &held) == expected);
    DEMAND(conn_pool_discard(scene->pool, &held) == expected);
    DEMAND(conn_pool_connected(scene->pool, ticket_out, &calls) == expected);
    DEMAND(conn_pool_connect_failed(scene->pool, ticket_out, 1, "") == expected);
    DEMAND(conn_pool_resize(scene->pool, 0) == expected);
    DEMAND(conn_pool_maintain(scene->pool, &number) == expected);
    DEMAND(conn_pool_get_stats(scene->pool, &stats, sizeof stats) == expected);
    DEMAND(conn_pool_reset_peaks(scene->pool) == expected);
    DEMAND(conn_pool_close(scene->pool) == expected);
    DEMAND(conn_pool_drain(scene->pool, CONN_POOL_WAIT_FOREVER) == expected);
    DEMAND(conn_pool_destroy(scene->pool) == expected);
    if (scene->waiter != NULL) {
        DEMAND(conn_pool_cancel(scene->pool, scene->waiter) == expected);
    }
    DEMAND(memcmp(&lease, &none, sizeof lease) == 0);
    DEMAND(memcmp(&held, &scene->lease, sizeof held) == 0);
    DEMAND(number == 77 && stats.capacity == 77 && calls == 0 && destroyed == 0);
}

static void refused_and_abandoned(const struct scene *scene)
{
    demand_refusals(scene, CONN_POOL_FORKED);
    DEMAND(strcmp(conn_pool_name(scene->pool), "parent's") == 0);
    DEMAND(conn_pool_abandon(scene->pool) == CONN_POOL_OK);
    DEMAND(destroyed == 0);
}

static void a_child_is_refused_and_the_parent_goes_on(void)
{
    int thing = 0, calls = 0;
    conn_pool_waiter waiter = CONN_POOL_WAITER_INIT;
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    struct scene scene = { NULL, CONN_POOL_LEASE_INIT, NULL };
    conn_pool_stats stats;

    destroyed = 0;
    scene.pool = open_pool(&thing);
    in_a_child(refused_and_abandoned, &scene);

    /* While a lease is held, and while a caller waits. */
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(scene.pool, &scene.lease));
    in_a_child(refused_and_abandoned, &scene);
    CHECK_STATUS(CONN_POOL_PENDING,
                 conn_pool_acquire_async(scene.pool, &waiter, count_calls, &calls, &lease));
    scene.waiter = &waiter;
    in_a_child(refused_and_abandoned, &scene);

    stats = STATS(scene.pool);
    CHECK(stats.in_use == 1 && stats.waiting == 1 && stats.closed == 0);
    CHECK(stats.misused == 0 && stats.destroyed == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_cancel(scene.pool, &waiter));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(scene.pool, &scene.lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_acquire(scene.pool, 0, &lease));
    CHECK(lease.resource == &thing && calls == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(scene.pool, &lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(scene.pool));
    CHECK(destroyed == 1);
}

static void what_was_begun_is_ended_by_the_parent(void)
{
    int thing = 0, calls = 0;
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    conn_pool_waiter waiter = CONN_POOL_WAITER_INIT;
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    struct scene scene = { NULL, CONN_POOL_LEASE_INIT, NULL };

    destroyed = 0;
    config.capacity = 1;
    config.name = "parent's";
    config.begin_create = begin_create;
    config.destroy = count_destroyed;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_create(&config, &scene.pool));
    CHECK_STATUS(CONN_POOL_PENDING,
                 conn_pool_acquire_async(scene.pool, &waiter, count_calls, &calls, &lease));
    in_a_child(refused_and_abandoned, &scene);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_cancel(scene.pool, &waiter));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_connected(scene.pool, ticket_out, &thing));
    CHECK(STATS(scene.pool).idle == 1 && calls == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(scene.pool));
    CHECK(destroyed == 1);
    ticket_out = 1;
}

/* Storage of the program's own, of which a child has a copy. */
static CONN_POOL_DEFINE_STORAGE(parents, 1);
static CONN_POOL_DEFINE_STORAGE(childs, 1);

static conn_pool *place(void *storage, size_t size)
{
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    conn_pool *pool = NULL;

    config.capacity = 1;
    config.destroy = count_destroyed;
    return conn_pool_init(storage, size, &config, &pool) == CONN_POOL_OK ? pool : NULL;
}

static void demand_a_life(conn_pool *pool)
{
    int thing = 0;
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;

    DEMAND(conn_pool_add(pool, &thing) == CONN_POOL_OK);
    DEMAND(conn_pool_acquire(pool, 0, &lease) == CONN_POOL_OK);
    DEMAND(lease.resource == &thing);
    DEMAND(conn_pool_destroy(pool) == CONN_POOL_BUSY);
    DEMAND(conn_pool_release(pool, &lease) == CONN_POOL_OK);
}

static void abandoned_in_place(const struct scene *scene)
{
    conn_pool *own;

    demand_refusals(scene, CONN_POOL_FORKED);
    DEMAND(conn_pool_abandon(scene->pool) == CONN_POOL_OK);
    DEMAND(conn_pool_abandon(scene->pool) == CONN_POOL_INVALID_ARGUMENT);
    demand_refusals(scene, CONN_POOL_INVALID_ARGUMENT);
    /* The child may use the storage for a pool of its own. */
    own = place(&parents, sizeof parents);
    DEMAND(own == scene->pool);
    demand_a_life(own);
    DEMAND(conn_pool_destroy(own) == CONN_POOL_OK);
}

static void abandoned_storage_can_be_used_again(void)
{
    struct scene scene = { NULL, CONN_POOL_LEASE_INIT, NULL };
    int thing = 0;

    destroyed = 0;
    scene.pool = place(&parents, sizeof parents);
    CHECK(scene.pool != NULL);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_add(scene.pool, &thing));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(scene.pool, &scene.lease));
    in_a_child(abandoned_in_place, &scene);
    CHECK(STATS(scene.pool).in_use == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(scene.pool, &scene.lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(scene.pool));
    CHECK(destroyed == 1);
}

/* A grandchild is refused by the pools of both the child and the parent. */
static void child_with_a_child(const struct scene *scene)
{
    struct scene of_the_child = { NULL, CONN_POOL_LEASE_INIT, NULL };
    conn_pool *own = place(&childs, sizeof childs);
    int outcome = -1;
    pid_t grandchild;

    DEMAND(own != NULL);
    demand_a_life(own);
    of_the_child.pool = own;
    grandchild = fork();
    if (grandchild == 0) {
        alarm(CHILD_SECONDS);
        demand_refusals(scene, CONN_POOL_FORKED);
        demand_refusals(&of_the_child, CONN_POOL_FORKED);
        _exit(0);
    }
    DEMAND(grandchild > 0);
    DEMAND(waitpid(grandchild, &outcome, 0) == grandchild);
    DEMAND(WIFEXITED(outcome) && WEXITSTATUS(outcome) == 0);
    demand_refusals(scene, CONN_POOL_FORKED);
    DEMAND(conn_pool_destroy(own) == CONN_POOL_OK);
    DEMAND(destroyed == 1);
}

static void a_child_has_pools_of_its_own(void)
{
    struct scene scene = { NULL, CONN_POOL_LEASE_INIT, NULL };

    destroyed = 0;
    scene.pool = place(&parents, sizeof parents);
    CHECK(scene.pool != NULL);
    in_a_child(child_with_a_child, &scene);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(scene.pool));
}

/* A child that was forked within a callback has its own callbacks called. */
static void child_that_waits(const struct scene *scene)
{
    conn_pool_lease lease = CONN_POOL_LEASE_INIT, other = CONN_POOL_LEASE_INIT;
    conn_pool_waiter waiter = CONN_POOL_WAITER_INIT;
    conn_pool *own = place(&childs, sizeof childs);
    int thing = 0, calls = 0;

    (void)scene;
    DEMAND(own != NULL);
    DEMAND(conn_pool_add(own, &thing) == CONN_POOL_OK);
    DEMAND(conn_pool_acquire(own, 0, &lease) == CONN_POOL_OK);
    DEMAND(conn_pool_acquire_async(own, &waiter, count_calls, &calls, &other) == CONN_POOL_PENDING);
    DEMAND(conn_pool_release(own, &lease) == CONN_POOL_OK);
    DEMAND(calls == 1);
}

static void fork_when_called(void *user, conn_pool_status status, const conn_pool_lease *lease)
{
    struct scene *scene = user;

    CHECK_STATUS(CONN_POOL_OK, status);
    in_a_child(child_that_waits, scene);
    scene->lease = *lease;
    /* Makes the next callback due, which is called after this one has returned. */
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(scene->pool, &scene->lease));
}

static void a_fork_in_a_callback_leaves_the_callbacks_of_both_alone(void)
{
    struct scene scene = { NULL, CONN_POOL_LEASE_INIT, NULL };
    conn_pool_waiter first = CONN_POOL_WAITER_INIT, second = CONN_POOL_WAITER_INIT;
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    int thing = 0, calls = 0;

    scene.pool = open_pool(&thing);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(scene.pool, &scene.lease));
    lease = scene.lease;
    CHECK_STATUS(CONN_POOL_PENDING, conn_pool_acquire_async(scene.pool, &first, fork_when_called,
                                                            &scene, &scene.lease));
    CHECK_STATUS(CONN_POOL_PENDING, conn_pool_acquire_async(scene.pool, &second, count_calls,
                                                            &calls, &scene.lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(scene.pool, &lease));
    CHECK(calls == 1 && STATS(scene.pool).in_use == 1);
    /* The second callback did not keep its lease, so it cannot be released. */
    CHECK_STATUS(CONN_POOL_OK, conn_pool_abandon(scene.pool));
}

struct busy {
    conn_pool *pool;
    int stop;
};

/*
 * Joins and leaves the queue, each time under the pool's lock. It does not sleep in the queue: a
 * sleeping thread has memory of its own, which valgrind would report as a leak of the child.
 */
static void *queue_and_leave(void *argument)
{
    struct busy *busy = argument;
    conn_pool_waiter waiter = CONN_POOL_WAITER_INIT;
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    int calls = 0, failures = 0;

    while (failures == 0 && !__atomic_load_n(&busy->stop, __ATOMIC_RELAXED)) {
        failures += conn_pool_acquire_async(busy->pool, &waiter, count_calls, &calls, &lease)
                    != CONN_POOL_PENDING;
        failures += conn_pool_cancel(busy->pool, &waiter) != CONN_POOL_OK;
    }
    CHECK(failures == 0 && calls == 0);
    return NULL;
}

static void refused(const struct scene *scene)
{
    demand_refusals(scene, CONN_POOL_FORKED);
}

/* A child does not wait for the parent's threads, even if one held the pool's lock at the fork. */
static void a_child_does_not_wait_for_threads_of_its_parent(void)
{
    struct scene scene = { NULL, CONN_POOL_LEASE_INIT, NULL };
    struct busy busy = { NULL, 0 };
    pthread_t threads[BUSY_THREADS];
    int thing = 0, at;

    destroyed = 0;
    scene.pool = busy.pool = open_pool(&thing);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(scene.pool, &scene.lease));
    for (at = 0; at < BUSY_THREADS; at++) {
        CHECK(pthread_create(&threads[at], NULL, queue_and_leave, &busy) == 0);
    }
    for (at = 0; at < FORKS; at++) {
        in_a_child(refused, &scene);
    }
    __atomic_store_n(&busy.stop, 1, __ATOMIC_RELAXED);
    for (at = 0; at < BUSY_THREADS; at++) {
        CHECK(pthread_join(threads[at], NULL) == 0);
    }
    CHECK(STATS(scene.pool).in_use == 1 && STATS(scene.pool).waiting == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(scene.pool, &scene.lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(scene.pool));
    CHECK(destroyed == 1);
}

int main(void)
{
    a_child_is_refused_and_the_parent_goes_on();
    what_was_begun_is_ended_by_the_parent();
    abandoned_storage_can_be_used_again();
    a_child_has_pools_of_its_own();
    a_fork_in_a_callback_leaves_the_callbacks_of_both_alone();
    a_child_does_not_wait_for_threads_of_its_parent();
    return check_report("fork");
}

/* Waits end in time: not early, not by a signal, and with the right status. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>

#include "check.h"

enum { SHORT_MS = 40, SLEEPERS = 3 };

/* Longer than a wait takes on a busy machine: then it is broken. */
static const int64_t TOO_LONG_MS = 30000;

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct timespec in_ms(int64_t ms)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += (time_t)(ms / 1000);
    at.tv_nsec += (long)(ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

/* A pool whose only resource is in use. */
static conn_pool *busy_pool(void *resource, conn_pool_lease *lease)
{
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    conn_pool *pool = NULL;

    config.capacity = 1;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_create(&config, &pool));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_add(pool, resource));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, lease));
    return pool;
}

static void end(conn_pool *pool, conn_pool_lease *lease)
{
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

static int is_untouched(const conn_pool_lease *lease)
{
    return lease->pool == NULL && lease->resource == NULL && lease->slot == 7
           && lease->generation == 7;
}

static void a_wait_ends_in_time_and_not_before(void)
{
    conn_pool_lease held = CONN_POOL_LEASE_INIT, lease = { NULL, NULL, 7, 7 };
    int thing = 0;
    conn_pool *pool = busy_pool(&thing, &held);
    struct timespec deadline;
    int64_t began;

    CHECK_STATUS(CONN_POOL_EXHAUSTED, conn_pool_acquire(pool, 0, &lease));
    CHECK(STATS(pool).timed_out == 0);

    began = now_ms();
    CHECK_STATUS(CONN_POOL_TIMED_OUT, conn_pool_acquire(pool, SHORT_MS, &lease));
    CHECK(now_ms() - began >= SHORT_MS && now_ms() - began < TOO_LONG_MS);
    CHECK(STATS(pool).timed_out == 1);

    began = now_ms();
    deadline = in_ms(SHORT_MS);
    CHECK_STATUS(CONN_POOL_TIMED_OUT, conn_pool_acquire_until(pool, &deadline, &lease));
    CHECK(now_ms() - began >= SHORT_MS && now_ms() - began < TOO_LONG_MS);
    CHECK(STATS(pool).timed_out == 2);

    CHECK(is_untouched(&lease));
    CHECK(STATS(pool).waiting == 0);
    end(pool, &held);
}

static void a_deadline_that_has_passed_tries_once(void)
{
    conn_pool_lease held = CONN_POOL_LEASE_INIT, lease = { NULL, NULL, 7, 7 };
    struct timespec past = { 0, 0 }, before_the_clock = { -5, 0 };
    int thing = 0;
    conn_pool *pool = busy_pool(&thing, &held);

    CHECK_STATUS(CONN_POOL_TIMED_OUT, conn_pool_acquire_until(pool, &past, &lease));
    CHECK_STATUS(CONN_POOL_TIMED_OUT, conn_pool_acquire_until(pool, &before_the_clock, &lease));
    CHECK(is_untouched(&lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &held));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_acquire_until(pool, &past, &lease));
    CHECK(lease.resource == &thing);
    end(pool, &lease);
}

static void a_deadline_with_wrong_nanoseconds_is_refused(void)
{
    static const long nanoseconds[] = { -1, 1000000000, LONG_MAX, LONG_MIN };
    conn_pool_lease held = CONN_POOL_LEASE_INIT, lease = { NULL, NULL, 7, 7 };
    int thing = 0;
    conn_pool *pool = busy_pool(&thing, &held);
    size_t at;

    for (at = 0; at < sizeof nanoseconds / sizeof nanoseconds[0]; at++) {
        struct timespec deadline = in_ms(SHORT_MS);
        deadline.tv_nsec = nanoseconds[at];
        CHECK_STATUS(CONN_POOL_INVALID_ARGUMENT,
                     conn_pool_acquire_until(pool, &deadline, &lease));
    }
    CHECK(is_untouched(&lease));
    end(pool, &held);
}

static void a_deadline_may_be_two_numbers(void)
{
    static const int64_t wrong[] = { -1, 1000000000, INT64_C(4294967296), INT64_MAX, INT64_MIN };
    conn_pool_lease held = CONN_POOL_LEASE_INIT, lease = { NULL, NULL, 7, 7 };
    int thing = 0;
    conn_pool *pool = busy_pool(&thing, &held);
    struct timespec deadline = in_ms(SHORT_MS);
    int64_t began = now_ms();
    size_t at;

    CHECK_STATUS(CONN_POOL_TIMED_OUT,
                 conn_pool_acquire_deadline(pool, deadline.tv_sec, deadline.tv_nsec, &lease));
    CHECK(now_ms() - began >= SHORT_MS && now_ms() - began < TOO_LONG_MS);
    CHECK_STATUS(CONN_POOL_TIMED_OUT, conn_pool_acquire_deadline(pool, INT64_MIN, 0, &lease));
    for (at = 0; at < sizeof wrong / sizeof wrong[0]; at++) {
        CHECK_STATUS(CONN_POOL_INVALID_ARGUMENT,
                     conn_pool_acquire_deadline(pool, deadline.tv_sec, wrong[at], &lease));
    }
    CHECK(is_untouched(&lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &held));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_acquire_deadline(pool, INT64_MAX, 999999999, &lease));
    CHECK(lease.resource == &thing);
    end(pool, &lease);
}

struct sleeper {
    conn_pool *pool;
    pthread_t thread;
    /* Milliseconds, or -1 for the latest deadline there is. */
    int64_t timeout_ms;
    conn_pool_status status;
    conn_pool_lease lease;
    int64_t slept_ms;
};

static void *sleep_in_queue(void *argument)
{
    struct sleeper *sleeper = argument;
    struct timespec remote = { 0, 0 };
    int64_t began = now_ms();

    if (sleeper->timeout_ms < 0) {
        remote.tv_sec = (time_t)(sizeof(time_t) == 8 ? INT64_MAX : INT32_MAX);
        sleeper->status = conn_pool_acquire_until(sleeper->pool, &remote, &sleeper->lease);
    } else {
        sleeper->status =
            conn_pool_acquire(sleeper->pool, (uint32_t)sleeper->timeout_ms, &sleeper->lease);
    }
    sleeper->slept_ms = now_ms() - began;
    if (sleeper->status == CONN_POOL_OK) {
        CHECK_STATUS(CONN_POOL_OK, conn_pool_release(sleeper->pool, &sleeper->lease));
    }
    return NULL;
}

static void start(struct sleeper *sleeper, conn_pool *pool, int64_t timeout_ms)
{
    const conn_pool_lease none = CONN_POOL_LEASE_INIT;

    sleeper->pool = pool;
    sleeper->timeout_ms = timeout_ms;
    sleeper->status = CONN_POOL_PANIC;
    sleeper->lease = none;
    sleeper->slept_ms = 0;
    CHECK(pthread_create(&sleeper->thread, NULL, sleep_in_queue, sleeper) == 0);
}

/* Without an end, nearly without, and until the end of time: a release ends all three waits. */
static void a_long_wait_is_served(void)
{
    static const int64_t timeouts[SLEEPERS] = {
        CONN_POOL_WAIT_FOREVER, CONN_POOL_WAIT_FOREVER - 1, -1
    };
    conn_pool_lease held = CONN_POOL_LEASE_INIT;
    struct sleeper sleepers[SLEEPERS];
    int thing = 0, at;
    conn_pool *pool = busy_pool(&thing, &held);

    for (at = 0; at < SLEEPERS; at++) {
        start(&sleepers[at], pool, timeouts[at]);
        CHECK_WAITING(pool, (size_t)at + 1);
    }
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &held));
    for (at = 0; at < SLEEPERS; at++) {
        CHECK(pthread_join(sleepers[at].thread, NULL) == 0);
        CHECK_STATUS(CONN_POOL_OK, sleepers[at].status);
    }
    CHECK(STATS(pool).timed_out == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

static void a_waiter_that_has_left_is_passed_over(void)
{
    conn_pool_lease held = CONN_POOL_LEASE_INIT;
    struct sleeper hasty, patient;
    int thing = 0;
    conn_pool *pool = busy_pool(&thing, &held);

    start(&hasty, pool, SHORT_MS);
    CHECK(pthread_join(hasty.thread, NULL) == 0);
    CHECK_STATUS(CONN_POOL_TIMED_OUT, hasty.status);
    start(&patient, pool, PATIENCE_MS);
    CHECK_WAITING(pool, 1);
    start(&hasty, pool, SHORT_MS);
    CHECK(pthread_join(hasty.thread, NULL) == 0);
    CHECK_STATUS(CONN_POOL_TIMED_OUT, hasty.status);
    CHECK_WAITING(pool, 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &held));
    CHECK(pthread_join(patient.thread, NULL) == 0);
    CHECK_STATUS(CONN_POOL_OK, patient.status);
    CHECK(STATS(pool).timed_out == 2 && STATS(pool).idle == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

static int signals_seen;

static void note_the_signal(int number)
{
    (void)number;
    __atomic_fetch_add(&signals_seen, 1, __ATOMIC_RELAXED);
}

/* Each signal is sent after the one before was handled, so that no two are merged. */
static void no_signal_ends_a_wait(void)
{
    enum { SIGNALS = 5, WAIT_MS = 300 };
    const struct timespec moment = { 0, 200000 };
    conn_pool_lease held = CONN_POOL_LEASE_INIT;
    struct sigaction handler, before;
    struct sleeper sleeper;
    int thing = 0, sent;
    conn_pool *pool = busy_pool(&thing, &held);

    handler.sa_handler = note_the_signal;
    handler.sa_flags = 0;
    sigemptyset(&handler.sa_mask);
    CHECK(sigaction(SIGUSR1, &handler, &before) == 0);
    start(&sleeper, pool, WAIT_MS);
    CHECK_WAITING(pool, 1);
    for (sent = 1; sent <= SIGNALS; sent++) {
        int tries;
        CHECK(pthread_kill(sleeper.thread, SIGUSR1) == 0);
        for (tries = 0; tries < 100000; tries++) {
            if (__atomic_load_n(&signals_seen, __ATOMIC_RELAXED) >= sent) {
                break;
            }
            nanosleep(&moment, NULL);
        }
    }
    CHECK(pthread_join(sleeper.thread, NULL) == 0);
    CHECK(__atomic_load_n(&signals_seen, __ATOMIC_RELAXED) == SIGNALS);
    CHECK_STATUS(CONN_POOL_TIMED_OUT, sleeper.status);
    CHECK(sleeper.slept_ms >= WAIT_MS);
    CHECK(sigaction(SIGUSR1, &before, NULL) == 0);
    end(pool, &held);
}

static void errno_is_left_alone(void)
{
    conn_pool_lease held = CONN_POOL_LEASE_INIT, lease = CONN_POOL_LEASE_INIT;
    struct timespec deadline;
    int thing = 0, after_acquire, after_until, after_drain;
    conn_pool *pool = busy_pool(&thing, &held);
    conn_pool_status acquired, until, drained;

    errno = ENOTTY;
    acquired = conn_pool_acquire(pool, SHORT_MS, &lease);
    after_acquire = errno;
    deadline = in_ms(SHORT_MS);
    errno = ENOTTY;
    until = conn_pool_acquire_until(pool, &deadline, &lease);
    after_until = errno;
    errno = ENOTTY;
    drained = conn_pool_drain(pool, SHORT_MS);
    after_drain = errno;
    CHECK_STATUS(CONN_POOL_TIMED_OUT, acquired);
    CHECK(after_acquire == ENOTTY);
    CHECK_STATUS(CONN_POOL_TIMED_OUT, until);
    CHECK(after_until == ENOTTY);
    CHECK_STATUS(CONN_POOL_BUSY, drained);
    CHECK(after_drain == ENOTTY);
    end(pool, &held);
}

static void a_drain_ends_in_time_and_not_before(void)
{
    conn_pool_lease held = CONN_POOL_LEASE_INIT;
    int thing = 0;
    conn_pool *pool = busy_pool(&thing, &held);
    int64_t began = now_ms();

    CHECK_STATUS(CONN_POOL_BUSY, conn_pool_drain(pool, SHORT_MS));
    CHECK(now_ms() - began >= SHORT_MS && now_ms() - began < TOO_LONG_MS);
    end(pool, &held);
}

/* What `create` is told of the time left, and how long it takes. */
struct factory {
    uint32_t told;
    int takes_ms;
    int calls;
    int thing;
};

static int create(void *user, uint32_t within_ms, void **resource)
{
    struct factory *factory = user;
    struct timespec span = { 0, 0 };

    factory->told = within_ms;
    factory->calls++;
    span.tv_nsec = (long)factory->takes_ms * 1000000;
    nanosleep(&span, NULL);
    *resource = &factory->thing;
    return 0;
}

/* Takes as long as it has to, so that of the time that `create` is told some is gone. */
static int find_unfit(void *user, void *resource)
{
    struct timespec span = { 0, SHORT_MS * 1000000L };

    (void)user;
    (void)resource;
    nanosleep(&span, NULL);
    return 1;
}

static void never(void *user, conn_pool_status status, const conn_pool_lease *lease)
{
    (void)user;
    (void)lease;
    CHECK_STATUS(CONN_POOL_OK, status);
}

static void create_is_told_what_time_is_left(void)
{
    struct factory factory = { 0 };
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    conn_pool_waiter waiter = CONN_POOL_WAITER_INIT;
    conn_pool *pool = NULL;
    struct timespec deadline;

    config.capacity = 1;
    config.user = &factory;
    config.create = create;
    config.min_idle = 1;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_create(&config, &pool));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_acquire(pool, 30000, &lease));
    CHECK(factory.told > 0 && factory.told <= 30000);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_discard(pool, &lease));

    deadline = in_ms(20000);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_acquire_until(pool, &deadline, &lease));
    CHECK(factory.told > 0 && factory.told <= 20000);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_discard(pool, &lease));

    /* Those have no limit. */
    CHECK_STATUS(CONN_POOL_OK, conn_pool_acquire(pool, CONN_POOL_WAIT_FOREVER, &lease));
    CHECK(factory.told == CONN_POOL_WAIT_FOREVER);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_discard(pool, &lease));
    factory.told = 0;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
    CHECK(factory.told == CONN_POOL_WAIT_FOREVER);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_discard(pool, &lease));
    factory.told = 0;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_acquire_async(pool, &waiter, never, NULL, &lease));
    CHECK(factory.told == CONN_POOL_WAIT_FOREVER);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_discard(pool, &lease));
    factory.told = 0;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_maintain(pool, NULL));
    CHECK(factory.told == CONN_POOL_WAIT_FOREVER);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

/* What a check takes is gone, and nothing is begun that would come too late. */
static void a_create_without_time_is_not_begun(void)
{
    struct factory factory = { 0 };
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    conn_pool *pool = NULL;
    int thing = 0;

    config.capacity = 1;
    config.user = &factory;
    config.create = create;
    config.validate = find_unfit;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_create(&config, &pool));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_add(pool, &thing));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_acquire(pool, 30000, &lease));
    CHECK(factory.told <= 30000 - SHORT_MS && factory.calls == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));

    lease.slot = lease.generation = 7;
    CHECK_STATUS(CONN_POOL_TIMED_OUT, conn_pool_acquire(pool, SHORT_MS / 2, &lease));
    CHECK(is_untouched(&lease) && factory.calls == 1);
    CHECK(STATS(pool).timed_out == 1 && STATS(pool).vacant == 1 && STATS(pool).in_use == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_acquire(pool, 30000, &lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

int main(void)
{
    a_wait_ends_in_time_and_not_before();
    a_deadline_that_has_passed_tries_once();
    a_deadline_with_wrong_nanoseconds_is_refused();
    a_deadline_may_be_two_numbers();
    a_long_wait_is_served();
    a_waiter_that_has_left_is_passed_over();
    no_signal_ends_a_wait();
    errno_is_left_alone();
    a_drain_ends_in_time_and_not_before();
    create_is_told_what_time_is_left();
    a_create_without_time_is_not_begun();
    return check_report("timeouts");
}

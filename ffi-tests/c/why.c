/* Why: what create says when it fails, why a resource ended, who holds what, and who waits for itself. */
#include <pthread.h>
#include <semaphore.h>
#include <string.h>

#include "check.h"

enum { CAPACITY = 3, THINGS = 16 };

/* What the callbacks of a pool have made, what they were told, and the time that its clock tells. */
struct world {
    uint64_t now;
    int things[THINGS];
    int made;
    int failures_to_come;
    const char *says;
    int unfit;
    int unclean;
    int checks;
    int ended;
    int reason;
    int leaks;
    int leaked_slot;
    void *leaked;
    /* What is leased as soon as a lease is told of, a moment later. */
    conn_pool *leases_from;
    conn_pool_lease next;
};

static uint64_t clock_ms(void *user)
{
    return ((struct world *)user)->now;
}

static int create(void *user, uint32_t within_ms, void **resource)
{
    struct world *world = user;

    (void)within_ms;
    if (world->failures_to_come > 0) {
        if (world->says != NULL) {
            CHECK_STATUS(CONN_POOL_OK, conn_pool_set_error(world->says));
        }
        return 40 + world->failures_to_come--;
    }
    *resource = &world->things[world->made++ % THINGS];
    return 0;
}

static int validate(void *user, void *resource)
{
    struct world *world = user;

    (void)resource;
    world->checks++;
    return world->unfit;
}

static int reset(void *user, void *resource)
{
    (void)resource;
    return ((struct world *)user)->unclean;
}

static void on_event(void *user, conn_pool_event event, void *resource, int code)
{
    struct world *world = user;

    if (event == CONN_POOL_EVENT_DESTROYED) {
        world->ended++;
        world->reason = code;
    }
    if (event == CONN_POOL_EVENT_LEAKED) {
        world->leaks++;
        world->leaked = resource;
        world->leaked_slot = code;
        if (world->leases_from != NULL) {
            world->now++;
            CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(world->leases_from, &world->next));
            world->leases_from = NULL;
        }
    }
}

static conn_pool_config config_for(struct world *world)
{
    conn_pool_config config = CONN_POOL_CONFIG_INIT;

    memset(world, 0, sizeof *world);
    world->now = 1000;
    config.capacity = CAPACITY;
    config.user = world;
    config.create = create;
    config.on_event = on_event;
    config.clock_ms = clock_ms;
    return config;
}

static conn_pool *open_pool(const conn_pool_config *config)
{
    conn_pool *pool = NULL;

    CHECK_STATUS(CONN_POOL_OK, conn_pool_create(config, &pool));
    return pool;
}

static conn_pool_lease acquire(conn_pool *pool)
{
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;

    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
    return lease;
}

static void *use_once(conn_pool *pool)
{
    conn_pool_lease lease = acquire(pool);
    void *resource = lease.resource;

    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    return resource;
}

static void *look_at_the_error(void *unused)
{
    const char *text = NULL;

    CHECK(conn_pool_last_error(&text) == 0 && text != NULL && strcmp(text, "") == 0);
    return unused;
}

static void a_failed_create_says_why(void)
{
    struct world world, another_world;
    conn_pool_config config = config_for(&world);
    conn_pool *another, *pool = open_pool(&config);
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    const char *text = NULL;
    char longest[CONN_POOL_MAX_ERROR + 9];
    pthread_t thread;

    CHECK(conn_pool_last_error(NULL) == 0);
    world.failures_to_come = 2;
    world.says = "no route to host";
    CHECK_STATUS(CONN_POOL_CREATE_FAILED, conn_pool_acquire(pool, PATIENCE_MS, &lease));
    CHECK(conn_pool_last_error(&text) == 42 && strcmp(text, "no route to host") == 0);
    /* It is another thread's, and it is not forgotten by a call that succeeds, also if that creates. */
    config = config_for(&another_world);
    another = open_pool(&config);
    use_once(another);
    CHECK(another_world.made == 1);
    CHECK(conn_pool_last_error(&text) == 42 && strcmp(text, "no route to host") == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(another));
    CHECK(pthread_create(&thread, NULL, look_at_the_error, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    /* One that says nothing does not say what another one has said. */
    world.says = NULL;
    CHECK_STATUS(CONN_POOL_CREATE_FAILED, conn_pool_try_acquire(pool, &lease));
    CHECK(conn_pool_last_error(&text) == 41 && strcmp(text, "") == 0);

    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    world.failures_to_come = 1;
    world.says = longest;
    CHECK_STATUS(CONN_POOL_CREATE_FAILED, conn_pool_try_acquire(pool, &lease));
    CHECK(conn_pool_last_error(&text) == 41 && strlen(text) == CONN_POOL_MAX_ERROR);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

static int discard_evens(void *user, void *resource)
{
    const struct world *world = user;

    return ((int *)resource - world->things) % 2 == 0;
}

static void the_end_of_a_resource_has_a_reason(void)
{
    struct world world;
    conn_pool_config config = config_for(&world);
    conn_pool_lease lease;
    conn_pool *pool;
    size_t ended = 0;

    config.validate = validate;
    config.reset = reset;
    config.max_lifetime_ms = 1000000;
    config.idle_timeout_ms = 1000;
    pool = open_pool(&config);

    lease = acquire(pool);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_discard(pool, &lease));
    CHECK(world.ended == 1 && world.reason == CONN_POOL_REASON_DISCARDED);
    lease = acquire(pool);
    world.unclean = 1;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    CHECK(world.ended == 2 && world.reason == CONN_POOL_REASON_RESET_FAILED);
    world.unclean = 0;
    use_once(pool);
    world.unfit = 1;
    use_once(pool);
    world.unfit = 0;
    CHECK(world.ended == 3 && world.reason == CONN_POOL_REASON_INVALID);
    world.now += 1001;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_maintain(pool, &ended));
    world.now += 1001;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_maintain(pool, &ended));
    CHECK(world.ended == 4 && world.reason == CONN_POOL_REASON_IDLE_TIMEOUT);
    lease = acquire(pool);
    world.now += 1000000;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    use_once(pool);
    CHECK(world.ended == 5 && world.reason == CONN_POOL_REASON_MAX_LIFETIME);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_resize(pool, 0));
    CHECK(world.ended == 6 && world.reason == CONN_POOL_REASON_SURPLUS);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_resize(pool, 1));
    use_once(pool);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_evict_all(pool, &ended));
    CHECK(ended == 1 && world.ended == 7 && world.reason == CONN_POOL_REASON_EVICTED);
    use_once(pool);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_close(pool));
    CHECK(world.ended == 8 && world.reason == CONN_POOL_REASON_CLOSED);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

static void what_was_evicted_is_not_leased_again(void)
{
    struct world world;
    conn_pool_config config = config_for(&world);
    conn_pool *pool = open_pool(&config);
    conn_pool_lease lease = acquire(pool), other;
    void *kept = lease.resource;
    size_t ended = 77;

    use_once(pool);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_evict_all(pool, &ended));
    CHECK(ended == 1 && world.ended == 1 && STATS(pool).idle == 0);
    /* The holder keeps it until its release. */
    CHECK(lease.resource == kept);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    CHECK(world.ended == 2 && world.reason == CONN_POOL_REASON_EVICTED && STATS(pool).idle == 0);
    /* New ones are not concerned. */
    lease = acquire(pool);
    other = acquire(pool);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &other));
    CHECK(world.ended == 2 && STATS(pool).idle == 2);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_evict_all(pool, NULL));
    CHECK(world.ended == 4 && STATS(pool).idle == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

static void only_what_is_to_be_kept_is_retained(void)
{
    struct world world;
    conn_pool_config config = config_for(&world);
    conn_pool *pool = open_pool(&config);
    conn_pool_lease leases[CAPACITY];
    size_t ended = 77;
    int at;

    for (at = 0; at < CAPACITY; at++) {
        leases[at] = acquire(pool);
    }
    CHECK_STATUS(CONN_POOL_OK, conn_pool_retain(pool, discard_evens, &world, &ended));
    CHECK(ended == 0);
    for (at = 0; at < CAPACITY; at++) {
        CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &leases[at]));
    }
    CHECK_STATUS(CONN_POOL_INVALID_ARGUMENT, conn_pool_retain(pool, NULL, &world, &ended));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_retain(pool, discard_evens, &world, &ended));
    CHECK(ended == 2 && world.ended == 2 && world.reason == CONN_POOL_REASON_EVICTED);
    CHECK(STATS(pool).idle == 1 && use_once(pool) == &world.things[1]);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

static void nothing_is_leased_while_the_pool_is_suspended(void)
{
    struct world world;
    conn_pool_config config = config_for(&world);
    conn_pool *pool = open_pool(&config);
    conn_pool_lease lease = acquire(pool), other = CONN_POOL_LEASE_INIT;

    use_once(pool);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_suspend(pool));
    CHECK(STATS(pool).suspended == 1);
    CHECK_STATUS(CONN_POOL_EXHAUSTED, conn_pool_try_acquire(pool, &other));
    CHECK_STATUS(CONN_POOL_TIMED_OUT, conn_pool_acquire(pool, 1, &other));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    CHECK_STATUS(CONN_POOL_EXHAUSTED, conn_pool_try_acquire(pool, &other));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_resume(pool));
    CHECK(STATS(pool).suspended == 0 && STATS(pool).idle == 2 && world.ended == 0);
    use_once(pool);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_resume(pool));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

static void only_what_was_idle_for_long_is_kept_alive(void)
{
    struct world world;
    conn_pool_config config = config_for(&world);
    conn_pool *pool;

    config.validate = validate;
    config.validate_after_ms = 100000;
    config.keepalive_ms = 100;
    pool = open_pool(&config);
    use_once(pool);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_maintain(pool, NULL));
    world.now += 99;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_maintain(pool, NULL));
    CHECK(world.checks == 0);
    world.now++;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_maintain(pool, NULL));
    CHECK(world.checks == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_maintain(pool, NULL));
    CHECK(world.checks == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

/* A lease of another thread. */
struct other {
    conn_pool *pool;
    conn_pool_lease lease;
    uint64_t self;
};

static void *hold(void *argument)
{
    struct other *other = argument;

    other->self = (uint64_t)(uintptr_t)pthread_self();
    CHECK_STATUS(CONN_POOL_OK, conn_pool_acquire_tagged(other->pool, 0, "a report", &other->lease));
    return NULL;
}

static void who_holds_what_is_known(void)
{
    struct world world;
    conn_pool_config config = config_for(&world);
    struct other other = { NULL, CONN_POOL_LEASE_INIT, 0 };
    conn_pool_lease_info holders[CAPACITY + 1];
    conn_pool_lease lease;
    pthread_t thread;
    size_t count = 77;

    config.flags = CONN_POOL_TRACK;
    other.pool = open_pool(&config);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_get_leases(other.pool, NULL, 0, 0, &count));
    CHECK(count == 0);
    lease = acquire(other.pool);
    world.now += 70;
    CHECK(pthread_create(&thread, NULL, hold, &other) == 0 && pthread_join(thread, NULL) == 0);
    world.now += 5;
    memset(holders, 0xa5, sizeof holders);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_get_leases(other.pool, holders, sizeof holders[0],
                                                     CAPACITY, &count));
    CHECK(count == 2);
    CHECK(holders[0].resource == lease.resource && holders[0].slot == lease.slot);
    CHECK(holders[0].held_ms == 75 && holders[0].tag == NULL && holders[0].reserved == 0);
    CHECK(holders[0].thread == (uint64_t)(uintptr_t)pthread_self());
    CHECK(holders[1].resource == other.lease.resource && holders[1].held_ms == 5);
    CHECK(strcmp(holders[1].tag, "a report") == 0 && holders[1].thread == other.self);
    /* As many as there is room for, but all are counted. */
    memset(holders, 0xa5, sizeof holders);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_get_leases(other.pool, holders, sizeof holders[0], 1,
                                                     &count));
    CHECK(count == 2 && holders[0].held_ms == 75);
    CHECK(holders[1].held_ms == UINT64_C(0xa5a5a5a5a5a5a5a5));
    CHECK_STATUS(CONN_POOL_INVALID_ARGUMENT,
                 conn_pool_get_leases(other.pool, NULL, sizeof holders[0], 1, &count));
    CHECK_STATUS(CONN_POOL_INVALID_ARGUMENT, conn_pool_get_leases(other.pool, holders, 0, 1, &count));
    CHECK_STATUS(CONN_POOL_INVALID_ARGUMENT,
                 conn_pool_get_leases(other.pool, holders, sizeof holders[0], 1, NULL));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(other.pool, &lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(other.pool, &other.lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_get_leases(other.pool, holders, sizeof holders[0],
                                                     CAPACITY, &count));
    CHECK(count == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(other.pool));

    config.flags = 0;
    other.pool = open_pool(&config);
    CHECK_STATUS(CONN_POOL_UNSUPPORTED, conn_pool_get_leases(other.pool, NULL, 0, 0, &count));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_acquire_tagged(other.pool, 0, "unheard", &lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(other.pool, &lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(other.pool));
}

static void a_long_lease_is_told_of_once(void)
{
    struct world world;
    conn_pool_config config = config_for(&world);
    conn_pool_lease lease;
    conn_pool *pool;

    config.flags = CONN_POOL_TRACK;
    config.leak_after_ms = 500;
    pool = open_pool(&config);
    use_once(pool);
    lease = acquire(pool);
    world.now += 500;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_maintain(pool, NULL));
    CHECK(world.leaks == 0);
    world.now++;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_maintain(pool, NULL));
    CHECK(world.leaks == 1 && world.leaked == lease.resource);
    CHECK(world.leaked_slot == (int)lease.slot);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_maintain(pool, NULL));
    CHECK(world.leaks == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    world.now += 1000;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_maintain(pool, NULL));
    CHECK(world.leaks == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

static void a_lease_that_begins_while_others_are_looked_at_is_none_that_lasts_long(void)
{
    struct world world;
    conn_pool_config config = config_for(&world);
    conn_pool_lease lease;
    conn_pool *pool;

    config.capacity = 2;
    config.flags = CONN_POOL_TRACK;
    config.leak_after_ms = 100;
    pool = open_pool(&config);
    lease = acquire(pool);
    world.now += 200;
    world.leases_from = pool;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_maintain(pool, NULL));
    /* The later slot is the one that is looked at after that. */
    CHECK(world.next.slot > lease.slot);
    CHECK(world.leaks == 1 && world.leaked == lease.resource);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &world.next));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

static void a_thread_that_would_wait_for_itself_is_refused(void)
{
    struct world world;
    conn_pool_config config = config_for(&world);
    struct other other = { NULL, CONN_POOL_LEASE_INIT, 0 };
    conn_pool_lease own, none = CONN_POOL_LEASE_INIT;
    conn_pool *pool;
    pthread_t thread;

    config.capacity = 2;
    config.flags = CONN_POOL_TRACK;
    pool = other.pool = open_pool(&config);
    own = acquire(pool);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_acquire(pool, CONN_POOL_WAIT_FOREVER, &none));
    CHECK_STATUS(CONN_POOL_DEADLOCK, conn_pool_acquire(pool, CONN_POOL_WAIT_FOREVER, &other.lease));
    /* A wait that ends is none for ever. */
    CHECK_STATUS(CONN_POOL_TIMED_OUT, conn_pool_acquire(pool, 1, &other.lease));
    CHECK_STATUS(CONN_POOL_EXHAUSTED, conn_pool_try_acquire(pool, &other.lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &none));
    /* Another thread may release what it holds. */
    CHECK(pthread_create(&thread, NULL, hold, &other) == 0 && pthread_join(thread, NULL) == 0);
    CHECK(STATS(pool).in_use == 2);
    CHECK_STATUS(CONN_POOL_DEADLOCK, conn_pool_drain(pool, CONN_POOL_WAIT_FOREVER));
    CHECK_STATUS(CONN_POOL_BUSY, conn_pool_drain(pool, 1));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &own));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &other.lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_drain(pool, CONN_POOL_WAIT_FOREVER));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

struct handover {
    conn_pool *pool;
    conn_pool_lease given;
    conn_pool_lease kept;
    int is_kept;
    sem_t is_told;
};

static void keep(void *user, conn_pool_status status, const conn_pool_lease *lease)
{
    struct handover *handover = user;

    if (CHECK_STATUS(CONN_POOL_OK, status)) {
        handover->kept = *lease;
        handover->is_kept = 1;
        sem_post(&handover->is_told);
    }
}

static void *release_and_acquire(void *argument)
{
    struct handover *handover = argument;
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;

    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(handover->pool, &handover->given));
    CHECK(handover->is_kept);
    if (CHECK_STATUS(CONN_POOL_OK, conn_pool_acquire(handover->pool, CONN_POOL_WAIT_FOREVER, &lease))) {
        CHECK_STATUS(CONN_POOL_OK, conn_pool_release(handover->pool, &lease));
    }
    return NULL;
}

/* The thread that calls back holds nothing by that. */
static void a_lease_that_a_callback_is_given_is_no_threads(void)
{
    struct world world;
    conn_pool_config config = config_for(&world);
    struct handover handover = { .given = CONN_POOL_LEASE_INIT, .kept = CONN_POOL_LEASE_INIT };
    conn_pool_waiter waiter = CONN_POOL_WAITER_INIT;
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    conn_pool_lease_info holder;
    pthread_t thread;
    size_t count;

    config.capacity = 1;
    config.flags = CONN_POOL_TRACK;
    CHECK(sem_init(&handover.is_told, 0, 0) == 0);
    handover.pool = open_pool(&config);
    handover.given = acquire(handover.pool);
    CHECK_STATUS(CONN_POOL_PENDING, conn_pool_acquire_async(handover.pool, &waiter, keep, &handover, &lease));
    CHECK(pthread_create(&thread, NULL, release_and_acquire, &handover) == 0);
    CHECK(sem_wait(&handover.is_told) == 0);
    CHECK_WAITING(handover.pool, 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_get_leases(handover.pool, &holder, sizeof holder, 1, &count));
    CHECK(count == 1 && holder.thread == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(handover.pool, &handover.kept));
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(handover.pool));
    CHECK(sem_destroy(&handover.is_told) == 0);
}

static void options_that_need_another_are_refused(void)
{
    struct world world;
    conn_pool_config config = config_for(&world);

    config.leak_after_ms = 1;
    CHECK(strstr(conn_pool_config_problem(&config), "CONN_POOL_TRACK") != NULL);
    config.flags = CONN_POOL_TRACK;
    CHECK(conn_pool_config_problem(&config) == NULL);
    config.flags = CONN_POOL_TRACK << 1;
    CHECK(strstr(conn_pool_config_problem(&config), "newer") != NULL);
    config.flags = 0;
    config.leak_after_ms = 0;
    config.keepalive_ms = 1;
    CHECK(strstr(conn_pool_config_problem(&config), "validate") != NULL);
    config.keepalive_ms = 0;
    config.validate_after_ms = 1;
    CHECK(strstr(conn_pool_config_problem(&config), "validate") != NULL);
}

int main(void)
{
    a_failed_create_says_why();
    the_end_of_a_resource_has_a_reason();
    what_was_evicted_is_not_leased_again();
    only_what_is_to_be_kept_is_retained();
    nothing_is_leased_while_the_pool_is_suspended();
    only_what_was_idle_for_long_is_kept_alive();
    who_holds_what_is_known();
    a_long_lease_is_told_of_once();
    a_lease_that_begins_while_others_are_looked_at_is_none_that_lasts_long();
    a_thread_that_would_wait_for_itself_is_refused();
    a_lease_that_a_callback_is_given_is_no_threads();
    options_that_need_another_are_refused();
    return check_report("why");
}

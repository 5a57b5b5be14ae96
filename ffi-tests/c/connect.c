/*
 * Connects that the program is asked for and ends later: pools with begin_create. Most tests play an
 * event loop on one thread; the last ones have callers wait on threads of their own.
 */
#include <pthread.h>
#include <string.h>

#include "check.h"

enum { CAPACITY = 3, THINGS = 64, TICKETS = 64 };

/* How begin_create answers. */
enum answer { LATER, AT_ONCE, REFUSES, FAILS_AT_ONCE };

struct world {
    conn_pool *pool;
    uint64_t now;
    enum answer answer;
    /* What it was asked for, the oldest first, and how many of these the tests have ended. */
    uint64_t tickets[TICKETS];
    int asked;
    int ended;
    uint32_t within_ms;
    int things[THINGS];
    int made;
    int destroyed;
    int reason;
    int failed;
    /* A wait that begins as soon as the clock has been read, a moment later. */
    struct call *asks_next;
};

/* A wait, and how it has ended. */
struct call {
    conn_pool_waiter waiter;
    conn_pool_lease lease;
    conn_pool_status status;
    int calls;
    int code;
    char text[CONN_POOL_MAX_ERROR + 1];
};

static const struct call fresh = {
    CONN_POOL_WAITER_INIT, CONN_POOL_LEASE_INIT, CONN_POOL_PANIC, 0, 0, ""
};

static void ask(conn_pool *pool, struct call *call);

static uint64_t clock_ms(void *user)
{
    struct world *world = user;
    uint64_t now = __atomic_load_n(&world->now, __ATOMIC_RELAXED);
    struct call *next = world->asks_next;

    if (next != NULL) {
        world->asks_next = NULL;
        __atomic_store_n(&world->now, now + 1, __ATOMIC_RELAXED);
        ask(world->pool, next);
    }
    return now;
}

static void *new_thing(struct world *world)
{
    return &world->things[world->made++ % THINGS];
}

/* What begin_create writes down, and another thread may read: a mutex, since every checker knows what it orders. */
static pthread_mutex_t asking = PTHREAD_MUTEX_INITIALIZER;

static int asked_of(const struct world *world)
{
    int asked;

    CHECK(pthread_mutex_lock(&asking) == 0);
    asked = world->asked;
    CHECK(pthread_mutex_unlock(&asking) == 0);
    return asked;
}

static int begin_create(void *user, uint64_t ticket, uint32_t within_ms)
{
    struct world *world = user;

    CHECK(pthread_mutex_lock(&asking) == 0);
    world->tickets[world->asked++ % TICKETS] = ticket;
    world->within_ms = within_ms;
    CHECK(pthread_mutex_unlock(&asking) == 0);
    switch (world->answer) {
    case AT_ONCE:
        world->ended++;
        CHECK_STATUS(CONN_POOL_OK, conn_pool_connected(world->pool, ticket, new_thing(world)));
        /* The ticket is used: what is returned says nothing more. */
        return 7;
    case FAILS_AT_ONCE:
        world->ended++;
        CHECK_STATUS(CONN_POOL_OK, conn_pool_connect_failed(world->pool, ticket, 31, "at once"));
        return 0;
    case REFUSES:
        world->ended++;
        CHECK_STATUS(CONN_POOL_OK, conn_pool_set_error("cannot begin"));
        return 41;
    default:
        return 0;
    }
}

static void destroy(void *user, void *resource)
{
    (void)resource;
    ((struct world *)user)->destroyed++;
}

static void on_event(void *user, conn_pool_event event, void *resource, int code)
{
    struct world *world = user;

    CHECK((resource == NULL) == (event == CONN_POOL_EVENT_CREATE_FAILED));
    if (event == CONN_POOL_EVENT_DESTROYED) {
        world->reason = code;
    }
    world->failed += event == CONN_POOL_EVENT_CREATE_FAILED;
}

static conn_pool_config config_for(struct world *world)
{
    conn_pool_config config = CONN_POOL_CONFIG_INIT;

    memset(world, 0, sizeof *world);
    world->now = 1000;
    config.capacity = CAPACITY;
    config.user = world;
    config.begin_create = begin_create;
    config.destroy = destroy;
    config.on_event = on_event;
    config.clock_ms = clock_ms;
    return config;
}

static conn_pool *open_pool(struct world *world, const conn_pool_config *config)
{
    CHECK_STATUS(CONN_POOL_OK, conn_pool_create(config, &world->pool));
    return world->pool;
}

static conn_pool *pool_for(struct world *world)
{
    const conn_pool_config config = config_for(world);

    return open_pool(world, &config);
}

/* The oldest ticket that was not ended. */
static uint64_t next_ticket(struct world *world)
{
    CHECK(world->ended < asked_of(world));
    return world->tickets[world->ended++ % TICKETS];
}

static void connect_next(struct world *world)
{
    CHECK_STATUS(CONN_POOL_OK, conn_pool_connected(world->pool, next_ticket(world), new_thing(world)));
}

static void fail_next(struct world *world, int code, const char *text)
{
    CHECK_STATUS(CONN_POOL_OK, conn_pool_connect_failed(world->pool, next_ticket(world), code, text));
}

static void on_ready(void *user, conn_pool_status status, const conn_pool_lease *lease)
{
    struct call *call = user;
    const char *text = NULL;

    call->calls++;
    call->status = status;
    call->code = conn_pool_last_error(&text);
    strncpy(call->text, text, sizeof call->text - 1);
    if (lease != NULL) {
        call->lease = *lease;
    }
}

static void ask(conn_pool *pool, struct call *call)
{
    *call = fresh;
    CHECK_STATUS(CONN_POOL_PENDING,
                 conn_pool_acquire_async(pool, &call->waiter, on_ready, call, &call->lease));
}

static void give_back(conn_pool *pool, struct call *call)
{
    CHECK(call->calls == 1 && call->status == CONN_POOL_OK);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &call->lease));
}

static int was_told(const struct call *call, int code, const char *text)
{
    return call->calls == 1 && call->status == CONN_POOL_CREATE_FAILED && call->code == code
           && strcmp(call->text, text) == 0;
}

static void end(struct world *world)
{
    CHECK(world->ended == world->asked);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(world->pool));
    CHECK(world->destroyed == world->made);
}

static void a_wait_asks_for_a_resource_which_comes_later(void)
{
    struct world world;
    struct call call;
    conn_pool *pool = pool_for(&world);
    conn_pool_stats stats;

    CHECK(world.asked == 0);
    ask(pool, &call);
    CHECK(world.asked == 1 && call.calls == 0);
    CHECK(world.within_ms == CONN_POOL_WAIT_FOREVER);
    stats = STATS(pool);
    CHECK(stats.waiting == 1 && stats.connecting == 1 && stats.in_use == 1 && stats.idle == 0);
    connect_next(&world);
    CHECK(call.calls == 1 && call.lease.resource == &world.things[0]);
    stats = STATS(pool);
    CHECK(stats.waiting == 0 && stats.connecting == 0 && stats.in_use == 1 && stats.created == 1);
    give_back(pool, &call);
    CHECK(STATS(pool).idle == 1 && world.asked == 1);
    end(&world);
}

static void a_resource_may_come_before_the_callback_returns(void)
{
    struct world world;
    struct call calls[2];
    conn_pool *pool = pool_for(&world);
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;

    world.answer = AT_ONCE;
    ask(pool, &calls[0]);
    CHECK(calls[0].calls == 1 && calls[0].lease.resource == &world.things[0]);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
    CHECK(world.asked == 2 && lease.resource == &world.things[1]);
    ask(pool, &calls[1]);
    CHECK(world.asked == 3);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    give_back(pool, &calls[0]);
    give_back(pool, &calls[1]);
    end(&world);
}

static void a_connect_that_cannot_begin_is_told_with_its_code_and_text(void)
{
    struct world world;
    struct call call;
    conn_pool *pool = pool_for(&world);
    const char *text = NULL;

    world.answer = REFUSES;
    ask(pool, &call);
    CHECK(was_told(&call, 41, "cannot begin"));
    CHECK(conn_pool_last_error(&text) == 41 && strcmp(text, "cannot begin") == 0);
    world.answer = FAILS_AT_ONCE;
    ask(pool, &call);
    CHECK(was_told(&call, 31, "at once"));
    CHECK(conn_pool_last_error(&text) == 31 && strcmp(text, "at once") == 0);
    /* None goes round: each failure has ended a wait. */
    CHECK(world.asked == 2 && world.failed == 2);
    CHECK(STATS(pool).vacant == CAPACITY && STATS(pool).create_failed == 2);
    end(&world);
}

static void a_failure_is_told_to_the_longest_waiter_and_the_next_one_asks_again(void)
{
    struct world world;
    struct call calls[3];
    conn_pool_config config = config_for(&world);
    conn_pool *pool;
    int number;

    config.max_connecting = 1;
    pool = open_pool(&world, &config);
    for (number = 0; number < 3; number++) {
        ask(pool, &calls[number]);
    }
    CHECK(world.asked == 1 && STATS(pool).waiting == 3);
    fail_next(&world, 5, "refused");
    CHECK(was_told(&calls[0], 5, "refused"));
    CHECK(calls[1].calls == 0 && calls[2].calls == 0 && world.asked == 2);
    fail_next(&world, 6, NULL);
    CHECK(was_told(&calls[1], 6, "") && calls[2].calls == 0 && world.asked == 3);
    connect_next(&world);
    CHECK(world.asked == 3);
    give_back(pool, &calls[2]);
    end(&world);
}

static void a_failure_ends_no_wait_that_another_connect_is_under_way_for(void)
{
    struct world world;
    struct call calls[2];
    conn_pool *pool = pool_for(&world);

    ask(pool, &calls[0]);
    ask(pool, &calls[1]);
    CHECK(world.asked == 2);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_cancel(pool, &calls[0].waiter));
    fail_next(&world, 5, "refused");
    CHECK(calls[1].calls == 0 && world.asked == 2);
    connect_next(&world);
    give_back(pool, &calls[1]);
    CHECK(calls[0].calls == 0);
    end(&world);
}

static void no_more_is_begun_at_once_than_max_connecting(void)
{
    struct world world;
    struct call calls[3];
    conn_pool_config config = config_for(&world);
    conn_pool *pool;
    int number;

    config.max_connecting = 2;
    pool = open_pool(&world, &config);
    for (number = 0; number < 3; number++) {
        ask(pool, &calls[number]);
    }
    CHECK(world.asked == 2 && STATS(pool).connecting == 2);
    connect_next(&world);
    CHECK(calls[0].calls == 1 && world.asked == 3 && STATS(pool).connecting == 2);
    connect_next(&world);
    connect_next(&world);
    for (number = 0; number < 3; number++) {
        give_back(pool, &calls[number]);
    }
    end(&world);
}

static void a_connect_goes_on_when_its_waiter_is_cancelled(void)
{
    struct world world;
    struct call gone, next;
    conn_pool *pool = pool_for(&world);

    ask(pool, &gone);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_cancel(pool, &gone.waiter));
    /* It is for the next one. */
    ask(pool, &next);
    CHECK(world.asked == 1);
    connect_next(&world);
    give_back(pool, &next);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_acquire_async(pool, &next.waiter, on_ready, &next, &next.lease));
    ask(pool, &gone);
    CHECK(world.asked == 2);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_cancel(pool, &gone.waiter));
    connect_next(&world);
    CHECK(gone.calls == 0 && STATS(pool).idle == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &next.lease));
    end(&world);
}

static void a_release_serves_the_waiter_before_its_connect(void)
{
    struct world world;
    struct call first, second;
    conn_pool *pool = pool_for(&world);

    ask(pool, &first);
    connect_next(&world);
    ask(pool, &second);
    CHECK(world.asked == 2);
    give_back(pool, &first);
    CHECK(second.calls == 1 && second.lease.resource == &world.things[0]);
    connect_next(&world);
    CHECK(STATS(pool).idle == 1);
    give_back(pool, &second);
    end(&world);
}

static void a_call_that_does_not_wait_asks_and_returns(void)
{
    struct world world;
    conn_pool *pool = pool_for(&world);
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;

    CHECK_STATUS(CONN_POOL_EXHAUSTED, conn_pool_try_acquire(pool, &lease));
    CHECK_STATUS(CONN_POOL_EXHAUSTED, conn_pool_try_acquire(pool, &lease));
    CHECK(world.asked == 1);
    connect_next(&world);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    end(&world);
}

static void a_discard_asks_for_another_and_does_not_wait_for_it(void)
{
    struct world world;
    struct call held, waits;
    conn_pool_config config = config_for(&world);
    conn_pool *pool;

    config.capacity = 1;
    pool = open_pool(&world, &config);
    ask(pool, &held);
    connect_next(&world);
    ask(pool, &waits);
    CHECK(world.asked == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_discard(pool, &held.lease));
    CHECK(world.destroyed == 1 && world.asked == 2 && waits.calls == 0);
    connect_next(&world);
    give_back(pool, &waits);
    end(&world);
}

static void a_ticket_is_used_once_and_by_its_own_pool(void)
{
    struct world world, elsewhere;
    struct call call, other;
    conn_pool_config config = config_for(&world);
    conn_pool *pool, *foreign = pool_for(&elsewhere);
    uint64_t first, second;
    int thing = 0, bit;

    config.capacity = 1;
    pool = open_pool(&world, &config);
    ask(pool, &call);
    ask(foreign, &other);
    first = world.tickets[0];
    CHECK_STATUS(CONN_POOL_NOT_HELD, conn_pool_connected(pool, 0, &thing));
    CHECK_STATUS(CONN_POOL_INVALID_ARGUMENT, conn_pool_connected(pool, first, NULL));
    CHECK_STATUS(CONN_POOL_INVALID_ARGUMENT, conn_pool_connected(NULL, first, &thing));
    CHECK_STATUS(CONN_POOL_INVALID_ARGUMENT, conn_pool_connect_failed(NULL, first, 1, NULL));
    CHECK_STATUS(CONN_POOL_WRONG_POOL, conn_pool_connected(pool, elsewhere.tickets[0], &thing));
    CHECK_STATUS(CONN_POOL_WRONG_POOL, conn_pool_connect_failed(foreign, first, 1, NULL));
    /* Each other number of one bit's difference is refused. */
    for (bit = 0; bit < 64; bit++) {
        CHECK(conn_pool_connected(pool, first ^ (UINT64_C(1) << bit), &thing) < 0);
    }
    CHECK_STATUS(CONN_POOL_FORGED, conn_pool_connected(pool, first + 2, &thing));
    CHECK(call.calls == 0 && STATS(pool).misused == 67);
    connect_next(&world);
    CHECK_STATUS(CONN_POOL_NOT_HELD, conn_pool_connected(pool, first, &thing));
    CHECK_STATUS(CONN_POOL_NOT_HELD, conn_pool_connect_failed(pool, first, 1, NULL));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_discard(pool, &call.lease));
    ask(pool, &call);
    second = world.tickets[1];
    CHECK(second != first);
    CHECK_STATUS(CONN_POOL_STALE, conn_pool_connected(pool, first, &thing));
    CHECK_STATUS(CONN_POOL_STALE, conn_pool_connect_failed(pool, first, 1, NULL));
    CHECK(call.calls == 0);
    connect_next(&world);
    give_back(pool, &call);
    fail_next(&elsewhere, 1, NULL);
    CHECK(was_told(&other, 1, ""));
    end(&world);
    end(&elsewhere);
}

static void a_connect_that_takes_too_long_fails_for_its_waiter_and_may_come_late(void)
{
    struct world world;
    struct call call, next;
    conn_pool_config config = config_for(&world);
    conn_pool *pool;

    config.connect_timeout_ms = 500;
    config.max_connecting = 1;
    pool = open_pool(&world, &config);
    ask(pool, &call);
    ask(pool, &next);
    CHECK(world.within_ms == 500 && world.asked == 1);
    world.now += 499;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_maintain(pool, NULL));
    CHECK(call.calls == 0);
    world.now += 1;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_maintain(pool, NULL));
    CHECK(was_told(&call, CONN_POOL_TIMED_OUT, "not connected within connect_timeout_ms"));
    /* Its slot is in use still, and another connect may be begun. */
    CHECK(next.calls == 0 && world.asked == 2);
    CHECK(STATS(pool).in_use == 2 && STATS(pool).connecting == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_maintain(pool, NULL));
    CHECK(next.calls == 0 && world.asked == 2);
    /* What comes late is taken. */
    connect_next(&world);
    CHECK(next.calls == 1 && next.lease.resource == &world.things[0]);
    CHECK(STATS(pool).connecting == 1 && STATS(pool).in_use == 2);
    connect_next(&world);
    CHECK(STATS(pool).connecting == 0 && STATS(pool).idle == 1);
    give_back(pool, &next);
    end(&world);
}

static void a_connect_that_begins_while_others_are_looked_at_is_not_late(void)
{
    struct world world;
    struct call call = fresh;
    conn_pool_config config = config_for(&world);
    conn_pool *pool;

    config.capacity = 1;
    config.connect_timeout_ms = 500;
    pool = open_pool(&world, &config);
    world.asks_next = &call;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_maintain(pool, NULL));
    CHECK(world.asked == 1 && call.calls == 0 && world.failed == 0);
    connect_next(&world);
    give_back(pool, &call);
    end(&world);
}

static void a_failure_that_comes_late_is_told_to_no_other_waiter(void)
{
    struct world world;
    struct call call, next, last;
    conn_pool_config config = config_for(&world);
    conn_pool *pool;

    config.connect_timeout_ms = 500;
    config.max_connecting = 1;
    pool = open_pool(&world, &config);
    ask(pool, &call);
    world.now += 500;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_maintain(pool, NULL));
    CHECK(call.calls == 1 && STATS(pool).connecting == 0);
    ask(pool, &next);
    ask(pool, &last);
    CHECK(world.asked == 2 && STATS(pool).connecting == 1);
    fail_next(&world, 5, "late");
    CHECK(next.calls == 0 && last.calls == 0);
    CHECK(STATS(pool).connecting == 1 && STATS(pool).in_use == 1);
    connect_next(&world);
    connect_next(&world);
    give_back(pool, &next);
    give_back(pool, &last);
    CHECK(STATS(pool).idle == 2 && STATS(pool).vacant == CAPACITY - 2);
    end(&world);
}

static void a_closed_pool_destroys_what_comes_and_is_drained_after_that(void)
{
    struct world world;
    struct call calls[2];
    conn_pool *pool = pool_for(&world);
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;

    ask(pool, &calls[0]);
    ask(pool, &calls[1]);
    CHECK(world.asked == 2);
    CHECK_STATUS(CONN_POOL_BUSY, conn_pool_destroy(pool));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_close(pool));
    CHECK(calls[0].calls == 1 && calls[0].status == CONN_POOL_CLOSED);
    CHECK(calls[1].calls == 1 && calls[1].status == CONN_POOL_CLOSED);
    CHECK_STATUS(CONN_POOL_CLOSED, conn_pool_try_acquire(pool, &lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_maintain(pool, NULL));
    CHECK(world.asked == 2);
    CHECK_STATUS(CONN_POOL_BUSY, conn_pool_drain(pool, 0));
    CHECK_STATUS(CONN_POOL_BUSY, conn_pool_destroy(pool));
    connect_next(&world);
    CHECK(world.made == 1 && world.destroyed == 1 && world.reason == CONN_POOL_REASON_CLOSED);
    CHECK_STATUS(CONN_POOL_BUSY, conn_pool_drain(pool, 0));
    fail_next(&world, 5, "refused");
    CHECK_STATUS(CONN_POOL_OK, conn_pool_drain(pool, 0));
    CHECK(world.asked == 2 && calls[0].calls == 1 && calls[1].calls == 1);
    end(&world);
}

static void what_comes_to_a_smaller_pool_is_destroyed(void)
{
    struct world world;
    struct call call;
    conn_pool *pool = pool_for(&world);

    ask(pool, &call);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_resize(pool, 0));
    connect_next(&world);
    CHECK(call.calls == 0 && world.destroyed == 1 && world.reason == CONN_POOL_REASON_SURPLUS);
    CHECK(world.asked == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_resize(pool, 1));
    CHECK(world.asked == 2);
    connect_next(&world);
    give_back(pool, &call);
    end(&world);
}

static void a_suspended_pool_asks_for_nothing_and_fails_no_waiter(void)
{
    struct world world;
    struct call early, late;
    conn_pool *pool = pool_for(&world);

    ask(pool, &early);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_suspend(pool));
    ask(pool, &late);
    CHECK(world.asked == 1);
    fail_next(&world, 5, "refused");
    CHECK(early.calls == 0 && world.asked == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_resume(pool));
    CHECK(world.asked == 3);
    connect_next(&world);
    connect_next(&world);
    give_back(pool, &early);
    give_back(pool, &late);
    end(&world);
}

static void what_was_begun_before_an_eviction_is_destroyed_and_replaced(void)
{
    struct world world;
    struct call call;
    conn_pool *pool = pool_for(&world);

    ask(pool, &call);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_evict_all(pool, NULL));
    connect_next(&world);
    CHECK(call.calls == 0 && world.destroyed == 1 && world.reason == CONN_POOL_REASON_EVICTED);
    CHECK(world.asked == 2);
    connect_next(&world);
    CHECK(call.lease.resource == &world.things[1]);
    give_back(pool, &call);
    end(&world);
}

static void maintenance_asks_for_idle_resources_and_pauses_after_a_failure(void)
{
    struct world world;
    conn_pool_config config = config_for(&world);
    conn_pool *pool;

    config.min_idle = 2;
    pool = open_pool(&world, &config);
    CHECK(world.asked == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_maintain(pool, NULL));
    CHECK(world.asked == 2);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_maintain(pool, NULL));
    CHECK(world.asked == 2);
    connect_next(&world);
    fail_next(&world, 5, "refused");
    CHECK_STATUS(CONN_POOL_OK, conn_pool_maintain(pool, NULL));
    CHECK(world.asked == 2);
    world.now += 200;
    /* It fails at once, and is not asked for again at once. */
    world.answer = REFUSES;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_maintain(pool, NULL));
    CHECK(world.asked == 3);
    world.answer = AT_ONCE;
    world.now += 1000;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_maintain(pool, NULL));
    CHECK(world.asked == 4 && STATS(pool).idle == 2);
    end(&world);
}

static void an_old_resource_is_replaced_before_it_is_destroyed(void)
{
    struct world world;
    conn_pool_config config = config_for(&world);
    conn_pool *pool;

    config.min_idle = 1;
    config.max_lifetime_ms = 1000;
    world.answer = AT_ONCE;
    pool = open_pool(&world, &config);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_maintain(pool, NULL));
    CHECK(world.made == 1);
    world.answer = LATER;
    world.now += 1001;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_maintain(pool, NULL));
    CHECK(world.asked == 2 && world.destroyed == 0);
    connect_next(&world);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_maintain(pool, NULL));
    CHECK(world.asked == 2 && world.destroyed == 1 && STATS(pool).idle == 1);
    end(&world);
}

static void a_configuration_has_one_of_both(void)
{
    struct world world;
    conn_pool_config config = config_for(&world);
    conn_pool *pool = NULL;

    config.create = (conn_pool_create_fn)(void (*)(void))begin_create;
    CHECK(strstr(conn_pool_config_problem(&config), "create and begin_create are both set") != NULL);
    CHECK_STATUS(CONN_POOL_INVALID_ARGUMENT, conn_pool_create(&config, &pool));
    config = config_for(&world);
    config.max_connecting = CAPACITY + 1;
    CHECK(strstr(conn_pool_config_problem(&config), "max_connecting is above capacity") != NULL);
    config = config_for(&world);
    config.begin_create = NULL;
    config.min_idle = 1;
    CHECK(strstr(conn_pool_config_problem(&config), "min_idle needs create or begin_create") != NULL);
    config.min_idle = 0;
    config.connect_timeout_ms = 1;
    CHECK(strstr(conn_pool_config_problem(&config), "connect_timeout_ms needs begin_create") != NULL);
}

/* A caller on a thread of its own. */
struct caller {
    conn_pool *pool;
    uint32_t timeout_ms;
    conn_pool_lease lease;
    conn_pool_status status;
    int code;
    char text[CONN_POOL_MAX_ERROR + 1];
};

static void *acquire(void *user)
{
    struct caller *caller = user;
    const char *text = NULL;

    caller->status = conn_pool_acquire(caller->pool, caller->timeout_ms, &caller->lease);
    caller->code = conn_pool_last_error(&text);
    strncpy(caller->text, text, sizeof caller->text - 1);
    return NULL;
}

static void *drain(void *user)
{
    struct caller *caller = user;

    caller->status = conn_pool_drain(caller->pool, caller->timeout_ms);
    return NULL;
}

static struct caller caller_of(conn_pool *pool, uint32_t timeout_ms)
{
    const struct caller none = { NULL, 0, CONN_POOL_LEASE_INIT, CONN_POOL_PANIC, 0, "" };
    struct caller caller = none;

    caller.pool = pool;
    caller.timeout_ms = timeout_ms;
    return caller;
}

/* Until a caller on a thread has asked; the ticket is there by then. */
static void wait_until_asked(const struct world *world, int asked)
{
    const struct timespec moment = { 0, 200000 };
    int tries;

    for (tries = 0; tries < 100000 && asked_of(world) < asked; tries++) {
        nanosleep(&moment, NULL);
    }
    CHECK(asked_of(world) == asked);
}

static void a_thread_waits_while_another_one_connects(void)
{
    struct world world;
    conn_pool *pool = pool_for(&world);
    struct caller caller = caller_of(pool, PATIENCE_MS);
    pthread_t thread;

    CHECK(pthread_create(&thread, NULL, acquire, &caller) == 0);
    wait_until_asked(&world, 1);
    connect_next(&world);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_STATUS(CONN_POOL_OK, caller.status);
    CHECK(caller.lease.resource == &world.things[0]);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_discard(pool, &caller.lease));

    caller = caller_of(pool, CONN_POOL_WAIT_FOREVER);
    CHECK(pthread_create(&thread, NULL, acquire, &caller) == 0);
    wait_until_asked(&world, 2);
    fail_next(&world, 5, "refused");
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_STATUS(CONN_POOL_CREATE_FAILED, caller.status);
    CHECK(caller.code == 5 && strcmp(caller.text, "refused") == 0);
    end(&world);
}

static void a_thread_waits_no_longer_than_its_time(void)
{
    struct world world;
    conn_pool *pool = pool_for(&world);
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;

    CHECK_STATUS(CONN_POOL_TIMED_OUT, conn_pool_acquire(pool, 1, &lease));
    CHECK_STATUS(CONN_POOL_TIMED_OUT, conn_pool_acquire(pool, 1, &lease));
    CHECK(world.asked == 1);
    connect_next(&world);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_acquire(pool, 1, &lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    end(&world);
}

static void a_drain_waits_for_what_was_begun(void)
{
    struct world world;
    struct call call;
    conn_pool *pool = pool_for(&world);
    struct caller caller = caller_of(pool, CONN_POOL_WAIT_FOREVER);
    const struct timespec moment = { 0, 200000 };
    pthread_t thread;

    ask(pool, &call);
    CHECK_STATUS(CONN_POOL_BUSY, conn_pool_drain(pool, 1));
    CHECK(call.calls == 1 && call.status == CONN_POOL_CLOSED);
    CHECK(pthread_create(&thread, NULL, drain, &caller) == 0);
    nanosleep(&moment, NULL);
    connect_next(&world);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_STATUS(CONN_POOL_OK, caller.status);
    end(&world);
}

int main(void)
{
    a_wait_asks_for_a_resource_which_comes_later();
    a_resource_may_come_before_the_callback_returns();
    a_connect_that_cannot_begin_is_told_with_its_code_and_text();
    a_failure_is_told_to_the_longest_waiter_and_the_next_one_asks_again();
    a_failure_ends_no_wait_that_another_connect_is_under_way_for();
    no_more_is_begun_at_once_than_max_connecting();
    a_connect_goes_on_when_its_waiter_is_cancelled();
    a_release_serves_the_waiter_before_its_connect();
    a_call_that_does_not_wait_asks_and_returns();
    a_discard_asks_for_another_and_does_not_wait_for_it();
    a_ticket_is_used_once_and_by_its_own_pool();
    a_connect_that_takes_too_long_fails_for_its_waiter_and_may_come_late();
    a_connect_that_begins_while_others_are_looked_at_is_not_late();
    a_failure_that_comes_late_is_told_to_no_other_waiter();
    a_closed_pool_destroys_what_comes_and_is_drained_after_that();
    what_comes_to_a_smaller_pool_is_destroyed();
    a_suspended_pool_asks_for_nothing_and_fails_no_waiter();
    what_was_begun_before_an_eviction_is_destroyed_and_replaced();
    maintenance_asks_for_idle_resources_and_pauses_after_a_failure();
    an_old_resource_is_replaced_before_it_is_destroyed();
    a_configuration_has_one_of_both();
    a_thread_waits_while_another_one_connects();
    a_thread_waits_no_longer_than_its_time();
    a_drain_waits_for_what_was_begun();
    return check_report("connect");
}

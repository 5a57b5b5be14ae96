/*
 * Asynchronous waits: each callback is called once, in order, with a lease or with the status that
 * says why there is none.
 */
#include <string.h>

#include "check.h"

enum { MAKES = 8, LONG_QUEUE = 20000 };

/* What a callback was called with. `turn` is its place in the order of all calls of the test. */
struct call {
    conn_pool_waiter waiter;
    conn_pool_lease lease;
    conn_pool_status status;
    int calls;
    int turn;
    int *turns;
    /* Whether the callback releases its lease. */
    int releases_at_once;
};

static struct call call_in(int *turns)
{
    const struct call fresh = {
        CONN_POOL_WAITER_INIT, CONN_POOL_LEASE_INIT, CONN_POOL_PANIC, 0, 0, NULL, 0
    };
    struct call call = fresh;

    call.turns = turns;
    return call;
}

static void called_back(void *user, conn_pool_status status, const conn_pool_lease *lease)
{
    struct call *call = user;

    call->calls++;
    call->status = status;
    call->turn = ++*call->turns;
    CHECK((lease != NULL) == (status == CONN_POOL_OK));
    if (lease != NULL) {
        call->lease = *lease;
    }
    if (lease != NULL && call->releases_at_once) {
        CHECK_STATUS(CONN_POOL_OK, conn_pool_release(call->lease.pool, &call->lease));
    }
}

static conn_pool_status ask(conn_pool *pool, struct call *call)
{
    return conn_pool_acquire_async(pool, &call->waiter, called_back, call, &call->lease);
}

static conn_pool *pool_of(uint32_t capacity)
{
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    conn_pool *pool = NULL;

    config.capacity = capacity;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_create(&config, &pool));
    return pool;
}

/* Whether a tool watches the program for races, which is told of every hand-over. */
static int is_watched(void)
{
#if defined(CONN_POOL_TSAN)
    return 1;
#elif defined(CONN_POOL_VALGRIND)
    return RUNNING_ON_VALGRIND != 0;
#else
    return 0;
#endif
}

static void a_free_resource_is_acquired_at_once(void)
{
    int turns = 0, thing = 0;
    struct call call = call_in(&turns);
    conn_pool *pool = pool_of(1);

    CHECK_STATUS(CONN_POOL_OK, conn_pool_add(pool, &thing));
    CHECK_STATUS(CONN_POOL_OK, ask(pool, &call));
    CHECK(call.lease.pool == pool && call.lease.resource == &thing);
    /* It was not made ready for a queue that it need not join. */
    CHECK(is_watched()
          || memcmp(&call.waiter, &(conn_pool_waiter)CONN_POOL_WAITER_INIT, sizeof call.waiter) == 0);
    CHECK_STATUS(CONN_POOL_NOT_WAITING, conn_pool_cancel(pool, &call.waiter));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &call.lease));
    CHECK(call.calls == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

static void a_waiter_in_use_finds_nothing_though_a_resource_is_free(void)
{
    int turns = 0, things[2];
    struct call call = call_in(&turns);
    conn_pool *full = pool_of(1), *busy = pool_of(1);
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;

    CHECK_STATUS(CONN_POOL_OK, conn_pool_add(full, &things[0]));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_add(busy, &things[1]));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(busy, &lease));
    CHECK_STATUS(CONN_POOL_PENDING, ask(busy, &call));
    CHECK_STATUS(CONN_POOL_ALREADY_WAITING, ask(full, &call));
    CHECK(STATS(full).in_use == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_cancel(busy, &call.waiter));
    CHECK_STATUS(CONN_POOL_INVALID_ARGUMENT,
                 conn_pool_acquire_async(full, &call.waiter, NULL, &call, &call.lease));
    CHECK(STATS(full).in_use == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(busy, &lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(full));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(busy));
}

static void a_release_calls_back(void)
{
    int turns = 0, thing = 0;
    struct call call = call_in(&turns);
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    conn_pool_stats stats;
    conn_pool *pool = pool_of(1);

    CHECK_STATUS(CONN_POOL_OK, conn_pool_add(pool, &thing));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
    CHECK_STATUS(CONN_POOL_PENDING, ask(pool, &call));
    CHECK(call.lease.pool == NULL && call.calls == 0);
    CHECK(STATS(pool).waiting == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    CHECK(call.calls == 1 && call.status == CONN_POOL_OK);
    CHECK(call.lease.pool == pool && call.lease.resource == &thing);
    stats = STATS(pool);
    CHECK(stats.waiting == 0 && stats.in_use == 1 && stats.waited == 1);
    CHECK_STATUS(CONN_POOL_EXHAUSTED, conn_pool_try_acquire(pool, &lease));
    CHECK_STATUS(CONN_POOL_NOT_WAITING, conn_pool_cancel(pool, &call.waiter));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &call.lease));
    CHECK(call.calls == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

static void a_resource_that_is_added_calls_back(void)
{
    int turns = 0, thing = 0;
    struct call call = call_in(&turns);
    conn_pool *pool = pool_of(1);

    CHECK_STATUS(CONN_POOL_PENDING, ask(pool, &call));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_add(pool, &thing));
    CHECK(call.calls == 1 && call.lease.resource == &thing);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &call.lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

static void a_pool_that_grows_calls_back(void)
{
    int turns = 0, things[2] = { 0, 0 };
    struct call call = call_in(&turns);
    conn_pool *pool = pool_of(2);

    CHECK_STATUS(CONN_POOL_OK, conn_pool_add(pool, &things[0]));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_add(pool, &things[1]));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_resize(pool, 0));
    CHECK_STATUS(CONN_POOL_PENDING, ask(pool, &call));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_resize(pool, 2));
    CHECK(call.calls == 1 && call.status == CONN_POOL_OK);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &call.lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

static void a_cancelled_waiter_is_not_called(void)
{
    int turns = 0, thing = 0, at;
    struct call calls[3];
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    conn_pool *pool = pool_of(1);

    CHECK_STATUS(CONN_POOL_OK, conn_pool_add(pool, &thing));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
    for (at = 0; at < 3; at++) {
        calls[at] = call_in(&turns);
        CHECK_STATUS(CONN_POOL_NOT_WAITING, conn_pool_cancel(pool, &calls[at].waiter));
        CHECK_STATUS(CONN_POOL_PENDING, ask(pool, &calls[at]));
        calls[at].releases_at_once = 1;
    }
    CHECK_STATUS(CONN_POOL_OK, conn_pool_cancel(pool, &calls[1].waiter));
    CHECK_STATUS(CONN_POOL_NOT_WAITING, conn_pool_cancel(pool, &calls[1].waiter));
    CHECK(STATS(pool).waiting == 2);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    CHECK(calls[0].turn == 1 && calls[1].calls == 0 && calls[2].turn == 2);

    /* It can be queued again, and is served. */
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
    CHECK_STATUS(CONN_POOL_PENDING, ask(pool, &calls[1]));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    CHECK(calls[1].calls == 1 && calls[1].turn == 3);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

static void a_waiter_is_in_one_queue_only(void)
{
    int turns = 0, thing = 0;
    struct call call = call_in(&turns);
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    conn_pool *pool = pool_of(1), *other = pool_of(1);

    CHECK_STATUS(CONN_POOL_OK, conn_pool_add(pool, &thing));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_add(other, &thing));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
    CHECK_STATUS(CONN_POOL_PENDING, ask(pool, &call));
    CHECK_STATUS(CONN_POOL_ALREADY_WAITING, ask(pool, &call));
    CHECK_STATUS(CONN_POOL_ALREADY_WAITING, ask(other, &call));
    CHECK_STATUS(CONN_POOL_WRONG_POOL, conn_pool_cancel(other, &call.waiter));
    CHECK(call.lease.pool == NULL && STATS(pool).waiting == 1 && STATS(other).in_use == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    CHECK(call.calls == 1 && call.lease.pool == pool);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &call.lease));

    /* After its callback it may be used for another pool. */
    CHECK_STATUS(CONN_POOL_OK, ask(other, &call));
    CHECK(call.lease.pool == other);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(other, &call.lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(other));
}

static void closing_calls_every_waiter_back(void)
{
    int turns = 0, thing = 0, at;
    struct call calls[3], late = call_in(&turns);
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    conn_pool *pool = pool_of(1);

    CHECK_STATUS(CONN_POOL_OK, conn_pool_add(pool, &thing));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
    for (at = 0; at < 3; at++) {
        calls[at] = call_in(&turns);
        CHECK_STATUS(CONN_POOL_PENDING, ask(pool, &calls[at]));
    }
    CHECK_STATUS(CONN_POOL_OK, conn_pool_close(pool));
    for (at = 0; at < 3; at++) {
        CHECK_STATUS(CONN_POOL_CLOSED, calls[at].status);
        CHECK(calls[at].calls == 1 && calls[at].turn == at + 1 && calls[at].lease.pool == NULL);
        CHECK_STATUS(CONN_POOL_NOT_WAITING, conn_pool_cancel(pool, &calls[at].waiter));
    }
    CHECK_STATUS(CONN_POOL_CLOSED, ask(pool, &late));
    CHECK_STATUS(CONN_POOL_CLOSED, ask(pool, &calls[0]));
    CHECK(late.calls == 0 && late.lease.pool == NULL && calls[0].calls == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

/* A waiter that is queued again by its own callback, as by a client that always has more to do. */
struct client {
    conn_pool_waiter waiter;
    conn_pool_lease lease;
    conn_pool_status asked_again;
    int rounds;
};

static void called_back_again(void *user, conn_pool_status status, const conn_pool_lease *lease)
{
    struct client *client = user;
    conn_pool_lease own;

    if (!CHECK_STATUS(CONN_POOL_OK, status)) {
        return;
    }
    own = *lease;
    client->rounds++;
    client->asked_again = conn_pool_acquire_async(own.pool, &client->waiter, called_back_again,
                                                  client, &client->lease);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(own.pool, &own));
}

static void a_waiter_may_be_used_again_by_its_callback(void)
{
    struct client client = { CONN_POOL_WAITER_INIT, CONN_POOL_LEASE_INIT, CONN_POOL_PANIC, 0 };
    int turns = 0, thing = 0;
    struct call last = call_in(&turns);
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    conn_pool *pool = pool_of(1);

    CHECK_STATUS(CONN_POOL_OK, conn_pool_add(pool, &thing));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
    CHECK_STATUS(CONN_POOL_PENDING, conn_pool_acquire_async(pool, &client.waiter, called_back_again,
                                                            &client, &client.lease));
    CHECK_STATUS(CONN_POOL_PENDING, ask(pool, &last));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    /* It is queued behind the other waiter, which is called first and keeps its lease for now. */
    CHECK(client.rounds == 1 && client.asked_again == CONN_POOL_PENDING);
    CHECK(last.calls == 1 && last.lease.resource == &thing);
    CHECK(STATS(pool).waiting == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_cancel(pool, &client.waiter));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &last.lease));
    CHECK(client.rounds == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

/* Makes and checks resources, and fails when a test wants it. */
struct factory {
    int things[MAKES];
    int made;
    int failures_to_come;
    int unfit_to_come;
};

static int make(void *user, uint32_t within_ms, void **resource)
{
    struct factory *factory = user;

    (void)within_ms;
    if (factory->failures_to_come > 0) {
        factory->failures_to_come--;
        return 71;
    }
    if (!CHECK(factory->made < MAKES)) {
        return 72;
    }
    *resource = &factory->things[factory->made++];
    return 0;
}

static int examine(void *user, void *resource)
{
    struct factory *factory = user;

    (void)resource;
    if (factory->unfit_to_come > 0) {
        factory->unfit_to_come--;
        return 73;
    }
    return 0;
}

static conn_pool *pool_with(struct factory *factory, uint32_t capacity, conn_pool_create_fn create)
{
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    conn_pool *pool = NULL;

    memset(factory, 0, sizeof *factory);
    config.capacity = capacity;
    config.user = factory;
    config.create = create;
    config.validate = examine;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_create(&config, &pool));
    return pool;
}

/* The thread that discards does not connect for another caller: maintenance does. */
static void a_resource_is_created_for_a_waiter_by_maintenance(void)
{
    struct factory factory;
    int turns = 0;
    struct call call = call_in(&turns);
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    conn_pool *pool = pool_with(&factory, 1, make);

    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
    CHECK_STATUS(CONN_POOL_PENDING, ask(pool, &call));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_discard(pool, &lease));
    CHECK(call.calls == 0 && factory.made == 1 && STATS(pool).waiting == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_maintain(pool, NULL));
    CHECK(call.calls == 1 && call.lease.resource == &factory.things[1] && factory.made == 2);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &call.lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

static void a_waiter_is_told_that_create_has_failed(void)
{
    struct factory factory;
    int turns = 0;
    struct call unlucky = call_in(&turns), next = call_in(&turns);
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    conn_pool *pool = pool_with(&factory, 1, make);

    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
    CHECK_STATUS(CONN_POOL_PENDING, ask(pool, &unlucky));
    CHECK_STATUS(CONN_POOL_PENDING, ask(pool, &next));
    factory.failures_to_come = 1;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_discard(pool, &lease));
    CHECK(unlucky.calls == 0 && factory.failures_to_come == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_maintain(pool, NULL));
    CHECK(unlucky.calls == 1 && unlucky.lease.pool == NULL);
    CHECK_STATUS(CONN_POOL_CREATE_FAILED, unlucky.status);
    CHECK(next.calls == 1 && next.lease.resource == &factory.things[1]);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &next.lease));
    CHECK(STATS(pool).create_failed == 1 && STATS(pool).waiting == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

static void a_newcomer_is_told_that_create_has_failed(void)
{
    struct factory factory;
    int turns = 0;
    struct call call = call_in(&turns);
    conn_pool *pool = pool_with(&factory, 1, make);

    factory.failures_to_come = 1;
    CHECK_STATUS(CONN_POOL_CREATE_FAILED, ask(pool, &call));
    CHECK(call.calls == 0 && call.lease.pool == NULL);
    CHECK_STATUS(CONN_POOL_NOT_WAITING, conn_pool_cancel(pool, &call.waiter));
    CHECK_STATUS(CONN_POOL_OK, ask(pool, &call));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &call.lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

static void an_unfit_resource_is_replaced_for_a_waiter(void)
{
    struct factory factory;
    int turns = 0;
    struct call call = call_in(&turns);
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    conn_pool *pool = pool_with(&factory, 1, make);

    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
    CHECK_STATUS(CONN_POOL_PENDING, ask(pool, &call));
    factory.unfit_to_come = 1;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    CHECK(call.calls == 0 && factory.made == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_maintain(pool, NULL));
    CHECK(call.calls == 1 && call.lease.resource == &factory.things[1]);
    CHECK(STATS(pool).invalid == 1 && STATS(pool).destroyed == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &call.lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

/* Without `create` the resource cannot be replaced: the waiter waits on. */
static void a_waiter_waits_on_if_its_resource_is_unfit(void)
{
    struct factory factory;
    int turns = 0, things[2] = { 0, 0 };
    struct call call = call_in(&turns);
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    conn_pool *pool = pool_with(&factory, 1, NULL);

    CHECK_STATUS(CONN_POOL_OK, conn_pool_add(pool, &things[0]));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
    CHECK_STATUS(CONN_POOL_PENDING, ask(pool, &call));
    factory.unfit_to_come = 1;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    CHECK(call.calls == 0 && STATS(pool).waiting == 1 && STATS(pool).vacant == 1);
    CHECK_STATUS(CONN_POOL_ALREADY_WAITING, ask(pool, &call));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_add(pool, &things[1]));
    CHECK(call.calls == 1 && call.lease.resource == &things[1]);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &call.lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

/* Cancels a waiter while a resource is checked for it. */
struct second_thoughts {
    conn_pool *pool;
    struct call *call;
    conn_pool_status cancelled;
    conn_pool_status asked_again;
    /* What the check returns. */
    int unfit;
};

static int cancel_meanwhile(void *user, void *resource)
{
    struct second_thoughts *thoughts = user;

    (void)resource;
    if (thoughts->call != NULL) {
        thoughts->cancelled = conn_pool_cancel(thoughts->pool, &thoughts->call->waiter);
        thoughts->asked_again = ask(thoughts->pool, thoughts->call);
        thoughts->call = NULL;
    }
    return thoughts->unfit;
}

static void a_waiter_that_was_granted_a_slot_cannot_be_cancelled(void)
{
    struct second_thoughts thoughts = { NULL, NULL, CONN_POOL_PANIC, CONN_POOL_PANIC, 0 };
    int turns = 0, thing = 0;
    struct call call = call_in(&turns);
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;

    config.capacity = 1;
    config.user = &thoughts;
    config.validate = cancel_meanwhile;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_create(&config, &thoughts.pool));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_add(thoughts.pool, &thing));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(thoughts.pool, &lease));
    CHECK_STATUS(CONN_POOL_PENDING, ask(thoughts.pool, &call));
    thoughts.call = &call;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(thoughts.pool, &lease));
    CHECK_STATUS(CONN_POOL_NOT_WAITING, thoughts.cancelled);
    CHECK_STATUS(CONN_POOL_ALREADY_WAITING, thoughts.asked_again);
    CHECK(call.calls == 1 && call.lease.resource == &thing);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(thoughts.pool, &call.lease));

    /* The same if the resource is checked for a caller that need not wait. */
    thoughts.call = &call;
    thoughts.cancelled = thoughts.asked_again = CONN_POOL_PANIC;
    CHECK_STATUS(CONN_POOL_OK, ask(thoughts.pool, &call));
    CHECK_STATUS(CONN_POOL_NOT_WAITING, thoughts.cancelled);
    CHECK_STATUS(CONN_POOL_ALREADY_WAITING, thoughts.asked_again);
    CHECK(call.calls == 1 && STATS(thoughts.pool).in_use == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(thoughts.pool, &call.lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(thoughts.pool));
}

/* Since cancel has said that the callback will be called, the waiter is not queued again. */
static void a_waiter_cancelled_too_late_is_called_even_without_a_resource(void)
{
    struct second_thoughts thoughts = { NULL, NULL, CONN_POOL_PANIC, CONN_POOL_PANIC, 1 };
    int turns = 0, things[2] = { 0, 0 };
    struct call call = call_in(&turns);
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;

    config.capacity = 1;
    config.user = &thoughts;
    config.validate = cancel_meanwhile;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_create(&config, &thoughts.pool));
    thoughts.unfit = 0;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_add(thoughts.pool, &things[0]));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(thoughts.pool, &lease));
    CHECK_STATUS(CONN_POOL_PENDING, ask(thoughts.pool, &call));
    thoughts.unfit = 1;
    thoughts.call = &call;
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(thoughts.pool, &lease));
    CHECK_STATUS(CONN_POOL_NOT_WAITING, thoughts.cancelled);
    CHECK_STATUS(CONN_POOL_EXHAUSTED, call.status);
    CHECK(call.calls == 1 && STATS(thoughts.pool).waiting == 0);

    /* It can be used again. */
    thoughts.unfit = 0;
    CHECK_STATUS(CONN_POOL_PENDING, ask(thoughts.pool, &call));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_add(thoughts.pool, &things[1]));
    CHECK(call.calls == 2 && call.lease.resource == &things[1]);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(thoughts.pool, &call.lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(thoughts.pool));
}

/*
 * Each callback releases its lease, which makes the next callback due. That is called after the
 * first has returned and not from within it, for which the stack would be too small.
 */
static void a_long_queue_is_served_in_order(void)
{
    static struct call calls[LONG_QUEUE];
    int turns = 0, thing = 0, at;
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    conn_pool *pool = pool_of(1);

    CHECK_STATUS(CONN_POOL_OK, conn_pool_add(pool, &thing));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
    for (at = 0; at < LONG_QUEUE; at++) {
        calls[at] = call_in(&turns);
        calls[at].releases_at_once = 1;
        CHECK_STATUS(CONN_POOL_PENDING, ask(pool, &calls[at]));
    }
    CHECK(STATS(pool).peak_waiting == LONG_QUEUE);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    for (at = 0; at < LONG_QUEUE; at++) {
        CHECK(calls[at].calls == 1 && calls[at].turn == at + 1);
    }
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

int main(void)
{
    a_free_resource_is_acquired_at_once();
    a_waiter_in_use_finds_nothing_though_a_resource_is_free();
    a_release_calls_back();
    a_resource_that_is_added_calls_back();
    a_pool_that_grows_calls_back();
    a_cancelled_waiter_is_not_called();
    a_waiter_is_in_one_queue_only();
    closing_calls_every_waiter_back();
    a_waiter_may_be_used_again_by_its_callback();
    a_resource_is_created_for_a_waiter_by_maintenance();
    a_waiter_is_told_that_create_has_failed();
    a_newcomer_is_told_that_create_has_failed();
    an_unfit_resource_is_replaced_for_a_waiter();
    a_waiter_waits_on_if_its_resource_is_unfit();
    a_waiter_that_was_granted_a_slot_cannot_be_cancelled();
    a_waiter_cancelled_too_late_is_called_even_without_a_resource();
    a_long_queue_is_served_in_order();
    return check_report("async");
}

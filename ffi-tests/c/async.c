/*
 * Callbacks in line: called back once, in turn, with a lease or with the reason why there is none.
 */
#include <string.h>

#include "check.h"

enum { MAKES = 8, LONG_LINE = 20000 };

/* What a callback was told. `turn` is its place in the order of all calls of the scene. */
struct call {
    conn_pool_waiter waiter;
    conn_pool_lease lease;
    conn_pool_status status;
    int calls;
    int turn;
    int *turns;
    /* Gives the lease back at once. */
    int in_a_hurry;
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
    if (lease != NULL && call->in_a_hurry) {
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

static void what_is_free_is_had_at_once(void)
{
    int turns = 0, thing = 0;
    struct call call = call_in(&turns);
    conn_pool *pool = pool_of(1);

    CHECK_STATUS(CONN_POOL_OK, conn_pool_add(pool, &thing));
    CHECK_STATUS(CONN_POOL_OK, ask(pool, &call));
    CHECK(call.lease.pool == pool && call.lease.resource == &thing);
    CHECK_STATUS(CONN_POOL_NOT_WAITING, conn_pool_cancel(pool, &call.waiter));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &call.lease));
    CHECK(call.calls == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
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

static void a_place_that_is_given_up_is_not_called(void)
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
        calls[at].in_a_hurry = 1;
    }
    CHECK_STATUS(CONN_POOL_OK, conn_pool_cancel(pool, &calls[1].waiter));
    CHECK_STATUS(CONN_POOL_NOT_WAITING, conn_pool_cancel(pool, &calls[1].waiter));
    CHECK(STATS(pool).waiting == 2);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    CHECK(calls[0].turn == 1 && calls[1].calls == 0 && calls[2].turn == 2);

    /* Now it queues anew, and is served. */
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
    CHECK_STATUS(CONN_POOL_PENDING, ask(pool, &calls[1]));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    CHECK(calls[1].calls == 1 && calls[1].turn == 3);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

static void a_waiter_stands_in_one_place_only(void)
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

    /* Once it was called it may stand in the line of another pool. */
    CHECK_STATUS(CONN_POOL_OK, ask(other, &call));
    CHECK(call.lease.pool == other);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(other, &call.lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(other));
}

static void closing_calls_everybody_back(void)
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

/* A waiter that queues again from its own callback, as a client does that always has more to do. */
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
    /* Its second time comes after whoever stood behind it, who keeps the lease for now. */
    CHECK(client.rounds == 1 && client.asked_again == CONN_POOL_PENDING);
    CHECK(last.calls == 1 && last.lease.resource == &thing);
    CHECK(STATS(pool).waiting == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_cancel(pool, &client.waiter));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &last.lease));
    CHECK(client.rounds == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

/* Resources that fail as a scene wants it. */
struct factory {
    int things[MAKES];
    int made;
    int failures_to_come;
    int unfit_to_come;
};

static int make(void *user, void **resource)
{
    struct factory *factory = user;

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

static void a_resource_is_made_for_who_waits(void)
{
    struct factory factory;
    int turns = 0;
    struct call call = call_in(&turns);
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    conn_pool *pool = pool_with(&factory, 1, make);

    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
    CHECK_STATUS(CONN_POOL_PENDING, ask(pool, &call));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_discard(pool, &lease));
    CHECK(call.calls == 1 && call.lease.resource == &factory.things[1] && factory.made == 2);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &call.lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

static void who_waits_is_told_that_none_could_be_made(void)
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
    CHECK(unlucky.calls == 1 && unlucky.lease.pool == NULL);
    CHECK_STATUS(CONN_POOL_CREATE_FAILED, unlucky.status);
    CHECK(next.calls == 1 && next.lease.resource == &factory.things[1]);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &next.lease));
    CHECK(STATS(pool).create_failed == 1 && STATS(pool).waiting == 0);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

static void who_asks_is_told_that_none_could_be_made(void)
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

static void an_unfit_resource_is_replaced_for_who_waits(void)
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
    CHECK(call.calls == 1 && call.lease.resource == &factory.things[1]);
    CHECK(STATS(pool).invalid == 1 && STATS(pool).destroyed == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &call.lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

/* Without `create` there is nothing to replace it with: the waiter goes on waiting. */
static void who_waits_for_a_fit_resource_goes_on_waiting(void)
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

/* A resource that is examined for a waiter, who has second thoughts meanwhile. */
struct second_thoughts {
    conn_pool *pool;
    struct call *call;
    conn_pool_status cancelled;
    conn_pool_status asked_again;
    /* What the resource turns out to be when it is examined. */
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

static void once_it_is_its_turn_it_is_too_late_to_cancel(void)
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

    /* The same while it is examined for somebody who is served at once. */
    thoughts.call = &call;
    thoughts.cancelled = thoughts.asked_again = CONN_POOL_PANIC;
    CHECK_STATUS(CONN_POOL_OK, ask(thoughts.pool, &call));
    CHECK_STATUS(CONN_POOL_NOT_WAITING, thoughts.cancelled);
    CHECK_STATUS(CONN_POOL_ALREADY_WAITING, thoughts.asked_again);
    CHECK(call.calls == 1 && STATS(thoughts.pool).in_use == 1);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(thoughts.pool, &call.lease));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(thoughts.pool));
}

/* Who was told that it is too late to cancel is called, and does not go back in line for ever. */
static void who_cancels_too_late_is_called_even_if_there_is_nothing(void)
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

/* Each gives the lease back in its callback, and so the next one is called: not from within, for
   which a stack would be too small. */
static void a_long_line_is_served_in_order(void)
{
    static struct call calls[LONG_LINE];
    int turns = 0, thing = 0, at;
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    conn_pool *pool = pool_of(1);

    CHECK_STATUS(CONN_POOL_OK, conn_pool_add(pool, &thing));
    CHECK_STATUS(CONN_POOL_OK, conn_pool_try_acquire(pool, &lease));
    for (at = 0; at < LONG_LINE; at++) {
        calls[at] = call_in(&turns);
        calls[at].in_a_hurry = 1;
        CHECK_STATUS(CONN_POOL_PENDING, ask(pool, &calls[at]));
    }
    CHECK(STATS(pool).peak_waiting == LONG_LINE);
    CHECK_STATUS(CONN_POOL_OK, conn_pool_release(pool, &lease));
    for (at = 0; at < LONG_LINE; at++) {
        CHECK(calls[at].calls == 1 && calls[at].turn == at + 1);
    }
    CHECK_STATUS(CONN_POOL_OK, conn_pool_destroy(pool));
}

int main(void)
{
    what_is_free_is_had_at_once();
    a_release_calls_back();
    a_resource_that_is_added_calls_back();
    a_pool_that_grows_calls_back();
    a_place_that_is_given_up_is_not_called();
    a_waiter_stands_in_one_place_only();
    closing_calls_everybody_back();
    a_waiter_may_be_used_again_by_its_callback();
    a_resource_is_made_for_who_waits();
    who_waits_is_told_that_none_could_be_made();
    who_asks_is_told_that_none_could_be_made();
    an_unfit_resource_is_replaced_for_who_waits();
    who_waits_for_a_fit_resource_goes_on_waiting();
    once_it_is_its_turn_it_is_too_late_to_cancel();
    who_cancels_too_late_is_called_even_if_there_is_nothing();
    a_long_line_is_served_in_order();
    return check_report("async");
}

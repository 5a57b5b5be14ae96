/*
 * Four drivers that a main loop and an interrupt handler share: a program to copy from. It checks what it does, so that
 * it is a test as well.
 */
#include <conn_pool.h>

#include "board.h"
#include "report.h"

enum { DRIVERS = 4 };

/* What a program would have for each of its devices. */
struct driver {
    /* Two callers would count one use, if they had the driver at once. */
    volatile uint32_t uses;
    volatile int is_in_use;
    int is_powered;
};

static struct driver drivers[DRIVERS];

CONN_POOL_DEFINE_STATIC(storage, DRIVERS);
static conn_pool *pool;

static uint32_t powered_down;
static volatile uint32_t lent_twice;

static void power_down(void *user, void *resource)
{
    struct driver *driver = resource;

    (void)user;
    driver->is_powered = 0;
    powered_down++;
}

static void use(struct driver *driver)
{
    if (driver->is_in_use) {
        lent_twice++;
    }
    driver->is_in_use = 1;
    driver->uses = driver->uses + 1;
}

static void release(conn_pool_lease *lease)
{
    struct driver *driver = lease->resource;

    driver->is_in_use = 0;
    CHECK(conn_pool_release(pool, lease) == CONN_POOL_OK);
}

static uint32_t all_uses(void)
{
    uint32_t sum = 0;
    int at;

    for (at = 0; at < DRIVERS; at++) {
        sum += drivers[at].uses;
    }
    return sum;
}

static conn_pool_stats stats_of(const conn_pool *of)
{
    conn_pool_stats stats = {0};

    CHECK(conn_pool_get_stats(of, &stats, sizeof stats) == CONN_POOL_OK);
    return stats;
}

/*
 * An acquire with a timeout, without threads: the caller joins the queue, and sleeps between interrupts until it is
 * served, or until the time is up.
 */
struct wait {
    volatile int is_over;
    conn_pool_status status;
    conn_pool_lease lease;
};

/* Called by the release that serves the waiter, which may be one of an interrupt handler. */
static void on_ready(void *user, conn_pool_status status, const conn_pool_lease *lease)
{
    struct wait *wait = user;

    wait->status = status;
    if (lease != NULL) {
        wait->lease = *lease;
    }
    wait->is_over = 1;
}

static conn_pool_status acquire_within(uint32_t timeout_ms, conn_pool_lease *lease)
{
    conn_pool_waiter waiter = CONN_POOL_WAITER_INIT;
    struct wait wait = {0};
    uint64_t began = milliseconds();
    conn_pool_status status = conn_pool_acquire_async(pool, &waiter, on_ready, &wait, lease);

    if (status != CONN_POOL_PENDING) {
        return status;
    }
    while (!wait.is_over) {
        if (milliseconds() - began >= timeout_ms && conn_pool_cancel(pool, &waiter) == CONN_POOL_OK) {
            return CONN_POOL_TIMED_OUT;
        }
        /* If it could not be cancelled it has just been served. */
        sleep_unless(&wait.is_over);
    }
    if (wait.status == CONN_POOL_OK) {
        *lease = wait.lease;
    }
    return wait.status;
}

/* What the interrupt handler does: it takes all the drivers that it can get, and keeps them for some ticks. */
static struct {
    conn_pool_lease leases[DRIVERS];
    volatile uint32_t held;
    volatile uint32_t ticks_left;
    volatile uint32_t keeps_for;
    volatile uint32_t uses;
    volatile uint32_t refused;
    /* It takes nothing more. */
    volatile int rests;
} handler;

static void handler_takes(void)
{
    while (handler.held < DRIVERS && conn_pool_try_acquire(pool, &handler.leases[handler.held]) == CONN_POOL_OK) {
        use(handler.leases[handler.held].resource);
        handler.uses++;
        handler.held++;
    }
    handler.refused += handler.held < DRIVERS;
    handler.ticks_left = handler.keeps_for;
}

static void handler_gives_back(void)
{
    while (handler.held > 0) {
        handler.held--;
#ifdef PLANTED_DOUBLED_RELEASE
        conn_pool_lease copy = handler.leases[handler.held];

        release(&copy);
#endif
        release(&handler.leases[handler.held]);
    }
}

static void on_tick(void)
{
    if (handler.held == 0) {
        if (!handler.rests) {
            handler_takes();
        }
    } else if (--handler.ticks_left == 0) {
        handler_gives_back();
    }
}

static void on_idle_tick(void)
{
}

/* Lets the handler run until it holds something, or nothing. */
static void wait_until_handler(int holds)
{
    static const int never;

    while ((handler.held != 0) != holds) {
        sleep_unless(&never);
    }
}

/* A tick between the wait and the stop finds the handler at rest. */
static void stop_handler(void)
{
    handler.rests = 1;
    wait_until_handler(0);
    stop_timer();
    handler.rests = 0;
}

static void storage_is_as_large_as_is_needed(void)
{
    uint32_t capacity;

    for (capacity = 1; capacity <= CONN_POOL_MAX_CAPACITY; capacity++) {
        size_t stated = CONN_POOL_STORAGE_SIZE(capacity), needed = conn_pool_storage_size(capacity);

        CHECK(needed != 0 && needed <= stated && stated - needed <= 6 * sizeof(void *));
    }
    CHECK((uintptr_t)&storage % conn_pool_storage_align() == 0);
}

/* Static, as a program may have it, to spare the stack. */
static conn_pool_config config_of_drivers = CONN_POOL_CONFIG_INIT;

static void make_pool(void)
{
    CHECK(conn_pool_init(&storage, sizeof storage, &config_of_drivers, &pool) == CONN_POOL_OK);
}

static void a_pool_is_made_and_filled(void)
{
    int at;

    config_of_drivers.capacity = DRIVERS;
    config_of_drivers.name = "drivers";
    config_of_drivers.destroy = power_down;
    CHECK(stack_used_by(make_pool) <= 320);
    for (at = 0; at < DRIVERS; at++) {
        drivers[at].is_powered = 1;
        CHECK(conn_pool_add(pool, &drivers[at]) == CONN_POOL_OK);
    }
    CHECK(stats_of(pool).idle == DRIVERS);
}

/* 300 rounds of the main loop, while each tick of the timer takes or gives back drivers. */
static void main_loop_and_handler_share(void)
{
    uint32_t round, waited = 0, before = all_uses(), main_uses = 0;

    handler.keeps_for = 3;
    tick_each_millisecond(on_tick);
    for (round = 0; round < 300; round++) {
        conn_pool_lease lease = CONN_POOL_LEASE_INIT;
        uint64_t began = milliseconds();

        if (acquire_within(20, &lease) != CONN_POOL_OK) {
            CHECK(!"a driver was free within 20 ms");
            continue;
        }
        waited += milliseconds() != began;
        use(lease.resource);
        main_uses++;
        release(&lease);
    }
    stop_handler();
    CHECK(waited > 0);
    CHECK(handler.uses > DRIVERS);
    CHECK(lent_twice == 0);
    CHECK(all_uses() - before == main_uses + handler.uses);
    CHECK(stats_of(pool).idle == DRIVERS && stats_of(pool).in_use == 0 && stats_of(pool).waiting == 0);
    CHECK(stats_of(pool).misused == 0);
}

static void a_wait_ends_when_its_time_is_up(void)
{
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    uint64_t began, took;

    handler.keeps_for = 50;
    tick_each_millisecond(on_tick);
    wait_until_handler(1);
    CHECK(handler.held == DRIVERS);
    began = milliseconds();
    CHECK(acquire_within(5, &lease) == CONN_POOL_TIMED_OUT);
    took = milliseconds() - began;
    CHECK(took >= 5 && took <= 6);
    CHECK(lease.pool == NULL);
    CHECK(stats_of(pool).waiting == 0);
    /* The library itself cannot sleep. It says so only if it would have to. */
    CHECK(conn_pool_acquire(pool, 5, &lease) == CONN_POOL_UNSUPPORTED);
    CHECK(conn_pool_try_acquire(pool, &lease) == CONN_POOL_EXHAUSTED);
    /* Served by the handler. */
    CHECK(acquire_within(100, &lease) == CONN_POOL_OK);
    CHECK(milliseconds() - began > 40);
    release(&lease);
    stop_handler();
    CHECK(conn_pool_acquire(pool, 5, &lease) == CONN_POOL_OK);
    CHECK(conn_pool_release(pool, &lease) == CONN_POOL_OK);
}

static uint32_t order, came_first, came_second;

static void note_order(void *user, conn_pool_status status, const conn_pool_lease *lease)
{
    conn_pool_lease own = *lease;

    CHECK(status == CONN_POOL_OK);
    *(uint32_t *)user = ++order;
    CHECK(conn_pool_release(pool, &own) == CONN_POOL_OK);
}

static void waiters_are_called_back_in_their_order(void)
{
    static conn_pool_waiter first, second, third;
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    uint32_t came_third = 0;

    handler.keeps_for = 5;
    tick_each_millisecond(on_tick);
    wait_until_handler(1);
    CHECK(conn_pool_acquire_async(pool, &first, note_order, &came_first, &lease) == CONN_POOL_PENDING);
    CHECK(conn_pool_acquire_async(pool, &second, note_order, &came_second, &lease) == CONN_POOL_PENDING);
    CHECK(conn_pool_acquire_async(pool, &third, note_order, &came_third, &lease) == CONN_POOL_PENDING);
    CHECK(conn_pool_acquire_async(pool, &first, note_order, &came_first, &lease) == CONN_POOL_ALREADY_WAITING);
    CHECK(stats_of(pool).waiting == 3);
    CHECK(conn_pool_cancel(pool, &third) == CONN_POOL_OK);
    stop_handler();
    CHECK(came_first == 1 && came_second == 2 && came_third == 0);
    CHECK(conn_pool_cancel(pool, &first) == CONN_POOL_NOT_WAITING);
    CHECK(stats_of(pool).idle == DRIVERS);
}

static void a_broken_driver_is_discarded_and_replaced(void)
{
    conn_pool_lease lease = CONN_POOL_LEASE_INIT, copy;
    struct driver *broken;

    CHECK(conn_pool_try_acquire(pool, &lease) == CONN_POOL_OK);
    broken = lease.resource;
    copy = lease;
    CHECK(conn_pool_discard(pool, &lease) == CONN_POOL_OK);
    CHECK(powered_down == 1 && !broken->is_powered);
    CHECK(stats_of(pool).vacant == 1 && stats_of(pool).idle == DRIVERS - 1);
    CHECK(conn_pool_release(pool, &copy) == CONN_POOL_NOT_HELD);
    CHECK(stats_of(pool).misused == 1);
    broken->is_powered = 1;
    CHECK(conn_pool_add(pool, broken) == CONN_POOL_OK);
    CHECK(conn_pool_add(pool, broken) == CONN_POOL_FULL);
}

static void the_pool_shrinks_and_grows(void)
{
    conn_pool_lease first = CONN_POOL_LEASE_INIT, second = CONN_POOL_LEASE_INIT, third = CONN_POOL_LEASE_INIT;

    CHECK(conn_pool_resize(pool, 2) == CONN_POOL_OK);
    CHECK(conn_pool_try_acquire(pool, &first) == CONN_POOL_OK);
    CHECK(conn_pool_try_acquire(pool, &second) == CONN_POOL_OK);
    CHECK(conn_pool_try_acquire(pool, &third) == CONN_POOL_EXHAUSTED);
    CHECK(conn_pool_resize(pool, DRIVERS + 1) == CONN_POOL_INVALID_ARGUMENT);
    CHECK(conn_pool_resize(pool, DRIVERS) == CONN_POOL_OK);
    CHECK(conn_pool_try_acquire(pool, &third) == CONN_POOL_OK);
    CHECK(conn_pool_release(pool, &first) == CONN_POOL_OK);
    CHECK(conn_pool_release(pool, &second) == CONN_POOL_OK);
    CHECK(conn_pool_release(pool, &third) == CONN_POOL_OK);
    CHECK(stats_of(pool).idle == DRIVERS);
}

static void a_pool_that_closes_tells_its_waiters(void)
{
    conn_pool_lease lease = CONN_POOL_LEASE_INIT, leases[DRIVERS];
    conn_pool_waiter waiter = CONN_POOL_WAITER_INIT;
    struct wait wait = {0};
    int at;

    for (at = 0; at < DRIVERS; at++) {
        CHECK(conn_pool_try_acquire(pool, &leases[at]) == CONN_POOL_OK);
    }
    CHECK(conn_pool_acquire_async(pool, &waiter, on_ready, &wait, &lease) == CONN_POOL_PENDING);
    CHECK(conn_pool_close(pool) == CONN_POOL_OK);
    CHECK(wait.is_over && wait.status == CONN_POOL_CLOSED);
    CHECK(conn_pool_drain(pool, 0) == CONN_POOL_BUSY);
    CHECK(conn_pool_destroy(pool) == CONN_POOL_BUSY);
    for (at = 0; at < DRIVERS; at++) {
        CHECK(conn_pool_release(pool, &leases[at]) == CONN_POOL_OK);
    }
    CHECK(powered_down == 1 + DRIVERS);
    CHECK(conn_pool_try_acquire(pool, &lease) == CONN_POOL_CLOSED);
    CHECK(conn_pool_drain(pool, 0) == CONN_POOL_OK);
    CHECK(conn_pool_destroy(pool) == CONN_POOL_OK);
    CHECK(conn_pool_try_acquire(pool, &lease) == CONN_POOL_INVALID_ARGUMENT);
}

/* The hook for the time: what the pool is to know of it. */
static uint64_t clock_ms(void *user)
{
    (void)user;
    return milliseconds();
}

static uint32_t connects;

static int connect_one(void *user, uint32_t within_ms, void **resource)
{
    (void)user;
    (void)within_ms;
    *resource = &drivers[connects++ % DRIVERS];
    return 0;
}

/* A pool that makes its resources itself, and ends those that nobody uses. */
static void idle_connections_end(void)
{
    CONN_POOL_DEFINE_STATIC(sessions, 2);
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    conn_pool *own = NULL;
    size_t destroyed = 1;
    uint64_t began;

    config.capacity = 2;
    config.create = connect_one;
    config.idle_timeout_ms = 20;
    CHECK(conn_pool_init(&sessions, sizeof sessions, &config, &own) == CONN_POOL_UNSUPPORTED);
    config.clock_ms = clock_ms;
    CHECK(conn_pool_init(&sessions, sizeof sessions, &config, &own) == CONN_POOL_OK);
    CHECK(conn_pool_acquire(own, 0, &lease) == CONN_POOL_OK);
    CHECK(connects == 1);
    CHECK(conn_pool_release(own, &lease) == CONN_POOL_OK);
    tick_each_millisecond(on_idle_tick);
    for (began = milliseconds(); milliseconds() - began < 10;) {
        CHECK(conn_pool_maintain(own, &destroyed) == CONN_POOL_OK && destroyed == 0);
    }
    while (milliseconds() - began < 40 && destroyed == 0) {
        CHECK(conn_pool_maintain(own, &destroyed) == CONN_POOL_OK);
    }
    stop_timer();
    CHECK(destroyed == 1 && stats_of(own).vacant == 2);
    CHECK(conn_pool_destroy(own) == CONN_POOL_OK);
}

int main(void)
{
    begin_report("drivers");
    run("storage is as large as is needed", storage_is_as_large_as_is_needed);
    run("a pool is made and filled", a_pool_is_made_and_filled);
    run("main loop and handler share", main_loop_and_handler_share);
    run("a wait ends when its time is up", a_wait_ends_when_its_time_is_up);
    run("waiters are called back in their order", waiters_are_called_back_in_their_order);
    run("a broken driver is discarded and replaced", a_broken_driver_is_discarded_and_replaced);
    run("the pool shrinks and grows", the_pool_shrinks_and_grows);
    run("a pool that closes tells its waiters", a_pool_that_closes_tells_its_waiters);
    run("idle connections end", idle_connections_end);
    return end_report();
}

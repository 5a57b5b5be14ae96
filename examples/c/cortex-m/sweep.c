/*
 * Interrupts each call of a pool before each of its instructions, by a handler that makes a call of its own. Then all
 * that was lent has to come back, each waiter has to be called once, and each use has to be counted.
 */
#include <conn_pool.h>

#include "board.h"
#include "report.h"

enum { CONNS = 3, ALL_CONNS = 2 * CONNS, MAIN = 0, HANDLER = 1, BYSTANDER = 2, SIDES = 3 };

struct conn {
    volatile int is_lent;
    volatile uint32_t uses;
    volatile int is_in_pool;
};

/* Who makes calls: the main program, the handler, and one that does nothing but wait. */
struct side {
    conn_pool_lease held;
    conn_pool_waiter waiter;
    /* What the callback has got, and how often it was called. */
    conn_pool_lease granted;
    volatile uint32_t calls;
    uint32_t calls_due;
    /* Counted apart, since a callback may interrupt its own side. */
    volatile uint32_t uses, granted_uses;
};

/* More than the pool has slots: those that are not in it can be added or connected. */
static struct conn conns[ALL_CONNS];
static struct side sides[SIDES];
CONN_POOL_DEFINE_STATIC(storage, CONNS);
static conn_pool *pool;

/* Whether the pool connects and checks by itself, so that handlers run those callbacks too. */
static int connects;

/* The first thing that was found wrong. */
static const char *volatile wrong;

static void expect(int is_so, const char *otherwise)
{
    if (!is_so && wrong == NULL) {
        wrong = otherwise;
    }
}

static void destroy(void *user, void *resource)
{
    struct conn *conn = resource;

    (void)user;
    conn->is_in_pool = 0;
}

static void begin_use(const conn_pool_lease *lease, volatile uint32_t *uses)
{
    struct conn *conn = lease->resource;

    expect(!conn->is_lent, "a connection was lent twice");
    conn->is_lent = 1;
    conn->uses = conn->uses + 1;
    *uses = *uses + 1;
}

static void end_use(conn_pool_lease *lease, conn_pool_status (*end)(conn_pool *, conn_pool_lease *))
{
    struct conn *conn = lease->resource;

    if (lease->pool != NULL) {
        conn->is_lent = 0;
        expect(end(pool, lease) == CONN_POOL_OK, "a lease was refused");
    }
}

static void on_ready(void *user, conn_pool_status status, const conn_pool_lease *lease)
{
    struct side *side = user;

    side->calls = side->calls + 1;
    if (status == CONN_POOL_OK) {
        side->granted = *lease;
        begin_use(lease, &side->granted_uses);
    } else {
        expect(0, "a wait has failed");
    }
}

/* One that is not in the pool, for this caller only; NULL if there is none. */
static struct conn *take_spare(void)
{
    struct conn *spare = NULL;
    int at;

    _critical_section_1_0_acquire();
    for (at = 0; at < ALL_CONNS && spare == NULL; at++) {
        if (!conns[at].is_in_pool) {
            spare = &conns[at];
            spare->is_in_pool = 1;
        }
    }
    _critical_section_1_0_release();
    return spare;
}

static int create(void *user, uint32_t within_ms, void **resource)
{
    (void)user;
    (void)within_ms;
    *resource = take_spare();
    return *resource == NULL;
}

/* By whoever has the connection and nobody else: at the beginning of a lease, and at its end. */
static int look(void *user, void *resource)
{
    struct conn *conn = resource;

    (void)user;
    expect(!conn->is_lent, "a connection was lent twice");
    conn->is_lent = 1;
    conn->is_lent = 0;
    return 0;
}

/* Answers whether there was room. */
static int add(void)
{
    struct conn *spare = take_spare();

    if (conn_pool_add(pool, spare) != CONN_POOL_OK) {
        spare->is_in_pool = 0;
        return 0;
    }
    return 1;
}

/* The calls. */

static void call_acquire(struct side *side)
{
    if (conn_pool_try_acquire(pool, &side->held) == CONN_POOL_OK) {
        begin_use(&side->held, &side->uses);
    }
}

static void call_release(struct side *side)
{
    end_use(&side->held, conn_pool_release);
}

static void call_discard(struct side *side)
{
    end_use(&side->held, conn_pool_discard);
}

static void call_wait(struct side *side)
{
    conn_pool_status status = conn_pool_acquire_async(pool, &side->waiter, on_ready, side, &side->held);

    expect(status == CONN_POOL_OK || status == CONN_POOL_PENDING, "acquire_async has failed");
    if (status == CONN_POOL_OK) {
        begin_use(&side->held, &side->uses);
    } else {
        side->calls_due++;
    }
}

static void call_cancel(struct side *side)
{
    conn_pool_status status = conn_pool_cancel(pool, &side->waiter);

    expect(status == CONN_POOL_OK || status == CONN_POOL_NOT_WAITING, "cancel has failed");
    side->calls_due -= status == CONN_POOL_OK;
}

static void call_add(struct side *side)
{
    (void)side;
    (void)add();
}

static void call_shrink(struct side *side)
{
    (void)side;
    expect(conn_pool_resize(pool, 1) == CONN_POOL_OK, "resize has failed");
}

static void call_grow(struct side *side)
{
    (void)side;
    expect(conn_pool_resize(pool, CONNS) == CONN_POOL_OK, "resize has failed");
}

static void call_maintain(struct side *side)
{
    (void)side;
    expect(conn_pool_maintain(pool, NULL) == CONN_POOL_OK, "maintain has failed");
}

static void call_get_stats(struct side *side)
{
    conn_pool_stats stats;

    (void)side;
    expect(conn_pool_get_stats(pool, &stats, sizeof stats) == CONN_POOL_OK, "get_stats has failed");
}

/* What there has to be before a call: a lease, a place in the queue, a vacant slot, a pool below its size. */
enum needs { NOTHING, LEASE, PLACE, VACANCY, SHRUNK };

struct call {
    const char *name;
    enum needs needs;
    void (*make)(struct side *side);
};

/* In a pool that connects, those to which that makes a difference are swept: the first of them. */
static const struct call CALLS[] = {
    {"acquire", NOTHING, call_acquire}, {"release", LEASE, call_release},       {"discard", LEASE, call_discard},
    {"wait", NOTHING, call_wait},       {"cancel", PLACE, call_cancel},         {"add", VACANCY, call_add},
    {"shrink", NOTHING, call_shrink},   {"grow", SHRUNK, call_grow},            {"maintain", NOTHING, call_maintain},
    {"stats", NOTHING, call_get_stats},
};
enum { CALLS_THAT_CONNECT = 5, NUMBER_OF_CALLS = sizeof CALLS / sizeof CALLS[0] };

/* Who joins the queue, one after the other; nobody in the first scene. */
static const int SCENES[][SIDES] = {
    {-1, -1, -1},
    {MAIN, HANDLER, BYSTANDER},
    {HANDLER, MAIN, BYSTANDER},
    {HANDLER, BYSTANDER, MAIN},
};
enum { NUMBER_OF_SCENES = sizeof SCENES / sizeof SCENES[0] };

static const struct call *volatile handler_call;
static volatile int is_running, has_struck;

static void on_strike(void)
{
    if (is_running) {
        has_struck = 1;
        handler_call->make(&sides[HANDLER]);
    }
}

static void make_pool(void)
{
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    int at;

    for (at = 0; at < SIDES; at++) {
        sides[at] = (struct side){.calls = 0};
    }
    for (at = 0; at < ALL_CONNS; at++) {
        conns[at] = (struct conn){0};
    }
    config.capacity = CONNS;
    config.destroy = destroy;
    if (connects) {
        config.create = create;
        config.validate = look;
        config.reset = look;
    }
    expect(conn_pool_init(&storage, sizeof storage, &config, &pool) == CONN_POOL_OK, "init has failed");
    while (add()) {
    }
}

static int is_needed(enum needs needs, const struct call *main_call)
{
    return main_call->needs == needs || handler_call->needs == needs;
}

/* Everything comes back, each waiter is served, and the counts are right. */
static void settle(void)
{
    conn_pool_stats stats = {0};
    uint32_t round, uses = 0;
    int at;

    expect(conn_pool_resize(pool, CONNS) == CONN_POOL_OK, "resize has failed");
    for (round = 0; round <= SIDES; round++) {
        for (at = 0; at < SIDES; at++) {
            end_use(&sides[at].held, conn_pool_release);
            end_use(&sides[at].granted, conn_pool_release);
        }
        while (add()) {
        }
    }
    expect(conn_pool_get_stats(pool, &stats, sizeof stats) == CONN_POOL_OK, "get_stats has failed");
    expect(stats.waiting == 0, "a waiter was never served");
    expect(stats.idle == CONNS && stats.in_use == 0 && stats.vacant == 0, "the pool is not at rest");
    for (at = 0; at < SIDES; at++) {
        expect(sides[at].calls == sides[at].calls_due, "a callback was called too often, or not at all");
        uses += sides[at].uses + sides[at].granted_uses;
    }
    for (at = 0; at < ALL_CONNS; at++) {
        uses -= conns[at].uses;
    }
    expect(uses == 0, "a use was not counted");
    expect(conn_pool_close(pool) == CONN_POOL_OK, "close has failed");
    for (at = 0; at < ALL_CONNS; at++) {
        expect(!conns[at].is_in_pool, "a connection was not destroyed");
    }
    expect(conn_pool_destroy(pool) == CONN_POOL_OK, "destroy has failed");
}

/* Makes the call and has it interrupted so many cycles later. Answers whether it was. */
static int interrupt_once(const struct call *main_call, const int *scene, uint32_t cycles)
{
    conn_pool_lease rest[CONNS] = {CONN_POOL_LEASE_INIT};
    int at;

    make_pool();
    for (at = MAIN; at <= HANDLER; at++) {
        if ((at == MAIN ? main_call : handler_call)->needs == LEASE) {
            call_acquire(&sides[at]);
        }
    }
    if (is_needed(VACANCY, main_call)) {
        expect(conn_pool_try_acquire(pool, &rest[0]) == CONN_POOL_OK, "acquire has failed");
        expect(conn_pool_discard(pool, &rest[0]) == CONN_POOL_OK, "discard has failed");
    }
    if (is_needed(SHRUNK, main_call)) {
        call_shrink(NULL);
    }
    if (scene[0] >= 0) {
        for (at = 0; at < CONNS && conn_pool_try_acquire(pool, &rest[at]) == CONN_POOL_OK; at++) {
        }
        for (at = 0; at < SIDES; at++) {
            int who = scene[at];

            if (who == BYSTANDER || (who == MAIN ? main_call : handler_call)->needs == PLACE) {
                call_wait(&sides[who]);
            }
        }
    }

    has_struck = 0;
    is_running = 1;
    strike_once_after(cycles, on_strike);
    main_call->make(&sides[MAIN]);
    is_running = 0;
    stop_timer();

    for (at = 0; at < CONNS; at++) {
        if (rest[at].pool != NULL) {
            expect(conn_pool_release(pool, &rest[at]) == CONN_POOL_OK, "a lease was refused");
        }
    }
    settle();
    return has_struck;
}

static uint32_t strikes;

/* Interrupts a call everywhere. It has ended once some strikes in a row come too late: more than one, in case a call
 * takes a few instructions more or less from one time to the next. */
static void interrupt_everywhere(const struct call *main_call, const int *scene)
{
    enum { LATE = 4, LONGEST = 50000 * SWEEP_STEP };
    uint32_t cycles, before = strikes, late = 0;

    for (cycles = 1; cycles < LONGEST && late < LATE && wrong == NULL; cycles += SWEEP_STEP) {
        int struck = interrupt_once(main_call, scene, cycles);

        strikes += (uint32_t)struck;
        late = struck ? 0 : late + 1;
    }
    expect(strikes > before, "the timer has never struck");
    expect(late == LATE, "the call has not ended before the timer struck");
}

static const struct call *swept;

static int number_of_calls(void)
{
    return connects ? CALLS_THAT_CONNECT : NUMBER_OF_CALLS;
}

static void sweep(void)
{
    int at, scene;

    for (at = 0; at < number_of_calls() && wrong == NULL; at++) {
        handler_call = &CALLS[at];
        for (scene = 0; scene < NUMBER_OF_SCENES && wrong == NULL; scene++) {
            int has_place = is_needed(PLACE, swept);

            /* The order matters to those only that have a place in the queue, and there has to be one. */
            if (has_place ? scene > 0 : scene < 2) {
                interrupt_everywhere(swept, SCENES[scene]);
            }
        }
        if (wrong != NULL) {
            print("    interrupted by ");
            print(handler_call->name);
            print(": ");
            print(wrong);
            print("\n");
        }
    }
    CHECK(wrong == NULL);
}

/* A row of instructions, each of which stores one of these. It is long, so that a step which is too long by a small
 * part of an instruction misses one of them. */
enum { ROW = 256 };
static volatile uint32_t stored[ROW];
static volatile int number_when_struck;

static int number_of_stored(void)
{
    int number = 0;

    while (number < ROW && stored[number] != 0) {
        number++;
    }
    return number;
}

static void look_at_stored(void)
{
    number_when_struck = number_of_stored();
}

/* Stores something that is not 0, one instruction for each. */
void store_256_times(volatile uint32_t *places);

__asm__(".syntax unified\n"
        ".thumb_func\n"
        "store_256_times:\n"
        "movs r1, #1\n"
        ".rept 256\n"
        "stmia r0!, {r1}\n"
        ".endr\n"
        "bx lr\n");

/* The timer strikes between any two of a row of stores. */
static void the_timer_strikes_everywhere(void)
{
    static uint8_t seen[ROW + 1];
    int strike, at, all = 0;

    /* More than there are in the row, since the first ones come before it. */
    for (strike = 0; strike < 2 * ROW; strike++) {
        for (at = 0; at < ROW; at++) {
            stored[at] = 0;
        }
        number_when_struck = ROW;
        strike_once_after(1 + (uint32_t)strike * SWEEP_STEP, look_at_stored);
        store_256_times(stored);
        stop_timer();
        seen[number_when_struck] = 1;
    }
    for (at = 0; at < ROW; at++) {
        all += seen[at];
    }
    CHECK(all == ROW);
}

int main(void)
{
    int at;

    begin_report("sweep");
    run("the timer strikes everywhere", the_timer_strikes_everywhere);
    for (connects = 0; connects <= 1; connects++) {
        print(connects ? "a pool that connects\n" : "a pool that is filled\n");
        /* What has gone wrong once may leave a pool that hangs. */
        for (at = 0; at < number_of_calls() && wrong == NULL; at++) {
            swept = &CALLS[at];
            run(swept->name, sweep);
        }
    }
    print("strikes: ");
    print_number(strikes);
    print("\n");
    return end_report();
}

/*
 * What a pair of acquire and release costs through the shared library, beside the least that it can
 * cost and beside what programs use otherwise, in one process. `ci/c-bench` builds and runs it.
 *
 *     bench [ROUNDS [must]]
 *
 * The least is two atomic read-modify-writes: a compare-exchange that takes a bit of a word, and an
 * addition that puts it back, compiled into the loop. No pool whose resources any thread may take
 * and bring back does with less.
 *
 * Beside it stand apr_reslist, the pool that a programmer writes with a mutex and a condition
 * variable, and a `sem_t`, which only counts: it does not say which resource its caller may use.
 *
 * In a hand-over no resource is ever free. A thread queues a callback and releases what it holds;
 * the release calls the longest waiter's callback, which is given the resource. With one thread that
 * is its own. With two it may be the other's, and each waits until its own was called.
 *
 * Each round times a batch of every subject in turn, so that what else the machine does meanwhile
 * meets all of them, and the ratios are taken within a round. Printed are the medians of all
 * rounds. With two threads both work at once, and the time of a batch is the longer of their two;
 * the pair of read-modify-writes is then on a word of each thread's own, which is what a pool would
 * cost if the threads did not meet.
 *
 * Two ratios with one thread must not be exceeded: of a pair to the two read-modify-writes, and of a
 * pair with max_lifetime_ms, which has to read a clock, to a pair without. The last table shows the
 * dearest of each, and whether it meets what it must. With "must" the program fails if one does not.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <conn_pool.h>

#include <apr_general.h>
#include <apr_reslist.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_THREADS = 2, MOST_ROUNDS = 10001, BATCH = 20000, LINE = 128 };

static void die(const char *what, const char *why)
{
    fprintf(stderr, "bench: %s: %s\n", what, why);
    exit(1);
}

static void ok(const char *what, conn_pool_status status)
{
    if (status != CONN_POOL_OK) {
        die(what, conn_pool_strerror(status));
    }
}

/* The subjects. */

static struct {
    _Alignas(LINE) atomic_uintptr_t word;
} words[MOST_THREADS];

/* Each is of a configuration of its own. */
enum { NO_POOL, PLAIN, AGING, CHECKED, CHECKED_LATER, CLEANED, FULL, POOLS };

static conn_pool *pools[POOLS];
static apr_reslist_t *reslist;

/* What a programmer writes who has no pool. */
static struct {
    _Alignas(LINE) pthread_mutex_t mutex;
    pthread_cond_t is_free;
    void *free[64];
    size_t count;
} stack = {.mutex = PTHREAD_MUTEX_INITIALIZER, .is_free = PTHREAD_COND_INITIALIZER};

static struct {
    _Alignas(LINE) sem_t free;
} semaphore;

/* A thread that is handed resources over. */
static struct receiver {
    _Alignas(LINE) conn_pool_waiter waiter;
    conn_pool_lease holds, next;
    atomic_int has_next;
} receivers[MOST_THREADS];

/* The leases that keep the pool of hand-overs full: one for each receiver first. */
static conn_pool_lease full[64];

static char things[4096];
static atomic_size_t things_made;

static void pair_on(atomic_uintptr_t *word)
{
    uintptr_t seen = atomic_load_explicit(word, memory_order_relaxed);

    do {
        if (seen == 0) {
            die("two RMWs", "there was no bit to take");
        }
    } while (!atomic_compare_exchange_weak_explicit(word, &seen, seen & (seen - 1),
                                                    memory_order_acquire, memory_order_relaxed));
    atomic_fetch_add_explicit(word, seen & (~seen + 1), memory_order_release);
}

static void words_apart(int thread)
{
    for (int i = 0; i < BATCH; i++) {
        pair_on(&words[thread].word);
    }
}

static void one_word(int thread)
{
    (void)thread;
    for (int i = 0; i < BATCH; i++) {
        pair_on(&words[0].word);
    }
}

static void conn_pool_tries(int thread)
{
    (void)thread;
    for (int i = 0; i < BATCH; i++) {
        conn_pool_lease lease;
        conn_pool_status status = conn_pool_try_acquire(pools[PLAIN], &lease);

        if (status == CONN_POOL_OK) {
            status = conn_pool_release(pools[PLAIN], &lease);
        }
        if (status != CONN_POOL_OK) {
            ok("conn_pool_try_acquire and release", status);
        }
    }
}

static inline void waiting_pairs(conn_pool *from, uint32_t timeout_ms)
{
    for (int i = 0; i < BATCH; i++) {
        conn_pool_lease lease;
        conn_pool_status status = conn_pool_acquire(from, timeout_ms, &lease);

        if (status == CONN_POOL_OK) {
            status = conn_pool_release(from, &lease);
        }
        if (status != CONN_POOL_OK) {
            ok("conn_pool_acquire and release", status);
        }
    }
}

static void conn_pool_waits(int thread)
{
    (void)thread;
    waiting_pairs(pools[PLAIN], 1000);
}

static void conn_pool_ages(int thread)
{
    (void)thread;
    waiting_pairs(pools[AGING], 1000);
}

static void conn_pool_checks(int thread)
{
    (void)thread;
    waiting_pairs(pools[CHECKED], 1000);
}

static void conn_pool_checks_later(int thread)
{
    (void)thread;
    waiting_pairs(pools[CHECKED_LATER], 1000);
}

static void conn_pool_cleans(int thread)
{
    (void)thread;
    waiting_pairs(pools[CLEANED], 1000);
}

static void on_ready(void *user, conn_pool_status status, const conn_pool_lease *lease)
{
    struct receiver *receiver = user;

    ok("on_ready", status);
    receiver->next = *lease;
    atomic_store_explicit(&receiver->has_next, 1, memory_order_release);
}

static void conn_pool_finds(int thread)
{
    struct receiver *receiver = &receivers[thread];

    for (int i = 0; i < BATCH; i++) {
        conn_pool_lease lease;
        conn_pool_status status =
            conn_pool_acquire_async(pools[PLAIN], &receiver->waiter, on_ready, receiver, &lease);

        if (status == CONN_POOL_OK) {
            status = conn_pool_release(pools[PLAIN], &lease);
        }
        if (status != CONN_POOL_OK) {
            ok("conn_pool_acquire_async and release", status);
        }
    }
}

static void conn_pool_hands_over(int thread)
{
    struct receiver *receiver = &receivers[thread];

    for (int i = 0; i < BATCH; i++) {
        conn_pool_status status = conn_pool_acquire_async(pools[FULL], &receiver->waiter, on_ready,
                                                          receiver, &receiver->next);

        /* Not pending: the other thread has released what nobody waited for. */
        if (status != CONN_POOL_PENDING) {
            ok("conn_pool_acquire_async", status);
            atomic_store_explicit(&receiver->has_next, 1, memory_order_relaxed);
        }
        status = conn_pool_release(pools[FULL], &receiver->holds);
        if (status != CONN_POOL_OK) {
            ok("conn_pool_release", status);
        }
        for (unsigned polls = 1;
             !atomic_load_explicit(&receiver->has_next, memory_order_acquire); polls++) {
            if (polls % 100000 == 0) {
                sched_yield();
            }
        }
        atomic_store_explicit(&receiver->has_next, 0, memory_order_relaxed);
        receiver->holds = receiver->next;
    }
}

static void reslist_pairs(int thread)
{
    (void)thread;
    for (int i = 0; i < BATCH; i++) {
        void *thing;

        if (apr_reslist_acquire(reslist, &thing) != APR_SUCCESS ||
            apr_reslist_release(reslist, thing) != APR_SUCCESS) {
            die("apr_reslist", "a pair failed");
        }
    }
}

static void stack_pairs(int thread)
{
    (void)thread;
    for (int i = 0; i < BATCH; i++) {
        void *thing;

        pthread_mutex_lock(&stack.mutex);
        while (stack.count == 0) {
            pthread_cond_wait(&stack.is_free, &stack.mutex);
        }
        thing = stack.free[--stack.count];
        pthread_mutex_unlock(&stack.mutex);

        pthread_mutex_lock(&stack.mutex);
        stack.free[stack.count++] = thing;
        pthread_cond_signal(&stack.is_free);
        pthread_mutex_unlock(&stack.mutex);
    }
}

static void semaphore_pairs(int thread)
{
    (void)thread;
    for (int i = 0; i < BATCH; i++) {
        if (sem_wait(&semaphore.free) != 0 || sem_post(&semaphore.free) != 0) {
            die("sem_t", strerror(errno));
        }
    }
}

enum {
    TWO_RMWS,
    ONE_WORD,
    TRIES,
    WAITS,
    AGES,
    CHECKS,
    CHECKS_LATER,
    CLEANS,
    FINDS,
    HANDS_OVER,
    RESLIST,
    STACK,
    SEMAPHORE,
    SUBJECTS
};

static const struct subject {
    const char *name;
    void (*batch)(int thread);
    int pool;
} subjects[SUBJECTS] = {
    [TWO_RMWS] = {"two RMWs in C, a word for each thread", words_apart, NO_POOL},
    [ONE_WORD] = {"two RMWs in C, one word for all", one_word, NO_POOL},
    [TRIES] = {"conn_pool_try_acquire + release", conn_pool_tries, PLAIN},
    [WAITS] = {"conn_pool_acquire (1 s) + release", conn_pool_waits, PLAIN},
    [AGES] = {"the same, with max_lifetime_ms", conn_pool_ages, AGING},
    [CHECKS] = {"the same, with validate", conn_pool_checks, CHECKED},
    [CHECKS_LATER] = {"the same, and validate_after_ms", conn_pool_checks_later, CHECKED_LATER},
    [CLEANS] = {"the same, with reset", conn_pool_cleans, CLEANED},
    [FINDS] = {"conn_pool_acquire_async + release", conn_pool_finds, PLAIN},
    [HANDS_OVER] = {"the same, handed over by callback", conn_pool_hands_over, FULL},
    [RESLIST] = {"apr_reslist_acquire + release", reslist_pairs, NO_POOL},
    [STACK] = {"a mutex and a condition variable", stack_pairs, NO_POOL},
    [SEMAPHORE] = {"sem_wait + sem_post, which only count", semaphore_pairs, NO_POOL},
};

/* What must not be exceeded, with one thread: a ratio of two subjects' times. */
static struct bound {
    const char *name;
    int subject, beside;
    double must, dearest;
} bounds[] = {
    {"conn_pool_try_acquire, to two RMWs", TRIES, TWO_RMWS, 1.6, 0},
    {"conn_pool_acquire, to two RMWs", WAITS, TWO_RMWS, 1.6, 0},
    {"with max_lifetime_ms, to a pair without", AGES, WAITS, 3.5, 0},
};

enum { BOUNDS = sizeof bounds / sizeof bounds[0] };

static int make(void *user, uint32_t within_ms, void **thing)
{
    (void)within_ms;
    (void)user;
    *thing = &things[atomic_fetch_add(&things_made, 1) % sizeof things];
    return 0;
}

/* A check or a reset that finds a resource good. */
static int approve(void *user, void *thing)
{
    (void)user;
    (void)thing;
    return 0;
}

static apr_status_t make_for_apr(void **thing, void *params, apr_pool_t *memory)
{
    (void)memory;
    return make(params, CONN_POOL_WAIT_FOREVER, thing);
}

static apr_status_t end_for_apr(void *thing, void *params, apr_pool_t *memory)
{
    (void)thing;
    (void)params;
    (void)memory;
    return APR_SUCCESS;
}

/* A pool with a resource in every slot, so that the figures are of one in its stride. All are leased. */
static conn_pool *filled(const conn_pool_config *config, conn_pool_lease *leases)
{
    conn_pool *made;

    ok("conn_pool_create", conn_pool_create(config, &made));
    for (uint32_t i = 0; i < config->capacity; i++) {
        ok("conn_pool_try_acquire", conn_pool_try_acquire(made, &leases[i]));
    }
    return made;
}

static void empty(conn_pool *from, conn_pool_lease *leases, uint32_t capacity)
{
    for (uint32_t i = 0; i < capacity; i++) {
        ok("conn_pool_release", conn_pool_release(from, &leases[i]));
    }
}

static void make_pool(int which, const conn_pool_config *config)
{
    conn_pool_lease leases[64];

    pools[which] = filled(config, leases);
    empty(pools[which], leases, config->capacity);
}

static void make_pools(uint32_t capacity)
{
    conn_pool_config plain = CONN_POOL_CONFIG_INIT, config;

    plain.capacity = capacity;
    plain.create = make;
    make_pool(PLAIN, &plain);

    config = plain;
    config.max_lifetime_ms = 3600000;
    make_pool(AGING, &config);

    config = plain;
    config.validate = approve;
    make_pool(CHECKED, &config);
    config.validate_after_ms = 3600000;
    make_pool(CHECKED_LATER, &config);

    config = plain;
    config.reset = approve;
    make_pool(CLEANED, &config);

    pools[FULL] = filled(&plain, full);
    for (int i = 0; i < MOST_THREADS; i++) {
        receivers[i].holds = full[i];
    }
}

static void end_pools(uint32_t capacity)
{
    for (int i = 0; i < MOST_THREADS; i++) {
        full[i] = receivers[i].holds;
    }
    empty(pools[FULL], full, capacity);
    for (int i = PLAIN; i < POOLS; i++) {
        ok("conn_pool_destroy", conn_pool_destroy(pools[i]));
    }
}

/* What programs have instead. */
static void make_others(uint32_t capacity, apr_pool_t *memory)
{
    if (apr_reslist_create(&reslist, (int)capacity, (int)capacity, (int)capacity, 0, make_for_apr,
                           end_for_apr, NULL, memory) != APR_SUCCESS) {
        die("apr_reslist_create", "failed");
    }
    for (stack.count = 0; stack.count < capacity; stack.count++) {
        stack.free[stack.count] = &things[stack.count];
    }
    if (sem_init(&semaphore.free, 0, capacity) != 0) {
        die("sem_init", strerror(errno));
    }
    for (int thread = 0; thread < MOST_THREADS; thread++) {
        atomic_store(&words[thread].word, ((uintptr_t)1 << (capacity < 32 ? capacity : 32)) - 1);
    }
}

static void end_others(void)
{
    apr_reslist_destroy(reslist);
    sem_destroy(&semaphore.free);
}

/* The rounds. */

static int threads;
static atomic_int arrived;
static atomic_int is_good;
static double begins[MOST_THREADS], ends[MOST_THREADS];
static double times[SUBJECTS][MOST_ROUNDS];
static int rounds = 301;
static size_t batches[SUBJECTS];

static double now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* Until every thread is here. By polling, so that they go on together. */
static void meet(void)
{
    int generation = atomic_fetch_add(&arrived, 1) / threads;

    for (unsigned polls = 1; atomic_load(&arrived) / threads == generation; polls++) {
        if (polls % 100000 == 0) {
            sched_yield();
        }
    }
}

/* Whether the threads worked side by side, and not one after the other on a busy machine. */
static int was_together(double time)
{
    double last_begin = begins[0], first_end = ends[0];

    for (int thread = 1; thread < threads; thread++) {
        last_begin = begins[thread] > last_begin ? begins[thread] : last_begin;
        first_end = ends[thread] < first_end ? ends[thread] : first_end;
    }
    return first_end - last_begin > time / 2;
}

/* Takes down a batch, and says whether it counts. */
static int note(int subject, int round)
{
    double longest = 0;

    for (int thread = 0; thread < threads; thread++) {
        double time = ends[thread] - begins[thread];

        longest = time > longest ? time : longest;
    }
    times[subject][round] = longest / BATCH;
    batches[subject]++;
    return threads == 1 || was_together(longest);
}

/* Gives each thread a processor: the scheduler might leave both on one for a while. */
static void settle_down(int thread)
{
    cpu_set_t allowed, own;
    int left = thread;

    CPU_ZERO(&own);
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) {
        die("sched_getaffinity", strerror(errno));
    }
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &allowed) && left-- == 0) {
            CPU_SET(cpu, &own);
        }
    }
    if (left >= 0) {
        die("two threads", "they need two processors");
    }
    if (sched_setaffinity(0, sizeof own, &own) != 0) {
        die("sched_setaffinity", strerror(errno));
    }
}

static void *work(void *argument)
{
    int thread = (int)((char *)argument - things), again = 0;

    if (threads > 1) {
        settle_down(thread);
    }
    for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < SUBJECTS; i++) {
            do {
                meet();
                begins[thread] = now_ns();
                subjects[i].batch(thread);
                ends[thread] = now_ns();
                meet();
                if (thread == 0) {
                    atomic_store(&is_good, note(i, round));
                }
                meet();
                again = atomic_load(&is_good) ? 0 : again + 1;
                if (again == 10000) {
                    die("two threads", "the machine is too busy to run them at once");
                }
            } while (again > 0);
        }
    }
    return NULL;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

static double median(double *values)
{
    qsort(values, (size_t)rounds, sizeof *values, compare);
    return values[rounds / 2];
}

static void run(int count)
{
    pthread_t ids[MOST_THREADS];

    threads = count;
    atomic_store(&arrived, 0);
    for (int i = 0; i < count; i++) {
        int error = pthread_create(&ids[i], NULL, work, &things[i]);

        if (error != 0) {
            die("pthread_create", strerror(error));
        }
    }
    for (int i = 0; i < count; i++) {
        pthread_join(ids[i], NULL);
    }
}

struct result {
    double ns, ratio;
};

/* The median of the ratios, each taken within a round. */
static double ratio(int subject, int beside)
{
    static double ratios[MOST_ROUNDS];

    for (int round = 0; round < rounds; round++) {
        ratios[round] = times[subject][round] / times[beside][round];
    }
    return median(ratios);
}

static void sum_up(struct result *results)
{
    for (int i = 0; i < SUBJECTS; i++) {
        results[i].ratio = ratio(i, TWO_RMWS);
    }
    /* Last, because they bring the times out of their order. */
    for (int i = 0; i < SUBJECTS; i++) {
        results[i].ns = median(times[i]);
    }
}

static void note_bounds(void)
{
    for (int i = 0; i < BOUNDS; i++) {
        double here = ratio(bounds[i].subject, bounds[i].beside);

        bounds[i].dearest = here > bounds[i].dearest ? here : bounds[i].dearest;
    }
}

static conn_pool_stats stats_of(conn_pool *of)
{
    conn_pool_stats stats;

    ok("conn_pool_get_stats", conn_pool_get_stats(of, &stats, sizeof stats));
    return stats;
}

/* Whether a pool was used as often as it was to be. */
static void check_use(int which, size_t before, int count)
{
    conn_pool_stats after = stats_of(pools[which]);
    size_t expected = 0, in_use = which == FULL ? after.capacity : 0;

    for (int i = 0; i < SUBJECTS; i++) {
        if (subjects[i].pool == which) {
            expected += batches[i] * BATCH * (size_t)count;
        }
    }
    if (after.acquired - before != expected || after.misused != 0 || after.in_use != in_use) {
        fprintf(stderr, "bench: pool %d: %zu leases expected, %zu counted; %zu misused, %zu in use\n",
                which, expected, after.acquired - before, after.misused, after.in_use);
        exit(1);
    }
}

static void measure(int count)
{
    size_t before[POOLS], waited;

    for (int i = PLAIN; i < POOLS; i++) {
        before[i] = stats_of(pools[i]).acquired;
    }
    waited = stats_of(pools[FULL]).waited;
    memset(batches, 0, sizeof batches);
    run(count);
    for (int i = PLAIN; i < POOLS; i++) {
        check_use(i, before[i], count);
    }
    /* With two threads one may release before the other waits. */
    waited = stats_of(pools[FULL]).waited - waited;
    if (count == 1 && waited != batches[HANDS_OVER] * BATCH) {
        fprintf(stderr, "bench: %zu of %zu hand-overs were waited for\n", waited,
                batches[HANDS_OVER] * BATCH);
        exit(1);
    }
}

static void table(uint32_t capacity, apr_pool_t *memory)
{
    static const int counts[] = {1, 2, 1};
    struct result results[3][SUBJECTS];

    make_pools(capacity);
    make_others(capacity, memory);
    for (int i = 0; i < 3; i++) {
        measure(counts[i]);
        if (i == 0) {
            note_bounds();
        }
        sum_up(results[i]);
    }

    printf("\n%4u slots, ns a pair, and times two RMWs   %12s  %16s  %16s\n", (unsigned)capacity,
           "1 thread", "2 threads", "then 1 again");
    for (int i = 0; i < SUBJECTS; i++) {
        printf("  %-38s", subjects[i].name);
        for (int run = 0; run < 3; run++) {
            printf("  %8.1f %6.2fx", results[run][i].ns, results[run][i].ratio);
        }
        printf("\n");
    }
    end_others();
    end_pools(capacity);
}

/* The answer: whether every ratio is what it must be. */
static int sum_up_bounds(void)
{
    int are_met = 1;

    printf("\nwith one thread, the dearest of the tables      is    must   met\n");
    for (int i = 0; i < BOUNDS; i++) {
        int is_met = bounds[i].dearest <= bounds[i].must;

        printf("  %-40s  %5.2f   %5.2f   %s\n", bounds[i].name, bounds[i].dearest, bounds[i].must,
               is_met ? "yes" : "NO");
        are_met = are_met && is_met;
    }
    return are_met;
}

static double number(const char *name, const char *text, double least, double most)
{
    char *end;
    double value = strtod(text, &end);

    if (end == text || *end != '\0' || !(value >= least && value <= most)) {
        fprintf(stderr, "bench: %s is \"%s\": a number from %g to %g is needed\n", name, text,
                least, most);
        exit(2);
    }
    return value;
}

int main(int argc, char **argv)
{
    static const uint32_t capacities[] = {4, 16, 64};
    int is_strict = argc > 2 && strcmp(argv[2], "must") == 0;
    apr_pool_t *memory;

    if (argc > 3 || (argc > 2 && !is_strict)) {
        fprintf(stderr, "usage: bench [ROUNDS [must]]\n");
        return 2;
    }
    if (argc > 1) {
        rounds = (int)number("ROUNDS", argv[1], 1, MOST_ROUNDS);
    }
    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&memory, NULL) != APR_SUCCESS) {
        die("apr", "cannot be initialised");
    }
    atexit(apr_terminate);

    printf("conn_pool %s, %d rounds of %d pairs, medians\n", conn_pool_version_string(), rounds,
           BATCH);
    for (size_t i = 0; i < sizeof capacities / sizeof capacities[0]; i++) {
        table(capacities[i], memory);
    }
    apr_pool_destroy(memory);

    return sum_up_bounds() || !is_strict ? 0 : 1;
}

/*
 * An event loop that never blocks: requests wait for a resource in the pool's queue, with deadlines, and are called
 * back. Run it without arguments.
 *
 * The pool calls back on whichever thread releases a resource. So a callback does no work: it hands the lease to the
 * loop through an eventfd, and the loop goes on with the request.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <conn_pool.h>

enum { RESOURCES = 2, REQUESTS = 8, WORK_MS = 10, PATIENCE_MS = 5000, IMPATIENT = REQUESTS - 1 };

/* A request: it waits, holds a resource for a while, and ends. */
struct request {
    int number;
    int timer;
    conn_pool_waiter waiter;
    conn_pool_lease lease;
    conn_pool_status status;
    struct request *next;
};

struct loop {
    conn_pool *pool;
    int epoll;
    int wake;
    int open;
    int served;
    int late;
    /* What callbacks have handed over. */
    pthread_mutex_t lock;
    struct request *ready;
};

static struct loop loop = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void must(conn_pool_status status, const char *what)
{
    if (status != CONN_POOL_OK) {
        fprintf(stderr, "%s: %s\n", what, conn_pool_strerror(status));
        exit(1);
    }
}

static void set_timer(const struct request *request, int ms)
{
    struct itimerspec spec = { { 0, 0 }, { ms / 1000, (long)(ms % 1000) * 1000000 } };

    if (timerfd_settime(request->timer, 0, &spec, NULL) != 0) {
        die("timerfd_settime");
    }
}

/* By any thread, within a call of the pool. */
static void on_ready(void *user, conn_pool_status status, const conn_pool_lease *lease)
{
    struct request *request = user;
    const uint64_t one = 1;

    request->status = status;
    if (lease != NULL) {
        request->lease = *lease;
    }
    pthread_mutex_lock(&loop.lock);
    request->next = loop.ready;
    loop.ready = request;
    pthread_mutex_unlock(&loop.lock);
    if (write(loop.wake, &one, sizeof one) != sizeof one) {
        die("eventfd");
    }
}

static void end(struct request *request, int is_served)
{
    loop.served += is_served;
    loop.late += !is_served;
    loop.open--;
    close(request->timer);
    free(request);
}

/* It has a resource: what it does with it takes a while, in which the loop serves others. */
static void work(struct request *request)
{
    printf("request %d has resource %s\n", request->number, (const char *)request->lease.resource);
    set_timer(request, WORK_MS);
}

static void begin(int number)
{
    struct request *request = calloc(1, sizeof *request);
    struct epoll_event event = { .events = EPOLLIN };
    conn_pool_status status;

    if (request == NULL || (request->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK)) < 0) {
        die("a request");
    }
    request->number = number;
    event.data.ptr = request;
    if (epoll_ctl(loop.epoll, EPOLL_CTL_ADD, request->timer, &event) != 0) {
        die("epoll_ctl");
    }
    loop.open++;
    /* Before the call: it may be called back before that has returned. */
    set_timer(request, number == IMPATIENT ? 1 : PATIENCE_MS);
    status = conn_pool_acquire_async(loop.pool, &request->waiter, on_ready, request, &request->lease);
    if (status == CONN_POOL_OK) {
        work(request);
    } else if (status != CONN_POOL_PENDING) {
        must(status, "conn_pool_acquire_async");
    }
}

/* The request's work is done, or its time is up. */
static void on_timer(struct request *request)
{
    uint64_t times;

    if (read(request->timer, &times, sizeof times) != sizeof times) {
        return;
    }
    if (request->lease.pool != NULL) {
        must(conn_pool_release(loop.pool, &request->lease), "conn_pool_release");
        end(request, 1);
        return;
    }
    /* If it is too late to cancel, the lease is on its way, and comes as it would have. */
    if (conn_pool_cancel(loop.pool, &request->waiter) == CONN_POOL_OK) {
        printf("request %d has given up\n", request->number);
        end(request, 0);
    }
}

static void on_wake(void)
{
    struct request *ready, *next;
    uint64_t count;

    if (read(loop.wake, &count, sizeof count) != sizeof count) {
        return;
    }
    pthread_mutex_lock(&loop.lock);
    ready = loop.ready;
    loop.ready = NULL;
    pthread_mutex_unlock(&loop.lock);
    for (; ready != NULL; ready = next) {
        next = ready->next;
        must(ready->status, "a wait");
        work(ready);
    }
}

int main(void)
{
    static char names[RESOURCES][2] = { "A", "B" };
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    struct epoll_event event = { .events = EPOLLIN };
    int number;

    config.capacity = RESOURCES;
    must(conn_pool_create(&config, &loop.pool), "conn_pool_create");
    for (number = 0; number < RESOURCES; number++) {
        must(conn_pool_add(loop.pool, names[number]), "conn_pool_add");
    }
    loop.epoll = epoll_create1(0);
    loop.wake = eventfd(0, EFD_NONBLOCK);
    if (loop.epoll < 0 || loop.wake < 0 || epoll_ctl(loop.epoll, EPOLL_CTL_ADD, loop.wake, &event) != 0) {
        die("epoll");
    }
    for (number = 0; number < REQUESTS; number++) {
        begin(number);
    }
    while (loop.open > 0) {
        struct epoll_event events[4];
        int at, count = epoll_wait(loop.epoll, events, 4, -1);

        for (at = 0; at < count; at++) {
            if (events[at].data.ptr == NULL) {
                on_wake();
            } else {
                on_timer(events[at].data.ptr);
            }
        }
    }
    must(conn_pool_destroy(loop.pool), "conn_pool_destroy");
    close(loop.wake);
    close(loop.epoll);
    printf("requests served: %d, given up: %d\n", loop.served, loop.late);
    return 0;
}

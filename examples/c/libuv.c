/*
 * Requests of a libuv loop wait for one of four resources, with deadlines, and are called back.
 *
 *     cc libuv.c $(pkg-config --cflags --libs conn_pool libuv)
 *
 * What it shows:
 * - The work is done on threads of libuv (uv_queue_work), and a thread releases its resource as soon as it is done
 *   with it. The pool calls back within that release, so on any thread. libuv takes no call from another thread but
 *   uv_async_send: the callback puts its request on a list, and wakes the loop, which goes on with it.
 * - A deadline is a uv_timer_t. It cancels the wait. If it is too late to cancel, the lease is on its way, and is used.
 * - A request is freed when libuv has closed its timer. At the end nothing of libuv, and no lease, is left.
 *
 * The server behind the resources hangs at first, so the impatient requests give up. Then it answers all others.
 */
#define _POSIX_C_SOURCE 200809L

#include <conn_pool.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

/* Every tenth request is impatient, but none of the first: those get a resource at once. */
enum { RESOURCES = 4, REQUESTS = 400, EACH_IMPATIENT = 10, IMPATIENT = REQUESTS / EACH_IMPATIENT };
enum { IMPATIENT_MS = 20, PATIENT_MS = 60000 };

/* A request: it waits, has some work done with a resource, and ends. */
struct request {
    uv_timer_t deadline;
    uv_work_t work;
    conn_pool_waiter waiter;
    conn_pool_lease lease;
    conn_pool_status status;
    struct request *next;
};

static conn_pool *pool;
static uv_async_t wake;
/* Whether the server answers: who has passed lets the next one pass. */
static uv_sem_t server;
/* How many requests use a resource: more than one at once would be an error of the pool. */
static int users[RESOURCES];
static int begun, open_requests, served, given_up;

/* What callbacks have handed over. */
static uv_mutex_t lock;
static struct request *ready;

static void must(int result, const char *what)
{
    if (result != 0) {
        fprintf(stderr, "%s: %s\n", what, uv_strerror(result));
        exit(1);
    }
}

static void must_pool(conn_pool_status status, const char *what)
{
    if (status != CONN_POOL_OK) {
        fprintf(stderr, "%s: %s\n", what, conn_pool_strerror(status));
        exit(1);
    }
}

static void on_closed(uv_handle_t *deadline)
{
    free(deadline->data);
}

/* Without a handle that is open, the loop ends. */
static void end(struct request *request)
{
    uv_close((uv_handle_t *)&request->deadline, on_closed);
    if (--open_requests == 0) {
        uv_close((uv_handle_t *)&wake, NULL);
    }
}

/* By a thread of libuv. */
static void do_work(uv_work_t *work)
{
    struct request *request = work->data;
    int *user = request->lease.resource;

    uv_sem_wait(&server);
    uv_sem_post(&server);
    if (++*user != 1) {
        fprintf(stderr, "two requests have one resource\n");
        exit(1);
    }
    --*user;
    /* The longest waiter is called back from here. */
    must_pool(conn_pool_release(pool, &request->lease), "conn_pool_release");
}

static void on_done(uv_work_t *work, int status)
{
    must(status, "a request's work");
    served++;
    end(work->data);
}

static void start(struct request *request)
{
    must(uv_timer_stop(&request->deadline), "uv_timer_stop");
    must(uv_queue_work(wake.loop, &request->work, do_work, on_done), "uv_queue_work");
}

/* By any thread, within a call of the pool. */
static void on_ready(void *user, conn_pool_status status, const conn_pool_lease *lease)
{
    struct request *request = user;

    request->status = status;
    if (lease != NULL) {
        request->lease = *lease;
    }
    uv_mutex_lock(&lock);
    request->next = ready;
    ready = request;
    uv_mutex_unlock(&lock);
    must(uv_async_send(&wake), "uv_async_send");
}

/* Several calls of uv_async_send may arrive as one. */
static void on_wake(uv_async_t *async)
{
    struct request *request, *next;

    (void)async;
    uv_mutex_lock(&lock);
    request = ready;
    ready = NULL;
    uv_mutex_unlock(&lock);
    for (; request != NULL; request = next) {
        next = request->next;
        must_pool(request->status, "a wait");
        start(request);
    }
}

static void on_deadline(uv_timer_t *deadline)
{
    struct request *request = deadline->data;

    if (conn_pool_cancel(pool, &request->waiter) != CONN_POOL_OK) {
        return;
    }
    if (++given_up == IMPATIENT) {
        uv_sem_post(&server);
    }
    end(request);
}

static void begin(uv_loop_t *loop)
{
    struct request *request = calloc(1, sizeof *request);
    int is_impatient = ++begun % EACH_IMPATIENT == 0;
    conn_pool_status status;

    must(request == NULL ? UV_ENOMEM : uv_timer_init(loop, &request->deadline), "a request");
    request->deadline.data = request->work.data = request;
    open_requests++;
    /* Before the call: it may be called back before that has returned. */
    must(uv_timer_start(&request->deadline, on_deadline, is_impatient ? IMPATIENT_MS : PATIENT_MS, 0), "uv_timer_start");
    status = conn_pool_acquire_async(pool, &request->waiter, on_ready, request, &request->lease);
    if (status == CONN_POOL_OK) {
        start(request);
    } else if (status != CONN_POOL_PENDING) {
        must_pool(status, "conn_pool_acquire_async");
    }
}

static void make_pool(void)
{
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    int at;

    config.capacity = RESOURCES;
    must_pool(conn_pool_create(&config, &pool), "conn_pool_create");
    for (at = 0; at < RESOURCES; at++) {
        must_pool(conn_pool_add(pool, &users[at]), "conn_pool_add");
    }
}

static void prepare(uv_loop_t *loop)
{
    must(uv_loop_init(loop), "uv_loop_init");
    must(uv_async_init(loop, &wake, on_wake), "uv_async_init");
    must(uv_mutex_init(&lock), "uv_mutex_init");
    must(uv_sem_init(&server, 0), "uv_sem_init");
}

static void clean_up(uv_loop_t *loop)
{
    must(uv_loop_close(loop), "uv_loop_close");
    must_pool(conn_pool_drain(pool, 0), "conn_pool_drain");
    must_pool(conn_pool_destroy(pool), "conn_pool_destroy");
    uv_sem_destroy(&server);
    uv_mutex_destroy(&lock);
    uv_library_shutdown();
}

int main(void)
{
    uv_loop_t loop;

    make_pool();
    prepare(&loop);
    while (begun < REQUESTS) {
        begin(&loop);
    }
    must(uv_run(&loop, UV_RUN_DEFAULT), "uv_run");
    clean_up(&loop);
    printf("requests served: %d, given up: %d\n", served, given_up);
    return 0;
}

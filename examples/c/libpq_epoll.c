/*
 * An event loop on one thread connects to PostgreSQL and queries it, and never blocks.
 *
 *     cc libpq_epoll.c $(pkg-config --cflags --libs conn_pool libpq)
 *     ./a.out [CONNINFO]
 *
 * CONNINFO is what PQconnectStart takes. With a host's name libpq would block to resolve it: use
 * hostaddr, or a socket.
 *
 * What it shows:
 * - The pool asks for a connect (begin_create). The loop makes it with PQconnectPoll, and brings the
 *   connection by its ticket.
 * - Requests wait in the pool's queue, and are called back. One has no time, and gives up; its connect
 *   goes on, for another.
 * - A connection that breaks is discarded, and the pool asks for another one. One request has the
 *   server end its session, and repeats its query.
 * - A server that is away, and one that does not answer: the requests that wait are told why.
 *
 * The program returns 0 only if all is as it should be.
 */
#define _POSIX_C_SOURCE 200809L

#include <arpa/inet.h>
#include <conn_pool.h>
#include <errno.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { REQUESTS = 24, CONNECTIONS = 4, AT_ONCE = 2, UNLUCKY = 5, IMPATIENT = 9 };
enum { CONNECT_MS = 20000, SHORT_MS = 200 };

/* Something that the loop waits for: a socket, a deadline, or both. */
struct task {
    void (*on_socket)(struct task *task);
    void (*on_deadline)(struct task *task);
    int64_t deadline; /* -1: none */
    struct task *next;
};

/* A connect that was begun. */
struct connect {
    struct task task; /* the first field */
    uint64_t ticket;
    PGconn *connection;
};

/* A request: it waits for a connection, sends a query, and checks the answer. */
struct request {
    struct task task; /* the first field */
    int number;
    int kills;
    conn_pool_waiter waiter;
    conn_pool_lease lease;
};

static struct {
    int epoll;
    struct task *tasks;
    conn_pool *pool;
    const char *conninfo;
    int open;
    int answered, given_up, broken, refused, connects;
    char why[256];
} loop;

static int problems;

static void complain(const char *what, const char *why)
{
    problems++;
    fprintf(stderr, "%s: %s\n", what, why);
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static int must(conn_pool_status status, const char *what)
{
    if (status != CONN_POOL_OK) {
        complain(what, conn_pool_strerror(status));
    }
    return status == CONN_POOL_OK;
}

/* The loop. */

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void begin_task(struct task *task, int64_t within_ms)
{
    task->deadline = within_ms < 0 ? -1 : now_ms() + within_ms;
    task->next = loop.tasks;
    loop.tasks = task;
}

static void end_task(struct task *task)
{
    struct task **at = &loop.tasks;

    while (*at != task) {
        at = &(*at)->next;
    }
    *at = task->next;
    free(task);
}

/* The socket is watched, for the task, from now on. libpq may have closed it and opened another. */
static void watch(int socket, uint32_t events, struct task *task)
{
    struct epoll_event event;

    memset(&event, 0, sizeof event);
    event.events = events;
    event.data.ptr = task;
    if (epoll_ctl(loop.epoll, EPOLL_CTL_MOD, socket, &event) != 0
        && (errno != ENOENT || epoll_ctl(loop.epoll, EPOLL_CTL_ADD, socket, &event) != 0)) {
        die("epoll_ctl");
    }
}

static void unwatch(int socket)
{
    struct epoll_event unused;

    if (socket >= 0) {
        epoll_ctl(loop.epoll, EPOLL_CTL_DEL, socket, &unused);
    }
}

/* Waits for one event, or for the next deadline. One at a time: a task may end others. */
static void turn(void)
{
    struct epoll_event event;
    struct task *task, *due = NULL;
    int64_t left = -1;

    for (task = loop.tasks; task != NULL; task = task->next) {
        if (task->deadline >= 0 && (due == NULL || task->deadline < due->deadline)) {
            due = task;
        }
    }
    if (due != NULL) {
        left = due->deadline - now_ms();
        if (left <= 0) {
            due->on_deadline(due);
            return;
        }
    }
    if (epoll_wait(loop.epoll, &event, 1, (int)left) == 1) {
        task = event.data.ptr;
        task->on_socket(task);
    }
}

/* Connects. */

static void connected(struct connect *connect)
{
    unwatch(PQsocket(connect->connection));
    loop.connects++;
    /* What the pool does not take is still ours. */
    if (!must(conn_pool_connected(loop.pool, connect->ticket, connect->connection), "conn_pool_connected")) {
        PQfinish(connect->connection);
    }
    end_task(&connect->task);
}

static void not_connected(struct connect *connect, int code, const char *why)
{
    unwatch(PQsocket(connect->connection));
    must(conn_pool_connect_failed(loop.pool, connect->ticket, code, why), "conn_pool_connect_failed");
    PQfinish(connect->connection);
    end_task(&connect->task);
}

static void on_connect_socket(struct task *task)
{
    struct connect *connect = (struct connect *)task;

    switch (PQconnectPoll(connect->connection)) {
    case PGRES_POLLING_READING:
        watch(PQsocket(connect->connection), EPOLLIN, task);
        break;
    case PGRES_POLLING_WRITING:
        watch(PQsocket(connect->connection), EPOLLOUT, task);
        break;
    case PGRES_POLLING_OK:
        connected(connect);
        break;
    default:
        not_connected(connect, ECONNREFUSED, PQerrorMessage(connect->connection));
    }
}

static void on_connect_deadline(struct task *task)
{
    not_connected((struct connect *)task, ETIMEDOUT, "the server does not answer");
}

/* Called by the pool, within any of its calls. It begins, and returns. */
static int begin_create(void *user, uint64_t ticket, uint32_t within_ms)
{
    struct connect *connect = calloc(1, sizeof *connect);

    (void)user;
    if (connect == NULL) {
        return ENOMEM;
    }
    connect->connection = PQconnectStart(loop.conninfo);
    if (PQstatus(connect->connection) == CONNECTION_BAD) {
        conn_pool_set_error(PQerrorMessage(connect->connection));
        PQfinish(connect->connection);
        free(connect);
        return ECONNREFUSED;
    }
    connect->ticket = ticket;
    connect->task.on_socket = on_connect_socket;
    connect->task.on_deadline = on_connect_deadline;
    begin_task(&connect->task, within_ms == CONN_POOL_WAIT_FOREVER ? -1 : (int64_t)within_ms);
    /* As if PQconnectPoll had returned PGRES_POLLING_WRITING. */
    watch(PQsocket(connect->connection), EPOLLOUT, &connect->task);
    return 0;
}

static void destroy(void *user, void *resource)
{
    (void)user;
    PQfinish(resource);
}

/* Requests. */

static void ask(struct request *request);

static void end_request(struct request *request)
{
    loop.open--;
    end_task(&request->task);
}

/* The request has a connection: it sends its query, and the loop goes on. */
static void send_query(struct request *request)
{
    char query[80];
    PGconn *connection = request->lease.resource;

    if (request->kills) {
        request->kills = 0;
        snprintf(query, sizeof query, "SELECT pg_terminate_backend(pg_backend_pid())");
    } else {
        snprintf(query, sizeof query, "SELECT %d", request->number);
    }
    request->task.deadline = -1;
    if (!PQsendQuery(connection, query)) {
        complain("PQsendQuery", PQerrorMessage(connection));
    }
    watch(PQsocket(connection), EPOLLIN, &request->task);
}

static void on_ready(void *user, conn_pool_status status, const conn_pool_lease *lease)
{
    struct request *request = user;
    const char *text;

    if (status == CONN_POOL_OK) {
        request->lease = *lease;
        send_query(request);
        return;
    }
    if (status != CONN_POOL_CREATE_FAILED) {
        must(status, "a wait");
    }
    loop.refused++;
    conn_pool_last_error(&text);
    snprintf(loop.why, sizeof loop.why, "%s", text);
    end_request(request);
}

static void ask(struct request *request)
{
    conn_pool_status status =
        conn_pool_acquire_async(loop.pool, &request->waiter, on_ready, request, &request->lease);

    if (status == CONN_POOL_OK) {
        send_query(request);
    } else if (status != CONN_POOL_PENDING) {
        must(status, "conn_pool_acquire_async");
        end_request(request);
    }
}

static void on_answer(struct task *task)
{
    struct request *request = (struct request *)task;
    PGconn *connection = request->lease.resource;
    PGresult *result;
    int is_right = 0;

    if (PQconsumeInput(connection) && PQisBusy(connection)) {
        return;
    }
    while ((result = PQgetResult(connection)) != NULL) {
        is_right |= PQresultStatus(result) == PGRES_TUPLES_OK && atoi(PQgetvalue(result, 0, 0)) == request->number;
        PQclear(result);
    }
    unwatch(PQsocket(connection));
    if (PQstatus(connection) != CONNECTION_OK) {
        /* Another one is asked for, by the next call: the discard does not wait for it. */
        loop.broken++;
        must(conn_pool_discard(loop.pool, &request->lease), "conn_pool_discard");
        ask(request);
        return;
    }
    if (!is_right) {
        complain("an answer", PQerrorMessage(connection));
    }
    loop.answered++;
    must(conn_pool_release(loop.pool, &request->lease), "conn_pool_release");
    end_request(request);
}

/* It gives up. If it is too late to cancel, the connection is on its way, and comes as it would have. */
static void on_request_deadline(struct task *task)
{
    struct request *request = (struct request *)task;

    task->deadline = -1;
    if (conn_pool_cancel(loop.pool, &request->waiter) == CONN_POOL_OK) {
        loop.given_up++;
        end_request(request);
    }
}

static void begin_request(int number)
{
    struct request *request = calloc(1, sizeof *request);

    if (request == NULL) {
        die("calloc");
    }
    request->number = number;
    request->kills = number == UNLUCKY;
    request->task.on_socket = on_answer;
    request->task.on_deadline = on_request_deadline;
    loop.open++;
    begin_task(&request->task, number == IMPATIENT ? 0 : -1);
    ask(request);
}

/* Has so many requests served by the server of this conninfo. */
static void serve(const char *conninfo, int requests, uint32_t within_ms)
{
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    int number;

    loop.answered = loop.given_up = loop.broken = loop.refused = loop.connects = 0;
    loop.conninfo = conninfo;
    config.capacity = CONNECTIONS;
    config.max_connecting = AT_ONCE;
    config.connect_timeout_ms = within_ms;
    config.begin_create = begin_create;
    config.destroy = destroy;
    if (!must(conn_pool_create(&config, &loop.pool), "conn_pool_create")) {
        exit(1);
    }
    for (number = 0; number < requests; number++) {
        begin_request(number);
    }
    while (loop.open > 0) {
        turn();
    }
    /* Connects that were begun, and that no request waits for any more, come to a closed pool. */
    while (conn_pool_drain(loop.pool, 0) == CONN_POOL_BUSY) {
        turn();
    }
    must(conn_pool_destroy(loop.pool), "conn_pool_destroy");
    printf("answered: %d, given up: %d, broken: %d, refused: %d\n", loop.answered, loop.given_up, loop.broken,
           loop.refused);
}

/* A server that takes connections and says nothing. */
static int listen_and_be_silent(char *conninfo, size_t size)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0
        || listen(listener, 8) != 0 || getsockname(listener, (struct sockaddr *)&address, &length) != 0) {
        die("a listener");
    }
    snprintf(conninfo, size, "hostaddr=127.0.0.1 port=%d user=nobody sslmode=disable gssencmode=disable",
             ntohs(address.sin_port));
    return listener;
}

static void check(int holds, const char *what)
{
    if (!holds) {
        complain("this does not hold", what);
    }
}

int main(int count, char **arguments)
{
    char silent[128];
    int listener;

    loop.epoll = epoll_create1(0);
    if (loop.epoll < 0) {
        die("epoll_create1");
    }

    serve(count > 1 ? arguments[1] : "", REQUESTS, CONNECT_MS);
    check(loop.answered == REQUESTS - 1 && loop.given_up == 1, "all but one are answered");
    check(loop.broken == 1 && loop.refused == 0, "one connection broke");
    check(loop.connects <= CONNECTIONS + 1, "there are four connections, and one for the one that broke");

    serve("host=/nowhere", 3, CONNECT_MS);
    check(loop.refused == 3 && loop.why[0] != '\0', "all are told that the server is away");

    listener = listen_and_be_silent(silent, sizeof silent);
    serve(silent, 3, SHORT_MS);
    check(loop.refused == 3 && strcmp(loop.why, "the server does not answer") == 0, "all are told that it is silent");
    close(listener);
    close(loop.epoll);

    puts(problems == 0 ? "all is as it should be" : "there were problems");
    return problems != 0;
}

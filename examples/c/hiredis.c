/*
 * Eight threads share three connections to Redis.
 *
 *     cc hiredis.c $(pkg-config --cflags --libs conn_pool hiredis)
 *     ./a.out HOST PORT
 *
 * It sets keys that begin with "conn_pool:" and the number of its process, and deletes them at the end.
 *
 * What it shows:
 * - `create` connects within the time that its caller has left, and says why it has failed.
 * - `validate` is a PING. `reset` looks at `err`: after an error a connection of hiredis is of no more use.
 * - A connection that breaks while it is in use is discarded, and the pool makes another. One thread has the server
 *   close its connection, and repeats what it did.
 * - Connections that the server has closed while they were idle are found by `validate`, and no caller gets one.
 *
 * The program returns 0 only if every key had its value, and each increment was counted.
 */
#define _POSIX_C_SOURCE 200809L

#include <conn_pool.h>
#include <hiredis.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 8, CONNECTIONS = 3, ROUNDS = 50, UNLUCKY = 5, PATIENCE_MS = 20000 };

static const char *host;
static int port;
static long process;
static conn_pool *pool;

static void must(int is_so, const char *what)
{
    if (!is_so) {
        fprintf(stderr, "%s\n", what);
        exit(1);
    }
}

static void must_pool(conn_pool_status status, const char *what)
{
    const char *why = "";

    if (status != CONN_POOL_OK) {
        conn_pool_last_error(&why);
        fprintf(stderr, "%s: %s %s\n", what, conn_pool_strerror(status), why);
        exit(1);
    }
}

/* The callbacks of the pool. */

static struct timeval time_of(uint32_t ms)
{
    struct timeval time = { ms / 1000, (long)(ms % 1000) * 1000 };

    return time;
}

/* The limit is that of the caller who connects. Commands, which come later, have one of their own. */
static redisContext *connect_within(uint32_t ms)
{
    redisContext *connection = redisConnectWithTimeout(host, port, time_of(ms));

    if (connection != NULL && connection->err == 0 && redisSetTimeout(connection, time_of(PATIENCE_MS)) == REDIS_OK) {
        return connection;
    }
    conn_pool_set_error(connection == NULL ? "out of memory" : connection->errstr);
    redisFree(connection);
    return NULL;
}

static int create(void *user, uint32_t within_ms, void **resource)
{
    (void)user;
    *resource = connect_within(within_ms < PATIENCE_MS ? within_ms : PATIENCE_MS);
    return *resource == NULL ? 1 : 0;
}

static int validate(void *user, void *resource)
{
    redisReply *reply = redisCommand(resource, "PING");
    int is_fit = reply != NULL && reply->type == REDIS_REPLY_STATUS && strcmp(reply->str, "PONG") == 0;

    (void)user;
    freeReplyObject(reply);
    return is_fit ? 0 : 1;
}

static int reset(void *user, void *resource)
{
    redisContext *connection = resource;

    (void)user;
    return connection->err;
}

static void disconnect(void *user, void *resource)
{
    (void)user;
    redisFree(resource);
}

/* Commands. They return 0 if the connection has broken. */

static int set(redisContext *connection, int thread, int value)
{
    redisReply *reply = redisCommand(connection, "SET conn_pool:%ld:%d %d", process, thread, value);

    if (reply == NULL) {
        return 0;
    }
    must(reply->type == REDIS_REPLY_STATUS && strcmp(reply->str, "OK") == 0, "SET has failed");
    freeReplyObject(reply);
    return 1;
}

static int get(redisContext *connection, int thread, int expected)
{
    redisReply *reply = redisCommand(connection, "GET conn_pool:%ld:%d", process, thread);

    if (reply == NULL) {
        return 0;
    }
    must(reply->type == REDIS_REPLY_STRING && atoi(reply->str) == expected, "GET has another value than SET");
    freeReplyObject(reply);
    return 1;
}

/* Returns the answer, a number: of commands that must not fail. */
static long long number(redisContext *connection, const char *command, ...)
{
    redisReply *reply;
    long long answer;
    va_list arguments;

    va_start(arguments, command);
    reply = redisvCommand(connection, command, arguments);
    va_end(arguments);
    must(reply != NULL && reply->type == REDIS_REPLY_INTEGER, command);
    answer = reply->integer;
    freeReplyObject(reply);
    return answer;
}

/* The server closes the connection, and its answer may be lost with it. */
static void break_it(redisContext *connection)
{
    freeReplyObject(redisCommand(connection, "CLIENT KILL ID %lld SKIPME no", number(connection, "CLIENT ID")));
}

/* What the threads do. */

/* Returns 0 if the connection has broken: then it is gone. */
static int try_round(int thread, int round, int is_broken)
{
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    int is_done;

    must_pool(conn_pool_acquire(pool, PATIENCE_MS, &lease), "conn_pool_acquire");
    if (is_broken) {
        break_it(lease.resource);
    }
    is_done = set(lease.resource, thread, round) && get(lease.resource, thread, round);
    if (!is_done) {
        must_pool(conn_pool_discard(pool, &lease), "conn_pool_discard");
        return 0;
    }
    number(lease.resource, "INCR conn_pool:%ld:count", process);
    must_pool(conn_pool_release(pool, &lease), "conn_pool_release");
    return 1;
}

static void *run_thread(void *argument)
{
    const int thread = *(const int *)argument;
    int round;

    for (round = 0; round < ROUNDS; round++) {
        int is_broken = thread == UNLUCKY && round == ROUNDS / 2;

        must(try_round(thread, round, is_broken) == !is_broken, "a connection has broken that should not, or has not");
        must(!is_broken || try_round(thread, round, 0), "a second connection has broken");
    }
    return NULL;
}

static void run_threads(void)
{
    pthread_t threads[THREADS];
    int numbers[THREADS], at;

    for (at = 0; at < THREADS; at++) {
        numbers[at] = at;
        must(pthread_create(&threads[at], NULL, run_thread, &numbers[at]) == 0, "pthread_create");
    }
    for (at = 0; at < THREADS; at++) {
        must(pthread_join(threads[at], NULL) == 0, "pthread_join");
    }
}

/* Has the server close an idle connection, which stays in the pool. */
static int close_it(void *user, void *resource)
{
    must(number(user, "CLIENT KILL ID %lld", number(resource, "CLIENT ID")) == 1, "CLIENT KILL has failed");
    return 0;
}

static conn_pool_stats stats(void)
{
    conn_pool_stats now;

    must_pool(conn_pool_get_stats(pool, &now, sizeof now), "conn_pool_get_stats");
    return now;
}

static void make_pool(void)
{
    conn_pool_config config = CONN_POOL_CONFIG_INIT;

    config.capacity = CONNECTIONS;
    config.create = create;
    config.validate = validate;
    config.reset = reset;
    config.destroy = disconnect;
    must_pool(conn_pool_create(&config, &pool), "conn_pool_create");
}

/* Returns how many keys there were. */
static long long delete_keys(redisContext *admin)
{
    long long deleted = number(admin, "DEL conn_pool:%ld:count", process);
    int thread;

    for (thread = 0; thread < THREADS; thread++) {
        deleted += number(admin, "DEL conn_pool:%ld:%d", process, thread);
    }
    return deleted;
}

static void clean_up(redisContext *admin)
{
    must(delete_keys(admin) == THREADS + 1, "a key is not there that was set");
    redisFree(admin);
    must_pool(conn_pool_drain(pool, PATIENCE_MS), "conn_pool_drain");
    must_pool(conn_pool_destroy(pool), "conn_pool_destroy");
}

int main(int count, char **arguments)
{
    redisContext *admin;
    size_t invalid;

    must(count == 3, "usage: hiredis HOST PORT");
    host = arguments[1];
    port = atoi(arguments[2]);
    process = (long)getpid();
    /* hiredis writes to a connection that the server has closed: that must not end the program. */
    signal(SIGPIPE, SIG_IGN);
    admin = connect_within(PATIENCE_MS);
    must(admin != NULL, "there is no server");
    make_pool();
    run_threads();
    must_pool(conn_pool_retain(pool, close_it, admin, NULL), "conn_pool_retain");
    invalid = stats().invalid;
    must(try_round(0, ROUNDS, 0), "a connection that the server has closed was leased");
    must(stats().invalid > invalid, "no connection was found closed");
    must(number(admin, "INCR conn_pool:%ld:count", process) == THREADS * ROUNDS + 2, "an increment was not counted");
    clean_up(admin);
    printf("rounds: %d, all is as it should be\n", THREADS * ROUNDS);
    return 0;
}

/*
 * Sixteen threads share four connections to PostgreSQL and move money between accounts.
 *
 *     cc pg_pool.c $(pkg-config --cflags --libs conn_pool libpq)
 *     ./a.out [CONNINFO]
 *
 * CONNINFO is what PQconnectdb takes ("host=... dbname=..."); without it libpq looks at PGHOST and
 * its like. The program makes a table of its own and drops it. It needs PostgreSQL 14 or later.
 *
 * What it shows:
 * - PQstatus says whether a connection is broken: in `validate`, before it is leased, and in
 *   `reset`, when it is released.
 * - `reset` rolls back a transaction that was left open. One thread forgets to commit, and the next
 *   user of its connection sees nothing of it.
 * - A connection that breaks while it is in use is discarded, and the pool makes another. One thread
 *   has the server kill its connection in the middle of a transaction, and repeats the transaction.
 * - Threads that find no free connection wait in the queue.
 *
 * In the end all the money must still be there. The program returns 0 only if that and all other
 * checks hold.
 */
#define _POSIX_C_SOURCE 200809L

#include <conn_pool.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 16, CONNECTIONS = 4, TRANSFERS = 50, ACCOUNTS = 10, PER_ACCOUNT = 1000 };
enum { PATIENCE_MS = 20000, FORGETFUL = 3, UNLUCKY = 7 };

static const char *conninfo;
static char table[32];
static conn_pool *pool;

/* What the threads have counted, under the mutex. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int transfers, rolled_back, broken, found_clean, problems;
static int forgotten_backend;

static void add(int *figure)
{
    pthread_mutex_lock(&mutex);
    ++*figure;
    pthread_mutex_unlock(&mutex);
}

/* Prints one line, without the line breaks of the server's messages. */
static void print_line(FILE *to, const char *format, va_list arguments)
{
    char line[512];
    size_t length;

    vsnprintf(line, sizeof line, format, arguments);
    length = strlen(line);
    while (length > 0 && line[length - 1] == '\n') {
        line[--length] = '\0';
    }
    for (char *at = line; (at = strchr(at, '\n')) != NULL;) {
        *at = ' ';
    }
    fprintf(to, "%s\n", line);
}

static void say(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    print_line(stdout, format, arguments);
    va_end(arguments);
}

/* Reports a problem. The program goes on, so that all problems are seen, and fails at the end. */
static void complain(const char *format, ...)
{
    va_list arguments;

    add(&problems);
    va_start(arguments, format);
    print_line(stderr, format, arguments);
    va_end(arguments);
}

/* The callbacks of the pool. */

static PGconn *connect_to_server(void)
{
    PGconn *connection = PQconnectdb(conninfo);

    if (PQstatus(connection) != CONNECTION_OK) {
        complain("no connection: %s", PQerrorMessage(connection));
        PQfinish(connection);
        return NULL;
    }
    return connection;
}

static int create(void *user, uint32_t within_ms, void **resource)
{
    (void)within_ms;
    (void)user;
    *resource = connect_to_server();
    return *resource == NULL ? 1 : 0;
}

static int has_broken(void *user, void *resource)
{
    (void)user;
    return PQstatus(resource) == CONNECTION_OK ? 0 : 1;
}

/* Ends a transaction that was left open, so that the next user finds an idle session. */
static int reset(void *user, void *resource)
{
    PGresult *result;

    if (has_broken(user, resource)) {
        return 1;
    }
    switch (PQtransactionStatus(resource)) {
    case PQTRANS_IDLE:
        return 0;
    case PQTRANS_INTRANS:
    case PQTRANS_INERROR:
        result = PQexec(resource, "ROLLBACK");
        PQclear(result);
        add(&rolled_back);
        return PQtransactionStatus(resource) == PQTRANS_IDLE ? 0 : 1;
    default:
        return 1; /* in the middle of a command */
    }
}

static void disconnect(void *user, void *resource)
{
    (void)user;
    PQfinish(resource);
}

/* SQL. */

/* Returns 0 if the command succeeds. The caller has to clear `rows`, if it asks for them. */
static int run(PGconn *connection, PGresult **rows, const char *format, ...)
{
    char command[256];
    va_list arguments;
    PGresult *result;
    ExecStatusType status;

    va_start(arguments, format);
    vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    result = PQexec(connection, command);
    status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        PQclear(result);
        return 1;
    }
    if (rows != NULL) {
        *rows = result;
    } else {
        PQclear(result);
    }
    return 0;
}

/* A single number, or -1. */
static long number(PGconn *connection, const char *query)
{
    PGresult *rows;
    long value = -1;

    if (run(connection, &rows, "%s", query) != 0) {
        complain("%s: %s", query, PQerrorMessage(connection));
        return -1;
    }
    if (PQntuples(rows) == 1 && !PQgetisnull(rows, 0, 0)) {
        value = strtol(PQgetvalue(rows, 0, 0), NULL, 10);
    }
    PQclear(rows);
    return value;
}

/* Leasing. */

static int acquire(conn_pool_lease *lease)
{
    conn_pool_status status = conn_pool_acquire(pool, PATIENCE_MS, lease);

    if (status != CONN_POOL_OK) {
        complain("no connection: %s", conn_pool_strerror(status));
        return 1;
    }
    if (PQtransactionStatus(lease->resource) != PQTRANS_IDLE) {
        complain("a connection was leased in the middle of a transaction");
    }
    return 0;
}

static void release(conn_pool_lease *lease)
{
    conn_pool_status status = conn_pool_release(pool, lease);

    if (status != CONN_POOL_OK) {
        complain("a connection could not be released: %s", conn_pool_strerror(status));
    }
}

static void discard(conn_pool_lease *lease)
{
    conn_pool_status status = conn_pool_discard(pool, lease);

    if (status != CONN_POOL_OK) {
        complain("a connection could not be discarded: %s", conn_pool_strerror(status));
    }
}

/* What the threads do. */

/*
 * Ends the session of a connection, and waits until it has ended. Not over a second connection of
 * the pool: their users may be waiting for rows that this one's transaction has locked.
 */
static void kill_session_of(PGconn *connection)
{
    PGconn *other = connect_to_server();

    if (other == NULL) {
        return;
    }
    if (run(other, NULL, "SELECT pg_terminate_backend(%d, %d)", PQbackendPID(connection),
            (int)PATIENCE_MS) != 0) {
        complain("a session could not be ended: %s", PQerrorMessage(other));
    }
    PQfinish(other);
}

/* Moves one coin. It locks the accounts in order, so that two transfers never deadlock. */
static int transfer(PGconn *connection, int from, int to, int is_unlucky)
{
    int first = from < to ? from : to, second = from < to ? to : from;

    if (run(connection, NULL, "BEGIN") != 0 ||
        run(connection, NULL, "UPDATE %s SET balance = balance %c 1 WHERE id = %d", table,
            first == from ? '-' : '+', first) != 0) {
        return 1;
    }
    if (is_unlucky) {
        kill_session_of(connection);
    }
    return run(connection, NULL, "UPDATE %s SET balance = balance %c 1 WHERE id = %d", table,
               second == from ? '-' : '+', second) != 0 ||
           run(connection, NULL, "COMMIT") != 0;
}

/* Repeats a transfer whose connection breaks until it succeeds. Any other failure is a problem. */
static void transfer_surely(int from, int to, int is_unlucky)
{
    conn_pool_lease lease;

    while (acquire(&lease) == 0) {
        if (transfer(lease.resource, from, to, is_unlucky) == 0) {
            release(&lease);
            add(&transfers);
            return;
        }
        if (!has_broken(NULL, lease.resource)) {
            complain("a transfer failed: %s", PQerrorMessage(lease.resource));
            release(&lease);
            return;
        }
        say("a connection broke, the thread takes another (%s)", PQerrorMessage(lease.resource));
        discard(&lease);
        add(&broken);
        is_unlucky = 0;
    }
}

/* Releases a connection in the middle of a transaction. */
static void forget_to_commit(void)
{
    conn_pool_lease lease;

    if (acquire(&lease) != 0) {
        return;
    }
    if (run(lease.resource, NULL, "BEGIN") != 0 ||
        run(lease.resource, NULL, "SET LOCAL application_name = 'forgetful'") != 0 ||
        run(lease.resource, NULL, "UPDATE %s SET balance = 1000000 WHERE id = 0", table) != 0) {
        complain("the transaction to be forgotten failed: %s", PQerrorMessage(lease.resource));
    }
    pthread_mutex_lock(&mutex);
    forgotten_backend = PQbackendPID(lease.resource);
    pthread_mutex_unlock(&mutex);
    say("thread %d: releases a connection without a commit", FORGETFUL);
    release(&lease);
}

/* If this is the connection of the forgetful thread, nothing may be left of its transaction. */
static void look_for_the_forgotten(void)
{
    conn_pool_lease lease;
    int is_it;

    if (acquire(&lease) != 0) {
        return;
    }
    pthread_mutex_lock(&mutex);
    is_it = forgotten_backend == PQbackendPID(lease.resource);
    pthread_mutex_unlock(&mutex);
    if (is_it) {
        if (number(lease.resource,
                   "SELECT (current_setting('application_name') = 'forgetful')::int") == 0) {
            add(&found_clean);
        } else {
            complain("what the forgetful thread has set is still there");
        }
    }
    release(&lease);
}

static void *work(void *argument)
{
    int thread = *(int *)argument;

    for (int i = 0; i < TRANSFERS; i++) {
        int from = (thread + i) % ACCOUNTS;

        if (thread == FORGETFUL && i == TRANSFERS / 4) {
            forget_to_commit();
        }
        transfer_surely(from, (from + 1 + i % (ACCOUNTS - 1)) % ACCOUNTS,
                        thread == UNLUCKY && i == TRANSFERS / 10);
        look_for_the_forgotten();
    }
    return NULL;
}

/* Acquires all connections at once, so that the one that was discarded is replaced. */
static void use_all_at_once(void)
{
    conn_pool_lease leases[CONNECTIONS];
    int held = 0;

    while (held < CONNECTIONS && acquire(&leases[held]) == 0) {
        if (number(leases[held].resource, "SELECT 1") != 1) {
            complain("a connection does not work");
        }
        held++;
    }
    while (held > 0) {
        release(&leases[--held]);
    }
}

static void run_threads(void)
{
    pthread_t ids[THREADS];
    int numbers[THREADS], started = 0;

    for (; started < THREADS; started++) {
        int error;

        numbers[started] = started;
        error = pthread_create(&ids[started], NULL, work, &numbers[started]);
        if (error != 0) {
            complain("no thread: %s", strerror(error));
            break;
        }
    }
    for (int i = 0; i < started; i++) {
        pthread_join(ids[i], NULL);
    }
}

/* Before and after. */

static int make_pool(void)
{
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    conn_pool_status status;

    config.capacity = CONNECTIONS;
    config.name = "pg_pool";
    config.create = create;
    config.validate = has_broken;
    config.reset = reset;
    config.destroy = disconnect;
    status = conn_pool_create(&config, &pool);
    if (status != CONN_POOL_OK) {
        const char *problem = conn_pool_config_problem(&config);

        complain("no pool: %s", problem != NULL ? problem : conn_pool_strerror(status));
        return 1;
    }
    return 0;
}

static int make_accounts(PGconn *connection)
{
    if (run(connection, NULL, "CREATE TABLE %s (id int PRIMARY KEY, balance bigint NOT NULL)",
            table) != 0 ||
        run(connection, NULL, "INSERT INTO %s SELECT id, %d FROM generate_series(0, %d) AS id",
            table, (int)PER_ACCOUNT, ACCOUNTS - 1) != 0) {
        complain("no accounts: %s", PQerrorMessage(connection));
        return 1;
    }
    return 0;
}

static void expect(const char *what, long found, long least, long most)
{
    if (found < least || found > most) {
        complain("%s: %ld instead of %ld to %ld", what, found, least, most);
    }
}

static void check_money(PGconn *connection)
{
    char query[64];
    long total;

    snprintf(query, sizeof query, "SELECT sum(balance) FROM %s", table);
    total = number(connection, query);
    say("accounts: %ld in all", total);
    expect("money", total, (long)ACCOUNTS * PER_ACCOUNT, (long)ACCOUNTS * PER_ACCOUNT);
}

static void check_what_was_seen(void)
{
    say("threads: %d transfers, %d of them repeated", transfers, broken);
    say("the forgotten transaction: %d rolled back, its connection found clean %d times",
        rolled_back, found_clean);
    expect("transfers", transfers, (long)THREADS * TRANSFERS, (long)THREADS * TRANSFERS);
    expect("transactions that were rolled back", rolled_back, 1, 1);
    expect("connections that broke", broken, 1, 1);
    expect("users after the forgetful one", found_clean, 1, (long)THREADS * TRANSFERS);
}

static void check_stats(void)
{
    conn_pool_stats stats;
    conn_pool_status status = conn_pool_get_stats(pool, &stats, sizeof stats);

    if (status != CONN_POOL_OK) {
        complain("no stats: %s", conn_pool_strerror(status));
        return;
    }
    say("pool %s: %zu leases, %zu waited for; at most %zu in use and %zu waiting",
        conn_pool_name(pool), stats.acquired, stats.waited, stats.peak_in_use,
        stats.peak_waiting);
    say("connections: %zu made, %zu destroyed, %zu idle", stats.created, stats.destroyed,
        stats.idle);
    expect("connections made", (long)stats.created, CONNECTIONS + 1, CONNECTIONS + 1);
    expect("connections destroyed", (long)stats.destroyed, 1, 1);
    expect("connections broken at their release", (long)stats.reset_failed, 0, 0);
    expect("connections in use at once", (long)stats.peak_in_use, CONNECTIONS, CONNECTIONS);
    expect("threads that waited", (long)stats.waited, 1, (long)stats.acquired);
    expect("leases held", (long)stats.in_use, 0, 0);
    expect("threads whose time was up", (long)stats.timed_out, 0, 0);
    expect("leases misused", (long)stats.misused, 0, 0);
}

static void end_pool(void)
{
    conn_pool_status status = conn_pool_drain(pool, PATIENCE_MS);

    if (status == CONN_POOL_OK) {
        status = conn_pool_destroy(pool);
    }
    if (status != CONN_POOL_OK) {
        complain("the pool could not be ended: %s", conn_pool_strerror(status));
    }
}

static void bank(PGconn *connection)
{
    if (make_accounts(connection) != 0 || make_pool() != 0) {
        return;
    }
    run_threads();
    use_all_at_once();
    check_money(connection);
    check_what_was_seen();
    check_stats();
    end_pool();
}

int main(int argc, char **argv)
{
    PGconn *connection;

    if (argc > 2) {
        fprintf(stderr, "usage: pg_pool [CONNINFO]\n");
        return 2;
    }
    conninfo = argc == 2 ? argv[1] : "";
    snprintf(table, sizeof table, "pg_pool_%ld", (long)getpid());

    connection = connect_to_server();
    if (connection == NULL) {
        return 1;
    }
    bank(connection);
    if (run(connection, NULL, "DROP TABLE IF EXISTS %s", table) != 0) {
        complain("the table %s is left: %s", table, PQerrorMessage(connection));
    }
    PQfinish(connection);

    if (problems > 0) {
        fprintf(stderr, "pg_pool: %d problems\n", problems);
        return 1;
    }
    say("all is as it should be");
    return 0;
}

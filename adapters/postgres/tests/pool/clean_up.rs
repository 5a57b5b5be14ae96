//! What one caller leaves behind is not the next one's.

use std::future::poll_fn;
use std::task::Poll;

use conn_pool::SharedPool;
use conn_pool::managed::{Config, DiscardReason};
use conn_pool_postgres::{CleanUp, Client, Postgres};
use conn_pool_testing::Server;
use futures_util::{FutureExt, Sink, SinkExt, StreamExt, TryStreamExt};

use crate::kit::{
    assert_clean_and_kept, backend, borrow, is_in_transaction, manager, pool_of_one, run, shared_server, until,
};

async fn setting(client: &Client, name: &str) -> String {
    client.query_one("SELECT current_setting($1)", &[&name]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_begun_by_a_batch_is_rolled_back() {
    let server = shared_server();
    let pool = pool_of_one(manager(&server));
    let client = borrow(&pool).await;
    client.batch_execute("CREATE TABLE batches (n int); BEGIN; INSERT INTO batches VALUES (1)").await.unwrap();
    assert!(is_in_transaction(&client).await);
    drop(client);
    assert_clean_and_kept(&pool, 0).await;
    let count = borrow(&pool).await.query_one("SELECT count(*) FROM batches", &[]).await;
    assert!(count.is_err() || count.unwrap().get::<_, i64>(0) == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_begun_by_any_way_of_running_a_statement_is_rolled_back() {
    const BEGIN: &str = "BEGIN";
    let server = shared_server();
    let pool = pool_of_one(manager(&server));
    for way in 0..10 {
        let client = borrow(&pool).await;
        assert!(!is_in_transaction(&client).await, "before {way}");
        match way {
            0 => drop(client.execute(BEGIN, &[]).await.unwrap()),
            1 => drop(client.query(BEGIN, &[]).await.unwrap()),
            2 => drop(client.query_opt(BEGIN, &[]).await.unwrap()),
            3 => drop(client.query_one(BEGIN, &[]).await.unwrap_err()),
            4 => drop(client.query_typed(BEGIN, &[]).await.unwrap()),
            5 => drop(client.execute_typed(BEGIN, &[]).await.unwrap()),
            6 => drop(client.simple_query(BEGIN).await.unwrap()),
            7 => {
                let statement = client.prepare_cached(BEGIN).await.unwrap();
                client.execute(&statement, &[]).await.unwrap();
            }
            8 => {
                let statement = client.prepare(BEGIN).await.unwrap();
                drop(client.query_raw(&statement, Vec::<i32>::new()).await.unwrap());
            }
            _ => {
                let raw: &tokio_postgres::Client = &client;
                raw.batch_execute(BEGIN).await.unwrap();
            }
        }
        assert!(is_in_transaction(&client).await, "after {way}");
    }
    // The last one of them was out of the adapter's sight, `query_one` may have left rows behind, and `query_raw` an
    // answer that nobody has read.
    assert_clean_and_kept(&pool, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_begins_a_transaction_in_a_later_loan_is_noticed_too() {
    let server = shared_server();
    let pool = pool_of_one(manager(&server));
    let statement = borrow(&pool).await.prepare_cached("BEGIN").await.unwrap();
    borrow(&pool).await.execute(&statement, &[]).await.unwrap();
    assert_clean_and_kept(&pool, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_has_failed_is_rolled_back() {
    let server = shared_server();
    let pool = pool_of_one(manager(&server));
    let client = borrow(&pool).await;
    client.batch_execute("BEGIN; SELECT 1 / 0").await.unwrap_err();
    client.query_one("SELECT 1", &[]).await.unwrap_err();
    drop(client);
    assert_clean_and_kept(&pool, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiter_gets_a_clean_connection_too() {
    let server = shared_server();
    let pool = pool_of_one(manager(&server));
    let client = borrow(&pool).await;
    client.batch_execute("BEGIN").await.unwrap();
    let waiter = tokio::spawn({
        let pool = pool.clone();
        async move { is_in_transaction(&*borrow(&pool).await).await }
    });
    until("a waiter", || pool.status().waiting == 1).await;
    drop(client);
    assert!(!waiter.await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_of_known_statements_leaves_nothing_to_clean_up() {
    let server = shared_server();
    let pool = pool_of_one(manager(&server));
    let mut client = borrow(&pool).await;
    client.query("SELECT 1", &[]).await.unwrap();
    client.execute("SELECT set_config('my.setting', $1, false)", &[&"kept"]).await.unwrap();
    client.transaction().await.unwrap().commit().await.unwrap();
    client.transaction().await.unwrap().rollback().await.unwrap();
    // A clean-up would be the last statement of the session before the next caller's.
    let pid = backend(&client).await;
    drop(client);
    let last = server.sql(&format!("SELECT query FROM pg_stat_activity WHERE pid = {pid}"));
    assert_eq!(last, "SELECT pg_backend_pid()");
    assert_clean_and_kept(&pool, 0).await;
}

/// Each would be a line in the server's log.
#[tokio::test(flavor = "multi_thread")]
async fn a_clean_up_without_need_is_no_warning_in_the_log() {
    let server = Server::start();
    let pool = pool_of_one(manager(&server));
    for _ in 0..3 {
        borrow(&pool).await.batch_execute("SELECT 1").await.unwrap();
    }
    let client = borrow(&pool).await;
    client.batch_execute("DO $$ BEGIN RAISE WARNING 'one that is there'; END $$").await.unwrap();
    let log = server.sql("SELECT pg_read_file(current_setting('data_directory') || '/../log')");
    assert!(log.contains("one that is there"), "{log}");
    assert!(!log.contains("no transaction in progress"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_clean_up_a_transaction_stays_open() {
    let server = shared_server();
    let pool = pool_of_one(manager(&server).clean_up(CleanUp::None));
    borrow(&pool).await.batch_execute("BEGIN").await.unwrap();
    assert!(is_in_transaction(&*borrow(&pool).await).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_leaves_settings() {
    let server = shared_server();
    let pool = pool_of_one(manager(&server));
    borrow(&pool).await.batch_execute("SET my.setting = 'left'").await.unwrap();
    assert_eq!(setting(&*borrow(&pool).await, "my.setting").await, "left");
}

#[tokio::test(flavor = "multi_thread")]
async fn discard_all_leaves_nothing_but_prepared_statements() {
    let server = shared_server();
    let pool = pool_of_one(manager(&server).clean_up(CleanUp::DiscardAll));
    let client = borrow(&pool).await;
    client.batch_execute("SET search_path = pg_catalog; CREATE TEMP TABLE mine (n int)").await.unwrap();
    client.query_one("SELECT set_config('statement_timeout', '7s', false)", &[]).await.unwrap();
    client.query_one("SELECT pg_advisory_lock(7)", &[]).await.unwrap();
    client
        .batch_execute("LISTEN mine; BEGIN; DECLARE mine CURSOR WITH HOLD FOR SELECT 1; COMMIT; BEGIN")
        .await
        .unwrap();
    let statement = client.prepare_cached("SELECT 1 AS one").await.unwrap();
    let pid = backend(&client).await;
    drop(client);
    let client = borrow(&pool).await;
    assert_eq!(backend(&client).await, pid);
    assert_eq!(setting(&client, "search_path").await, "\"$user\", public");
    assert_eq!(setting(&client, "statement_timeout").await, "0");
    for empty in [
        "SELECT count(*) FROM pg_class WHERE relpersistence = 't' AND relnamespace = pg_my_temp_schema()",
        "SELECT count(*) FROM pg_cursors WHERE name = 'mine'",
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()",
        "SELECT count(*) FROM pg_listening_channels()",
    ] {
        assert_eq!(client.query_one(empty, &[]).await.unwrap().get::<_, i64>(0), 0, "{empty}");
    }
    assert!(!is_in_transaction(&client).await);
    assert_eq!(client.query_one(&statement, &[]).await.unwrap().get::<_, i32>(0), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn discard_all_is_due_after_known_statements_too() {
    let server = shared_server();
    let pool = pool_of_one(manager(&server).clean_up(CleanUp::DiscardAll));
    let set = "SELECT set_config('my.setting', 'left', false)";
    borrow(&pool).await.query_one(set, &[]).await.unwrap();
    let row = borrow(&pool).await.query_one("SELECT current_setting('my.setting', true)", &[]).await.unwrap();
    assert_ne!(row.get::<_, Option<&str>>(0), Some("left"));
}

/// The driver keeps the statements by which it looks types up, and would fail if they were gone.
#[tokio::test(flavor = "multi_thread")]
async fn types_are_looked_up_after_discard_all() {
    let server = shared_server();
    let pool = pool_of_one(manager(&server).clean_up(CleanUp::DiscardAll));
    for name in ["first_mood", "second_mood"] {
        let client = borrow(&pool).await;
        client.batch_execute(&format!("CREATE TYPE {name} AS ENUM ('calm')")).await.unwrap();
        let row = client.query_one(&format!("SELECT 'calm'::{name}"), &[]).await.unwrap();
        assert_eq!(row.columns()[0].type_().name(), name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_in_that_is_dropped_half_way_copies_nothing() {
    let server = shared_server();
    let pool = pool_of_one(manager(&server));
    let client = borrow(&pool).await;
    client.batch_execute("CREATE TABLE dropped_copies (n int)").await.unwrap();
    let mut sink = Box::pin(client.copy_in::<&[u8]>("COPY dropped_copies FROM STDIN").await.unwrap());
    poll_fn(|context| match sink.as_mut().poll_ready(context) {
        Poll::Ready(ready) => Poll::Ready(ready.and_then(|()| sink.as_mut().start_send(b"1\n2\n"))),
        Poll::Pending => Poll::Pending,
    })
    .await
    .unwrap();
    drop(sink);
    drop(client);
    assert_clean_and_kept(&pool, 0).await;
    assert_eq!(server.sql("SELECT count(*) FROM dropped_copies"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_out_that_is_dropped_half_way_is_read_to_its_end() {
    let server = shared_server();
    let pool = pool_of_one(manager(&server));
    let client = borrow(&pool).await;
    let mut stream = Box::pin(client.copy_out("COPY (SELECT generate_series(1, 100000)) TO STDOUT").await.unwrap());
    stream.next().await.unwrap().unwrap();
    drop(stream);
    drop(client);
    assert_clean_and_kept(&pool, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_that_are_finished_are_there() {
    let server = shared_server();
    let pool = pool_of_one(manager(&server));
    let client = borrow(&pool).await;
    client.batch_execute("CREATE TABLE finished_copies (n int)").await.unwrap();
    let mut sink = Box::pin(client.copy_in::<&[u8]>("COPY finished_copies FROM STDIN").await.unwrap());
    sink.send(b"1\n2\n").await.unwrap();
    assert_eq!(sink.as_mut().finish().await.unwrap(), 2);
    let stream = client.copy_out("COPY finished_copies TO STDOUT").await.unwrap();
    let parts: Vec<_> = stream.try_collect().await.unwrap();
    assert_eq!(parts.concat(), b"1\n2\n");
    drop(client);
    assert_clean_and_kept(&pool, 0).await;
}

/// The server waits for data. It ends the session if something else comes, or swallows that and never answers it.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_was_not_begun_as_one_ends_the_connection() {
    let server = shared_server();
    let pool = pool_of_one(manager(&server));
    run(&server, "CREATE TABLE mistaken_copies (n int)");
    for way in 0..3 {
        let client = borrow(&pool).await;
        let copy = "COPY mistaken_copies FROM STDIN";
        match way {
            0 => client.batch_execute(&format!("BEGIN; {copy}")).await.unwrap_err(),
            1 => client.execute(copy, &[]).await.unwrap_err(),
            _ => client.query(copy, &[]).await.unwrap_err(),
        };
        drop(client);
        assert_eq!(pool.metrics().discarded_for(DiscardReason::Broken), way + 1);
        assert!(!is_in_transaction(&*borrow(&pool).await).await);
    }
}

/// As above, where the adapter does not see it: the clean-up is what comes instead.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_cannot_be_cleaned_up_is_not_lent() {
    let server = shared_server();
    run(&server, "CREATE TABLE hidden_copies (n int)");
    let pool = SharedPool::new(manager(&server), brief_checks()).unwrap();
    let client = borrow(&pool).await;
    let raw: &tokio_postgres::Client = &client;
    raw.batch_execute("BEGIN; COPY hidden_copies FROM STDIN").await.unwrap_err();
    drop(client);
    assert!(!is_in_transaction(&*borrow(&pool).await).await);
    // The driver may have heard of the end before the next caller asked, or not.
    let ended = [DiscardReason::Broken, DiscardReason::Invalid].map(|reason| pool.metrics().discarded_for(reason));
    assert_eq!((ended.iter().sum(), pool.metrics().connected), (1_usize, 2_usize), "{ended:?}, {:?}", pool.metrics());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_does_not_answer_its_clean_up_in_time_is_not_lent() {
    let server = shared_server();
    let pool = SharedPool::new(manager(&server), brief_checks()).unwrap();
    let client = borrow(&pool).await;
    assert!(client.batch_execute("SELECT pg_sleep(600)").now_or_never().is_none());
    drop(client);
    drop(borrow(&pool).await);
    assert_eq!(pool.metrics().discarded_for(DiscardReason::Invalid), 1);
}

fn brief_checks() -> Config {
    Config::new().max_size(1).validation_timeout(Some(std::time::Duration::from_millis(100)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_was_cut_is_waited_for_before_the_next_caller() {
    let server = shared_server();
    let pool = pool_of_one(manager(&server));
    let client = borrow(&pool).await;
    client.batch_execute("SELECT 1").await.unwrap();
    assert!(client.batch_execute("BEGIN; SELECT pg_sleep(0.05)").now_or_never().is_none());
    drop(client);
    assert_clean_and_kept(&pool, 1).await;
}

/// The server may have any number of rows on their way beyond the one that was asked for.
#[tokio::test]
async fn a_request_with_more_rows_than_were_asked_for_is_cleaned_up() {
    let pool = pool_of_one(manager(&shared_server()));
    let error = borrow(&pool).await.query_one("SELECT * FROM generate_series(1, 3)", &[]).await.unwrap_err();
    assert_eq!(error.to_string(), "query returned an unexpected number of rows");
    drop(borrow(&pool).await);
    assert_eq!(pool.metrics().checked, 1);
}

/// The tables take longer than a statement may: the role is reset all the same, and the connection is ended by and by.
#[tokio::test(flavor = "multi_thread")]
async fn a_clean_up_that_has_failed_is_not_forgotten_at_the_next_release() {
    let server = shared_server();
    run(&server, "CREATE ROLE of_the_first");
    let url = format!("{}?options=-c%20statement_timeout=20ms", server.url());
    let pool = pool_of_one(Postgres::from_url(&url).unwrap().clean_up(CleanUp::DiscardAll));
    let client = borrow(&pool).await;
    client.batch_execute("SET statement_timeout = 0").await.unwrap();
    let tables = "FOR i IN 1..1500 LOOP EXECUTE format('CREATE TEMP TABLE of_the_first_%s (n int)', i); END LOOP";
    client.batch_execute(&format!("DO $$ BEGIN {tables}; END $$")).await.unwrap();
    client.batch_execute("SET ROLE of_the_first").await.unwrap();
    drop(client);
    let mut left = 1;
    for _ in 0..5 {
        let client = borrow(&pool).await;
        let user = client.query_one("SELECT current_user::text", &[]).await.unwrap();
        assert_ne!(user.get::<_, &str>(0), "of_the_first");
        let tables =
            "SELECT count(*) FROM pg_class WHERE relname LIKE 'of\\_the\\_first\\_%' AND pg_table_is_visible(oid)";
        left = client.query_one(tables, &[]).await.unwrap().get::<_, i64>(0);
    }
    assert_eq!((left, pool.metrics().connected), (0, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_was_run_for_its_rows_keeps_no_later_caller() {
    let server = shared_server();
    run(&server, "CREATE TABLE for_its_rows (n int)");
    let pool = pool_of_one(manager(&server));
    let client = borrow(&pool).await;
    drop(client.query_raw("COPY for_its_rows FROM STDIN", Vec::<i32>::new()).await);
    drop(client);
    borrow(&pool).await.query_one("SELECT 1", &[]).await.unwrap();
}

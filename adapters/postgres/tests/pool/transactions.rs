//! Transactions of the adapter's own.

use tokio_postgres::IsolationLevel;

use crate::kit::{assert_clean_and_kept, borrow, manager, pool_of_one, run, shared_server};

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_is_dropped_is_rolled_back_for_its_own_caller_and_the_next() {
    let server = shared_server();
    run(&server, "CREATE TABLE dropped_transactions (n int)");
    let pool = pool_of_one(manager(&server));
    let mut client = borrow(&pool).await;
    let transaction = client.transaction().await.unwrap();
    transaction.execute("INSERT INTO dropped_transactions VALUES ($1)", &[&1]).await.unwrap();
    drop(transaction);
    let count = client.query_one("SELECT count(*) FROM dropped_transactions", &[]).await.unwrap();
    assert_eq!(count.get::<_, i64>(0), 0);
    let transaction = client.transaction().await.unwrap();
    transaction.execute("INSERT INTO dropped_transactions VALUES ($1)", &[&1]).await.unwrap();
    drop(transaction);
    drop(client);
    assert_clean_and_kept(&pool, 1).await;
    assert_eq!(server.sql("SELECT count(*) FROM dropped_transactions"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_is_forgotten_is_rolled_back() {
    let server = shared_server();
    let pool = pool_of_one(manager(&server));
    let mut client = borrow(&pool).await;
    std::mem::forget(client.transaction().await.unwrap());
    drop(client);
    assert_clean_and_kept(&pool, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_in_one_transaction_is_there_or_is_not() {
    let server = shared_server();
    run(&server, "CREATE TABLE batch_rows (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)");
    let pool = pool_of_one(manager(&server));
    for (rows, is_to_last) in [([1, 2, 3], true), ([4, 5, 5], false)] {
        let mut client = borrow(&pool).await;
        let transaction = client.transaction().await.unwrap();
        let insert = transaction.prepare_cached("INSERT INTO batch_rows VALUES ($1)").await.unwrap();
        for row in rows {
            transaction.execute(&insert, &[&row]).await.unwrap();
        }
        assert_eq!(transaction.commit().await.is_ok(), is_to_last);
    }
    assert_clean_and_kept(&pool, 1).await;
    assert_eq!(server.sql("SELECT count(*) FROM batch_rows"), "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_savepoint_is_undone_alone() {
    let server = shared_server();
    run(&server, "CREATE TABLE savepoint_rows (n int)");
    let pool = pool_of_one(manager(&server));
    let mut client = borrow(&pool).await;
    let mut transaction = client.transaction().await.unwrap();
    transaction.execute("INSERT INTO savepoint_rows VALUES (1)", &[]).await.unwrap();
    let savepoint = transaction.savepoint().await.unwrap();
    let insert = savepoint.prepare_cached("INSERT INTO savepoint_rows VALUES ($1)").await.unwrap();
    savepoint.execute(&insert, &[&2]).await.unwrap();
    drop(savepoint);
    let savepoint = transaction.savepoint().await.unwrap();
    savepoint.execute(&insert, &[&3]).await.unwrap();
    savepoint.commit().await.unwrap();
    transaction.commit().await.unwrap();
    drop(client);
    assert_clean_and_kept(&pool, 0).await;
    assert_eq!(server.sql("SELECT string_agg(n::text, ',' ORDER BY n) FROM savepoint_rows"), "1,3");
}

/// The end of a savepoint is not that of its transaction.
#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_is_forgotten_after_a_savepoint_is_rolled_back() {
    let server = shared_server();
    let pool = pool_of_one(manager(&server));
    let mut client = borrow(&pool).await;
    let mut transaction = client.transaction().await.unwrap();
    transaction.savepoint().await.unwrap().commit().await.unwrap();
    std::mem::forget(transaction);
    drop(client);
    assert_clean_and_kept(&pool, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_has_the_options_that_it_is_begun_with() {
    let server = shared_server();
    let pool = pool_of_one(manager(&server));
    let mut client = borrow(&pool).await;
    let begun =
        client.transaction_with(|options| options.isolation_level(IsolationLevel::Serializable).read_only(true));
    let transaction = begun.await.unwrap();
    let sql = "SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only')";
    let row = transaction.query_one(sql, &[]).await.unwrap();
    assert_eq!((row.get(0), row.get(1)), ("serializable", "on"));
}

/// What was in doubt before the transaction is in doubt after it.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_does_not_settle_what_was_in_doubt_before() {
    let server = shared_server();
    let pool = pool_of_one(manager(&server));
    let mut client = borrow(&pool).await;
    let raw: &tokio_postgres::Client = &client;
    raw.batch_execute("SELECT 1").await.unwrap();
    client.transaction().await.unwrap().commit().await.unwrap();
    drop(client);
    assert_clean_and_kept(&pool, 1).await;
}

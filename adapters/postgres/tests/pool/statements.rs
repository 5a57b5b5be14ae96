//! Statements that stay with their connection.

use conn_pool::managed::DiscardReason;
use conn_pool_postgres::{CleanUp, Client};
use tokio_postgres::types::Type;

use crate::kit::{assert_clean_and_kept, borrow, manager, pool_of_one, run, shared_server};

/// How many statements with this text the server has for the connection.
async fn prepared(client: &Client, text: &str) -> i64 {
    let sql = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE $1";
    client.query_one(sql, &[&format!("{text}%")]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_is_prepared_once_for_all_callers() {
    let server = shared_server();
    let pool = pool_of_one(manager(&server));
    for number in 0..5_i32 {
        let mut client = borrow(&pool).await;
        let statement = client.prepare_cached("SELECT $1::int4 -- once").await.unwrap();
        assert_eq!(client.query_one(&statement, &[&number]).await.unwrap().get::<_, i32>(0), number);
        let transaction = client.transaction().await.unwrap();
        transaction.prepare_cached("SELECT $1::int4 -- once").await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!((prepared(&client, "SELECT $1::int4 -- once").await, client.cached_statements()), (1, 1));
    }
    assert_clean_and_kept(&pool, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_limit_the_least_recently_used_one_goes() {
    let server = shared_server();
    let pool = pool_of_one(manager(&server).statement_cache(2));
    let client = borrow(&pool).await;
    for name in ["a", "b", "a", "c"] {
        client.prepare_cached(&format!("SELECT 'limit {name}'")).await.unwrap();
    }
    for (name, is_kept) in [("a", 1), ("b", 0), ("c", 1)] {
        assert_eq!(prepared(&client, &format!("SELECT 'limit {name}'")).await, is_kept, "{name}");
    }
    assert_eq!(client.cached_statements(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_has_gone_can_be_used_by_who_has_it() {
    let server = shared_server();
    let pool = pool_of_one(manager(&server).statement_cache(1));
    let client = borrow(&pool).await;
    let statement = client.prepare_cached("SELECT 1").await.unwrap();
    client.prepare_cached("SELECT 2").await.unwrap();
    assert_eq!(client.query_one(&statement, &[]).await.unwrap().get::<_, i32>(0), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_zero_keeps_none() {
    let server = shared_server();
    let pool = pool_of_one(manager(&server).statement_cache(0));
    let client = borrow(&pool).await;
    drop(client.prepare_cached("SELECT 'zero'").await.unwrap());
    assert_eq!((prepared(&client, "SELECT 'zero'").await, client.cached_statements()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_types_make_another_statement() {
    let server = shared_server();
    let pool = pool_of_one(manager(&server));
    let client = borrow(&pool).await;
    for (type_, is_new) in [(Type::INT4, 1), (Type::INT8, 2), (Type::INT4, 2)] {
        let types = [type_];
        let statement = client.prepare_typed_cached("SELECT $1 -- typed", &types).await.unwrap();
        assert_eq!(statement.params(), types);
        assert_eq!(prepared(&client, "SELECT $1 -- typed").await, is_new);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_cleared_is_prepared_anew() {
    let server = shared_server();
    run(&server, "CREATE TABLE altered (n int)");
    let pool = pool_of_one(manager(&server));
    let client = borrow(&pool).await;
    let statement = client.prepare_cached("SELECT * FROM altered").await.unwrap();
    client.query(&statement, &[]).await.unwrap();
    run(&server, "ALTER TABLE altered ADD COLUMN m int");
    let error = client.query(&statement, &[]).await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "0A000");
    client.clear_cached_statements();
    let statement = client.prepare_cached("SELECT * FROM altered").await.unwrap();
    client.query(&statement, &[]).await.unwrap();
    assert_eq!(statement.columns().len(), 2);
}

/// Otherwise each caller that comes later would meet the same error.
#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_the_server_no_longer_runs_is_prepared_anew_for_the_next_caller() {
    let server = shared_server();
    run(&server, "CREATE TABLE changing (n int)");
    let pool = pool_of_one(manager(&server));
    for (change, refusal) in [("ALTER TABLE changing ADD COLUMN m int", "0A000"), ("DISCARD ALL", "26000")] {
        let client = borrow(&pool).await;
        let statement = client.prepare_cached("SELECT * FROM changing").await.unwrap();
        client.query(&statement, &[]).await.unwrap();
        client.batch_execute(change).await.unwrap();
        assert_eq!(client.query(&statement, &[]).await.unwrap_err().code().unwrap().code(), refusal);
        drop(client);
        let client = borrow(&pool).await;
        let statement = client.prepare_cached("SELECT * FROM changing").await.unwrap();
        client.query(&statement, &[]).await.unwrap();
    }
}

/// The driver keeps the statements by which it looks types up, and cannot be told that they are gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_cannot_look_types_up_any_more_is_not_lent_again() {
    let server = shared_server();
    run(&server, "CREATE TYPE met AS ENUM ('x'); CREATE TYPE unmet AS ENUM ('x')");
    for is_typed in [false, true] {
        let pool = pool_of_one(manager(&server));
        let client = borrow(&pool).await;
        client.query_one("SELECT 'x'::met", &[]).await.unwrap();
        client.batch_execute("DISCARD ALL").await.unwrap();
        let sql = "SELECT 'x'::unmet";
        let error = if is_typed {
            client.query_typed(sql, &[]).await.unwrap_err()
        } else {
            client.query_one(sql, &[]).await.unwrap_err()
        };
        assert_eq!(error.code().unwrap().code(), "26000");
        drop(client);
        borrow(&pool).await.query_one(sql, &[]).await.unwrap();
        assert_eq!(pool.metrics().discarded_for(DiscardReason::Broken), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_outlive_the_clean_up() {
    let server = shared_server();
    for clean_up in [CleanUp::Rollback, CleanUp::DiscardAll] {
        let pool = pool_of_one(manager(&server).clean_up(clean_up));
        let client = borrow(&pool).await;
        client.prepare_cached("SELECT 'outlives'").await.unwrap();
        client.batch_execute("BEGIN").await.unwrap();
        drop(client);
        let client = borrow(&pool).await;
        let statement = client.prepare_cached("SELECT 'outlives'").await.unwrap();
        assert_eq!(client.query_one(&statement, &[]).await.unwrap().get::<_, &str>(0), "outlives");
        assert_eq!(prepared(&client, "SELECT 'outlives'").await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_whose_parameters_have_other_types_by_now_fails_once() {
    let server = shared_server();
    run(
        &server,
        "CREATE SCHEMA other_a; CREATE SCHEMA other_b; CREATE TABLE other_a.t (n int); CREATE TABLE other_b.t (n text)",
    );
    let pool = pool_of_one(manager(&server));
    let sql = "SELECT 1 FROM t WHERE n = $1";
    let client = borrow(&pool).await;
    client.batch_execute("SET search_path = other_a").await.unwrap();
    client.prepare_cached(sql).await.unwrap();
    client.batch_execute("SET search_path = other_b").await.unwrap();
    drop(client);
    let mut failed = 0;
    for _ in 0..5 {
        let client = borrow(&pool).await;
        let statement = client.prepare_cached(sql).await.unwrap();
        failed += usize::from(client.query(&statement, &[&"x"]).await.is_err());
    }
    assert_eq!(failed, 1);
}

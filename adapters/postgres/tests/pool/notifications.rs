//! LISTEN and NOTIFY.

use std::time::Duration;

use tokio::time::timeout;

use crate::kit::{LONGEST, backend, borrow, manager, pool_of_one, run, shared_server};

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_reaches_the_listener_in_order() {
    let server = shared_server();
    let pool = pool_of_one(manager(&server));
    let client = borrow(&pool).await;
    let mut notifications = client.notifications();
    client.execute("LISTEN ordered", &[]).await.unwrap();
    run(&server, "NOTIFY ordered, 'first'; NOTIFY ordered, 'second'");
    for payload in ["first", "second"] {
        let notification = timeout(LONGEST, notifications.recv()).await.unwrap().unwrap();
        assert_eq!((notification.channel(), notification.payload()), ("ordered", payload));
    }
    assert!(notifications.try_recv().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_caller_listens_to_nothing() {
    let server = shared_server();
    let pool = pool_of_one(manager(&server));
    let client = borrow(&pool).await;
    let pid = backend(&client).await;
    let mut notifications = client.notifications();
    client.execute("LISTEN remaining", &[]).await.unwrap();
    drop(client);
    assert!(timeout(LONGEST, notifications.recv()).await.unwrap().is_none());
    let client = borrow(&pool).await;
    assert_eq!(backend(&client).await, pid);
    let mut notifications = client.notifications();
    assert!(client.query("SELECT pg_listening_channels()", &[]).await.unwrap().is_empty());
    client.execute("LISTEN other", &[]).await.unwrap();
    run(&server, "NOTIFY remaining; NOTIFY other");
    assert_eq!(timeout(LONGEST, notifications.recv()).await.unwrap().unwrap().channel(), "other");
}

/// The adapter sees neither what a transaction has run nor what a function has.
#[tokio::test(flavor = "multi_thread")]
async fn the_next_caller_does_not_listen_to_what_a_transaction_or_a_function_has() {
    let server = shared_server();
    run(
        &server,
        "CREATE FUNCTION listens() RETURNS int LANGUAGE plpgsql AS \
         $$ BEGIN EXECUTE 'LISTEN by_function'; RETURN 1; END $$",
    );
    let pool = pool_of_one(manager(&server));
    for is_function in [false, true] {
        let mut client = borrow(&pool).await;
        let _notifications = client.notifications();
        if is_function {
            client.query_one("SELECT listens()", &[]).await.unwrap();
        } else {
            let transaction = client.transaction().await.unwrap();
            transaction.batch_execute("LISTEN by_transaction").await.unwrap();
            transaction.commit().await.unwrap();
        }
        drop(client);
        let channels = borrow(&pool).await.query("SELECT pg_listening_channels()", &[]).await.unwrap();
        assert!(channels.is_empty(), "{is_function}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_has_to_take_them() {
    let server = shared_server();
    let pool = pool_of_one(manager(&server));
    let client = borrow(&pool).await;
    client.execute("LISTEN untaken", &[]).await.unwrap();
    drop(client.notifications());
    client.execute("NOTIFY untaken", &[]).await.unwrap();
    client.query_one("SELECT 1", &[]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn they_end_with_the_connection() {
    let server = shared_server();
    let pool = pool_of_one(manager(&server));
    let client = borrow(&pool).await;
    let mut notifications = client.notifications();
    assert!(server.terminate(backend(&client).await));
    assert!(timeout(LONGEST, notifications.recv()).await.unwrap().is_none());
    assert!(timeout(Duration::ZERO, notifications.recv()).await.unwrap().is_none());
}

use super::{Shown, demand, pool};

pub(super) async fn play(url: &str) -> Shown {
    let pool = pool(url)?;
    let mut client = pool.get_async().await?;
    client.batch_execute("CREATE TEMPORARY TABLE orders (customer text)").await?;

    // As if the task had been cancelled, or had returned early with an error.
    let transaction = client.transaction().await?;
    transaction.execute("INSERT INTO orders VALUES ('Ada')", &[]).await?;
    drop(transaction);
    let count: i64 = client.query_one("SELECT count(*) FROM orders", &[]).await?.get(0);
    demand(count == 0, "the row of a dropped transaction is there")?;

    // A transaction that the driver knows nothing of.
    client.batch_execute("BEGIN; INSERT INTO orders VALUES ('Grace')").await?;
    drop(client);
    let client = pool.get_async().await?;
    // That is refused outside of a transaction.
    let is_open = client.batch_execute("SAVEPOINT here").await.is_ok();
    demand(!is_open, "the next caller is in the transaction of the one before")?;
    let count: i64 = client.query_one("SELECT count(*) FROM orders", &[]).await?.get(0);
    demand(count == 0, "the row of a transaction that was left open is there")?;
    Ok(vec!["both were rolled back, the second one as its connection came back".to_owned()])
}

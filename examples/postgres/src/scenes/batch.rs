use futures_util::future::try_join_all;

use super::{Shown, demand, pool};

pub(super) async fn play(url: &str) -> Shown {
    let pool = pool(url)?;
    let mut client = pool.get_async().await?;
    // Statements without parameters, in one message.
    client
        .batch_execute("CREATE TEMPORARY TABLE stock (item text, amount int); INSERT INTO stock VALUES ('ink', 7)")
        .await?;

    // The same statement for many parameters: sent without waiting for each answer, and in one transaction.
    let transaction = client.transaction().await?;
    let insert = transaction.prepare_cached("INSERT INTO stock VALUES ($1, $2)").await?;
    let items: Vec<_> = (0..100).map(|number| (format!("item {number}"), number)).collect();
    try_join_all(items.iter().map(async |(item, amount)| transaction.execute(&insert, &[item, amount]).await)).await?;
    transaction.commit().await?;

    // Many rows in one statement: no round trip for each, and no limit to the number of parameters.
    let (names, amounts): (Vec<_>, Vec<_>) = items.iter().map(|(item, amount)| (item.as_str(), *amount)).unzip();
    let unnest = client.prepare_cached("INSERT INTO stock SELECT * FROM unnest($1::text[], $2::int[])").await?;
    client.execute(&unnest, &[&names, &amounts]).await?;

    let count: i64 = client.query_one("SELECT count(*) FROM stock", &[]).await?.get(0);
    demand(count == 201, "rows are missing")?;
    Ok(vec![format!("{count} rows: one by a text, 100 side by side, 100 in one statement")])
}

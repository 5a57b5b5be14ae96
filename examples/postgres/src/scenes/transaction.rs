use conn_pool_postgres::Client;
use conn_pool_postgres::tokio_postgres::Error;

use super::{Shown, demand, pool};

/// All items, or none.
async fn order(client: &mut Client, customer: &str, items: &[&str]) -> Result<(), Error> {
    let transaction = client.transaction().await?;
    let insert = transaction.prepare_cached("INSERT INTO orders VALUES ($1, $2)").await?;
    for item in items {
        transaction.execute(&insert, &[&customer, item]).await?;
    }
    transaction.commit().await
}

pub(super) async fn play(url: &str) -> Shown {
    let pool = pool(url)?;
    let mut client = pool.get_async().await?;
    client.batch_execute("CREATE TEMPORARY TABLE orders (customer text, item text CHECK (item <> ''))").await?;
    order(&mut client, "Ada", &["paper", "ink"]).await?;
    // An item without a name is refused, and so is the rest of the order.
    let refused = order(&mut client, "Grace", &["paper", ""]).await;
    demand(refused.is_err(), "an item without a name was taken")?;
    let count: i64 = client.query_one("SELECT count(*) FROM orders", &[]).await?.get(0);
    demand(count == 2, "half an order was placed")?;
    Ok(vec![format!("{count} rows of one order, and none of the one that was refused")])
}

use super::{Failure, Shown, demand, pool, pool_that_discards};

async fn zone(client: &conn_pool_postgres::Client) -> Result<String, Failure> {
    Ok(client.query_one("SHOW TimeZone", &[]).await?.get(0))
}

pub(super) async fn play(url: &str) -> Shown {
    // For the time of a transaction: with any pool, and behind PgBouncer too.
    let pool = pool(url)?;
    let mut client = pool.get_async().await?;
    let before = zone(&client).await?;
    let transaction = client.transaction().await?;
    transaction.execute("SET LOCAL TimeZone = 'Asia/Tokyo'", &[]).await?;
    let within: String = transaction.query_one("SHOW TimeZone", &[]).await?.get(0);
    transaction.commit().await?;
    demand(within == "Asia/Tokyo" && zone(&client).await? == before, "SET LOCAL has outlived its transaction")?;

    // For as long as the connection is held: the pool discards it all afterwards.
    let pool = pool_that_discards(url)?;
    let client = pool.get_async().await?;
    client.execute("SET TimeZone = 'Asia/Tokyo'", &[]).await?;
    demand(zone(&client).await? == "Asia/Tokyo", "the setting has no effect")?;
    drop(client);
    let next = pool.get_async().await?;
    demand(zone(&next).await? == before, "the next caller has the setting of the one before")?;
    Ok(vec![format!("the next caller is in the zone {before} again")])
}

use std::time::Instant;

use super::{Shown, demand, pool};

/// How many orders are read.
const ORDERS: i32 = 500;

pub(super) async fn play(url: &str) -> Shown {
    let pool = pool(url)?;
    let client = pool.get_async().await?;
    client
        .batch_execute(&format!(
            "CREATE TEMPORARY TABLE orders AS SELECT id, id % 50 AS customer FROM generate_series(1, {ORDERS}) AS id;
             CREATE TEMPORARY TABLE customers AS SELECT id, 'customer ' || id AS name FROM generate_series(0, 49) AS id;
             ALTER TABLE customers ADD PRIMARY KEY (id); ANALYZE orders; ANALYZE customers"
        ))
        .await?;

    // N+1: one query for the orders, and one more for each of them. The connection is held for all that time.
    let began = Instant::now();
    let name = client.prepare_cached("SELECT name FROM customers WHERE id = $1").await?;
    let mut one_by_one: Vec<String> = Vec::new();
    for order in client.query("SELECT customer FROM orders ORDER BY id", &[]).await? {
        one_by_one.push(client.query_one(&name, &[&order.get::<_, i32>(0)]).await?.get(0));
    }
    let many = began.elapsed();

    let began = Instant::now();
    let join = "SELECT name FROM orders JOIN customers ON customers.id = customer ORDER BY orders.id";
    let joined: Vec<String> = client.query(join, &[]).await?.iter().map(|row| row.get(0)).collect();
    let one = began.elapsed();

    demand(joined == one_by_one, "the join answers otherwise")?;
    let times = many.as_secs_f64() / one.as_secs_f64();
    Ok(vec![format!("{} queries: {many:.1?}; one join: {one:.1?}, {times:.0} times as quick", ORDERS + 1)])
}

//! What the service is there for.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;

use crate::App;
use crate::answers::Failure;

#[derive(Deserialize)]
pub struct Order {
    customer: String,
    items: Vec<String>,
}

pub async fn count(State(app): State<App>, Path(customer): Path<String>) -> Result<String, Failure> {
    let client = app.pool.get_async().await?;
    let statement = client.prepare_cached("SELECT count(*) FROM orders WHERE customer = $1").await?;
    let row = client.query_one(&statement, &[&customer]).await?;
    Ok(format!("{}\n", row.get::<_, i64>(0)))
}

/// All items, or none: a client that goes away, or an item that is refused, leaves no half of an order.
pub async fn place(State(app): State<App>, Json(order): Json<Order>) -> Result<StatusCode, Failure> {
    let mut client = app.pool.get_async().await?;
    let transaction = client.transaction().await?;
    let insert = transaction.prepare_cached("INSERT INTO orders (customer, item) VALUES ($1, $2)").await?;
    for item in &order.items {
        transaction.execute(&insert, &[&order.customer, item]).await?;
    }
    transaction.commit().await?;
    Ok(StatusCode::CREATED)
}

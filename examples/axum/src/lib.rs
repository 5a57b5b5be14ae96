//! A web service with a pool as its state: orders in a PostgreSQL table.
//!
//! | request | answer |
//! |---|---|
//! | `GET /orders/{customer}` | how many orders the customer has |
//! | `POST /orders` | places one, in a transaction |
//! | `GET /health/ready` | 200, or 503 while connecting to the database fails, with the reason |
//! | `GET /metrics` | the pool's figures for Prometheus |
//!
//! A request that gets no connection within [`PATIENCE`] is answered by 503 with `Retry-After`.

mod answers;
mod orders;
mod serve;

use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use conn_pool::SharedPool;
use conn_pool::managed::{BuildError, Config};
use conn_pool_postgres::Postgres;
use metrics_exporter_prometheus::PrometheusHandle;

pub use serve::serve;

/// How long a request may wait for a connection: less than its client has patience.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// How long requests may take that are under way when the service stops.
pub const GRACE: Duration = Duration::from_secs(10);

/// What every request finds.
#[derive(Clone)]
pub struct App {
    pub pool: SharedPool<Postgres>,
    pub figures: PrometheusHandle,
}

/// The pool of the service. It makes no connection yet, so the service starts while its database is away.
///
/// # Errors
///
/// If something is wrong with the configuration, or no runtime is there.
pub fn pool(postgres: Postgres) -> Result<SharedPool<Postgres>, BuildError> {
    // A longer queue would only make all of its requests time out.
    let config = Config::new().name("orders").max_size(8).max_waiting(64).wait_timeout(Some(PATIENCE));
    SharedPool::new(postgres, config)
}

/// The routes.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/orders", post(orders::place))
        .route("/orders/{customer}", get(orders::count))
        .route("/health/ready", get(answers::ready))
        .route("/metrics", get(answers::metrics))
        .with_state(app)
}

//! The service. It connects as libpq's variables say (`PGHOST`, `PGUSER`, `PGDATABASE`, …), and stops at Ctrl-C.

use std::error::Error;

use conn_pool_axum::{App, GRACE, pool, serve};
use conn_pool_postgres::Postgres;
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let figures = PrometheusBuilder::new().install_recorder()?;
    let app = App { pool: pool(Postgres::from_env()?)?, figures };
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on http://{}", listener.local_addr()?);
    serve(listener, app, GRACE, async {
        // Without a signal to wait for, the service stops at once.
        let _signal = tokio::signal::ctrl_c().await;
    })
    .await
}

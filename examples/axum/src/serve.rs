//! From the first request to the last.

use std::error::Error;
use std::future::Future;

use tokio::net::TcpListener;

use crate::{App, GRACE, router};

/// Serves until `stop` is ready; then no more requests are accepted, those under way are answered, and the connections
/// are closed.
///
/// # Errors
///
/// If the listener fails, or connections are in use still when [`GRACE`] is over: the error says by whom.
pub async fn serve(
    listener: TcpListener,
    app: App,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let pool = app.pool.clone();
    axum::serve(listener, router(app)).with_graceful_shutdown(stop).await?;
    pool.drain_async(GRACE).await?;
    Ok(())
}

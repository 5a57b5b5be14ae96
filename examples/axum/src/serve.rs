//! From the first request to the last.

use std::error::Error;
use std::future::Future;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::{App, router};

/// Serves until `stop` is ready; then no more requests are accepted, those under way are answered, and the connections
/// are closed. What is under way when `grace` is over goes on until the runtime ends, as at the end of `main`.
///
/// # Errors
///
/// If the listener fails, or connections are in use still when `grace` is over: the error says by whom.
pub async fn serve(
    listener: TcpListener,
    app: App,
    grace: Duration,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let pool = app.pool.clone();
    let (stopping, is_stopping) = oneshot::channel();
    let stop = async {
        stop.await;
        // Nobody listens if the server has ended by itself.
        let _ = stopping.send(());
    };
    let server = axum::serve(listener, router(app)).with_graceful_shutdown(stop);
    // The server itself waits for its clients for as long as it takes.
    let is_over = async {
        let _ = is_stopping.await;
        sleep(grace).await;
    };
    let left = tokio::select! {
        result = server => result.map(|()| grace)?,
        () = is_over => Duration::ZERO,
    };
    pool.drain_async(left).await?;
    Ok(())
}

//! What the service answers beside what it is asked for.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use conn_pool::managed::GetError;
use conn_pool_postgres::tokio_postgres;

use crate::App;

/// Why a request came to nothing.
pub enum Failure {
    /// There was no connection. Nearly always that passes, so the client is told when to come again.
    Unavailable(GetError),
    /// The database has refused the statement, or has gone away meanwhile.
    Database(tokio_postgres::Error),
}

impl From<GetError> for Failure {
    fn from(error: GetError) -> Self {
        Self::Unavailable(error)
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error)
    }
}

/// The client is told no more than it can use; the log has the rest.
impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match self {
            Self::Unavailable(error) => {
                eprintln!("503: {error}");
                (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")], "try again later\n").into_response()
            }
            Self::Database(error) => {
                eprintln!("502: {error:?}");
                (StatusCode::BAD_GATEWAY, "the database could not do that\n").into_response()
            }
        }
    }
}

/// Whether requests can be served. It takes no connection from them. Where a connect is refused beside connections that
/// work, these serve.
pub async fn ready(State(app): State<App>) -> Response {
    let status = app.pool.status();
    match app.pool.connect_error() {
        Some(error) if status.idle + status.in_use == 0 => {
            (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response()
        }
        _ => "ready\n".into_response(),
    }
}

pub async fn metrics(State(app): State<App>) -> String {
    app.pool.publish_metrics();
    app.figures.run_upkeep();
    app.figures.render()
}

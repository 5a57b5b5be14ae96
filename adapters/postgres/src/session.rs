//! What a connection has beside the driver's client: its statements, and what is known of its state.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_postgres::types::Type;
use tokio_postgres::{Config, Error, Statement};

use crate::doubt::{Doubt, Doubts};
use crate::error::is_outdated;
use crate::notifications::Listener;
use crate::statement_cache::StatementCache;

pub(crate) struct Session {
    pub(crate) doubts: Doubts,
    pub(crate) listener: Arc<Listener>,
    statements: Mutex<StatementCache>,
}

impl Session {
    pub(crate) fn new(config: &Config, statement_cache: usize) -> Self {
        let statements = Mutex::new(StatementCache::new(statement_cache));
        Self { doubts: Doubts::none(config), listener: Arc::default(), statements }
    }

    pub(crate) fn statements(&self) -> MutexGuard<'_, StatementCache> {
        self.statements.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The statement from the cache, or else what `prepare` makes, which is kept.
    pub(crate) async fn cached(
        &self,
        sql: &str,
        types: &[Type],
        prepare: impl Future<Output = Result<Statement, Error>>,
    ) -> Result<Statement, Error> {
        // Not in the condition: the lock would be held while the statement is prepared.
        let known = self.statements().get(sql, types);
        if let Some(known) = known {
            return Ok(known);
        }
        let statement = prepare.await?;
        let gone = self.statements().insert(sql, types, statement.clone());
        drop(gone);
        Ok(statement)
    }

    /// Awaits a request. If that is cut, or the server is not understood, nothing is known of the connection. If a
    /// statement is outdated, others may be: all are prepared anew.
    pub(crate) async fn watch<T>(&self, request: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let cut = UnknownOnDrop(&self.doubts);
        let result = request.await;
        std::mem::forget(cut);
        if let Err(error) = &result {
            self.doubts.cast_by_error(error);
            if is_outdated(error) {
                let gone = self.statements().clear();
                drop(gone);
            }
        }
        result
    }

    /// As [`watch`](Self::watch), for a request in which the driver may look types up.
    pub(crate) async fn watch_look_up<T>(&self, request: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.watch(request).await.inspect_err(|error| self.doubts.cast_by_look_up(error))
    }
}

/// A request that is under way: its future may be dropped.
struct UnknownOnDrop<'a>(&'a Doubts);

impl Drop for UnknownOnDrop<'_> {
    fn drop(&mut self) {
        self.0.cast(Doubt::Unknown);
    }
}

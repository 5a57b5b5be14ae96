//! The connection that threads use.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use postgres::fallible_iterator::FallibleIterator;
use postgres::types::{BorrowToSql, ToSql, Type};
use postgres::{
    CancelToken, CopyInWriter, CopyOutReader, Error, Row, RowIter, SimpleQueryMessage, Statement, TransactionBuilder,
};
use tokio_postgres::Config;

use super::transaction::Transaction;
use crate::clean_up::{BEGIN, CleanUp};
use crate::doubt::{Doubt, Doubts};
use crate::error::is_outdated;
use crate::query::{Form, Query};
use crate::statement_cache::StatementCache;

type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// A connection to a PostgreSQL server.
///
/// Its own functions are those of [`postgres::Client`] that programs use most, with the same names and results. They
/// know what they send, so most connections need no clean-up when they are released. Everything else of the driver's
/// client is reached through [`DerefMut`]; after that the connection is cleaned up.
pub struct Client {
    raw: postgres::Client,
    doubts: Doubts,
    statements: StatementCache,
}

impl Client {
    pub(super) fn new(raw: postgres::Client, config: &Config, statement_cache: usize) -> Self {
        Self { raw, doubts: Doubts::none(config), statements: StatementCache::new(statement_cache) }
    }

    pub(super) fn has_broken(&self) -> bool {
        self.raw.is_closed() || self.doubts.present() == Doubt::Broken
    }

    pub(super) fn has_to_clean_up(&self, how: CleanUp) -> bool {
        !how.due(self.is_in_doubt()).is_empty()
    }

    /// Runs what cleans the connection up.
    pub(super) fn clean_up(&mut self, how: CleanUp) -> Result<(), Error> {
        let due = how.due(self.is_in_doubt());
        let mut result = Ok(());
        for statement in due {
            let done = self.raw.batch_execute(statement);
            if *statement != BEGIN {
                result = result.and(done);
            }
        }
        result?;
        if !due.is_empty() {
            // Those that have come meanwhile are not for the next caller.
            self.raw.notifications().iter().for_each(|_| Ok(()))?;
        }
        self.doubts.settle(Doubt::Clean);
        Ok(())
    }

    pub(super) fn check(&mut self, within: Option<Duration>) -> Result<(), Error> {
        match within {
            Some(within) => self.raw.is_valid(within),
            None => self.raw.batch_execute(self.doubts.probe()),
        }
    }

    fn is_in_doubt(&self) -> bool {
        self.doubts.present() != Doubt::Clean
    }

    /// The statement, prepared as the driver does it; and the doubt that running it casts.
    fn statement(&mut self, query: &(impl Query + ?Sized)) -> Result<Statement, Error> {
        let statement = match query.form() {
            Form::Text(sql) => self.prepare(sql)?,
            Form::Prepared(statement) => statement.clone(),
        };
        self.doubts.cast_by(&statement);
        Ok(statement)
    }

    /// Looks at how a request has ended.
    fn watch<T>(&mut self, result: Result<T, Error>) -> Result<T, Error> {
        result.inspect_err(|error| note(error, &self.doubts, &mut self.statements))
    }

    /// As [`watch`](Self::watch), at a request in which the driver may have looked types up.
    fn watch_look_up<T>(&mut self, result: Result<T, Error>) -> Result<T, Error> {
        self.watch(result).inspect_err(|error| self.doubts.cast_by_look_up(error))
    }
}

/// If a statement is outdated, others may be: all are prepared anew.
fn note(error: &Error, doubts: &Doubts, statements: &mut StatementCache) {
    doubts.cast_by_error(error);
    if is_outdated(error) {
        drop(statements.clear());
    }
}

/// As the driver's functions of the same names, which have the details.
#[expect(clippy::missing_errors_doc, reason = "those of the driver")]
impl Client {
    /// Begins a transaction. It is rolled back if it is dropped without [`commit`](Transaction::commit).
    pub fn transaction(&mut self) -> Result<Transaction<'_>, Error> {
        self.transaction_with(|options| options)
    }

    /// As [`transaction`](Self::transaction), with an isolation level, read-only or deferrable.
    pub fn transaction_with(
        &mut self,
        options: impl for<'a> FnOnce(TransactionBuilder<'a>) -> TransactionBuilder<'a>,
    ) -> Result<Transaction<'_>, Error> {
        let before = self.doubts.present();
        self.doubts.cast(Doubt::Unknown);
        let inner = options(self.raw.build_transaction()).start()?;
        Ok(Transaction::new(inner, &mut self.statements, &self.doubts, before))
    }

    /// A prepared statement that stays with the connection, for the callers that come later too. It is prepared only
    /// the first time; beyond the [limit](super::Postgres::statement_cache) the least recently used ones go.
    ///
    /// # Errors
    ///
    /// Those of the driver. A statement whose result has other columns since a table was altered is refused by the
    /// server when it is run (`0A000`). After that the connection prepares its statements anew, unless the statement
    /// was run in a [`transaction`](Self::transaction): see
    /// [`clear_cached_statements`](Self::clear_cached_statements).
    pub fn prepare_cached(&mut self, sql: &str) -> Result<Statement, Error> {
        self.prepare_typed_cached(sql, &[])
    }

    /// As [`prepare_cached`](Self::prepare_cached), with types of parameters. Other types make another statement.
    pub fn prepare_typed_cached(&mut self, sql: &str, types: &[Type]) -> Result<Statement, Error> {
        if let Some(known) = self.statements.get(sql, types) {
            return Ok(known);
        }
        let statement = self.prepare_typed(sql, types)?;
        drop(self.statements.insert(sql, types, statement.clone()));
        Ok(statement)
    }

    /// How many statements the connection keeps.
    #[must_use]
    pub const fn cached_statements(&self) -> usize {
        self.statements.len()
    }

    /// Lets go of the statements that the connection keeps.
    pub fn clear_cached_statements(&mut self) {
        drop(self.statements.clear());
    }

    /// Prepares a statement for this caller.
    pub fn prepare(&mut self, sql: &str) -> Result<Statement, Error> {
        let result = self.raw.prepare(sql);
        self.watch_look_up(result)
    }

    /// As [`prepare`](Self::prepare), with types of parameters.
    pub fn prepare_typed(&mut self, sql: &str, types: &[Type]) -> Result<Statement, Error> {
        let result = self.raw.prepare_typed(sql, types);
        self.watch_look_up(result)
    }

    /// All rows of a statement.
    pub fn query(&mut self, query: &(impl Query + ?Sized), params: Params<'_>) -> Result<Vec<Row>, Error> {
        let statement = self.statement(query)?;
        let result = self.raw.query(&statement, params);
        self.watch(result)
    }

    /// The one row of a statement.
    pub fn query_one(&mut self, query: &(impl Query + ?Sized), params: Params<'_>) -> Result<Row, Error> {
        let statement = self.statement(query)?;
        let result = self.raw.query_one(&statement, params);
        self.watch(result)
    }

    /// The row of a statement, if it has one.
    pub fn query_opt(&mut self, query: &(impl Query + ?Sized), params: Params<'_>) -> Result<Option<Row>, Error> {
        let statement = self.statement(query)?;
        let result = self.raw.query_opt(&statement, params);
        self.watch(result)
    }

    /// The rows of a statement as they come.
    pub fn query_raw<P, I>(&mut self, query: &(impl Query + ?Sized), params: I) -> Result<RowIter<'_>, Error>
    where
        P: BorrowToSql,
        I: IntoIterator<Item = P, IntoIter: ExactSizeIterator>,
    {
        let statement = self.statement(query)?;
        let result = self.raw.query_raw(&statement, params);
        result.inspect_err(|error| note(error, &self.doubts, &mut self.statements))
    }

    /// All rows of a statement that is not prepared, in one round trip: the types of its parameters are given. For a
    /// column of a type of the program's own the driver prepares statements, to look the type up the first time.
    pub fn query_typed(&mut self, sql: &str, params: &[(&(dyn ToSql + Sync), Type)]) -> Result<Vec<Row>, Error> {
        self.doubts.cast(Doubt::MayBeOpen);
        let result = self.raw.query_typed(sql, params);
        self.watch_look_up(result)
    }

    /// Runs a statement, and answers how many rows it was about.
    pub fn execute(&mut self, query: &(impl Query + ?Sized), params: Params<'_>) -> Result<u64, Error> {
        let statement = self.statement(query)?;
        let result = self.raw.execute(&statement, params);
        self.watch(result)
    }

    /// As [`query_typed`](Self::query_typed), without the rows.
    pub fn execute_typed(&mut self, sql: &str, params: &[(&(dyn ToSql + Sync), Type)]) -> Result<u64, Error> {
        self.doubts.cast(Doubt::MayBeOpen);
        let result = self.raw.execute_typed(sql, params);
        self.watch(result)
    }

    /// Runs any number of statements, which have no parameters, and leaves out what they answer.
    pub fn batch_execute(&mut self, sql: &str) -> Result<(), Error> {
        self.doubts.cast(Doubt::MayBeOpen);
        let result = self.raw.batch_execute(sql);
        self.watch(result)
    }

    /// As [`batch_execute`](Self::batch_execute), with the answers as texts.
    pub fn simple_query(&mut self, sql: &str) -> Result<Vec<SimpleQueryMessage>, Error> {
        self.doubts.cast(Doubt::MayBeOpen);
        let result = self.raw.simple_query(sql);
        self.watch(result)
    }

    /// Begins `COPY … FROM STDIN`. A writer that is dropped before it is finished has nothing copied.
    pub fn copy_in(&mut self, query: &(impl Query + ?Sized)) -> Result<CopyInWriter<'_>, Error> {
        let statement = self.statement(query)?;
        self.raw.copy_in(&statement).inspect_err(|error| note(error, &self.doubts, &mut self.statements))
    }

    /// Begins `COPY … TO STDOUT`.
    pub fn copy_out(&mut self, query: &(impl Query + ?Sized)) -> Result<CopyOutReader<'_>, Error> {
        let statement = self.statement(query)?;
        self.raw.copy_out(&statement).inspect_err(|error| note(error, &self.doubts, &mut self.statements))
    }

    /// Whether the connection is known to be closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.raw.is_closed()
    }

    /// What cancels the request that runs, from another thread.
    #[must_use]
    pub fn cancel_token(&self) -> CancelToken {
        self.raw.cancel_token()
    }
}

/// Nothing can be sent by a shared reference.
impl Deref for Client {
    type Target = postgres::Client;

    fn deref(&self) -> &postgres::Client {
        &self.raw
    }
}

/// Nothing is known of a connection on which anything can have been done.
impl DerefMut for Client {
    fn deref_mut(&mut self) -> &mut postgres::Client {
        self.doubts.cast(Doubt::Unknown);
        &mut self.raw
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut client = f.debug_struct("Client");
        client.field("is_closed", &self.raw.is_closed()).field("statements", &self.statements.len());
        client.finish_non_exhaustive()
    }
}

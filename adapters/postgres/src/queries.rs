//! What a connection runs, of which it knows whether it can leave a transaction open.

use bytes::Buf;
use tokio_postgres::types::{BorrowToSql, ToSql, Type};
use tokio_postgres::{CopyInSink, CopyOutStream, Error, Row, RowStream, SimpleQueryMessage, Statement};

use crate::client::Client;
use crate::doubt::Doubt;
use crate::query::{Form, Query};

type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// As the driver's functions of the same names, which have the details.
#[expect(clippy::missing_errors_doc, reason = "those of the driver")]
impl Client {
    /// A prepared statement that stays with the connection, for the callers that come later too. It is prepared only
    /// the first time; beyond the [limit](crate::Postgres::statement_cache) the least recently used ones go.
    ///
    /// # Errors
    ///
    /// Those of the driver. A statement whose result has other columns since a table was altered is refused by the
    /// server when it is run (`0A000`). After that the connection prepares its statements anew, unless the statement
    /// was run in a [`transaction`](Self::transaction): see
    /// [`clear_cached_statements`](Self::clear_cached_statements).
    pub async fn prepare_cached(&self, sql: &str) -> Result<Statement, Error> {
        self.prepare_typed_cached(sql, &[]).await
    }

    /// As [`prepare_cached`](Self::prepare_cached), with types of parameters. Other types make another statement.
    pub async fn prepare_typed_cached(&self, sql: &str, types: &[Type]) -> Result<Statement, Error> {
        self.session.cached(sql, types, self.prepare_typed(sql, types)).await
    }

    /// How many statements the connection keeps.
    #[must_use]
    pub fn cached_statements(&self) -> usize {
        self.session.statements().len()
    }

    /// Lets go of the statements that the connection keeps.
    pub fn clear_cached_statements(&self) {
        let gone = self.session.statements().clear();
        drop(gone);
    }

    /// Prepares a statement for this caller.
    pub async fn prepare(&self, sql: &str) -> Result<Statement, Error> {
        self.session.watch_look_up(self.raw.prepare(sql)).await
    }

    /// As [`prepare`](Self::prepare), with types of parameters.
    pub async fn prepare_typed(&self, sql: &str, types: &[Type]) -> Result<Statement, Error> {
        self.session.watch_look_up(self.raw.prepare_typed(sql, types)).await
    }

    /// All rows of a statement.
    pub async fn query(&self, query: &(impl Query + ?Sized), params: Params<'_>) -> Result<Vec<Row>, Error> {
        let statement = self.statement(query).await?;
        self.session.watch(self.raw.query(&statement, params)).await
    }

    /// The one row of a statement.
    pub async fn query_one(&self, query: &(impl Query + ?Sized), params: Params<'_>) -> Result<Row, Error> {
        let statement = self.statement(query).await?;
        self.session.watch(self.raw.query_one(&statement, params)).await
    }

    /// The row of a statement, if it has one.
    pub async fn query_opt(&self, query: &(impl Query + ?Sized), params: Params<'_>) -> Result<Option<Row>, Error> {
        let statement = self.statement(query).await?;
        self.session.watch(self.raw.query_opt(&statement, params)).await
    }

    /// The rows of a statement as they come. Read them to the end, or drop the stream, before the connection is
    /// released: what the next caller asks for is not read before.
    pub async fn query_raw<P, I>(&self, query: &(impl Query + ?Sized), params: I) -> Result<RowStream, Error>
    where
        P: BorrowToSql,
        I: IntoIterator<Item = P, IntoIter: ExactSizeIterator>,
    {
        let statement = self.statement(query).await?;
        if statement.columns().is_empty() {
            // It may be a `COPY`, which waits for data: the server says so in the stream, which only its reader sees.
            self.session.doubts.cast(Doubt::Unknown);
        }
        self.session.watch(self.raw.query_raw(&statement, params)).await
    }

    /// All rows of a statement that is not prepared, in one round trip: the types of its parameters are given. For a
    /// column of a type of the program's own the driver prepares statements, to look the type up the first time.
    pub async fn query_typed(&self, sql: &str, params: &[(&(dyn ToSql + Sync), Type)]) -> Result<Vec<Row>, Error> {
        self.session.doubts.cast(Doubt::MayBeOpen);
        self.session.watch_look_up(self.raw.query_typed(sql, params)).await
    }

    /// Runs a statement, and answers how many rows it was about.
    pub async fn execute(&self, query: &(impl Query + ?Sized), params: Params<'_>) -> Result<u64, Error> {
        let statement = self.statement(query).await?;
        self.session.watch(self.raw.execute(&statement, params)).await
    }

    /// As [`query_typed`](Self::query_typed), without the rows.
    pub async fn execute_typed(&self, sql: &str, params: &[(&(dyn ToSql + Sync), Type)]) -> Result<u64, Error> {
        self.session.doubts.cast(Doubt::MayBeOpen);
        self.session.watch(self.raw.execute_typed(sql, params)).await
    }

    /// Runs any number of statements, which have no parameters, and leaves out what they answer.
    pub async fn batch_execute(&self, sql: &str) -> Result<(), Error> {
        self.session.doubts.cast(Doubt::MayBeOpen);
        self.session.watch(self.raw.batch_execute(sql)).await
    }

    /// As [`batch_execute`](Self::batch_execute), with the answers as texts.
    pub async fn simple_query(&self, sql: &str) -> Result<Vec<SimpleQueryMessage>, Error> {
        self.session.doubts.cast(Doubt::MayBeOpen);
        self.session.watch(self.raw.simple_query(sql)).await
    }

    /// Begins `COPY … FROM STDIN`. A sink that is dropped before it is finished has nothing copied. End it before the
    /// connection is released: what the next caller asks for is not sent before.
    pub async fn copy_in<U>(&self, query: &(impl Query + ?Sized)) -> Result<CopyInSink<U>, Error>
    where
        U: Buf + Send + 'static,
    {
        let statement = self.statement(query).await?;
        self.session.watch(self.raw.copy_in(&statement)).await
    }

    /// Begins `COPY … TO STDOUT`. As for [`query_raw`](Self::query_raw), the stream has to end first.
    pub async fn copy_out(&self, query: &(impl Query + ?Sized)) -> Result<CopyOutStream, Error> {
        let statement = self.statement(query).await?;
        self.session.watch(self.raw.copy_out(&statement)).await
    }

    /// The statement, prepared as the driver does it; and the doubt that running it casts.
    async fn statement(&self, query: &(impl Query + ?Sized)) -> Result<Statement, Error> {
        let statement = match query.form() {
            Form::Text(sql) => self.prepare(sql).await?,
            Form::Prepared(statement) => statement.clone(),
        };
        self.session.doubts.cast_by(&statement);
        Ok(statement)
    }
}

//! A transaction that knows how it has ended.

use std::fmt;
use std::ops::{Deref, DerefMut};

use tokio_postgres::types::Type;
use tokio_postgres::{Error, Statement};

use crate::doubt::Doubt;
use crate::session::Session;

/// A transaction, or a savepoint in one. It is rolled back if it is dropped.
///
/// The functions of [`tokio_postgres::Transaction`] are reached through [`Deref`].
pub struct Transaction<'a> {
    /// `None` while it ends.
    inner: Option<tokio_postgres::Transaction<'a>>,
    session: &'a Session,
    /// What was in doubt before it began; `None` for a savepoint, whose end settles nothing.
    before: Option<Doubt>,
}

impl<'a> Transaction<'a> {
    pub(crate) const fn new(inner: tokio_postgres::Transaction<'a>, session: &'a Session, before: Doubt) -> Self {
        Self { inner: Some(inner), session, before: Some(before) }
    }

    /// Makes it last. One in which a statement has failed is rolled back instead, which the driver does not tell.
    ///
    /// # Errors
    ///
    /// Those of the driver. Whether it lasts is not known then, unless the server says so.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped it may last or not. The connection is checked before the next caller gets it.
    pub async fn commit(mut self) -> Result<(), Error> {
        let Some(inner) = self.inner.take() else { return Ok(()) };
        inner.commit().await?;
        self.settle();
        Ok(())
    }

    /// Undoes it, as dropping it does, and awaits that.
    ///
    /// # Errors
    ///
    /// Those of the driver.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped it is undone nevertheless.
    pub async fn rollback(mut self) -> Result<(), Error> {
        let Some(inner) = self.inner.take() else { return Ok(()) };
        inner.rollback().await?;
        self.settle();
        Ok(())
    }

    /// Begins a savepoint, which is used like a transaction and ends before this one.
    ///
    /// # Errors
    ///
    /// Those of the driver.
    pub async fn savepoint(&mut self) -> Result<Transaction<'_>, Error> {
        let session = self.session;
        let inner = self.deref_mut().transaction().await?;
        Ok(Transaction { inner: Some(inner), session, before: None })
    }

    /// As [`Client::prepare_cached`](crate::Client::prepare_cached).
    ///
    /// # Errors
    ///
    /// Those of the driver.
    pub async fn prepare_cached(&self, sql: &str) -> Result<Statement, Error> {
        self.prepare_typed_cached(sql, &[]).await
    }

    /// As [`Client::prepare_typed_cached`](crate::Client::prepare_typed_cached).
    ///
    /// # Errors
    ///
    /// Those of the driver.
    pub async fn prepare_typed_cached(&self, sql: &str, types: &[Type]) -> Result<Statement, Error> {
        self.session.cached(sql, types, self.prepare_typed(sql, types)).await
    }

    fn settle(&self) {
        if let Some(before) = self.before {
            self.session.doubts.settle(before);
        }
    }
}

impl<'a> Deref for Transaction<'a> {
    type Target = tokio_postgres::Transaction<'a>;

    fn deref(&self) -> &tokio_postgres::Transaction<'a> {
        self.inner.as_ref().expect("it is taken by functions that consume this")
    }
}

impl<'a> DerefMut for Transaction<'a> {
    fn deref_mut(&mut self) -> &mut tokio_postgres::Transaction<'a> {
        self.inner.as_mut().expect("it is taken by functions that consume this")
    }
}

impl fmt::Debug for Transaction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").field("is_savepoint", &self.before.is_none()).finish_non_exhaustive()
    }
}

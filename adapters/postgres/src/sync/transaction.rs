//! A transaction that knows how it has ended.

use std::fmt;
use std::ops::{Deref, DerefMut};

use postgres::types::Type;
use postgres::{Error, Statement};

use crate::doubt::{Doubt, Doubts};
use crate::statement_cache::StatementCache;

/// A transaction. It is rolled back if it is dropped.
///
/// The functions of [`postgres::Transaction`] are reached through [`DerefMut`].
pub struct Transaction<'a> {
    /// `None` while it ends.
    inner: Option<postgres::Transaction<'a>>,
    statements: &'a mut StatementCache,
    doubts: &'a Doubts,
    /// What was in doubt before it began; `None` for a savepoint, whose end settles nothing.
    before: Option<Doubt>,
}

impl<'a> Transaction<'a> {
    pub(super) const fn new(
        inner: postgres::Transaction<'a>,
        statements: &'a mut StatementCache,
        doubts: &'a Doubts,
        before: Doubt,
    ) -> Self {
        Self { inner: Some(inner), statements, doubts, before: Some(before) }
    }

    /// Makes it last. One in which a statement has failed is rolled back instead, which the driver does not tell.
    ///
    /// # Errors
    ///
    /// Those of the driver. Whether it lasts is not known then, unless the server says so.
    pub fn commit(mut self) -> Result<(), Error> {
        let Some(inner) = self.inner.take() else { return Ok(()) };
        inner.commit()?;
        self.settle();
        Ok(())
    }

    /// Undoes it, as dropping it does.
    ///
    /// # Errors
    ///
    /// Those of the driver.
    pub fn rollback(mut self) -> Result<(), Error> {
        let Some(inner) = self.inner.take() else { return Ok(()) };
        inner.rollback()?;
        self.settle();
        Ok(())
    }

    /// Begins a savepoint, which is used like a transaction and ends before this one.
    ///
    /// # Errors
    ///
    /// Those of the driver.
    pub fn savepoint(&mut self) -> Result<Transaction<'_>, Error> {
        let Self { inner, statements, doubts, .. } = self;
        let inner = inner.as_mut().map(postgres::Transaction::transaction).transpose()?;
        Ok(Transaction { inner, statements, doubts, before: None })
    }

    /// As [`Client::prepare_cached`](super::Client::prepare_cached).
    ///
    /// # Errors
    ///
    /// Those of the driver.
    pub fn prepare_cached(&mut self, sql: &str) -> Result<Statement, Error> {
        self.prepare_typed_cached(sql, &[])
    }

    /// As [`Client::prepare_typed_cached`](super::Client::prepare_typed_cached).
    ///
    /// # Errors
    ///
    /// Those of the driver.
    pub fn prepare_typed_cached(&mut self, sql: &str, types: &[Type]) -> Result<Statement, Error> {
        if let Some(known) = self.statements.get(sql, types) {
            return Ok(known);
        }
        let statement = self.prepare_typed(sql, types)?;
        drop(self.statements.insert(sql, types, statement.clone()));
        Ok(statement)
    }

    fn settle(&self) {
        if let Some(before) = self.before {
            self.doubts.settle(before);
        }
    }
}

const ENDED: &str = "it is taken by functions that consume this";

impl<'a> Deref for Transaction<'a> {
    type Target = postgres::Transaction<'a>;

    fn deref(&self) -> &postgres::Transaction<'a> {
        self.inner.as_ref().expect(ENDED)
    }
}

impl<'a> DerefMut for Transaction<'a> {
    fn deref_mut(&mut self) -> &mut postgres::Transaction<'a> {
        self.inner.as_mut().expect(ENDED)
    }
}

impl fmt::Debug for Transaction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").field("is_savepoint", &self.before.is_none()).finish_non_exhaustive()
    }
}

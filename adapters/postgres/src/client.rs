//! The connection that callers use.

use std::fmt;
use std::ops::{Deref, DerefMut};

use conn_pool::managed::CheckReason;
use tokio_postgres::{CancelToken, Error, TransactionBuilder};

use crate::clean_up::CleanUp;
use crate::doubt::Doubt;
use crate::notifications::Notifications;
use crate::pending::Pending;
use crate::session::Session;
use crate::task::Task;
use crate::transaction::Transaction;

/// A connection to a PostgreSQL server.
///
/// Its own functions are those of [`tokio_postgres::Client`] that programs use most, with the same names and results.
/// They know what they send, so most connections need no clean-up when they are released. Everything else of the
/// driver's client is reached through [`Deref`]: `&connection` is a `&tokio_postgres::Client`. After that the
/// connection is cleaned up, and the next caller waits until the server has answered that, if it has not yet.
///
/// # Cancel safety
///
/// A request whose future is dropped still runs on the server. The connection is checked then before the next caller
/// gets it, unless [`CleanUp::None`] is set: the check waits for the request, or ends the connection after
/// [`validation_timeout`](conn_pool::managed::Config::validation_timeout).
pub struct Client {
    // Before the task's end: the task takes leave of the server only if there is no client any more.
    pub(crate) raw: tokio_postgres::Client,
    pub(crate) session: Session,
    pending: Pending,
    task: Task,
}

impl Client {
    pub(crate) fn new(raw: tokio_postgres::Client, session: Session, task: Task) -> Self {
        Self { raw, session, pending: Pending::none(), task }
    }

    /// Begins a transaction. It is rolled back if it is dropped without [`commit`](Transaction::commit).
    ///
    /// # Errors
    ///
    /// Those of the driver.
    pub async fn transaction(&mut self) -> Result<Transaction<'_>, Error> {
        self.transaction_with(|options| options).await
    }

    /// As [`transaction`](Self::transaction), with an isolation level, read-only or deferrable.
    ///
    /// # Errors
    ///
    /// Those of the driver.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn report(client: &mut conn_pool_postgres::Client) -> Result<(), tokio_postgres::Error> {
    /// let transaction = client.transaction_with(|options| options.read_only(true)).await?;
    /// transaction.execute("SELECT 1", &[]).await?;
    /// transaction.commit().await
    /// # }
    /// ```
    pub async fn transaction_with(
        &mut self,
        options: impl for<'a> FnOnce(TransactionBuilder<'a>) -> TransactionBuilder<'a>,
    ) -> Result<Transaction<'_>, Error> {
        let before = self.session.doubts.present();
        self.session.doubts.cast(Doubt::Unknown);
        let inner = options(self.raw.build_transaction()).start().await?;
        Ok(Transaction::new(inner, &self.session, before))
    }

    /// What `NOTIFY` sends on the channels that this connection listens to, from now on. A receiver that was taken
    /// before ends. Listen by `client.execute("LISTEN orders", &[])`, after this.
    ///
    /// When the connection is released the receiver ends, and, unless [`CleanUp::None`] is set, the connection listens
    /// to no channel any more. A connection that listens for as long as the program runs is better a connection of its
    /// own: [`SharedConnGuard::detach`](conn_pool::managed::SharedConnGuard::detach) takes it out of the pool.
    #[must_use]
    pub fn notifications(&self) -> Notifications {
        // What listens may be in a transaction, or in a function, where it is not seen.
        self.session.doubts.cast(Doubt::Unknown);
        self.session.listener.open()
    }

    /// Whether the connection is known to be closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.raw.is_closed()
    }

    /// What cancels the request that runs, from elsewhere.
    #[must_use]
    pub fn cancel_token(&self) -> CancelToken {
        self.raw.cancel_token()
    }

    /// Whether an idle connection cannot be used: it is closed, or cleaning it up has failed.
    pub(crate) fn is_unfit(&mut self) -> bool {
        self.raw.is_closed() || self.pending.has_failed()
    }

    pub(crate) fn has_broken(&self) -> bool {
        self.raw.is_closed() || self.session.doubts.present() == Doubt::Broken || self.pending.is_failed()
    }

    /// Sends what cleans the connection up, and does not wait for the answer: what the next caller sends comes after.
    pub(crate) fn clean_up(&mut self, how: CleanUp) -> Result<(), Error> {
        self.session.listener.close();
        let doubt = self.session.doubts.present();
        let due = how.due(doubt != Doubt::Clean);
        if !due.is_empty() {
            self.pending.send(&self.raw, due, &self.task.unread, &self.session.listener)?;
        }
        self.pending.require(doubt >= Doubt::Unknown);
        self.session.doubts.settle(Doubt::Clean);
        Ok(())
    }

    /// Whether the next caller has to wait for the answer to the clean-up.
    pub(crate) const fn needs_check(&self) -> bool {
        self.pending.is_required()
    }

    pub(crate) const fn expect_check(&mut self, why: CheckReason) {
        self.pending.expect(matches!(why, CheckReason::Dirty));
    }

    /// Awaits the answer to the clean-up. If that is all that was to be found out, the server is not asked again.
    pub(crate) async fn check(&mut self) -> Result<(), Error> {
        if self.pending.answer().await? { Ok(()) } else { self.raw.batch_execute(self.session.doubts.probe()).await }
    }
}

/// Nothing is known of a connection on which anything can have been done.
impl Deref for Client {
    type Target = tokio_postgres::Client;

    fn deref(&self) -> &tokio_postgres::Client {
        self.session.doubts.cast(Doubt::Unknown);
        &self.raw
    }
}

impl DerefMut for Client {
    fn deref_mut(&mut self) -> &mut tokio_postgres::Client {
        self.session.doubts.cast(Doubt::Unknown);
        &mut self.raw
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut client = f.debug_struct("Client");
        client.field("is_closed", &self.raw.is_closed()).field("statements", &self.cached_statements());
        client.finish_non_exhaustive()
    }
}

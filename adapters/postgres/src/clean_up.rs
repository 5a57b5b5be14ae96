//! What is cleaned up when a connection is released.

/// What is done to a connection when it is released, before the next caller uses it.
///
/// The crate's page has the table of [what the next caller finds](crate#what-the-next-caller-finds).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum CleanUp {
    /// An open transaction is rolled back, and channels are no longer listened to. Nothing is sent if neither can be.
    #[default]
    Rollback,
    /// Nothing: what a caller leaves behind is the next caller's.
    None,
    /// As [`Rollback`](Self::Rollback), and the session is as new at each release: settings, the role, temporary
    /// tables, cursors, sequences and advisory locks, as by `DISCARD ALL`.
    ///
    /// Unlike by `DISCARD ALL` prepared statements stay, those of the statement cache and those of SQL's `PREPARE`:
    /// the driver has statements of its own, by which it looks types up, and cannot be told that they are gone.
    DiscardAll,
}

/// Opens a transaction, so that the rollback after it has something to roll back. A `ROLLBACK` alone is answered with a
/// warning if no transaction is open, which is what it is mostly, and each warning is a line in the server's log.
pub(crate) const BEGIN: &str = "BEGIN";
/// Not preceded by anything in the same message: that would fail, and this would not be run, in a transaction that has
/// failed.
pub(crate) const ROLLBACK: &str = "ROLLBACK; UNLISTEN *";
/// The parts of `DISCARD ALL`, as the server's documentation lists them, without `DEALLOCATE ALL`.
pub(crate) const DISCARD: &str = "CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; UNLISTEN *; \
     SELECT pg_advisory_unlock_all(); DISCARD PLANS; DISCARD SEQUENCES";
/// Apart from these, as it is what may fail, where tables are many: what is in one message is done as a whole or not at
/// all.
pub(crate) const DISCARD_TEMP: &str = "DISCARD TEMP";

impl CleanUp {
    /// The statements that are due, in messages of their own. All but [`BEGIN`], which fails in a transaction that has,
    /// have to succeed.
    pub(crate) const fn due(self, is_in_doubt: bool) -> &'static [&'static str] {
        match (self, is_in_doubt) {
            (Self::None, _) | (Self::Rollback, false) => &[],
            (Self::Rollback, true) => &[BEGIN, ROLLBACK],
            (Self::DiscardAll, false) => &[DISCARD, DISCARD_TEMP],
            (Self::DiscardAll, true) => &[BEGIN, ROLLBACK, DISCARD, DISCARD_TEMP],
        }
    }
}

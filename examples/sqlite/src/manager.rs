//! Makes, checks, resets and closes the SQLite connections of a managed pool. A file to copy: it needs nothing but
//! `conn_pool`, `rusqlite` (feature `cache`) and `thiserror`.
//!
//! # What the next borrower finds
//!
//! | left behind by the last one | what becomes of it |
//! |---|---|
//! | an open transaction, by `BEGIN` or a forgotten `Transaction` | rolled back |
//! | another `busy_timeout`, foreign keys off, another default behaviour of transactions | put back |
//! | temporary tables, attached databases | the connection is closed; making one anew costs less than tidying up |
//! | a statement that was forgotten half-way | the connection is closed |
//! | prepared statements of `prepare_cached` | stay with their connection, which is what they are for |
//! | other pragmas, functions, collations, hooks | **stay**: put them back, or part with the connection by `ConnGuard::discard` |

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use conn_pool::managed::{DiscardReason, Event, Lifecycle, Manager};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

/// The longest that SQLite can be told to wait for a lock is some weeks; more than this nobody means.
const LONGEST_BUSY_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// One database file, and how its connections are set up: in WAL mode, so that readers and a writer do not wait for
/// each other, and with foreign keys enforced.
///
/// `synchronous` is `NORMAL`: after a power cut the last commits may be missing, and the file is sound. Use `FULL` if
/// each commit has to be on the disk when it returns.
///
/// # Examples
///
/// ```
/// use conn_pool::managed::{Config, Pool};
/// use conn_pool_sqlite::manager::Sqlite;
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("shop.db");
/// Sqlite::create(&path, "CREATE TABLE orders (id INTEGER PRIMARY KEY, what TEXT NOT NULL)")?;
/// let pool = Pool::<_, 4>::new(Sqlite::new(&path), Config::new().name("shop"))?;
///
/// let connection = pool.get()?;
/// connection.prepare_cached("INSERT INTO orders (what) VALUES (?1)")?.execute(["tea"])?;
/// assert_eq!(connection.query_row("SELECT what FROM orders", [], |row| row.get::<_, String>(0))?, "tea");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Sqlite {
    path: PathBuf,
    busy_timeout: Duration,
    report: Box<dyn Fn(&str) + Send + Sync>,
}

/// What can go wrong with a connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// SQLite says so.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// SQLite would go on with the file that it has open, and what is written to that would be lost.
    #[error("the database file is gone, or another one is in its place")]
    Moved,
    /// A file system without shared memory, for one.
    #[error("the database cannot be put into WAL mode: it stays in mode {0}")]
    NotWal(String),
    /// See the table at the head of the module.
    #[error("a temporary table or an attached database was left behind")]
    Leftovers,
}

impl Sqlite {
    /// Connections to the database file at `path`, which has to exist: a pool that made a new one in the place of one
    /// that is missing would hide that it is missing. They wait for a lock for up to 5 s, and reports go to standard
    /// error.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let report = Box::new(|report: &str| eprintln!("{report}"));
        Self { path: path.into(), busy_timeout: Duration::from_secs(5), report }
    }

    /// How long a statement waits for another connection's lock before it fails with "database is locked".
    #[must_use]
    pub fn busy_timeout(mut self, longest: Duration) -> Self {
        self.busy_timeout = longest.min(LONGEST_BUSY_TIMEOUT);
        self
    }

    /// Where reports of what happens to connections go.
    #[must_use]
    pub fn report_to(mut self, report: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.report = Box::new(report);
        self
    }

    /// Creates the database file, unless it is there, and runs `schema` in it. Before there are others: the change to
    /// WAL mode takes the database for itself.
    ///
    /// # Errors
    ///
    /// If SQLite has any.
    pub fn create(path: &Path, schema: &str) -> Result<(), Error> {
        let connection = Connection::open(path)?;
        use_wal(&connection)?;
        connection.execute_batch(schema)?;
        connection.close().map_err(|(_, error)| error.into())
    }

    /// What a borrower may have changed, and what costs next to nothing to put back: no SQL is run.
    fn settle(&self, connection: &mut Connection) -> Result<(), Error> {
        connection.busy_timeout(self.busy_timeout)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true)?;
        connection.set_transaction_behavior(TransactionBehavior::Deferred);
        Ok(())
    }

    /// Nothing that is done for a caller waits for a lock for longer than the caller has time.
    fn be_busy_within(&self, connection: &Connection, within: Option<Duration>) -> Result<(), Error> {
        let patience = within.map_or(self.busy_timeout, |within| within.min(self.busy_timeout));
        Ok(connection.busy_timeout(patience)?)
    }

    fn report(&self, report: fmt::Arguments<'_>) {
        (self.report)(&report.to_string());
    }
}

impl Lifecycle for Sqlite {
    type Connection = Connection;
    type Error = Error;

    fn has_broken(&self, connection: &mut Connection) -> bool {
        connection.is_busy() || has_moved(connection).unwrap_or(true)
    }

    fn reset(&self, connection: &mut Connection) -> Result<(), Error> {
        if !connection.is_autocommit() {
            connection.execute_batch("ROLLBACK")?;
        }
        if has_leftovers(connection)? {
            return Err(Error::Leftovers);
        }
        self.settle(connection)
    }

    fn on_discard(&self, connection: Connection, reason: DiscardReason) {
        match connection.close() {
            Ok(()) => self.report(format_args!("closed a connection: it {reason}")),
            Err((_, error)) => self.report(format_args!("a connection that {reason} cannot be closed: {error}")),
        }
    }

    fn describe(&self, error: &Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{error}")
    }

    fn on_event(&self, event: &Event<'_, Error>) {
        match event {
            Event::ConnectFailed { error: Some(error), .. } => self.report(format_args!("cannot connect: {error}")),
            Event::CheckFailed { error: Some(error) } => self.report(format_args!("a check failed: {error}")),
            Event::ResetFailed { error } => self.report(format_args!("a reset failed: {error}")),
            Event::Leaked { loan } => self.report(format_args!("a connection may have leaked: {loan}")),
            _ => {}
        }
    }
}

impl Manager for Sqlite {
    fn connect(&self, within: Option<Duration>) -> Result<Connection, Error> {
        // Each connection has one user at a time, who needs no lock of SQLite's.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&self.path, flags)?;
        self.be_busy_within(&connection, within)?;
        use_wal(&connection)?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        // The log is opened by name after the database: they would not belong together if the database was moved
        // meanwhile.
        must_not_have_moved(&connection)?;
        self.settle(&mut connection)?;
        Ok(connection)
    }

    fn is_valid(&self, connection: &mut Connection, within: Option<Duration>) -> Result<(), Error> {
        must_not_have_moved(connection)?;
        self.be_busy_within(connection, within)?;
        // Unlike `SELECT 1` this reads from the file.
        connection.prepare_cached("PRAGMA schema_version")?.query_row([], |_| Ok(()))?;
        self.settle(connection)
    }
}

fn use_wal(connection: &Connection) -> Result<(), Error> {
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode == "wal" { Ok(()) } else { Err(Error::NotWal(mode)) }
}

fn must_not_have_moved(connection: &Connection) -> Result<(), Error> {
    if has_moved(connection)? { Err(Error::Moved) } else { Ok(()) }
}

/// Whether the file at the connection's path is no longer the one that it has open. One look at the directory.
#[cfg(unix)]
fn has_moved(connection: &Connection) -> Result<bool, Error> {
    let mut has_moved = 0;
    connection.file_control(Some("main"), rusqlite::FileControl::HasMoved(&mut has_moved))?;
    Ok(has_moved != 0)
}

/// Elsewhere a file that is open stays where it is.
#[cfg(not(unix))]
fn has_moved(_: &Connection) -> Result<bool, Error> {
    Ok(false)
}

fn has_leftovers(connection: &Connection) -> Result<bool, Error> {
    // 0 is the main database, 1 the temporary one, and from 2 on there are those that were attached.
    if connection.db_name(2).is_ok() {
        return Ok(true);
    }
    let mut temporary = connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM temp.sqlite_schema)")?;
    Ok(temporary.query_row([], |row| row.get(0))?)
}

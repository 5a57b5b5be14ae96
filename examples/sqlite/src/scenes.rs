//! What the manager and its pool stand, each in a scene that checks what it shows: an error says what did not hold.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use conn_pool::managed::{Config, ConnGuard, Pool};
use rusqlite::{Connection, TransactionBehavior, params};

use crate::manager::Sqlite;

/// Ends a scene, saying what did not hold.
macro_rules! ensure {
    ($holds:expr, $($otherwise:tt)+) => {
        if !$holds {
            return Err(format!($($otherwise)+).into());
        }
    };
}

mod batch;
mod crowd;
mod floor;
mod locked;
mod removed;
mod replaced;
mod sessions;
mod statements;

/// What did not hold.
pub type Failure = Box<dyn Error + Send + Sync>;

/// Something that is shown.
pub struct Scene {
    /// What it is about.
    pub title: &'static str,
    /// Plays it with a database of its own in a folder, and tells what was seen.
    pub play: fn(&Path) -> Result<Vec<String>, Failure>,
}

/// All of them, in the order in which they are to be read.
pub const ALL: [Scene; 8] = [
    Scene { title: "16 threads over 4 connections", play: crowd::play },
    Scene { title: "sessions are clean", play: sessions::play },
    Scene { title: "many inserts in one transaction", play: batch::play },
    Scene { title: "prepared statements stay with their connection", play: statements::play },
    Scene { title: "the health check keeps connections ready", play: floor::play },
    Scene { title: "the database is locked under load", play: locked::play },
    Scene { title: "the database file is removed under load", play: removed::play },
    Scene { title: "another file is put in its place", play: replaced::play },
];

const CONNECTIONS: usize = 4;
const THREADS: usize = 16;
/// Nothing here takes as long, unless something hangs.
const FAR_TOO_LONG: Duration = Duration::from_secs(60);

const SCHEMA: &str = "
    CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL);
    CREATE TABLE entries (
        thread INTEGER NOT NULL,
        turn INTEGER NOT NULL,
        account INTEGER NOT NULL REFERENCES accounts (id),
        PRIMARY KEY (thread, turn)
    );
    INSERT INTO accounts (id, balance) VALUES (0, 100), (1, 100), (2, 100), (3, 100);
";
const ACCOUNTS: usize = 4;
const TOTAL: i64 = 400;
const INSERT: &str = "INSERT INTO entries (thread, turn, account) VALUES (?1, ?2, ?3)";

type SqlitePool = Pool<Sqlite, CONNECTIONS>;
type Guard<'a> = ConnGuard<'a, Sqlite, CONNECTIONS>;

/// A database file of a scene's own.
struct Database {
    path: PathBuf,
}

impl Database {
    fn create(folder: &Path, name: &str) -> Result<Self, Failure> {
        let path = folder.join(name).with_extension("db");
        Sqlite::create(&path, SCHEMA)?;
        Ok(Self { path })
    }

    /// Whoever comes without the pool.
    fn outsider(&self) -> Result<Connection, Failure> {
        Ok(Connection::open(&self.path)?)
    }

    fn manager(&self) -> Sqlite {
        // Long enough that sixteen threads on a slow machine never find the database locked by each other.
        Sqlite::new(&self.path).busy_timeout(FAR_TOO_LONG).report_to(|_| {})
    }

    fn pool(&self, config: Config) -> Result<Arc<SqlitePool>, Failure> {
        Ok(Arc::new(Pool::new(self.manager(), config)?))
    }

    /// The file itself, of which SQLite says that it is whole, and how many entries there are in it.
    fn inspect(&self) -> Result<usize, Failure> {
        let connection = self.outsider()?;
        let verdict: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
        ensure!(verdict == "ok", "the file is damaged: {verdict}");
        entries(&connection)
    }
}

/// Closes the pool, every connection of which has to have come back.
fn close(pool: &SqlitePool) -> Result<(), Failure> {
    pool.drain(FAR_TOO_LONG)?;
    let (made, closed) = (pool.metrics().connected, pool.metrics().discarded_in_all());
    ensure!(made == closed, "{made} connections were made, {closed} closed");
    Ok(())
}

fn borrow(pool: &SqlitePool) -> Result<Guard<'_>, Failure> {
    Ok(pool.get_timeout(FAR_TOO_LONG)?)
}

/// One row, in a transaction of its own.
fn insert(connection: &Connection, thread: usize, turn: usize) -> Result<(), rusqlite::Error> {
    let inserted = connection.prepare_cached(INSERT)?.execute(params![thread, turn, thread % ACCOUNTS]);
    inserted.map(drop)
}

fn entries(connection: &Connection) -> Result<usize, Failure> {
    Ok(connection.prepare_cached("SELECT count(*) FROM entries")?.query_row([], |row| row.get(0))?)
}

fn total(connection: &Connection) -> Result<i64, Failure> {
    Ok(connection.prepare_cached("SELECT sum(balance) FROM accounts")?.query_row([], |row| row.get(0))?)
}

/// A transaction that writes takes the lock when it begins. One that begins as a reader, and finds on its first write
/// that somebody else has written, fails at once instead of waiting.
fn write_in(connection: &mut Connection) -> rusqlite::Result<rusqlite::Transaction<'_>> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate)
}

/// Runs `work` in so many threads; the first failure of any.
fn in_threads<T: Send>(threads: usize, work: impl Fn(usize) -> Result<T, Failure> + Sync) -> Result<Vec<T>, Failure> {
    thread::scope(|scope| {
        let work = &work;
        let all: Vec<_> = (0..threads).map(|number| scope.spawn(move || work(number))).collect();
        all.into_iter().map(|thread| thread.join().map_err(|_| "a thread panicked")?).collect()
    })
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) -> Result<(), Failure> {
    let began = Instant::now();
    while !is_so() {
        ensure!(began.elapsed() < FAR_TOO_LONG, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

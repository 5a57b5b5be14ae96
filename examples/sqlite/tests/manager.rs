//! What the manager does for a pool, one thing at a time. The pools have one connection, so that the next borrower's is
//! the last one's, unless that was closed.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use conn_pool::managed::{Config, ConnGuard, DiscardReason, GetError, ManagerError, Pool};
use conn_pool_sqlite::manager::{Error, Sqlite};
use rusqlite::{Connection, StatementStatus};
use tempfile::TempDir;

const SCHEMA: &str = "
    CREATE TABLE parents (id INTEGER PRIMARY KEY);
    CREATE TABLE rows (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parents (id));
";
const INSERT: &str = "INSERT INTO rows DEFAULT VALUES";
const FAR_TOO_LONG: Duration = Duration::from_secs(60);
const BUSY_TIMEOUT: Duration = Duration::from_millis(1234);

type SqlitePool = Pool<Sqlite, 1>;

struct Database {
    path: PathBuf,
    reports: Arc<Mutex<Vec<String>>>,
    _folder: TempDir,
}

impl Database {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db");
        Sqlite::create(&path, SCHEMA).unwrap();
        Self { path, reports: Arc::default(), _folder: folder }
    }

    fn pool(&self) -> SqlitePool {
        self.pool_with(Config::new())
    }

    fn pool_with(&self, config: Config) -> SqlitePool {
        let reports = Arc::clone(&self.reports);
        let manager = Sqlite::new(&self.path).busy_timeout(BUSY_TIMEOUT);
        let manager = manager.report_to(move |report| reports.lock().unwrap().push(report.to_owned()));
        Pool::new(manager, config.name("test")).unwrap()
    }

    fn outsider(&self) -> Connection {
        Connection::open(&self.path).unwrap()
    }

    /// Keeps everybody out, who opens the database included.
    fn lock_out(&self) -> Connection {
        let locker = self.outsider();
        locker
            .execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; INSERT INTO rows DEFAULT VALUES")
            .unwrap();
        locker
    }

    fn reports(&self) -> Vec<String> {
        std::mem::take(&mut self.reports.lock().unwrap())
    }
}

fn borrow(pool: &SqlitePool) -> ConnGuard<'_, Sqlite, 1> {
    pool.get_timeout(FAR_TOO_LONG).unwrap()
}

fn rows(connection: &Connection) -> usize {
    connection.query_row("SELECT count(*) FROM rows", [], |row| row.get(0)).unwrap()
}

fn pragma<T: rusqlite::types::FromSql>(connection: &Connection, name: &str) -> T {
    connection.pragma_query_value(None, name, |row| row.get(0)).unwrap()
}

/// The next borrower has the same connection, and nothing of the last one's.
#[track_caller]
fn assert_clean_and_kept(pool: &SqlitePool) {
    let connection = borrow(pool);
    assert!(connection.is_autocommit());
    assert_eq!(rows(&connection), 0);
    assert_eq!(pool.metrics().connected, 1);
}

/// The next borrower has another connection, and the reason for that was counted.
#[track_caller]
fn assert_replaced(pool: &SqlitePool, reason: DiscardReason) {
    drop(borrow(pool));
    assert_eq!((pool.metrics().connected, pool.metrics().discarded_for(reason)), (2, 1));
}

#[test]
fn the_manager_and_its_pool_can_be_shared_by_threads() {
    const fn is_sync<T: Send + Sync>() {}
    is_sync::<SqlitePool>();
}

#[test]
fn a_connection_is_in_wal_mode_with_foreign_keys_and_patience() {
    let database = Database::new();
    let pool = database.pool();
    let connection = borrow(&pool);
    assert_eq!(pragma::<String>(&connection, "journal_mode"), "wal");
    assert_eq!(pragma::<u32>(&connection, "synchronous"), 1);
    assert_eq!(pragma::<u32>(&connection, "busy_timeout"), 1234);
    assert!(connection.execute("INSERT INTO rows (parent) VALUES (9)", []).is_err());
}

#[test]
fn a_database_that_takes_no_wal_is_refused() {
    let pool = Pool::<_, 1>::new(Sqlite::new(":memory:"), Config::new()).unwrap();
    let error = pool.get().unwrap_err().into_manager_error();
    assert!(matches!(error, Some(Error::NotWal(mode)) if mode == "memory"));
}

#[test]
fn a_database_that_is_missing_is_not_created() {
    let database = Database::new();
    let pool = database.pool();
    fs::remove_file(&database.path).unwrap();
    let error = pool.get().unwrap_err();
    assert!(matches!(error, GetError::Connect { error: ManagerError::Own(Error::Sqlite(_)), .. }));
    let text = error.to_string();
    assert!(text.starts_with("cannot connect: unable to open database file: "), "{text}");
    assert!(text.contains("(pool \"test\": "), "{text}");
    assert!(!database.path.exists());
}

#[test]
fn a_transaction_that_is_dropped_is_rolled_back() {
    let database = Database::new();
    let pool = database.pool();
    let mut connection = borrow(&pool);
    connection.transaction().unwrap().execute(INSERT, []).unwrap();
    drop(connection);
    assert_clean_and_kept(&pool);
}

#[test]
fn a_transaction_that_is_forgotten_is_rolled_back() {
    let database = Database::new();
    let pool = database.pool();
    let mut connection = borrow(&pool);
    let transaction = connection.transaction().unwrap();
    transaction.execute(INSERT, []).unwrap();
    std::mem::forget(transaction);
    drop(connection);
    assert_clean_and_kept(&pool);
}

#[test]
fn a_transaction_begun_by_hand_is_rolled_back_and_its_lock_released() {
    let database = Database::new();
    let pool = database.pool();
    borrow(&pool).execute_batch(&format!("BEGIN IMMEDIATE; {INSERT}")).unwrap();
    database.outsider().execute_batch("PRAGMA busy_timeout = 0; BEGIN IMMEDIATE; ROLLBACK").unwrap();
    assert_clean_and_kept(&pool);
}

#[test]
fn a_transaction_of_a_borrower_who_panics_goes_with_its_connection() {
    let database = Database::new();
    let pool = database.pool();
    let panic = catch_unwind(AssertUnwindSafe(|| {
        let connection = borrow(&pool);
        connection.execute_batch(&format!("BEGIN IMMEDIATE; {INSERT}")).unwrap();
        panic!("as the test wants it");
    }));
    assert!(panic.is_err());
    assert_replaced(&pool, DiscardReason::Panicked);
    assert_eq!(rows(&borrow(&pool)), 0);
}

#[test]
fn what_a_committed_transaction_wrote_stays() {
    let database = Database::new();
    let pool = database.pool();
    let mut connection = borrow(&pool);
    let transaction = connection.transaction().unwrap();
    transaction.execute(INSERT, []).unwrap();
    transaction.commit().unwrap();
    drop(connection);
    assert_eq!(rows(&borrow(&pool)), 1);
}

#[test]
fn settings_that_a_borrower_changed_are_put_back() {
    let database = Database::new();
    let pool = database.pool();
    let connection = borrow(&pool);
    connection.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA busy_timeout = 1").unwrap();
    drop(connection);
    let connection = borrow(&pool);
    assert_eq!(pragma::<u32>(&connection, "foreign_keys"), 1);
    assert_eq!(pragma::<u32>(&connection, "busy_timeout"), 1234);
    assert_eq!(pool.metrics().connected, 1);
}

#[test]
fn the_default_behaviour_of_transactions_is_put_back() {
    let database = Database::new();
    let pool = database.pool();
    borrow(&pool).set_transaction_behavior(rusqlite::TransactionBehavior::Immediate);
    let mut connection = borrow(&pool);
    let transaction = connection.transaction().unwrap();
    // One that took the lock when it began would keep this one out.
    database.outsider().execute_batch("PRAGMA busy_timeout = 0; BEGIN IMMEDIATE; ROLLBACK").unwrap();
    transaction.rollback().unwrap();
}

#[test]
fn a_temporary_table_goes_with_its_connection() {
    let database = Database::new();
    let pool = database.pool();
    borrow(&pool).execute_batch("CREATE TEMP TABLE notes (note TEXT)").unwrap();
    assert_replaced(&pool, DiscardReason::ResetFailed);
    assert!(borrow(&pool).prepare("SELECT * FROM notes").is_err());
}

#[test]
fn a_temporary_table_that_was_dropped_is_no_reason_to_close() {
    let database = Database::new();
    let pool = database.pool();
    borrow(&pool).execute_batch("CREATE TEMP TABLE notes (note TEXT); DROP TABLE notes").unwrap();
    assert_clean_and_kept(&pool);
}

#[test]
fn an_attached_database_goes_with_its_connection() {
    let database = Database::new();
    let pool = database.pool();
    borrow(&pool).execute_batch("ATTACH ':memory:' AS other").unwrap();
    assert_replaced(&pool, DiscardReason::ResetFailed);
}

#[test]
fn a_statement_forgotten_half_way_goes_with_its_connection() {
    let database = Database::new();
    let pool = database.pool();
    let connection = borrow(&pool);
    let mut statement = connection.prepare("SELECT 1 UNION ALL SELECT 2").unwrap();
    statement.query([]).unwrap().next().unwrap();
    let mut rows = statement.query([]).unwrap();
    rows.next().unwrap();
    std::mem::forget(rows);
    std::mem::forget(statement);
    drop(connection);
    assert_replaced(&pool, DiscardReason::Broken);
    let [report] = database.reports().try_into().unwrap();
    assert!(report.starts_with("a connection that was broken when it was given back cannot be closed: "), "{report}");
}

#[test]
fn prepared_statements_outlive_borrowings_checks_and_resets() {
    const QUERY: &str = "SELECT count(*) FROM rows";
    let database = Database::new();
    let pool = database.pool_with(Config::new().validate_after(Some(Duration::ZERO)));
    for runs in 0..5 {
        let connection = borrow(&pool);
        let mut statement = connection.prepare_cached(QUERY).unwrap();
        assert_eq!(statement.get_status(StatementStatus::Run), runs);
        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
        statement.query_row([], |_| Ok(())).unwrap();
        drop(statement);
        connection.execute_batch("BEGIN").unwrap();
    }
    assert_eq!((pool.metrics().connected, pool.metrics().checked), (1, 4));
}

#[test]
fn a_connection_to_a_file_that_is_gone_is_closed_when_it_comes_back() {
    let database = Database::new();
    let pool = database.pool();
    let connection = borrow(&pool);
    fs::remove_file(&database.path).unwrap();
    drop(connection);
    assert_eq!((pool.status().idle, pool.metrics().discarded_for(DiscardReason::Broken)), (0, 1));
}

#[test]
fn a_connection_to_a_file_that_is_gone_is_not_lent() {
    let database = Database::new();
    let pool = database.pool_with(Config::new().validate_after(Some(Duration::ZERO)));
    drop(borrow(&pool));
    fs::remove_file(&database.path).unwrap();
    assert!(matches!(pool.get().unwrap_err(), GetError::Connect { .. }));
    assert_eq!(pool.metrics().discarded_for(DiscardReason::Invalid), 1);
    assert!(
        database
            .reports()
            .contains(&"a check failed: the database file is gone, or another one is in its place".into())
    );
}

#[test]
fn a_connection_to_a_file_that_was_replaced_is_not_lent() {
    let database = Database::new();
    let pool = database.pool_with(Config::new().validate_after(Some(Duration::ZERO)));
    borrow(&pool).execute(INSERT, []).unwrap();
    let other = Database::new();
    other.outsider().execute_batch(&format!("{INSERT}; {INSERT}; PRAGMA journal_mode = DELETE")).unwrap();
    for suffix in ["db-wal", "db-shm"] {
        fs::remove_file(database.path.with_extension(suffix)).unwrap();
    }
    fs::rename(&other.path, &database.path).unwrap();
    let connection = borrow(&pool);
    assert_eq!((rows(&connection), pragma::<String>(&connection, "journal_mode")), (2, "wal".into()));
    assert_eq!((pool.metrics().connected, pool.metrics().discarded_for(DiscardReason::Invalid)), (2, 1));
}

#[test]
fn a_connection_to_a_file_that_was_damaged_is_not_lent() {
    let database = Database::new();
    let pool = database.pool_with(Config::new().validate_after(Some(Duration::ZERO)));
    drop(borrow(&pool));
    let outsider = database.outsider();
    // What the connection has read of the file so far is out of date by this, and it has to read the log.
    outsider.execute_batch("CREATE TABLE more (id INTEGER PRIMARY KEY)").unwrap();
    let log = database.path.with_extension("db-wal");
    let zeros = vec![0; fs::metadata(&log).unwrap().len().try_into().unwrap()];
    fs::write(&log, zeros).unwrap();
    assert!(matches!(pool.get().unwrap_err(), GetError::Connect { .. }));
    assert_eq!(pool.metrics().discarded_for(DiscardReason::Invalid), 1);
}

#[test]
fn what_a_lock_keeps_out_is_told_within_its_time() {
    let database = Database::new();
    let locker = database.lock_out();
    let pool = Pool::<_, 1>::new(Sqlite::new(&database.path).busy_timeout(FAR_TOO_LONG), Config::new()).unwrap();
    let began = Instant::now();
    let error = pool.get_timeout(Duration::from_millis(20)).unwrap_err();
    assert!(began.elapsed() < FAR_TOO_LONG / 2, "{:?}", began.elapsed());
    assert!(error.to_string().starts_with("cannot connect: database is locked"), "{error}");
    drop(locker);
    assert_eq!(rows(&borrow(&pool)), 0);
}

#[test]
fn a_check_that_waited_for_a_lock_leaves_the_busy_timeout_as_it_was() {
    let database = Database::new();
    let pool = database.pool_with(Config::new().validate_after(Some(Duration::ZERO)));
    drop(borrow(&pool));
    let connection = pool.get_timeout(Duration::from_millis(500)).unwrap();
    assert_eq!(pool.metrics().checked, 1);
    assert_eq!(pragma::<u32>(&connection, "busy_timeout"), 1234);
}

#[test]
fn closing_is_reported_with_its_reason() {
    let database = Database::new();
    let pool = database.pool();
    ConnGuard::discard(borrow(&pool));
    drop(borrow(&pool));
    pool.close();
    assert_eq!(
        database.reports(),
        [
            "closed a connection: it was discarded by its holder",
            "closed a connection: it belonged to a pool that was closed"
        ]
    );
    assert!(!database.path.with_extension("db-wal").exists(), "the last connection leaves no log behind");
}

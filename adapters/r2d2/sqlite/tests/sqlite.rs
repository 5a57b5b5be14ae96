//! `r2d2_sqlite`.

#![forbid(unsafe_code)]

use std::error::Error;
use std::thread;

use conn_pool::SharedPool;
use conn_pool::managed::{Config, Hooks};
use conn_pool_r2d2::FromR2d2;
use r2d2_sqlite::SqliteConnectionManager;
use r2d2_sqlite::rusqlite::{Connection, Error as SqliteError};

type Outcome = Result<(), Box<dyn Error>>;

fn count(connection: &Connection) -> Result<i64, SqliteError> {
    connection.query_row("SELECT count(*) FROM orders", [], |row| row.get(0))
}

#[test]
fn threads_share_a_file() -> Outcome {
    let folder = tempfile::tempdir()?;
    let set_up = |connection: &mut Connection| connection.execute_batch("PRAGMA busy_timeout = 60000");
    let manager = SqliteConnectionManager::file(folder.path().join("shop.db")).with_init(set_up);
    let pool = SharedPool::blocking(FromR2d2::new(manager), Config::new().max_size(2))?;
    pool.get()?.execute_batch("CREATE TABLE orders (id INTEGER PRIMARY KEY)")?;
    thread::scope(|threads| {
        for _ in 0..8 {
            threads.spawn(|| {
                for _ in 0..10 {
                    let connection = pool.get().unwrap();
                    connection.execute("INSERT INTO orders DEFAULT VALUES", []).unwrap();
                }
            });
        }
    });
    assert_eq!(count(&*pool.get()?)?, 80);
    assert!(pool.metrics().pool.peak_in_use <= 2);
    Ok(())
}

/// `r2d2_sqlite` does not look at what is returned; a hook does.
#[test]
fn a_hook_rolls_back_what_a_caller_has_left_open() -> Outcome {
    let manager = Hooks::new(FromR2d2::new(SqliteConnectionManager::memory()))
        .on_return(|connection| if connection.is_autocommit() { Ok(()) } else { connection.execute_batch("ROLLBACK") });
    let pool = SharedPool::blocking(manager, Config::new().max_size(1))?;
    pool.get()?.execute_batch("CREATE TABLE orders (id INTEGER PRIMARY KEY)")?;
    pool.get()?.execute_batch("BEGIN; INSERT INTO orders DEFAULT VALUES")?;
    assert_eq!(count(&*pool.get()?)?, 0);
    Ok(())
}

#[test]
fn its_own_error_reaches_the_caller() -> Outcome {
    let folder = tempfile::tempdir()?;
    let manager = SqliteConnectionManager::file(folder.path().join("no such folder").join("shop.db"));
    let pool = SharedPool::blocking(FromR2d2::new(manager), Config::new().fail_fast(true))?;
    let error = pool.get().unwrap_err().to_string();
    assert!(error.contains("unable to open database file"), "{error}");
    Ok(())
}

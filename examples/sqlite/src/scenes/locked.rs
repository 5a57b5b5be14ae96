//! Somebody outside the pool locks the database: those who write are told so, those who read go on.

use std::path::Path;
use std::time::Duration;

use conn_pool::managed::{Config, GetError, Pool};
use rusqlite::{Connection, ErrorCode};

use super::{Database, Failure, SqlitePool, THREADS, TOTAL, borrow, close, in_threads, insert, total};
use crate::manager::Error;

const TURNS: usize = 3;
const NAME: &str = "locked";

pub(super) fn play(folder: &Path) -> Result<Vec<String>, Failure> {
    let database = Database::create(folder, NAME)?;
    let manager = || database.manager().busy_timeout(Duration::from_millis(5));
    let pool = Pool::new(manager(), Config::new().name(NAME))?;

    let locker = database.outsider()?;
    locker.execute_batch("BEGIN IMMEDIATE")?;
    let told = in_threads(
        THREADS,
        |number| {
            if number % 2 == 0 { read(&pool).map(|()| 0) } else { be_refused(&pool, number) }
        },
    )?;
    let told: usize = told.into_iter().sum();
    locker.execute_batch("ROLLBACK")?;

    for turn in 0..TURNS {
        for number in 0..THREADS {
            insert(&*borrow(&pool)?, number, turn)?;
        }
    }
    ensure!(pool.metrics().discarded_in_all() == 0, "a lock has cost connections");
    close(&pool)?;
    let found = database.inspect()?;
    ensure!(found == TURNS * THREADS, "{found} rows are in the file");
    drop(locker);
    let refusal = connect_to_a_locked_database(&database, &Pool::new(manager(), Config::new().name(NAME))?)?;
    Ok(vec![
        format!("{told} writes by {} threads were refused: database is locked", THREADS / 2),
        format!("{} threads that only read got right answers meanwhile", THREADS / 2),
        format!("when the lock was gone {found} writes went through, on the same connections"),
        format!("a pool without connections was refused: {refusal}"),
        "when the lock was gone it could connect".into(),
    ])
}

fn read(pool: &SqlitePool) -> Result<(), Failure> {
    for _ in 0..TURNS {
        let sum = total(&*borrow(pool)?)?;
        ensure!(sum == TOTAL, "the sum was {sum}");
    }
    Ok(())
}

fn be_refused(pool: &SqlitePool, number: usize) -> Result<usize, Failure> {
    for turn in 0..TURNS {
        match insert(&*borrow(pool)?, number, turn) {
            Err(error) if is_busy(&error) => {}
            other => return Err(format!("a write into a locked database: {other:?}").into()),
        }
    }
    Ok(TURNS)
}

fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}

/// A lock that keeps everybody out, who opens the database included.
fn connect_to_a_locked_database(database: &Database, pool: &SqlitePool) -> Result<String, Failure> {
    let locker: Connection = database.outsider()?;
    locker.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; UPDATE accounts SET balance = 100")?;
    let refusal = match pool.get() {
        Err(error @ GetError::Connect { .. }) => error,
        Err(error) => return Err(format!("another error than was expected: {error}").into()),
        Ok(_) => return Err("could connect to a locked database".into()),
    };
    let text = refusal.to_string();
    ensure!(
        matches!(refusal.into_manager_error(), Some(Error::Sqlite(error)) if is_busy(&error)),
        "not the manager's error"
    );
    locker.execute_batch("ROLLBACK")?;
    drop(locker);
    ensure!(total(&*borrow(pool)?)? == TOTAL, "the sum is wrong");
    close(pool)?;
    Ok(text)
}

//! Whatever a borrower leaves behind, the next one begins clean. There is one connection only, so it is the next one's.

use std::path::Path;
use std::time::Duration;

use conn_pool::managed::{Config, DiscardReason};

use super::{Database, Failure, INSERT, SqlitePool, borrow, close, entries, insert, write_in};

pub(super) fn play(folder: &Path) -> Result<Vec<String>, Failure> {
    let database = Database::create(folder, "sessions")?;
    let pool = database.pool(Config::new().name("sessions").max_size(1))?;

    {
        let mut connection = borrow(&pool)?;
        let transaction = write_in(&mut connection)?;
        insert(&transaction, 0, 0)?;
        ensure!(entries(&transaction)? == 1, "the row is not even there");
    }
    expect_clean(&pool, &database)?;

    {
        let connection = borrow(&pool)?;
        connection.execute_batch("BEGIN IMMEDIATE")?;
        insert(&connection, 0, 0)?;
    }
    expect_clean(&pool, &database)?;

    {
        let connection = borrow(&pool)?;
        connection.pragma_update(None, "foreign_keys", false)?;
        connection.busy_timeout(Duration::ZERO)?;
    }
    expect_clean(&pool, &database)?;
    let made = pool.metrics().connected;
    ensure!(made == 1, "it was not the same connection: {made} were made");

    borrow(&pool)?.execute_batch("CREATE TEMP TABLE notes (note TEXT)")?;
    expect_clean(&pool, &database)?;
    let closed = pool.metrics().discarded_for(DiscardReason::ResetFailed);
    ensure!(closed == 1, "{closed} connections were closed for what was left in them");

    close(&pool)?;
    ensure!(database.inspect()? == 0, "something was written after all");
    Ok(vec![
        "a transaction that was dropped without a commit was rolled back".into(),
        "a transaction begun by a raw BEGIN was rolled back when its connection came back".into(),
        "foreign keys and the busy timeout, which a borrower had changed, were put back".into(),
        "a connection with a temporary table was closed, and the next borrower got a new one".into(),
    ])
}

fn expect_clean(pool: &SqlitePool, database: &Database) -> Result<(), Failure> {
    let connection = borrow(pool)?;
    ensure!(connection.is_autocommit(), "the next borrower is in somebody's transaction");
    ensure!(entries(&connection)? == 0, "the next borrower sees somebody's row");
    // A lock that was left would make an outsider wait.
    database.outsider()?.execute_batch("PRAGMA busy_timeout = 0; BEGIN IMMEDIATE; ROLLBACK")?;
    ensure!(connection.execute(INSERT, [0, 0, 999]).is_err(), "foreign keys are off");
    let patience: u128 = connection.pragma_query_value(None, "busy_timeout", |row| row.get::<_, u32>(0))?.into();
    ensure!(patience == super::FAR_TOO_LONG.as_millis(), "the busy timeout is {patience} ms");
    ensure!(connection.prepare("SELECT * FROM temp.notes").is_err(), "the next borrower sees somebody's table");
    Ok(())
}

//! A statement is prepared once for each connection, whoever borrows it.

use std::path::Path;

use conn_pool::managed::Config;
use rusqlite::{Connection, StatementStatus};

use super::{CONNECTIONS, Database, Failure, SqlitePool, THREADS, borrow, close, in_threads};

const RUNS: usize = 25;
const QUERY: &str = "SELECT balance FROM accounts WHERE id = ?1";

pub(super) fn play(folder: &Path) -> Result<Vec<String>, Failure> {
    let database = Database::create(folder, "statements")?;
    let pool = database.pool(Config::new().name("statements"))?;
    in_threads(THREADS, |_| (0..RUNS).try_for_each(|_| ask(&pool)))?;

    let asked = THREADS * RUNS;
    let counted = runs_on_all_connections(&pool)?;
    ensure!(counted == asked, "{asked} times it was asked, and the statements count {counted} runs");
    let kept = pool.metrics().pool.acquired;
    close(&pool)?;
    ensure!(kept >= asked, "{kept} borrowings");
    Ok(vec![format!(
        "{asked} borrowings ran a query, prepared once for each of at most {CONNECTIONS} connections: its statements count {counted} runs"
    )])
}

fn ask(pool: &SqlitePool) -> Result<(), Failure> {
    let balance: i64 = borrow(pool)?.prepare_cached(QUERY)?.query_row([1], |row| row.get(0))?;
    ensure!(balance == 100, "the balance was {balance}");
    Ok(())
}

/// SQLite counts the runs of each statement from when it was prepared.
fn runs_on_all_connections(pool: &SqlitePool) -> Result<usize, Failure> {
    let mut runs = 0;
    let mut failure = None;
    pool.retain(|connection| {
        runs_on(connection).map_or_else(|error| failure = Some(error), |more| runs += more);
        true
    });
    failure.map_or(Ok(runs), Err)
}

fn runs_on(connection: &Connection) -> Result<usize, Failure> {
    Ok(connection.prepare_cached(QUERY)?.get_status(StatementStatus::Run).try_into()?)
}

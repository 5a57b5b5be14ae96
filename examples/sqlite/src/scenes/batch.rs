//! Rows in transactions of their own, and as many in one.

use std::path::Path;
use std::time::{Duration, Instant};

use conn_pool::managed::Config;

use super::{Database, Failure, SqlitePool, borrow, close, insert, write_in};

const ROWS: usize = 1000;

pub(super) fn play(folder: &Path) -> Result<Vec<String>, Failure> {
    let database = Database::create(folder, "batch")?;
    let pool = database.pool(Config::new().name("batch"))?;
    let (singly, together) = (insert_singly(&pool)?, insert_together(&pool)?);
    close(&pool)?;
    let found = database.inspect()?;
    ensure!(found == 2 * ROWS, "{found} rows are in the file");
    let ratio = singly.as_secs_f64() / together.as_secs_f64();
    ensure!(singly > together, "one transaction took longer than {ROWS}: {together:?}, {singly:?}");
    Ok(vec![
        format!("{ROWS} rows in as many transactions, and {ROWS} in one: all are in the file"),
        format!("ratio of the times: {ratio:.1}"),
    ])
}

fn insert_singly(pool: &SqlitePool) -> Result<Duration, Failure> {
    let began = Instant::now();
    for turn in 0..ROWS {
        insert(&*borrow(pool)?, 0, turn)?;
    }
    Ok(began.elapsed())
}

fn insert_together(pool: &SqlitePool) -> Result<Duration, Failure> {
    let began = Instant::now();
    let mut connection = borrow(pool)?;
    let transaction = write_in(&mut connection)?;
    for turn in 0..ROWS {
        insert(&transaction, 1, turn)?;
    }
    transaction.commit()?;
    Ok(began.elapsed())
}

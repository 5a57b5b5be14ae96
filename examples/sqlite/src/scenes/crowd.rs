//! More threads than connections write and read, and every result is right.

use std::path::Path;

use conn_pool::managed::Config;
use rusqlite::params;

use super::{
    ACCOUNTS, CONNECTIONS, Database, Failure, SqlitePool, THREADS, TOTAL, borrow, close, entries, in_threads, total,
    wait_until, write_in,
};

const TRANSFERS: usize = 40;

pub(super) fn play(folder: &Path) -> Result<Vec<String>, Failure> {
    let database = Database::create(folder, "crowd")?;
    let pool = database.pool(Config::new().name("crowd").min_idle(2))?;
    let health = pool.health_check()?;

    // All connections are held until all threads wait, so that each run begins with a crowd.
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS {
        held.push(borrow(&pool)?);
    }
    std::thread::scope(|scope| {
        let work = scope.spawn(|| in_threads(THREADS, |number| transfer_and_look(&pool, number)));
        let waited = wait_until("all threads wait", || pool.status().waiting == THREADS);
        held.clear();
        work.join().map_err(|_| "a thread panicked")??;
        waited
    })?;

    let written = THREADS * TRANSFERS;
    ensure!(total(&*borrow(&pool)?)? == TOTAL, "money was made or lost");
    let made = pool.metrics().connected;
    ensure!(made == CONNECTIONS, "{made} connections were made");
    ensure!(pool.metrics().pool.peak_in_use <= CONNECTIONS, "too many were in use");
    drop(health);
    close(&pool)?;
    let found = database.inspect()?;
    ensure!(found == written, "{written} transfers were written, {found} are in the file");
    Ok(vec![
        format!("{THREADS} threads waited for {CONNECTIONS} connections, and no more than those were made"),
        format!("{written} transfers were written, each once, and all of them are in the file"),
        format!("{written} times in between a thread looked: the sum was right, and its own transfers were there"),
    ])
}

fn transfer_and_look(pool: &SqlitePool, number: usize) -> Result<(), Failure> {
    for turn in 0..TRANSFERS {
        transfer(pool, number, turn)?;
        look(pool, number, turn)?;
    }
    Ok(())
}

fn transfer(pool: &SqlitePool, number: usize, turn: usize) -> Result<(), Failure> {
    let mut connection = borrow(pool)?;
    let transaction = write_in(&mut connection)?;
    let (from, to) = ((number + turn) % ACCOUNTS, (number + 2 * turn + 1) % ACCOUNTS);
    for (account, change) in [(from, -1), (to, 1)] {
        let mut update = transaction.prepare_cached("UPDATE accounts SET balance = balance + ?2 WHERE id = ?1")?;
        ensure!(update.execute(params![account, change])? == 1, "account {account} is missing");
    }
    super::insert(&transaction, number, turn)?;
    Ok(transaction.commit()?)
}

/// On whichever connection it gets, a thread finds what it has written on others.
fn look(pool: &SqlitePool, number: usize, turn: usize) -> Result<(), Failure> {
    let connection = borrow(pool)?;
    let sum = total(&connection)?;
    ensure!(sum == TOTAL, "the sum was {sum}");
    let mut own = connection.prepare_cached("SELECT count(*) FROM entries WHERE thread = ?1")?;
    let own: usize = own.query_row([number], |row| row.get(0))?;
    ensure!(own == turn + 1, "thread {number} found {own} of its {} transfers", turn + 1);
    ensure!(entries(&connection)? >= own, "fewer in all than of one");
    Ok(())
}

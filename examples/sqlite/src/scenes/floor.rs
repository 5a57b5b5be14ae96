//! Connections are ready before anybody asks, and again after they are gone.

use std::path::Path;

use conn_pool::managed::{Config, DiscardReason};

use super::{Database, Failure, SqlitePool, close, wait_until};

const FLOOR: usize = 2;

pub(super) fn play(folder: &Path) -> Result<Vec<String>, Failure> {
    let database = Database::create(folder, "floor")?;
    let pool = database.pool(Config::new().name("floor").min_idle(FLOOR))?;
    let health = pool.health_check()?;
    wait_until("the first are ready", || is_ready(&pool, FLOOR))?;

    // Threads of the health check end them, maybe after others are ready.
    pool.evict_all();
    let evicted = || pool.metrics().discarded_for(DiscardReason::Evicted);
    wait_until("others are ready, and these are gone", || is_ready(&pool, 2 * FLOOR) && evicted() >= FLOOR)?;
    ensure!(evicted() == FLOOR, "{} were evicted", evicted());
    drop(health);
    close(&pool)?;
    Ok(vec![
        format!("{FLOOR} connections were ready before anybody had asked"),
        format!("all {FLOOR} were evicted, and {FLOOR} new ones were ready soon after"),
    ])
}

fn is_ready(pool: &SqlitePool, made: usize) -> bool {
    pool.status().idle == FLOOR && pool.metrics().connected == made
}

//! A backup is put in the place of the file. Connections to the old one would go on as if nothing had happened.

use std::fs;
use std::path::Path;

use conn_pool::managed::{Config, DiscardReason};

use super::{CONNECTIONS, Database, Failure, Guard, SqlitePool, borrow, close, entries, insert};

const IN_BACKUP: usize = 3;

pub(super) fn play(folder: &Path) -> Result<Vec<String>, Failure> {
    let database = Database::create(folder, "replaced")?;
    let pool = database.pool(Config::new().name("replaced"))?;
    for turn in 0..IN_BACKUP {
        insert(&*borrow(&pool)?, 0, turn)?;
    }
    let backup = database.path.with_extension("backup");
    borrow(&pool)?.execute("VACUUM INTO ?1", [backup.to_str().ok_or("the path is not UTF-8")?])?;
    insert(&*borrow(&pool)?, 0, IN_BACKUP)?;

    let held = fill(&pool)?;
    put_in_place(&backup, &database.path)?;
    let evicted = pool.evict_all();
    ensure!(evicted == CONNECTIONS - 1, "{evicted} idle connections were evicted");
    drop(held);
    let noticed = pool.metrics().discarded_for(DiscardReason::Broken);
    ensure!(noticed == 1, "{noticed} connections were found broken when they came back");

    let found = entries(&*borrow(&pool)?)?;
    ensure!(found == IN_BACKUP, "the next borrower sees {found} rows");
    close(&pool)?;
    ensure!(database.inspect()? == IN_BACKUP, "the backup has changed");
    Ok(vec![
        format!("{evicted} idle connections to the old file were evicted, and a held one went when it came back"),
        format!("the next borrower saw the {found} rows of the backup"),
    ])
}

/// All connections are made, and one of them is held.
fn fill(pool: &SqlitePool) -> Result<Guard<'_>, Failure> {
    let mut all = Vec::new();
    for _ in 0..CONNECTIONS {
        all.push(borrow(pool)?);
    }
    Ok(all.remove(0))
}

/// The log of the old database must not be taken for the new one's.
fn put_in_place(backup: &Path, path: &Path) -> Result<(), Failure> {
    fs::remove_file(path)?;
    for suffix in ["-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        fs::remove_file(name)?;
    }
    Ok(fs::rename(backup, path)?)
}

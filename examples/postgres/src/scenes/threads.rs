use std::thread;

use conn_pool::SharedPool;
use conn_pool::managed::Config;
use conn_pool_postgres::sync::Postgres;

use super::{Failure, Shown, demand};

const THREADS: i32 = 8;

pub(super) fn play(url: &str) -> Shown {
    let pool = SharedPool::blocking(Postgres::from_url(url)?, Config::new().name("threads").max_size(2))?;
    let total = thread::scope(|scope| {
        let begin = |number| {
            scope.spawn({
                let pool = &pool;
                move || square(pool, number)
            })
        };
        let workers: Vec<_> = (0..THREADS).map(begin).collect();
        workers.into_iter().map(|worker| worker.join().expect("no worker panics")).sum::<Result<i32, Failure>>()
    })?;
    demand(total == 140, "a thread has got another one's answer")?;
    Ok(vec![format!("{THREADS} threads over {} connections: {total}", pool.status().max_size)])
}

fn square(pool: &SharedPool<Postgres>, number: i32) -> Result<i32, Failure> {
    let mut client = pool.get()?;
    let mut transaction = client.transaction()?;
    let square = transaction.query_one("SELECT $1::int4 * $1", &[&number])?.get(0);
    transaction.commit()?;
    Ok(square)
}

use std::sync::Arc;
use std::time::Instant;

use conn_pool::managed::Config;
use conn_pool::{Fairness, SharedPool};
use conn_pool_postgres::sync::Postgres;

use super::{Answer, Built, Threads};
use crate::CONNECTIONS;
use crate::load::Work;

struct Ours(SharedPool<Postgres>);

pub(super) fn build_fifo(url: &str) -> Built<dyn Threads> {
    build(url, Fairness::Fifo)
}

pub(super) fn build_bounded(url: &str) -> Built<dyn Threads> {
    build(url, Fairness::Bounded(16))
}

fn build(url: &str, fairness: Fairness) -> Built<dyn Threads> {
    let config = Config::new().max_size(CONNECTIONS).min_idle(CONNECTIONS).fairness(fairness);
    Ok(Arc::new(Ours(SharedPool::connect_blocking(Postgres::from_url(url)?, config)?)))
}

impl Threads for Ours {
    fn request(&self, work: Work) -> Answer {
        let asked = Instant::now();
        let mut client = self.0.get()?;
        let waited = asked.elapsed();
        match work {
            Work::Query => {
                let statement = client.prepare_cached("SELECT 1")?;
                client.query_one(&statement, &[])?;
            }
            Work::Transaction => {
                let mut transaction = client.transaction()?;
                let statement = transaction.prepare_cached("SELECT 1")?;
                for _ in 0..3 {
                    transaction.query_one(&statement, &[])?;
                }
                transaction.commit()?;
            }
        }
        Ok(waited)
    }
}

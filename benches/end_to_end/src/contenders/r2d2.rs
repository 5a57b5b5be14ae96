use std::sync::Arc;
use std::time::Instant;

use r2d2::Pool;
use r2d2_postgres::PostgresConnectionManager;
use r2d2_postgres::postgres::NoTls;

use super::{Answer, Built, Threads};
use crate::CONNECTIONS;
use crate::load::Work;

/// It keeps no statements, so each request is one round trip that prepares nothing.
struct R2d2(Pool<PostgresConnectionManager<NoTls>>);

pub(super) fn build(url: &str) -> Built<dyn Threads> {
    let manager = PostgresConnectionManager::new(url.parse()?, NoTls);
    let pool = Pool::builder().max_size(u32::try_from(CONNECTIONS)?).test_on_check_out(false).build(manager)?;
    Ok(Arc::new(R2d2(pool)))
}

impl Threads for R2d2 {
    fn request(&self, work: Work) -> Answer {
        let asked = Instant::now();
        let mut client = self.0.get()?;
        let waited = asked.elapsed();
        match work {
            Work::Query => drop(client.query_typed("SELECT 1", &[])?),
            Work::Transaction => {
                let mut transaction = client.transaction()?;
                for _ in 0..3 {
                    transaction.query_typed("SELECT 1", &[])?;
                }
                transaction.commit()?;
            }
        }
        Ok(waited)
    }
}

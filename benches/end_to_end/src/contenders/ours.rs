use std::sync::Arc;
use std::time::Instant;

use conn_pool::SharedPool;
use conn_pool::managed::Config;
use conn_pool_postgres::Postgres;

use super::{Answer, Built, Future, Tasks};
use crate::CONNECTIONS;
use crate::load::Work;

struct Ours(SharedPool<Postgres>);

pub(super) fn build(url: String) -> Future<Built<dyn Tasks>> {
    Box::pin(async move {
        // All the connections at once, as with the others.
        let config = Config::new().max_size(CONNECTIONS).min_idle(CONNECTIONS);
        Ok(Arc::new(Ours(SharedPool::connect(Postgres::from_url(&url)?, config).await?)) as Arc<dyn Tasks>)
    })
}

impl Tasks for Ours {
    fn request(self: Arc<Self>, work: Work) -> Future<Answer> {
        Box::pin(async move {
            let asked = Instant::now();
            let mut client = self.0.get_async().await?;
            let waited = asked.elapsed();
            match work {
                Work::Query => {
                    let statement = client.prepare_cached("SELECT 1").await?;
                    client.query_one(&statement, &[]).await?;
                }
                Work::Transaction => {
                    let transaction = client.transaction().await?;
                    let statement = transaction.prepare_cached("SELECT 1").await?;
                    for _ in 0..3 {
                        transaction.query_one(&statement, &[]).await?;
                    }
                    transaction.commit().await?;
                }
            }
            Ok(waited)
        })
    }
}

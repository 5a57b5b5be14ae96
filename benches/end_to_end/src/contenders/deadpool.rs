use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::{Manager, Pool, Runtime};
use tokio_postgres::NoTls;

use super::{Answer, Built, Future, Tasks};
use crate::CONNECTIONS;
use crate::load::Work;

struct Deadpool(Pool);

pub(super) fn build(url: String) -> Future<Built<dyn Tasks>> {
    Box::pin(async move {
        let manager = Manager::new(url.parse()?, NoTls);
        // As the others have it by default.
        let pool = Pool::builder(manager).runtime(Runtime::Tokio1).wait_timeout(Some(Duration::from_secs(30)));
        Ok(Arc::new(Deadpool(pool.max_size(CONNECTIONS).build()?)) as Arc<dyn Tasks>)
    })
}

impl Tasks for Deadpool {
    fn request(self: Arc<Self>, work: Work) -> Future<Answer> {
        Box::pin(async move {
            let asked = Instant::now();
            let mut client = self.0.get().await?;
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

use std::sync::Arc;
use std::time::Instant;

use bb8::Pool;
use bb8_postgres::PostgresConnectionManager;
use tokio_postgres::NoTls;

use super::{Answer, Built, Future, Tasks};
use crate::CONNECTIONS;
use crate::load::Work;

/// It keeps no statements, so each request is one round trip that prepares nothing.
struct Bb8(Pool<PostgresConnectionManager<NoTls>>);

pub(super) fn build(url: String) -> Future<Built<dyn Tasks>> {
    Box::pin(async move {
        let manager = PostgresConnectionManager::new_from_stringlike(&url, NoTls)?;
        let size = u32::try_from(CONNECTIONS)?;
        let pool = Pool::builder().max_size(size).min_idle(size).test_on_check_out(false).build(manager).await?;
        Ok(Arc::new(Bb8(pool)) as Arc<dyn Tasks>)
    })
}

impl Tasks for Bb8 {
    fn request(self: Arc<Self>, work: Work) -> Future<Answer> {
        Box::pin(async move {
            let asked = Instant::now();
            let mut client = self.0.get().await?;
            let waited = asked.elapsed();
            match work {
                Work::Query => drop(client.query_typed("SELECT 1", &[]).await?),
                Work::Transaction => {
                    let transaction = client.transaction().await?;
                    for _ in 0..3 {
                        transaction.query_typed("SELECT 1", &[]).await?;
                    }
                    transaction.commit().await?;
                }
            }
            Ok(waited)
        })
    }
}

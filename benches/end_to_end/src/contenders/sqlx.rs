use std::sync::Arc;
use std::time::Instant;

use sqlx::{Connection, PgConnection, PgPool};

use super::{Answer, Built, Future, Tasks};
use crate::CONNECTIONS;
use crate::load::Work;

struct Sqlx(PgPool);

pub(super) fn build(url: String) -> Future<Built<dyn Tasks>> {
    Box::pin(async move {
        let options = sqlx::postgres::PgPoolOptions::new().max_connections(u32::try_from(CONNECTIONS)?);
        let options = options.min_connections(u32::try_from(CONNECTIONS)?).test_before_acquire(false);
        Ok(Arc::new(Sqlx(options.connect(&url).await?)) as Arc<dyn Tasks>)
    })
}

impl Tasks for Sqlx {
    fn request(self: Arc<Self>, work: Work) -> Future<Answer> {
        Box::pin(async move {
            let asked = Instant::now();
            let mut connection = self.0.acquire().await?;
            let waited = asked.elapsed();
            run(&mut connection, work).await?;
            Ok(waited)
        })
    }
}

pub(super) async fn run(connection: &mut PgConnection, work: Work) -> Result<(), sqlx::Error> {
    match work {
        Work::Query => drop(sqlx::query("SELECT 1").fetch_one(connection).await?),
        Work::Transaction => {
            let mut transaction = connection.begin().await?;
            for _ in 0..3 {
                sqlx::query("SELECT 1").fetch_one(&mut *transaction).await?;
            }
            transaction.commit().await?;
        }
    }
    Ok(())
}

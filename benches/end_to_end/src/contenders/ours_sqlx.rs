//! Connections of sqlx's driver in this pool: the same driver, another pool.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use conn_pool::SharedPool;
use conn_pool::managed::{AsyncManager, Config, Lifecycle};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};

use super::sqlx::run;
use super::{Answer, Built, Future, Tasks};
use crate::CONNECTIONS;
use crate::load::Work;

struct Sqlx(PgConnectOptions);

impl Lifecycle for Sqlx {
    type Connection = PgConnection;
    type Error = sqlx::Error;

    fn describe(&self, error: &sqlx::Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(error, f)
    }
}

impl AsyncManager for Sqlx {
    async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        PgConnection::connect_with(&self.0).await
    }

    async fn is_valid(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        connection.ping().await
    }
}

struct Ours(SharedPool<Sqlx>);

pub(super) fn build(url: String) -> Future<Built<dyn Tasks>> {
    Box::pin(async move {
        let config = Config::new().max_size(CONNECTIONS).min_idle(CONNECTIONS);
        Ok(Arc::new(Ours(SharedPool::connect(Sqlx(url.parse()?), config).await?)) as Arc<dyn Tasks>)
    })
}

impl Tasks for Ours {
    fn request(self: Arc<Self>, work: Work) -> Future<Answer> {
        Box::pin(async move {
            let asked = Instant::now();
            let mut connection = self.0.get_async().await?;
            let waited = asked.elapsed();
            run(&mut connection, work).await?;
            Ok(waited)
        })
    }
}

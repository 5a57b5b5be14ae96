//! bb8-postgres.

use std::sync::Arc;
use std::time::Instant;

use bb8_postgres::PostgresConnectionManager;
use bb8_postgres::tokio_postgres::NoTls;

use crate::contender::{Contender, Opened, Target};
use crate::crew::{Crew, Outcome, PATIENCE, REQUEST, SIZE};
use crate::tasks::{self, TaskPool, answer, unserved};

pub(crate) const ALL: [Bb8; 2] =
    [Bb8 { name: "bb8, checked (default)", checks: true }, Bb8 { name: "bb8, unchecked", checks: false }];

#[derive(Clone, Copy)]
pub(crate) struct Bb8 {
    name: &'static str,
    checks: bool,
}

impl Contender for Bb8 {
    fn name(&self) -> &'static str {
        self.name
    }

    fn open(&self, target: &Target, crew: &Arc<Crew>) -> Box<dyn Opened> {
        let manager = PostgresConnectionManager::new_from_stringlike(target.url(), NoTls).expect("a sound address");
        let builder = bb8::Pool::builder().max_size(u32::try_from(SIZE).expect("small"));
        let builder = builder.connection_timeout(PATIENCE).test_on_check_out(self.checks);
        tasks::open(|| builder.build_unchecked(manager), crew)
    }
}

type Pool = bb8::Pool<PostgresConnectionManager<NoTls>>;

impl TaskPool for Pool {
    async fn request(&self, until: Instant) -> Outcome {
        match self.get().await {
            Ok(client) => answer(client.query_one(REQUEST, &[]), until).await,
            Err(error) => unserved(&error),
        }
    }

    /// It is closed by dropping the last handle.
    fn close(self) {}
}

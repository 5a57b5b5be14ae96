//! `r2d2_postgres`.

use std::sync::Arc;

use r2d2_postgres::PostgresConnectionManager;
use r2d2_postgres::postgres::NoTls;

use crate::contender::{Contender, Opened, Target};
use crate::crew::{Crew, Outcome, PATIENCE, REQUEST, SIZE};
use crate::threads::{self, ThreadPool, outcome};

pub(crate) const ALL: [R2d2; 2] =
    [R2d2 { name: "r2d2, checked (default)", checks: true }, R2d2 { name: "r2d2, unchecked", checks: false }];

#[derive(Clone, Copy)]
pub(crate) struct R2d2 {
    name: &'static str,
    checks: bool,
}

impl Contender for R2d2 {
    fn name(&self) -> &'static str {
        self.name
    }

    fn drops_queries(&self) -> bool {
        false
    }

    fn open(&self, target: &Target, crew: &Arc<Crew>) -> Box<dyn Opened> {
        let config = target.url().parse().expect("a sound address");
        let builder = r2d2::Pool::builder().max_size(u32::try_from(SIZE).expect("small"));
        let builder = builder.connection_timeout(PATIENCE).test_on_check_out(self.checks);
        threads::open(builder.build_unchecked(PostgresConnectionManager::new(config, NoTls)), crew)
    }
}

type Pool = r2d2::Pool<PostgresConnectionManager<NoTls>>;

impl ThreadPool for Pool {
    fn request(&self, told: impl FnOnce()) -> Outcome {
        outcome(self.get_timeout(PATIENCE), told, |client| client.query_one(REQUEST, &[]))
    }

    /// It is closed by dropping the last handle.
    fn close(self) {}
}

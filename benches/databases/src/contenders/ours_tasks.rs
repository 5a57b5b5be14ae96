//! Ours, for tasks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use conn_pool::SharedPool;
use conn_pool::managed::Config;
use conn_pool_postgres::Postgres;

use crate::contender::{Contender, Opened, Target};
use crate::crew::{Crew, Outcome, PATIENCE, REQUEST, SIZE};
use crate::tasks::{self, TaskPool, answer, unserved};

pub(crate) const ALL: [Ours; 2] =
    [Ours { name: "ours", checks: false }, Ours { name: "ours, checked each time", checks: true }];

#[derive(Clone, Copy)]
pub(crate) struct Ours {
    name: &'static str,
    checks: bool,
}

/// The configuration of both families.
pub(super) const fn config(checks: bool) -> Config {
    let config = Config::new().max_size(SIZE);
    if checks { config.validate_after(Some(Duration::ZERO)) } else { config }
}

impl Contender for Ours {
    fn name(&self) -> &'static str {
        self.name
    }

    fn is_ours(&self) -> bool {
        true
    }

    fn open(&self, target: &Target, crew: &Arc<Crew>) -> Box<dyn Opened> {
        let postgres = Postgres::from_url(&target.url()).expect("a sound address");
        tasks::open(|| Pool(SharedPool::new(postgres, config(self.checks)).expect("a sound configuration")), crew)
    }
}

#[derive(Clone)]
struct Pool(SharedPool<Postgres>);

impl TaskPool for Pool {
    async fn request(&self, until: Instant) -> Outcome {
        match self.0.get_async_timeout(PATIENCE).await {
            Ok(client) => answer(client.query_one(REQUEST, &[]), until).await,
            Err(error) => unserved(&error),
        }
    }

    fn close(self) {
        self.0.close();
    }
}

//! deadpool-postgres.

use std::sync::Arc;
use std::time::Instant;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime, Timeouts, tokio_postgres::NoTls};

use crate::contender::{Contender, Opened, Target};
use crate::crew::{Crew, Outcome, PATIENCE, REQUEST, SIZE};
use crate::tasks::{self, TaskPool, answer, unserved};

pub(crate) const ALL: [Deadpool; 4] = [
    Deadpool { name: "deadpool, Fast, no timeouts (default)", method: RecyclingMethod::Fast, has_timeouts: false },
    Deadpool { name: "deadpool, Fast, timeouts", method: RecyclingMethod::Fast, has_timeouts: true },
    Deadpool { name: "deadpool, Verified, no timeouts", method: RecyclingMethod::Verified, has_timeouts: false },
    Deadpool { name: "deadpool, Verified, timeouts", method: RecyclingMethod::Verified, has_timeouts: true },
];

#[derive(Clone)]
pub(crate) struct Deadpool {
    name: &'static str,
    method: RecyclingMethod,
    has_timeouts: bool,
}

impl Contender for Deadpool {
    fn name(&self) -> &'static str {
        self.name
    }

    fn open(&self, target: &Target, crew: &Arc<Crew>) -> Box<dyn Opened> {
        let config = target.url().parse().expect("a sound address");
        let manager = Manager::from_config(config, NoTls, ManagerConfig { recycling_method: self.method.clone() });
        let limit = self.has_timeouts.then_some(PATIENCE);
        let timeouts = Timeouts { wait: limit, create: limit, recycle: limit };
        let builder = Pool::builder(manager).max_size(SIZE).timeouts(timeouts).runtime(Runtime::Tokio1);
        tasks::open(|| builder.build().expect("a sound configuration"), crew)
    }
}

impl TaskPool for Pool {
    async fn request(&self, until: Instant) -> Outcome {
        match self.get().await {
            Ok(client) => answer(client.query_one(REQUEST, &[]), until).await,
            Err(error) => unserved(&error),
        }
    }

    fn close(self) {
        Self::close(&self);
    }
}

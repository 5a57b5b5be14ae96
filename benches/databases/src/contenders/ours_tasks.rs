//! Ours, for tasks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use conn_pool::SharedPool;
use conn_pool::managed::Config;
use conn_pool_postgres::Postgres;

use crate::contender::{Contender, Opened, Target};
use crate::crew::{Crew, Outcome, PATIENCE, REQUEST, SIZE};
use crate::tasks::{self, TaskPool, answer, unserved};

pub(crate) const ALL: [Ours; 3] = [
    Ours { name: "ours", mode: Mode::Default },
    Ours { name: "ours, checked each time", mode: Mode::Checked },
    Ours { name: "ours, limits of 1 s", mode: Mode::Limited },
];

/// Of a connect and of a check: half of the callers' patience.
const LIMIT: Duration = Duration::from_secs(1);

#[derive(Clone, Copy)]
pub(crate) struct Ours {
    name: &'static str,
    mode: Mode,
}

/// How a pool of ours is set up, for tasks or for threads.
#[derive(Clone, Copy)]
pub(super) enum Mode {
    Default,
    /// Each connection is checked before it is lent.
    Checked,
    /// A connect and a check may take half of the time that a caller waits: if one takes too long there is time for
    /// another.
    Limited,
}

impl Mode {
    pub(super) const fn config(self) -> Config {
        let config = Config::new().max_size(SIZE);
        match self {
            Self::Default => config,
            Self::Checked => config.validate_after(Some(Duration::ZERO)),
            Self::Limited => config.connect_timeout(Some(LIMIT)).validation_timeout(Some(LIMIT)),
        }
    }
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
        tasks::open(|| Pool(SharedPool::new(postgres, self.mode.config()).expect("a sound configuration")), crew)
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

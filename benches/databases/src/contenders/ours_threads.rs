//! Ours, for threads.

use std::sync::Arc;

use conn_pool::SharedPool;
use conn_pool_postgres::sync::Postgres;

use super::ours_tasks::Mode;
use crate::contender::{Contender, Opened, Target};
use crate::crew::{Crew, Outcome, PATIENCE, REQUEST};
use crate::threads::{self, ThreadPool, outcome};

pub(crate) const ALL: [Ours; 3] = [
    Ours { name: "ours, threads", mode: Mode::Default },
    Ours { name: "ours, threads, checked each time", mode: Mode::Checked },
    Ours { name: "ours, threads, limits of 1 s", mode: Mode::Limited },
];

#[derive(Clone, Copy)]
pub(crate) struct Ours {
    name: &'static str,
    mode: Mode,
}

impl Contender for Ours {
    fn name(&self) -> &'static str {
        self.name
    }

    fn is_ours(&self) -> bool {
        true
    }

    fn drops_queries(&self) -> bool {
        false
    }

    fn open(&self, target: &Target, crew: &Arc<Crew>) -> Box<dyn Opened> {
        let postgres = Postgres::from_url(&target.url()).expect("a sound address");
        let pool = SharedPool::blocking(postgres, self.mode.config()).expect("a sound configuration");
        threads::open(Pool(pool), crew)
    }
}

#[derive(Clone)]
struct Pool(SharedPool<Postgres>);

impl ThreadPool for Pool {
    fn request(&self, told: impl FnOnce()) -> Outcome {
        outcome(self.0.get_timeout(PATIENCE), told, |client| client.query_one(REQUEST, &[]))
    }

    fn close(self) {
        self.0.close();
    }
}

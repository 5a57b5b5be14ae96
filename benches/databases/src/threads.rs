//! Callers that are threads.

use std::error::Error;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use event_listener::Listener;

use crate::contender::Opened;
use crate::crew::{CALLERS, Came, Crew, Outcome, PAUSE, Turn, told};

/// The pool, as its callers see it.
pub(crate) trait ThreadPool: Clone + Send + Sync + 'static {
    /// A request for which the pool has [`PATIENCE`](crate::crew::PATIENCE). The driver has no time limit for queries.
    /// `told` is called when the pool has given a connection, or said that there is none.
    fn request(&self, told: impl FnOnce()) -> Outcome;

    fn close(self);
}

/// A pool with its threads.
struct Threads<P>(Option<P>);

/// Makes the callers of a pool.
pub(crate) fn open<P: ThreadPool>(pool: P, crew: &Arc<Crew>) -> Box<dyn Opened> {
    for number in 0..CALLERS {
        let (pool, crew) = (pool.clone(), Arc::clone(crew));
        thread::spawn(move || call(&pool, &crew, number));
    }
    Box::new(Threads(Some(pool)))
}

fn call<P: ThreadPool>(pool: &P, crew: &Crew, number: usize) {
    loop {
        let next_order = crew.next_order();
        match crew.turn(number) {
            Turn::Pause => next_order.wait(),
            Turn::Ask => ask(pool, crew, number),
            Turn::End => return,
        }
    }
}

fn ask<P: ThreadPool>(pool: &P, crew: &Crew, number: usize) {
    let begun = Instant::now();
    let outcome = pool.request(|| crew.note_told(number));
    crew.note(number, begun, outcome);
    thread::sleep(PAUSE);
}

/// What has become of a request: the pool's answer, and then that to the query.
pub(crate) fn outcome<C, T>(
    got: Result<C, impl Error>,
    note_told: impl FnOnce(),
    query: impl FnOnce(&mut C) -> Result<T, r2d2_postgres::postgres::Error>,
) -> Outcome {
    note_told();
    let told_at = Some(Instant::now());
    let came = match got {
        Ok(mut client) => query(&mut client).map_or_else(|error| Came::Failed(told(&error)), |_| Came::Answered),
        Err(error) => Came::Unserved(told(&error)),
    };
    Outcome { told: told_at, came }
}

impl<P: ThreadPool> Opened for Threads<P> {
    fn close(&mut self) {
        if let Some(pool) = self.0.take() {
            pool.close();
        }
    }
}

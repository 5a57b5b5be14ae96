//! Callers that are tasks.

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use tokio::runtime::Runtime;
use tokio::time::{sleep, timeout, timeout_at};

use crate::contender::Opened;
use crate::crew::{CALLERS, Came, Crew, NEVER, Outcome, PATIENCE, PAUSE, Turn, told};

/// The pool, as its callers see it.
pub(crate) trait TaskPool: Clone + Send + Sync + 'static {
    /// A request that is to be answered at `until`. The pool keeps that by its own limits; the query is given up then.
    fn request(&self, until: Instant) -> impl Future<Output = Outcome> + Send;

    fn close(self);
}

/// A pool with its tasks, and their runtime.
struct Tasks<P> {
    pool: Option<P>,
    runtime: Option<Runtime>,
}

/// Makes a pool on a runtime of its own, and its callers.
pub(crate) fn open<P: TaskPool>(make: impl FnOnce() -> P, crew: &Arc<Crew>) -> Box<dyn Opened> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).enable_all().build().expect("threads can be made");
    let context = runtime.enter();
    let pool = make();
    for number in 0..CALLERS {
        runtime.spawn(call(pool.clone(), Arc::clone(crew), number));
    }
    drop(context);
    Box::new(Tasks { pool: Some(pool), runtime: Some(runtime) })
}

async fn call<P: TaskPool>(pool: P, crew: Arc<Crew>, number: usize) {
    loop {
        let next_order = crew.next_order();
        match crew.turn(number) {
            Turn::Pause => next_order.await,
            Turn::Ask => ask(&pool, &crew, number).await,
            Turn::End => return,
        }
    }
}

async fn ask<P: TaskPool>(pool: &P, crew: &Crew, number: usize) {
    let begun = Instant::now();
    let outcome = timeout(NEVER, pool.request(begun + PATIENCE)).await;
    crew.note(number, begun, outcome.unwrap_or(Outcome { told: None, came: Came::Never }));
    sleep(PAUSE).await;
}

/// What to say when the pool gave no connection.
pub(crate) fn unserved(error: &dyn Error) -> Outcome {
    Outcome { told: Some(Instant::now()), came: Came::Unserved(told(error)) }
}

/// Waits for a query until then.
pub(crate) async fn answer<T, E: Error>(query: impl Future<Output = Result<T, E>>, until: Instant) -> Outcome {
    let told_at = Some(Instant::now());
    let came = match timeout_at(until.into(), query).await {
        Ok(Ok(_)) => Came::Answered,
        Ok(Err(error)) => Came::Failed(told(&error)),
        Err(_) => Came::Failed("the query was given up".to_owned()),
    };
    Outcome { told: told_at, came }
}

impl<P: TaskPool> Opened for Tasks<P> {
    fn close(&mut self) {
        let context = self.runtime.as_ref().map(Runtime::enter);
        if let Some(pool) = self.pool.take() {
            pool.close();
        }
        drop(context);
    }
}

impl<P> Drop for Tasks<P> {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

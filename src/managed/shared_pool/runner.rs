// knows: block, spawner, clock, jobs, manager, upkeep, slot · must not know: who acquires
//! How a shared pool is maintained: by threads, or by a task, which is begun anew if its runtime has ended.

use core::future::{Future, poll_fn};
use core::ops::Deref;
use core::task::Poll;
use core::time::Duration;
use std::boxed::Box;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::block::{Block, BlockRef, Upkeep};
use super::spawner::Spawner;
use crate::managed::clock::{Clock, SystemClock};
use crate::managed::jobs::Attendant;
use crate::managed::manager::{AsyncManager, Manager};
use crate::managed::upkeep::connector::Attendance;
use crate::managed::upkeep::crew::Known;
use crate::managed::upkeep::task::maintain_until_closed;
use crate::managed::upkeep::thread::Maintainers;
use crate::slot::PoolParts;

/// Maintenance by threads, which [`start_threads`] starts.
pub(super) fn by_threads<M>() -> Upkeep<M>
where
    M: Manager<Connection: Send> + Send + Sync + 'static,
{
    Upkeep { begin: |pool| pool.engine().has_connector(), spawner: None }
}

pub(super) fn start_threads<M>(pool: &BlockRef<M>) -> io::Result<()>
where
    M: Manager<Connection: Send> + Send + Sync + 'static,
{
    // They end when the pool is closed: nobody has to stop them.
    Maintainers::start(pool.clone(), &**pool).map(drop)
}

impl<M> Known for BlockRef<M>
where
    M: Manager<Connection: Send> + Send + Sync + 'static,
{
    type Pool = Block<M>;

    fn pool(&self) -> Option<impl Deref<Target = Block<M>>> {
        Some(&**self)
    }
}

/// Maintenance by a task.
pub(super) fn by_task<M>(spawner: Spawner) -> Upkeep<M>
where
    M: AsyncManager<Connection: Send> + Send + Sync + 'static,
{
    Upkeep { begin: begin_task, spawner: Some(spawner) }
}

/// How long maintenance rests after a panic of the manager's, or of a hook's.
const AFTER_PANIC: Duration = Duration::from_millis(100);

/// Whether the future has ended by a panic, which was reported through the panic hook.
async fn has_panicked(work: impl Future<Output = ()>) -> bool {
    let mut work = Box::pin(Some(work));
    poll_fn(|context| {
        let poll = || work.as_mut().as_pin_mut().map_or(Poll::Ready(()), |work| work.poll(context));
        if let Ok(worked) = catch_unwind(AssertUnwindSafe(poll)) {
            return worked.map(|()| false);
        }
        // What it owns is the manager's, and may panic in turn.
        let _panic = catch_unwind(AssertUnwindSafe(|| work.set(None)));
        Poll::Ready(true)
    })
    .await
}

fn begin_task<M>(pool: &BlockRef<M>) -> bool
where
    M: AsyncManager<Connection: Send> + Send + Sync + 'static,
{
    let mut attendance = Attendance::new(pool.clone(), Attendant::CheckingTask);
    if !attendance.begin() {
        return true;
    }
    let own = pool.clone();
    let task = Box::pin(async move {
        let mut present = Some(attendance);
        while let Some(attendance) = present.take() {
            if has_panicked(maintain_until_closed(&*own, &SystemClock, attendance)).await {
                // Not at once: it may panic again.
                SystemClock.sleep(AFTER_PANIC).await;
                // Unless a caller has begun another task meanwhile.
                let mut next = Attendance::new(own.clone(), Attendant::CheckingTask);
                present = next.begin().then_some(next);
            }
        }
    });
    if let Some(spawner) = pool.spawner() {
        spawner.spawn(task);
    }
    // A runtime that has ended drops the task at once.
    pool.engine().has_connector()
}

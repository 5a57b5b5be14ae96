// knows: block, spawner, clock, jobs, manager, parts, record, upkeep, engine, slot · must not know: who acquires
//! How a shared pool is maintained: by threads, or by a task, which is begun anew if its runtime has ended.

use core::ops::Deref;
use std::boxed::Box;
use std::io;

use super::block::{Block, BlockRef, Upkeep};
use super::spawner::Spawner;
use crate::engine::SlotState;
use crate::managed::clock::SystemClock;
use crate::managed::jobs::Attendant;
use crate::managed::manager::{AsyncManager, Manager};
use crate::managed::parts::ManagedParts;
use crate::managed::record::REQUIRED;
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

fn begin_task<M>(pool: &BlockRef<M>) -> bool
where
    M: AsyncManager<Connection: Send> + Send + Sync + 'static,
{
    let mut attendance = Attendance::new(pool.clone(), Attendant::CheckingTask);
    if !attendance.begin() {
        return true;
    }
    // What was made on a runtime that has ended may not work any more.
    for (slot, _) in pool.engine().states().iter().enumerate().filter(|(_, state)| SlotState::is_filled(state)) {
        pool.record(slot).mark(REQUIRED);
    }
    let own = pool.clone();
    let task = Box::pin(async move { maintain_until_closed(&*own, &SystemClock, attendance).await });
    if let Some(spawner) = pool.spawner() {
        spawner.spawn(task);
    }
    // A runtime that has ended drops the task at once.
    pool.engine().has_connector()
}

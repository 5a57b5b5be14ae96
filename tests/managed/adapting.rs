//! Adapters: managers of one kind in pools of the other, and what a manager is asked and told through them.

use std::error::Error;
use std::fmt::Debug;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use conn_pool::managed::{
    AsyncFromBlocking, AsyncManager, BlockingFromAsync, BlockingFromAsyncError, CheckReason, Clock, DiscardReason,
    Event, GetError, Lifecycle, Manager, ManagerError, Pool,
};

use crate::kit::managed::{assert_send, millis, quiet, secs};
use crate::kit::{Call, Conn, Failed, Gate, Job, Outcome, Script, SimClock, wait_until};

/// A manager of one kind only, so that an adapter has something to add.
macro_rules! manager_of_one_kind {
    ($name:ident) => {
        struct $name(Script);

        impl Lifecycle for $name {
            type Connection = Conn;
            type Error = Failed;

            fn is_closed(&self, connection: &mut Conn) -> bool {
                self.0.is_closed(connection)
            }

            fn has_broken(&self, connection: &mut Conn) -> bool {
                self.0.has_broken(connection)
            }

            fn reset(&self, connection: &mut Conn) -> Result<(), Failed> {
                self.0.reset(connection)
            }

            fn needs_check(&self, connection: &mut Conn) -> bool {
                self.0.needs_check(connection)
            }

            fn on_check(&self, connection: &mut Conn, why: CheckReason) {
                self.0.on_check(connection, why);
            }

            fn on_discard(&self, connection: Conn, reason: DiscardReason) {
                self.0.on_discard(connection, reason);
            }

            fn on_event(&self, event: &Event<'_, Failed>) {
                self.0.on_event(event);
            }
        }
    };
}

manager_of_one_kind!(OnlyThreads);
manager_of_one_kind!(OnlyTasks);

impl Manager for OnlyThreads {
    fn connect(&self, within: Option<Duration>) -> Result<Conn, Failed> {
        Manager::connect(&self.0, within)
    }

    fn is_valid(&self, connection: &mut Conn, within: Option<Duration>) -> Result<(), Failed> {
        Manager::is_valid(&self.0, connection, within)
    }
}

impl AsyncManager for OnlyTasks {
    async fn connect(&self) -> Result<Conn, Failed> {
        AsyncManager::connect(&self.0).await
    }

    async fn is_valid(&self, connection: &mut Conn) -> Result<(), Failed> {
        AsyncManager::is_valid(&self.0, connection).await
    }
}

type One<M> = Pool<M, 1, SimClock>;

/// A pool of one, and the manager inside its adapters.
fn one<M: Lifecycle>(adapt: impl FnOnce(Script) -> M) -> (One<M>, Script) {
    let script = Script::default();
    (Pool::with_clock(adapt(script.clone()), quiet(), SimClock::default()).unwrap(), script)
}

fn borrow_as_a_thread<M: Manager<Error: Debug>>(pool: &One<M>) {
    drop(pool.get().unwrap());
}

fn borrow_as_a_task<M: AsyncManager<Error: Debug>>(pool: &One<M>) {
    drop(Job::new(pool.get_async()).end().unwrap());
}

/// Whatever a manager does, it is asked for and told of in its adapter too.
fn does_its_duties<M: Lifecycle>((pool, script): (One<M>, Script), borrow: impl Fn(&One<M>)) {
    for (call, reason) in [(Call::Broken, DiscardReason::Broken), (Call::Reset, DiscardReason::ResetFailed)] {
        script.then(call, Outcome::Error);
        borrow(&pool);
        assert_eq!((script.discards(reason), pool.metrics().discarded_for(reason)), (1, 1), "{reason}");
    }
    borrow(&pool);
    assert_eq!(script.calls(Call::Check), 0, "nothing was dirty");
    script.then(Call::Dirty, Outcome::Error).then(Call::Check, Outcome::Error);
    borrow(&pool);
    borrow(&pool);
    assert_eq!((script.calls(Call::Check), script.discards(DiscardReason::Invalid)), (1, 1));
    assert_eq!(script.reasons(), [CheckReason::Dirty]);
    assert_eq!(pool.metrics().discarded_for(DiscardReason::Evicted), 0);
    let events = [
        "connected",
        "connected",
        "reset failed: Reset 1 failed",
        "connected",
        "check failed: Check 1 failed",
        "connected",
    ];
    assert_eq!(script.events(), events);
    script.then(Call::Closed, Outcome::Error);
    borrow(&pool);
    assert_eq!(script.discards(DiscardReason::Broken), 2);
}

#[test]
fn a_manager_that_blocks_does_its_duties_for_threads_and_tasks() {
    does_its_duties(one(|script| AsyncFromBlocking(OnlyThreads(script))), borrow_as_a_thread);
    does_its_duties(one(|script| AsyncFromBlocking(OnlyThreads(script))), borrow_as_a_task);
}

#[test]
fn a_manager_that_awaits_does_its_duties_for_threads_and_tasks() {
    does_its_duties(one(|script| BlockingFromAsync(OnlyTasks(script))), borrow_as_a_thread);
    does_its_duties(one(|script| BlockingFromAsync(OnlyTasks(script))), borrow_as_a_task);
}

#[test]
fn an_adapter_tells_of_a_failed_connect_in_the_managers_words() {
    let (pool, script) = one(|script| BlockingFromAsync(OnlyTasks(script)));
    script.then(Call::Connect, Outcome::Error);
    assert!(pool.try_get().is_err());
    assert_eq!(script.events(), ["connect failed: Connect 1 failed"]);
}

#[test]
fn an_adapters_error_has_the_source_of_the_managers() {
    #[derive(Debug, thiserror::Error)]
    #[error("login failed")]
    struct NoLogin(#[source] Failed);

    let adapted = BlockingFromAsyncError::Manager(NoLogin(Failed(Call::Connect, 1)));
    assert_eq!(
        (adapted.to_string(), adapted.source().unwrap().to_string()),
        ("login failed".into(), "Connect 1 failed".into())
    );
    assert!(BlockingFromAsyncError::<Failed>::TimedOut.source().is_none());
}

#[test]
fn a_clock_may_be_lent_to_a_pool_or_shared_with_it() {
    fn look(clock: impl Clock) -> [Duration; 2] {
        [clock.now(), clock.coarse()]
    }
    let clock = SimClock::default();
    clock.advance(millis(7));
    assert_eq!(look(&clock), look(clock.clone()));
    assert_eq!(look(Arc::new(clock.clone())), look(clock));
}

#[test]
fn a_shared_clock_ends_the_waits_of_its_pool() {
    let clock = Arc::new(SimClock::default());
    let pool = Pool::<_, 1, _>::with_clock(Script::default(), quiet(), Arc::clone(&clock)).unwrap();
    pool.manager().allow(1);
    let _held = pool.get().unwrap();
    let mut waiting = Job::begun(pool.get_async_timeout(secs(1)));
    clock.advance(secs(1));
    assert_eq!(waiting.woken_to_end().unwrap_err().name(), "timeout");
}

/// A thread and a task wait, in the order in which they came.
fn serve_a_thread_and_a_task<M>(pool: &One<M>)
where
    M: Manager<Connection = Conn, Error: Debug> + AsyncManager + Sync,
{
    let held = pool.get().unwrap();
    let leave = Gate::default();
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let held = pool.get().unwrap();
            leave.wait_for_arrivals(1);
            held.number
        });
        wait_until(|| pool.status().waiting == 1);
        let mut task = Job::begun(pool.get_async());
        drop(held);
        task.wait_on();
        leave.arrive();
        assert_eq!(thread.join().unwrap(), 1);
        assert_eq!(task.woken_to_end().unwrap().number, 1);
    });
}

#[test]
fn tasks_may_use_a_manager_that_blocks() {
    let (pool, _) = one(|script| AsyncFromBlocking(OnlyThreads(script)));
    serve_a_thread_and_a_task(&pool);
    assert_send(&pool.get_async());
}

#[test]
fn threads_may_use_a_manager_that_awaits() {
    let (pool, _) = one(|script| BlockingFromAsync(OnlyTasks(script)));
    serve_a_thread_and_a_task(&pool);
    assert_send(&pool.get_async());
}

#[test]
fn a_thread_that_waits_for_a_future_is_woken_by_it() {
    let (pool, script) = one(|script| BlockingFromAsync(OnlyTasks(script)));
    let gate = Gate::default();
    script.then(Call::Connect, Outcome::at(&gate));
    thread::scope(|scope| {
        let caller = scope.spawn(|| pool.get().unwrap().number);
        gate.wait_for_arrivals(1);
        gate.open();
        assert_eq!(caller.join().unwrap(), 1);
    });
}

#[test]
fn a_thread_gives_a_future_no_more_time_than_it_has() {
    let (pool, script) = one(|script| BlockingFromAsync(OnlyTasks(script)));
    script.then(Call::Connect, Outcome::at(&Gate::default()));
    let error = pool.get_timeout(millis(5)).unwrap_err();
    assert!(
        matches!(error, GetError::Connect { error: ManagerError::Own(BlockingFromAsyncError::TimedOut), .. }),
        "{error}"
    );
    assert!(error.to_string().starts_with("cannot connect: no answer in time"), "{error}");
    drop(pool.get().unwrap());
    script.then(Call::Dirty, Outcome::Error).then(Call::Check, Outcome::at(&Gate::default()));
    drop(pool.get().unwrap());
    assert!(matches!(
        pool.get_timeout(millis(5)),
        Err(GetError::Connect { .. } | GetError::Timeout(_) | GetError::Invalid { .. })
    ));
    assert_eq!((pool.status().in_use, pool.metrics().check_failed), (0, 1));
}

#[test]
fn a_health_check_may_drive_a_manager_that_awaits() {
    let config = quiet().min_idle(1);
    let pool =
        Pool::<_, 1, _>::with_clock(BlockingFromAsync(OnlyTasks(Script::default())), config, SimClock::default())
            .unwrap();
    let pool = Arc::new(pool);
    let _health = pool.health_check().unwrap();
    wait_until(|| pool.status().idle == 1);
}

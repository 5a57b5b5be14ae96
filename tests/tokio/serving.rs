//! Tasks and threads in front of one pool.

use std::convert::Infallible;
use std::fmt::{self, Formatter};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use conn_pool::SharedPool;
use conn_pool::managed::{
    AsyncManager, BuildError, Config, DiscardReason, GetError, Hooks, Lifecycle, Manager, SharedConnGuard, Task,
    from_async_fn,
};
use tokio::runtime::Builder;

use crate::kit::managed::{millis, quiet, retry};
use crate::kit::{Call, FOREVER, Gate, Outcome, Script, lock};
use crate::pools::{BOTH, By, filled, until};
use crate::server::{Refused, Server};

const EACH: Option<Duration> = Some(Duration::ZERO);

fn is_shared<T: Clone + Send + Sync + 'static>(_: &T) {}

#[tokio::test]
async fn tasks_are_served_on_a_runtime_of_one_thread() {
    let server = Server::default();
    let pool = SharedPool::new(server.manager(), Config::new().max_size(2)).unwrap();
    is_shared(&pool);
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let pool = pool.clone();
            tokio::spawn(async move {
                let connection = pool.get_async().await.unwrap();
                tokio::task::yield_now().await;
                *connection
            })
        })
        .collect();
    for task in tasks {
        assert!((1..=2).contains(&task.await.unwrap()));
    }
    assert!(server.connects() <= 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_and_threads_are_served_from_one_queue() {
    for is_blocking in [false, true] {
        let server = Server::default();
        let config = Config::new().max_size(2);
        let pool = if is_blocking {
            SharedPool::blocking(server.manager(), config)
        } else {
            SharedPool::new(server.manager(), config)
        };
        let pool = pool.unwrap();
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let pool = pool.clone();
                std::thread::spawn(move || (0..50).for_each(|_| drop(pool.get().unwrap())))
            })
            .collect();
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let pool = pool.clone();
                tokio::spawn(async move {
                    for _ in 0..50 {
                        drop(pool.get_async().await.unwrap());
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        for thread in threads {
            tokio::task::spawn_blocking(|| thread.join().unwrap()).await.unwrap();
        }
        assert_eq!(pool.status().in_use, 0);
    }
}

#[tokio::test]
async fn threads_and_tasks_are_served_in_the_order_in_which_they_came() {
    for by in BOTH {
        let (pool, served) = (by.pool(Script::default(), quiet().max_size(1)), Arc::new(Mutex::new(Vec::new())));
        let held = pool.get_async().await.unwrap();
        for number in 0..6 {
            let (own, served) = (pool.clone(), Arc::clone(&served));
            // While it has the only connection.
            let note = move |_guard| lock(&served).push(number);
            if number % 2 == 0 {
                std::thread::spawn(move || note(own.get().unwrap()));
            } else {
                tokio::spawn(async move { note(own.get_async().await.unwrap()) });
            }
            until(|| pool.status().waiting == number + 1).await;
        }
        drop(held);
        until(|| lock(&served).len() == 6).await;
        assert_eq!(*lock(&served), [0, 1, 2, 3, 4, 5], "{by:?}");
    }
}

/// Though maintenance makes its first pass meanwhile.
#[tokio::test]
async fn what_was_made_for_a_caller_is_lent_unchecked() {
    let server = Server::default();
    let config = Config::new().max_size(1).validate_after(Some(Duration::from_secs(60)));
    let pool = SharedPool::new(server.manager(), config).unwrap();
    for _ in 0..2 {
        drop(pool.get_async().await.unwrap());
        assert_eq!((server.checks(), server.connects()), (0, 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_are_checked_for_tasks_and_for_threads_by_either_kind_of_manager() {
    for is_blocking in [false, true] {
        let server = Server::default();
        let config = Config::new().max_size(1).validate_after(EACH);
        let pool = if is_blocking {
            SharedPool::blocking(server.manager(), config)
        } else {
            SharedPool::new(server.manager(), config)
        };
        let pool = pool.unwrap();
        drop(pool.get_async().await.unwrap());
        let before = server.checks();
        drop(pool.get_async().await.unwrap());
        assert_eq!(server.checks(), before + 1);
        let own = pool.clone();
        tokio::task::spawn_blocking(move || drop(own.get().unwrap())).await.unwrap();
        assert_eq!((server.checks(), server.connects()), (before + 2, 1));
    }
}

/// The pool's limit for a check is longer than the caller waits, and there is no other connection.
#[tokio::test(start_paused = true)]
async fn a_silent_connection_is_replaced_while_its_caller_has_time() {
    let config = quiet().max_size(1).validate_after(EACH).validation_timeout(Some(FOREVER)).retry(retry(0, millis(1)));
    let (pool, script) = filled(By::Task, config, 1);
    script.then(Call::Check, Outcome::at(&Gate::default()));
    let began = tokio::time::Instant::now();
    let waiting = pool.get_async_timeout(Duration::from_secs(2));
    assert_eq!(waiting.await.unwrap().number, 2);
    let took = began.elapsed();
    assert!(took >= Duration::from_secs(1) && took < Duration::from_secs(2), "{took:?}");
    // A caller that does not wait has no time that a check could take.
    script.then(Call::Check, Outcome::at(&Gate::default()));
    assert!(pool.try_get().is_err());
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(pool.status().in_use, 1, "{}", pool.status());
}

/// Each caller leaves before the answer, and finds the same connection again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_are_served_where_each_check_takes_longer_than_they_wait_for_it() {
    for by in BOTH {
        let config = quiet().max_size(1).validate_after(EACH);
        let (pool, script) = filled(by, config, 1);
        script.always(Call::Check, Outcome::after(|| std::thread::sleep(millis(150))));
        for checks in 1..=2 {
            let guard = pool.get_async_timeout(FOREVER).await.unwrap();
            assert_eq!((guard.number, script.calls(Call::Check)), (1, checks), "{by:?}");
        }
        let own = pool.clone();
        tokio::task::spawn_blocking(move || drop(own.get_timeout(FOREVER).unwrap())).await.unwrap();
        assert_eq!(script.calls(Call::Check), 3, "{by:?}");
    }
}

/// The floor is kept though nobody calls.
#[tokio::test]
async fn maintenance_outlives_a_panic_of_the_manager() {
    for by in BOTH {
        let script = Script::default();
        script.then(Call::Connect, Outcome::Panic);
        let pool = by.pool(script.clone(), quiet().max_size(1).min_idle(1).retry(retry(0, millis(1))));
        until(|| pool.status().idle == 1).await;
        assert_eq!(script.calls(Call::Connect), 2, "{by:?}");
    }
}

/// Callers have the pool maintained by another task while the one rests in which the manager has panicked.
#[tokio::test]
async fn however_often_the_manager_panics_one_task_maintains_the_pool() {
    let (script, tasks) = (Script::default(), Arc::new(AtomicUsize::new(0)));
    let (running, config) = (tasks.clone(), quiet().max_size(1).idle_timeout(Some(millis(1))));
    let spawn = move |task: Task| {
        running.fetch_add(1, Ordering::Relaxed);
        let running = running.clone();
        tokio::spawn(async move {
            task.await;
            running.fetch_sub(1, Ordering::Relaxed);
        });
    };
    let pool = SharedPool::spawned_by(script.clone(), config, spawn).unwrap();
    for panics in 1..=3 {
        // Maintenance ends it, and not the caller.
        script.then(Call::Discard, Outcome::Panic);
        drop(pool.get_async().await.unwrap());
        until(|| script.calls(Call::Discard) == panics && pool.status().vacant == 1).await;
    }
    drop(pool.get_async().await.unwrap());
    until(|| tasks.load(Ordering::Relaxed) == 1).await;
    pool.close();
    until(|| tasks.load(Ordering::Relaxed) == 0).await;
}

/// Maintenance would fill the pool as soon as it begins.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_connection_has_its_place_before_maintenance_begins() {
    let config = Config::new().max_size(1).min_idle(1);
    for _ in 0..100 {
        let server = Server::default();
        let pool = SharedPool::connect(server.manager(), config).await.unwrap();
        assert_eq!((*pool.get_async().await.unwrap(), server.connects()), (1, 1));
        let server = Server::default();
        let pool = SharedPool::connect_blocking(server.manager(), config).unwrap();
        assert_eq!((*pool.get_async().await.unwrap(), server.connects()), (1, 1));
        let server = Server::default();
        let pool = SharedPool::connect_spawned_by(server.manager(), config, on_a_thread).await.unwrap();
        assert_eq!((*pool.get_async().await.unwrap(), server.connects()), (1, 1));
    }
}

/// An executor that knows nothing of tokio.
fn on_a_thread(task: Task) {
    std::thread::spawn(|| futures::executor::block_on(task));
}

#[tokio::test]
async fn a_program_that_drops_the_task_is_told_so() {
    let server = Server::default();
    let first = SharedPool::connect_spawned_by(server.manager(), Config::new(), drop).await.unwrap_err();
    for error in [first, SharedPool::spawned_by(server.manager(), Config::new(), drop).unwrap_err()] {
        assert!(error.to_string().contains("has dropped the task that maintains the pool"), "{error}");
    }
}

/// A thread cannot be stopped, so the manager is told.
#[tokio::test]
async fn a_manager_that_blocks_is_told_of_half_of_its_callers_time() {
    let config = quiet().max_size(1).validate_after(EACH).validation_timeout(Some(FOREVER));
    let (pool, script) = filled(By::Threads, config, 1);
    drop(pool.get_async_timeout(Duration::from_secs(20)).await.unwrap());
    let own = pool.clone();
    let thread = move || drop(own.get_timeout(Duration::from_secs(20)).unwrap());
    tokio::task::spawn_blocking(thread).await.unwrap();
    drop(pool.get_async().await.unwrap());
    let given: Vec<_> = script.given(Call::Check).into_iter().map(Option::unwrap).collect();
    let (half, quarter) = (Duration::from_secs(10), Duration::from_secs(5));
    assert!(given[..2].iter().all(|given| *given <= half && *given > quarter), "{given:?}");
    assert!(given[2] > half, "{given:?}");
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_names_no_time_ends_after_thirty_seconds_of_the_runtimes_time() {
    let server = Server::default();
    let pool = SharedPool::new(server.manager(), Config::new().max_size(1)).unwrap();
    let held = pool.get_async().await.unwrap();
    let began = tokio::time::Instant::now();
    let error = pool.get_async().await.unwrap_err();
    assert!(matches!(error, GetError::Timeout(_)), "{error}");
    let took = began.elapsed();
    assert!(took >= Duration::from_secs(30) && took < Duration::from_secs(31), "{took:?}");
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn a_caller_whose_time_is_up_while_connecting_fails_is_told_the_error_itself() {
    let server = Server::default();
    server.refuse(true);
    let pool = SharedPool::new(server.manager(), Config::new().max_size(1).name("orders")).unwrap();
    let error = pool.get_async_timeout(Duration::from_secs(1)).await.unwrap_err();
    let GetError::Connect { error: cause, .. } = &error else { panic!("{error}") };
    assert!(cause.shared().error().unwrap().downcast_ref::<Refused>().is_some());
    assert!(error.to_string().starts_with("cannot connect: refused for the "), "{error}");
    // It goes through `?` into whatever takes any error.
    let _any: Box<dyn std::error::Error + Send + Sync> = error.into();
}

#[tokio::test]
async fn try_get_asks_for_a_connection_and_waits_for_nothing() {
    let server = Server::default();
    let pool = SharedPool::new(server.manager(), Config::new().max_size(1)).unwrap();
    assert!(matches!(pool.try_get(), Err(GetError::Exhausted)));
    while pool.status().idle == 0 {
        tokio::task::yield_now().await;
    }
    drop(pool.try_get().unwrap());
}

#[tokio::test]
async fn a_connection_made_elsewhere_is_put_in() {
    let server = Server::default();
    let pool = SharedPool::new(server.manager(), Config::new().max_size(1)).unwrap();
    pool.insert(99).unwrap();
    assert_eq!(*pool.get_async().await.unwrap(), 99);
    assert_eq!(pool.insert(100).unwrap_err().into_connection(), 100);
    assert_eq!(server.connects(), 0);
}

#[tokio::test]
async fn the_first_connection_is_made_at_once_or_its_error_returned() {
    let server = Server::default();
    let pool = SharedPool::connect(server.manager(), Config::new()).await.unwrap();
    assert_eq!((server.connects(), pool.status().idle), (1, 1));
    server.refuse(true);
    let error = SharedPool::connect(server.manager(), Config::new()).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot make the first connection: refused for the 2th time");
    let error = SharedPool::connect_blocking(server.manager(), Config::new()).unwrap_err();
    assert_eq!(error.to_string(), "cannot make the first connection: refused for the 3th time");
    let spawn = |_| panic!("there is no pool to maintain");
    let error = SharedPool::connect_spawned_by(server.manager(), Config::new(), spawn).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot make the first connection: refused for the 4th time");
}

#[tokio::test]
async fn the_first_connection_counts_as_made() {
    let script = Script::default();
    let pools = [
        SharedPool::connect(script.clone(), quiet()).await.unwrap(),
        SharedPool::connect_blocking(script.clone(), quiet()).unwrap(),
        SharedPool::connect_spawned_by(script.clone(), quiet(), on_a_thread).await.unwrap(),
    ];
    for (at, pool) in pools.iter().enumerate() {
        assert_eq!((pool.metrics().connected, pool.times().connect.count()), (1, 1), "{at}");
    }
    assert_eq!(script.events(), ["connected"; 3]);
}

#[tokio::test(start_paused = true)]
async fn the_first_connection_is_waited_for_no_longer_than_the_limit() {
    let never = from_async_fn(std::future::pending::<Result<u8, Infallible>>);
    let config = Config::new().connect_timeout(Some(Duration::from_secs(7)));
    let began = tokio::time::Instant::now();
    let error = SharedPool::connect_spawned_by(never, config, on_a_thread).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot make the first connection: no answer within connect_timeout");
    assert_eq!(began.elapsed().as_secs(), 7);
}

/// A driver whose errors say little, and a manager that says more of them.
struct Curt;

impl Lifecycle for Curt {
    type Connection = ();
    type Error = Refused;

    fn describe(&self, error: &Refused, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{error}, as nobody listens")
    }
}

impl Manager for Curt {
    fn connect(&self, _within: Option<Duration>) -> Result<(), Refused> {
        Err(Refused(7))
    }
}

impl AsyncManager for Curt {
    async fn connect(&self) -> Result<(), Refused> {
        Err(Refused(7))
    }
}

#[tokio::test]
async fn the_error_of_the_first_connection_is_told_in_the_managers_words_and_kept() {
    let awaited = SharedPool::connect(Curt, Config::new()).await.unwrap_err();
    for error in [awaited, SharedPool::connect_blocking(Curt, Config::new()).unwrap_err()] {
        let text = "cannot make the first connection: refused for the 7th time, as nobody listens";
        assert_eq!(error.to_string(), text);
        let BuildError::Connect(error) = error else { panic!("{error}") };
        assert!(error.error().unwrap().is::<Refused>());
    }
}

#[tokio::test]
async fn a_number_of_slots_that_cannot_be_is_refused_by_its_name() {
    for (config, expected) in [
        (Config::new().capacity(0), "capacity is 0: it has to be more"),
        (Config::new().capacity(8).max_size(9), "max_size is 9 and the pool has room for 8 (its N, or its capacity)"),
        (Config::new().max_size(4097), "max_size is 4097: a pool can have at most 4096"),
        (Config::new().capacity(4097), "capacity is 4097: a pool can have at most 4096"),
    ] {
        let text = SharedPool::new(Terse, config).unwrap_err().to_string();
        assert!(text.starts_with(expected), "{text}");
    }
}

#[test]
fn a_pool_of_a_manager_that_awaits_is_refused_outside_of_a_runtime() {
    let error = SharedPool::new(Server::default().manager(), Config::new()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no runtime to maintain the pool on: build it within a tokio runtime, with the feature `tokio` of conn_pool; or \
         with SharedPool::spawned_by on another runtime; or with SharedPool::blocking, by threads"
    );
}

#[tokio::test]
async fn a_connection_that_is_detached_is_the_callers_and_another_is_made_for_the_next() {
    let server = Server::default();
    let pool = SharedPool::new(server.manager(), Config::new().max_size(1)).unwrap();
    let own = SharedConnGuard::detach(pool.get_async().await.unwrap());
    assert_eq!((own, server.ended()), (1, 0));
    assert_eq!(*pool.get_async().await.unwrap(), 2);
    assert_eq!(pool.metrics().discards[DiscardReason::Detached as usize], 1);
    assert_eq!(pool.metrics().pool.discarded, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn work_that_blocks_runs_to_its_end_though_its_task_is_gone_and_the_connection_comes_back() {
    let server = Server::default();
    let pool = SharedPool::blocking(server.manager(), Config::new().max_size(1)).unwrap();
    let (has_begun, begun) = channel();
    let (finish, finished) = channel::<()>();
    let own = pool.clone();
    let task = tokio::spawn(async move {
        let work = move |connection: &mut usize| {
            has_begun.send(()).unwrap();
            finished.recv().unwrap();
            *connection += 41;
        };
        own.run(work).await
    });
    tokio::task::spawn_blocking(move || begun.recv().unwrap()).await.unwrap();
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(pool.status().in_use, 1);
    finish.send(()).unwrap();
    assert_eq!(pool.run(|connection| *connection).await.unwrap(), 42);
}

#[tokio::test]
async fn work_that_panics_costs_no_slot() {
    let server = Server::default();
    let pool = SharedPool::blocking(server.manager(), Config::new().max_size(1)).unwrap();
    let own = pool.clone();
    let task = tokio::spawn(async move { own.run::<()>(|_| panic!("work")).await });
    assert!(task.await.unwrap_err().is_panic());
    assert_eq!(pool.run(|connection| *connection).await.unwrap(), 2);
}

#[tokio::test]
async fn all_that_is_idle_is_taken() {
    let server = Server::default();
    let pool = SharedPool::new(server.manager(), Config::new().max_size(3)).unwrap();
    (1..=2).for_each(|number| pool.insert(number).unwrap());
    let taken: Vec<_> = pool.take_idle().collect();
    assert_eq!(taken.iter().map(|guard| **guard).sum::<usize>(), 3);
}

/// Connects nowhere, and describes no error.
struct Terse;

impl Lifecycle for Terse {
    type Connection = ();
    type Error = Refused;
}

impl AsyncManager for Terse {
    async fn connect(&self) -> Result<(), Refused> {
        Err(Refused(7))
    }
}

#[tokio::test(start_paused = true)]
async fn callers_are_told_what_the_error_says_though_the_manager_describes_none() {
    let pool = SharedPool::new(Terse, Config::new()).unwrap();
    let error = pool.get_async_timeout(Duration::from_secs(1)).await.unwrap_err();
    assert!(error.to_string().starts_with("cannot connect: refused for the 7th time ("), "{error}");
}

#[tokio::test]
async fn the_times_of_callers_are_measured_unless_that_is_switched_off() {
    let server = Server::default();
    for (config, is_measured) in [(Config::new(), true), (Config::new().wait_times(false), false)] {
        let pool = SharedPool::new(server.manager(), config.max_size(1)).unwrap();
        for _ in 0..99 {
            drop(pool.get_async().await.unwrap());
        }
        let _held = pool.get_async().await.unwrap();
        let patience = Duration::from_millis(20);
        assert!(pool.get_async_timeout(patience).await.is_err());
        let times = pool.times();
        assert_eq!((times.acquire.count(), times.wait.count()), if is_measured { (100, 101) } else { (0, 0) });
        if is_measured {
            assert_eq!(times.wait.percentile(90.0), Some(Duration::ZERO));
            // The time that was given runs from a moment before.
            assert!(times.wait.max().unwrap() >= patience * 9 / 10, "{times:?}");
        }
    }
}

/// As a server's framework does when the client hangs up, and a runtime's timer when the time is up.
#[tokio::test]
async fn callers_whose_future_is_dropped_are_counted() {
    let server = Server::default();
    let pool = SharedPool::new(server.manager(), Config::new().max_size(1)).unwrap();
    let held = pool.get_async().await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(5), pool.get_async()).await.is_err());
    assert_eq!(pool.metrics().pool.cancelled, 1);
    assert!(pool.get_async_timeout(Duration::from_millis(5)).await.is_err());
    drop(held);
    drop(pool.get_async().await.unwrap());
    let metrics = pool.metrics();
    assert_eq!((metrics.pool.cancelled, metrics.pool.timed_out), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_of_the_runtimes_is_kept_by_its_time() {
    let server = Server::default();
    let pool = SharedPool::new(server.manager(), Config::new().max_size(1)).unwrap();
    let _held = pool.get_async().await.unwrap();
    tokio::time::advance(Duration::from_secs(60)).await;
    let began = tokio::time::Instant::now();
    let deadline = began + Duration::from_secs(1);
    assert!(matches!(pool.get_async_deadline(deadline.into_std()).await, Err(GetError::Timeout(_))));
    let took = began.elapsed();
    assert!(took >= Duration::from_secs(1) && took < Duration::from_secs(2), "{took:?}");
}

/// A timer of the runtime's is not over when it is polled for the first time. In a task whose waits are all short, each
/// with a timer of its own, none would ever be.
#[tokio::test]
async fn a_task_whose_time_is_up_sets_no_timer() {
    let server = Server::default();
    let pool = SharedPool::new(server.manager(), Config::new().max_size(1)).unwrap();
    let _held = pool.get_async().await.unwrap();
    let late = pin!(pool.get_async_deadline(Instant::now()));
    let Poll::Ready(answer) = late.poll(&mut Context::from_waker(Waker::noop())) else { panic!("it waits") };
    assert!(matches!(answer, Err(GetError::Timeout(_))), "{answer:?}");
}

#[test]
fn a_task_keeps_its_deadline_where_each_connection_is_made_at_once_and_is_unfit() {
    let (answer, answered) = channel();
    std::thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        answer.send(runtime.block_on(async {
            let connect = || async { Ok::<_, Infallible>(()) };
            let manager = Hooks::new(from_async_fn(connect)).before_lend(|()| false);
            let pool = SharedPool::new(manager, quiet()).unwrap();
            pool.get_async_timeout(millis(20)).await.map(drop)
        }))
    });
    let answer = answered.recv_timeout(FOREVER).unwrap();
    // A connection that a slow machine has let grow old is none that died at once.
    assert!(matches!(answer, Err(GetError::Connect { .. } | GetError::Timeout(_))), "{answer:?}");
}

//! Runtimes that end before the pool does.

use std::time::Duration;

use conn_pool::SharedPool;
use conn_pool::managed::{Config, GetError, SharedConnGuard};
use tokio::runtime::{Builder, Runtime};

use crate::kit::managed::quiet;
use crate::kit::{Call, Outcome, Script, wait_until};
use crate::pools::By;
use crate::server::Server;

pub(crate) fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap()
}

#[test]
fn a_waiter_is_served_though_the_runtime_ends_in_the_middle_of_its_connect() {
    let (server, first, second) = (Server::default(), runtime(), runtime());
    server.hang();
    let pool = first.block_on(async { SharedPool::new(server.manager(), Config::new().max_size(1)) }).unwrap();
    let own = pool.clone();
    let waiting = second.spawn(async move { own.get_async().await.map(|connection| *connection) });
    while server.asked() == 0 {
        std::thread::yield_now();
    }
    first.shutdown_background();
    server.answer();
    assert_eq!(second.block_on(waiting).unwrap(), Ok(1));
}

#[test]
fn what_was_made_on_a_runtime_that_has_ended_is_checked_before_it_is_lent() {
    let second = runtime();
    // Without an option about time no caller looks whether the pool is maintained.
    for config in [Config::new(), Config::new().validate_after(None).max_lifetime(None)] {
        let (server, first) = (Server::default(), runtime());
        let pool = first.block_on(async { SharedPool::new(server.manager(), config.max_size(1)) }).unwrap();
        drop(first.block_on(pool.get_async()).unwrap());
        drop(first);
        for _ in 0..2 {
            drop(second.block_on(pool.get_async()).unwrap());
            assert_eq!((server.checks(), server.connects()), (1, 1), "{config:?}");
        }
    }
}

#[test]
fn a_thread_is_told_that_the_runtime_has_ended() {
    let (server, only) = (Server::default(), runtime());
    let pool = only.block_on(async { SharedPool::new(server.manager(), Config::new().max_size(1)) }).unwrap();
    drop(only);
    let error = pool.get().unwrap_err();
    assert!(matches!(error, GetError::Connect { .. }), "{error}");
    assert!(error.to_string().contains("the tokio runtime that maintained the pool has ended"), "{error}");
}

#[test]
fn guards_may_be_dropped_outside_of_a_runtime_and_after_its_end() {
    let (server, only) = (Server::default(), runtime());
    let pool = only.block_on(async { SharedPool::new(server.manager(), Config::new().max_size(2)) }).unwrap();
    let [one, other] = [(); 2].map(|()| only.block_on(pool.get_async()).unwrap());
    drop(one);
    drop(only);
    drop(other);
    assert_eq!(pool.status().idle, 2);
}

#[test]
fn a_runtime_that_shuts_down_with_guards_out_ends_nothing_else() {
    let (server, only) = (Server::default(), runtime());
    let pool = only.block_on(async { SharedPool::new(server.manager(), Config::new().max_size(1)) }).unwrap();
    let own = pool.clone();
    let (sender, held) = std::sync::mpsc::channel();
    only.spawn(async move {
        let guard = own.get_async().await.unwrap();
        sender.send(()).unwrap();
        std::future::pending::<()>().await;
        drop(guard);
    });
    held.recv().unwrap();
    only.shutdown_timeout(Duration::from_secs(10));
    assert_eq!(pool.status().in_use, 0);
}

/// Its maintenance ends by a panic, and the thread, which has no runtime, has it begun anew.
#[test]
fn a_thread_has_the_pool_maintained_where_it_was_maintained_last() {
    let (script, first, second) = (Script::default(), runtime(), runtime());
    let pool = first.block_on(async { By::Task.pool(script.clone(), quiet().max_size(1)) });
    drop(first);
    SharedConnGuard::discard(second.block_on(pool.get_async()).unwrap());
    script.then(Call::Connect, Outcome::Panic);
    assert_eq!(pool.get().unwrap().number, 2);
    assert_eq!(script.calls(Call::Connect), 3);
}

/// It needs no check, nor any other work by which the caller would find that nobody maintains the pool.
#[test]
fn whoever_is_lent_a_connection_after_the_end_of_a_runtime_has_the_pool_maintained() {
    let second = runtime();
    let by_task = |pool: &SharedPool<Script>| drop(second.block_on(pool.get_async()).unwrap());
    let by_thread = |pool: &SharedPool<Script>| {
        let _entered = second.enter();
        drop(pool.get().unwrap());
    };
    for lend in [&by_task as &dyn Fn(&SharedPool<Script>), &by_thread] {
        let (script, first) = (Script::default(), runtime());
        let pool = first.block_on(async { By::Task.pool(script.clone(), Config::new().max_size(3)) });
        drop(first);
        pool.reconfigure(|config| config.min_idle(3)).unwrap();
        pool.insert(script.connection()).unwrap();
        lend(&pool);
        wait_until(|| pool.status().idle == 3);
        assert_eq!(script.calls(Call::Check), 0);
    }
}

/// The scope ends well, and takes away no doubt but its own.
#[test]
fn what_a_scope_was_begun_on_before_its_runtime_has_ended_is_checked() {
    let (script, first, second) = (Script::default(), runtime(), runtime());
    let pool = first.block_on(async { By::Task.pool(script.clone(), quiet().max_size(1)) });
    let mut guard = first.block_on(pool.get_async()).unwrap();
    second.block_on(SharedConnGuard::scope(&mut guard, async |_| tokio::task::block_in_place(|| drop(first))));
    drop(guard);
    drop(second.block_on(pool.get_async()).unwrap());
    assert_eq!((script.calls(Call::Check), script.calls(Call::Connect)), (1, 1));
}

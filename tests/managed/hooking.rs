//! Managers made from functions, functions beside a manager, and errors of any kind.

use std::cell::Cell;
use std::fmt::{self, Formatter};
use std::io;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use conn_pool::SharedPool;
use conn_pool::managed::{
    self, AsyncManager, BlockingFromAsync, Config, DiscardReason, ErrorsAsText, Event, FromFn, GetError, HookFuture,
    Hooks, Lifecycle, Manager, Pool,
};

use crate::kit::managed::{assert_send, quiet};
use crate::kit::{Call, Conn, Failed, Gate, Job, Outcome, Script, SimClock, lock, panics, wait_until};

type One<M> = Pool<M, 1, SimClock>;

fn one<M: Lifecycle>(manager: M) -> One<M> {
    Pool::with_clock(manager, quiet(), SimClock::default()).unwrap()
}

/// A pool of one whose manager has hooks, and the manager inside.
fn hooked<M: Lifecycle>(hook: impl FnOnce(Hooks<Script>) -> M) -> (One<M>, Script) {
    let script = Script::default();
    (one(hook(Hooks::new(script.clone()))), script)
}

#[track_caller]
fn assert_none_lost<M: Lifecycle>(pool: &One<M>, script: &Script) {
    let status = pool.status();
    assert_eq!((status.in_use, status.connecting, status.idle + status.vacant), (0, 0, 1), "{status:?}");
    assert_eq!((script.live(), script.lost()), (status.idle, 0), "{status:?}");
}

#[track_caller]
fn assert_says(error: &GetError, text: &str) {
    assert!(error.to_string().starts_with(&format!("cannot connect: {text}")), "{error}");
}

/// A hook that does what it is told once, and is content otherwise.
fn once(outcome: Outcome) -> impl Fn(&mut Conn) -> Result<(), Failed> + Send + Sync + 'static {
    let told = Mutex::new(Some(outcome));
    move |_| {
        let outcome = lock(&told).take();
        match outcome {
            Some(Outcome::Error) => Err(Failed(Call::Event, 7)),
            Some(Outcome::Panic) => panic!("a hook panics, as it was told to"),
            _ => Ok(()),
        }
    }
}

#[test]
fn a_function_is_a_manager() {
    fn connect() -> io::Result<u8> {
        "7".parse().map_err(io::Error::other)
    }
    type Function = FromFn<fn() -> io::Result<u8>>;
    static POOL: Pool<Function, 2> = Pool::const_new(managed::from_fn(connect), Config::new());
    assert_eq!(*POOL.get().unwrap(), 7);

    let made = AtomicUsize::new(0);
    let pool = one(managed::from_fn(|| Ok::<_, io::Error>(made.fetch_add(1, SeqCst))));
    assert_eq!((0..2).map(|_| *pool.get().unwrap()).sum::<usize>(), 0);
    assert_eq!(made.load(SeqCst), 1);
    let shared = SharedPool::connect_blocking(managed::from_fn(connect), Config::new()).unwrap();
    assert_eq!(*shared.get().unwrap(), 7);
}

#[test]
fn a_function_that_is_awaited_is_a_manager() {
    let pool = one(managed::from_async_fn(|| async { Ok::<_, io::Error>(7) }));
    assert_send(&pool.get_async());
    assert_eq!(*Job::new(pool.get_async()).end().unwrap(), 7);
}

#[test]
fn the_error_of_a_function_is_told_in_its_own_words() {
    let refused = || Err::<u8, _>(io::Error::other("no route"));
    let pool = SharedPool::blocking(managed::from_fn(refused), Config::new().fail_fast(true)).unwrap();
    assert_says(&pool.get().unwrap_err(), "no route");
    wait_until(|| pool.connect_error().is_some_and(|error| error.as_str() == "no route"));

    let refused = || async { Err::<u8, _>("no route") };
    let pool = SharedPool::spawned_by(managed::from_async_fn(refused), Config::new().fail_fast(true), |task| {
        std::thread::spawn(|| futures::executor::block_on(task));
    });
    assert_says(&pool.unwrap().get().unwrap_err(), "no route");
}

#[test]
fn each_hook_is_called_at_its_time() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = |what: &'static str| {
        let seen = Arc::clone(&seen);
        move || -> Result<(), Failed> {
            lock(&seen).push(what);
            Ok(())
        }
    };
    let (first, second, lent, returned, ended) =
        (note("connected"), note("and again"), note("lent"), note("returned"), note("ended"));
    let (pool, script) = hooked(|hooks| {
        hooks
            .after_connect(move |_| first())
            .after_connect(move |_| second())
            .before_lend(move |_| lent().is_ok())
            .on_return(move |_| returned())
            .before_discard(move |_, reason| {
                assert_eq!(reason, DiscardReason::Closed);
                ended().unwrap();
            })
    });
    let taken = || std::mem::take(&mut *lock(&seen));
    let held = pool.get().unwrap();
    assert_eq!(taken(), ["connected", "and again"]);
    drop(held);
    assert_eq!(taken(), ["returned"]);
    drop(pool.get().unwrap());
    assert_eq!(taken(), ["lent", "returned"]);
    drop(Job::new(pool.get_async()).end().unwrap());
    assert_eq!(taken(), ["lent", "returned"]);
    pool.close();
    assert_eq!((taken(), script.discards(DiscardReason::Closed)), (vec!["ended"], 1));
}

#[test]
fn a_hook_refuses_a_new_connection_as_the_manager_would() {
    let (pool, script) = hooked(|hooks| hooks.after_connect(once(Outcome::Error)));
    let error = pool.get().unwrap_err();
    assert!(error.to_string().starts_with("cannot connect: Event 7 failed"), "{error}");
    assert!(matches!(error, GetError::Connect { .. }));
    assert_eq!((script.discards(DiscardReason::Invalid), pool.metrics().connect_failed), (1, 1));
    assert_none_lost(&pool, &script);
    let (pool, script) = hooked(|hooks| hooks.after_connect(once(Outcome::Error)));
    assert!(Job::new(pool.get_async()).end().is_err());
    assert_eq!(script.discards(DiscardReason::Invalid), 1);
    drop(Job::new(pool.get_async()).end().unwrap());
    assert_none_lost(&pool, &script);
}

/// `hook` as one that is awaited.
fn awaited(
    hook: impl Fn(&mut Conn) -> Result<(), Failed> + Clone + Send + Sync + 'static,
) -> impl for<'a> Fn(&'a mut Conn) -> HookFuture<'a, Failed> + Send + Sync + 'static {
    move |connection| {
        let hook = hook.clone();
        Box::pin(async move { hook(connection) })
    }
}

#[test]
fn a_hook_that_is_awaited_is_part_of_the_connect() {
    let (pool, script) = hooked(|hooks| {
        hooks.after_connect_async(awaited(|_| Ok(()))).after_connect_async(awaited({
            let hook = Arc::new(once(Outcome::Error));
            move |connection| hook(connection)
        }))
    });
    assert_send(&pool.get_async());
    assert!(Job::new(pool.get_async()).end().is_err());
    assert_eq!(script.discards(DiscardReason::Invalid), 1);
    drop(Job::new(pool.get_async()).end().unwrap());
    assert_none_lost(&pool, &script);
}

#[test]
fn a_hook_that_does_not_end_costs_its_connection_and_no_slot() {
    let gate = Gate::default();
    let (pool, script) = hooked(|hooks| {
        let gate = gate.clone();
        hooks.after_connect_async(move |_| {
            let gate = gate.clone();
            Box::pin(async move {
                gate.pass_async().await;
                Ok(())
            })
        })
    });
    let caller = Job::begun(pool.get_async());
    gate.wait_for_arrivals(1);
    drop(caller);
    assert_eq!(script.discards(DiscardReason::CheckCancelled), 1);
    assert_none_lost(&pool, &script);
}

#[test]
fn a_thread_awaits_hooks_by_an_adapter() {
    let pool = one(BlockingFromAsync(
        Hooks::new(managed::from_async_fn(|| async { Ok::<_, io::Error>(1) })).after_connect_async(|connection| {
            Box::pin(async move {
                *connection += 1;
                Ok(())
            })
        }),
    ));
    assert_eq!(*pool.get().unwrap(), 2);
}

#[test]
fn a_hook_says_what_is_lent_and_what_comes_back() {
    let (pool, script) = hooked(|hooks| hooks.before_lend(|connection| connection.number != 1));
    drop(pool.get().unwrap());
    assert_eq!((pool.get().unwrap().number, script.discards(DiscardReason::Broken)), (2, 1));
    assert_none_lost(&pool, &script);

    let (pool, script) = hooked(|hooks| hooks.on_return(once(Outcome::Error)));
    drop(pool.get().unwrap());
    assert_eq!(script.discards(DiscardReason::ResetFailed), 1);
    assert_eq!(script.events().last().unwrap(), "reset failed: Event 7 failed");
    // What the manager refuses is not shown to the hooks.
    let (pool, script) = hooked(|hooks| hooks.on_return(|_| unreachable!()).before_lend(|_| unreachable!()));
    script.then(Call::Reset, Outcome::Error);
    drop(pool.get().unwrap());
    assert_none_lost(&pool, &script);
}

#[test]
fn a_hook_that_panics_loses_no_slot() {
    let (pool, script) = hooked(|hooks| hooks.after_connect(once(Outcome::Panic)));
    script.then(Call::Discard, Outcome::Panic);
    assert!(panics(|| drop(pool.get())));
    assert_none_lost(&pool, &script);
    assert_eq!(script.discards(DiscardReason::CheckCancelled), 1);

    let (pool, script) = hooked(|hooks| {
        let hook = once(Outcome::Panic);
        hooks.before_lend(move |connection| hook(connection).is_ok())
    });
    drop(pool.get().unwrap());
    assert!(panics(|| drop(pool.get())));
    assert_none_lost(&pool, &script);
    drop(pool.get().unwrap());
    assert_eq!(script.calls(Call::Check), 1);

    let (pool, script) = hooked(|hooks| hooks.on_return(once(Outcome::Panic)));
    let held = pool.get().unwrap();
    let mut waiter = Job::begun(pool.get_async());
    assert!(panics(|| drop(held)));
    assert_eq!((waiter.woken_to_end().unwrap().number, script.live()), (2, 1));

    let (pool, _) = hooked(|hooks| hooks.before_discard(|_, _| panic!("a hook panics, as it was told to")));
    drop(pool.get().unwrap());
    assert!(panics(|| pool.close()));
    assert_eq!((pool.status().in_use, pool.status().idle), (0, 0));
}

/// Its error cannot be sent, and is no error.
#[derive(Default)]
struct Speechless {
    events: Mutex<Vec<String>>,
}

impl Lifecycle for Speechless {
    type Connection = String;
    type Error = Rc<Cell<usize>>;

    fn reset(&self, _: &mut String) -> Result<(), Rc<Cell<usize>>> {
        Err(Rc::new(Cell::new(3)))
    }

    fn is_permanent(&self, error: &Rc<Cell<usize>>) -> bool {
        error.get() == 1
    }

    fn describe(&self, error: &Rc<Cell<usize>>, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "number {}", error.get())
    }

    fn on_event(&self, event: &Event<'_, Rc<Cell<usize>>>) {
        lock(&self.events).push(format!("{event:?}"));
    }
}

impl Manager for Speechless {
    fn connect(&self, _: Option<Duration>) -> Result<String, Rc<Cell<usize>>> {
        Err(Rc::new(Cell::new(1)))
    }

    fn is_valid(&self, _: &mut String, _: Option<Duration>) -> Result<(), Rc<Cell<usize>>> {
        Err(Rc::new(Cell::new(2)))
    }
}

impl AsyncManager for Speechless {
    async fn connect(&self) -> Result<String, Rc<Cell<usize>>> {
        Manager::connect(self, None)
    }

    async fn is_valid(&self, connection: &mut String) -> Result<(), Rc<Cell<usize>>> {
        Manager::is_valid(self, connection, None)
    }
}

#[test]
fn an_error_of_any_kind_is_a_text_in_a_shared_pool() {
    let pool = SharedPool::blocking(ErrorsAsText(Speechless::default()), Config::new()).unwrap();
    // It is permanent, so that it ends the wait.
    assert_says(&pool.get().unwrap_err(), "number 1");
    let pool = SharedPool::spawned_by(ErrorsAsText(Speechless::default()), Config::new(), |task| {
        std::thread::spawn(|| futures::executor::block_on(task));
    })
    .unwrap();
    assert_says(&pool.get().unwrap_err(), "number 1");
    assert!(lock(&pool.manager().0.events).is_empty(), "it knows of its own failures");
}

#[test]
fn what_fails_later_is_a_text_too() {
    let manager = ErrorsAsText(Speechless::default());
    let mut connection = String::new();
    assert_eq!(Manager::is_valid(&manager, &mut connection, None).unwrap_err().as_str(), "number 2");
    let error = manager.reset(&mut connection).unwrap_err();
    assert_eq!((error.to_string(), manager.is_permanent(&error)), ("number 3".into(), false));
    assert!(Job::new(AsyncManager::is_valid(&manager, &mut connection)).end().is_err());
}

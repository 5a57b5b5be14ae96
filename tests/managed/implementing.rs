//! The shapes of manager that a pool can carry.

use std::cell::Cell;
use std::error::Error;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use std::{fmt, thread};

use conn_pool::managed::{
    AsyncManager, CheckReason, Config, DiscardReason, GetError, Lifecycle, Manager, ManagerError, Pool,
};

use crate::kit::managed::{assert_send, quiet};
use crate::kit::{Call, Conn, Failed, Job, Outcome, Script, wait_until};

/// As r2d2's managers: the error can be printed, and cannot be sent.
struct LikeR2d2;

#[derive(Debug)]
struct Stuck(Rc<Cell<usize>>);

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stuck {}", self.0.get())
    }
}

impl Error for Stuck {}

impl Lifecycle for LikeR2d2 {
    type Connection = String;
    type Error = Stuck;
}

impl Manager for LikeR2d2 {
    fn connect(&self, _: Option<Duration>) -> Result<String, Stuck> {
        Err(Stuck(Rc::new(Cell::new(3))))
    }
}

#[test]
fn an_error_that_cannot_be_sent_reaches_its_caller() {
    static POOL: Pool<LikeR2d2, 2> = Pool::const_new(LikeR2d2, Config::new());
    let told = thread::spawn(|| POOL.get().unwrap_err().to_string()).join().unwrap();
    assert!(told.starts_with("cannot connect: stuck 3"), "{told}");
    assert!(POOL.get().unwrap_err().into_manager_error().is_some());
}

/// Its pool is shared between threads, and looked after by one.
#[test]
fn a_manager_whose_error_cannot_be_sent_has_its_health_checked() {
    let pool = Arc::new(Pool::<_, 2>::new(LikeR2d2, Config::new().min_idle(1)).unwrap());
    let health = pool.health_check().unwrap();
    wait_until(|| pool.metrics().connect_failed > 0);
    drop(health);
}

/// As deadpool's managers: the error can be sent, and is no `std` error; nothing is `'static`.
struct LikeDeadpool<'a>(&'a AtomicUsize);

struct Opaque;

impl<'a> Lifecycle for LikeDeadpool<'a> {
    type Connection = &'a AtomicUsize;
    type Error = Opaque;
}

impl<'a> AsyncManager for LikeDeadpool<'a> {
    async fn connect(&self) -> Result<&'a AtomicUsize, Opaque> {
        if self.0.fetch_add(1, Ordering::Relaxed) == 0 { Err(Opaque) } else { Ok(self.0) }
    }
}

#[test]
fn an_error_that_is_no_std_error_reaches_its_caller() {
    let count = AtomicUsize::new(0);
    let pool = Pool::<_, 2>::new(LikeDeadpool(&count), Config::new()).unwrap();
    assert_send(&pool.get_async());
    let error = Job::new(pool.get_async()).end().err().unwrap();
    assert!(matches!(error, GetError::Connect { error: ManagerError::Own(Opaque), .. }));
    assert_eq!(Job::new(pool.get_async()).end().ok().unwrap().load(Ordering::Relaxed), 2);
}

/// A connection that cannot be sent, in a pool that stays on its thread.
#[test]
fn a_connection_may_be_bound_to_its_thread() {
    struct Local;
    impl Lifecycle for Local {
        type Connection = Rc<Cell<usize>>;
        type Error = ();
    }
    impl Manager for Local {
        fn connect(&self, _: Option<Duration>) -> Result<Rc<Cell<usize>>, ()> {
            Ok(Rc::default())
        }
    }
    let pool = Pool::<_, 1>::new(Local, Config::new()).unwrap();
    pool.get().unwrap().set(5);
    assert_eq!(pool.get().unwrap().get(), 5);
}

/// A manager that a pool knows by its duties only.
type AnyManager = dyn Manager<Connection = Conn, Error = Failed> + Send + Sync;

#[test]
fn a_pointer_to_a_manager_is_a_manager() {
    let script = Script::default();
    let by_reference = Pool::<_, 1>::new(&script, quiet()).unwrap();
    let shared = Pool::<_, 1>::new(Arc::new(script.clone()), quiet()).unwrap();
    let unknown = Pool::<_, 1>::new(Box::new(script.clone()) as Box<AnyManager>, quiet()).unwrap();
    assert_eq!((by_reference.get().unwrap().number, unknown.get().unwrap().number), (1, 2));
    script.then(Call::Broken, Outcome::Error).then(Call::Dirty, Outcome::Error);
    drop(by_reference.get().unwrap());
    drop(unknown.get().unwrap());
    assert_eq!((script.discards(DiscardReason::Broken), script.calls(Call::Reset)), (1, 3));
    drop(unknown.get().unwrap());
    assert_eq!((script.calls(Call::Check), script.reasons()), (1, vec![CheckReason::Dirty]));
    assert_eq!(Job::new(shared.get_async()).end().unwrap().number, 3);
    assert_eq!(script.events(), ["connected"; 3]);
}

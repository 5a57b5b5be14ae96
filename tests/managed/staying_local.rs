//! Managers, connections and futures that stay on their thread, since they share an `Rc`.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use conn_pool::managed::{
    AsyncManager, CanSleep, Clock, DiscardReason, GetError, Hooks, Lifecycle, Local, LocalAsyncManager, Pool,
};

use crate::kit::managed::{ALWAYS, millis, quiet};
use crate::kit::{Job, SimClock};

/// A network stack, as microcontrollers have it: all connections share it, and nothing of it may leave the thread.
#[derive(Clone, Default)]
struct Stack(Rc<Inside>);

#[derive(Default)]
struct Inside {
    made: Cell<u32>,
    checked: Cell<u32>,
    ended: RefCell<Vec<DiscardReason>>,
    /// Connects and checks do not end.
    is_down: Cell<bool>,
    is_refusing: Cell<bool>,
}

struct Socket {
    number: u32,
    _stack: Stack,
}

impl Stack {
    async fn answer(&self) -> Result<(), &'static str> {
        // What is kept while it waits is not `Send`.
        let inside = Rc::clone(&self.0);
        poll_fn(|_| if inside.is_down.get() { Poll::Pending } else { Poll::Ready(()) }).await;
        if inside.is_refusing.get() { Err("refused") } else { Ok(()) }
    }
}

impl Lifecycle for Stack {
    type Connection = Socket;
    type Error = &'static str;

    fn on_discard(&self, _socket: Socket, reason: DiscardReason) {
        self.0.ended.borrow_mut().push(reason);
    }
}

impl LocalAsyncManager for Stack {
    async fn connect(&self) -> Result<Socket, &'static str> {
        self.answer().await?;
        self.0.made.set(self.0.made.get() + 1);
        Ok(Socket { number: self.0.made.get(), _stack: self.clone() })
    }

    async fn is_valid(&self, _socket: &mut Socket) -> Result<(), &'static str> {
        self.0.checked.set(self.0.checked.get() + 1);
        self.answer().await
    }
}

/// With the default check, which finds every connection fit.
struct Unchecked(Stack);

impl Lifecycle for Unchecked {
    type Connection = Socket;
    type Error = &'static str;
}

impl LocalAsyncManager for Unchecked {
    fn connect(&self) -> impl Future<Output = Result<Socket, &'static str>> {
        LocalAsyncManager::connect(&self.0)
    }
}

type LocalPool<const N: usize> = Pool<Local<Stack>, N, SimClock>;

fn pool<const N: usize>(config: conn_pool::managed::Config) -> LocalPool<N> {
    Pool::with_clock(Local(Stack::default()), config, SimClock::default()).unwrap()
}

fn stack<const N: usize>(pool: &LocalPool<N>) -> &Inside {
    &pool.manager().0.0
}

#[test]
fn tasks_connect_check_and_wait_in_one_queue() {
    let pool = pool::<1>(quiet().validate_after(ALWAYS));
    let held = Job::new(pool.get_async()).end().unwrap();
    let mut waiters = [(); 2].map(|()| Job::begun(pool.get_async()));
    drop(held);
    assert!(waiters[1].poll().is_pending(), "the first is served first");
    let held = waiters[0].woken_to_end().unwrap();
    drop(held);
    assert_eq!(waiters[1].woken_to_end().unwrap().number, 1);
    assert!(stack(&pool).checked.get() > 0);
}

#[test]
fn what_is_unfit_is_ended_and_another_one_made() {
    let pool = pool::<1>(quiet().validate_after(ALWAYS));
    drop(Job::new(pool.get_async()).end().unwrap());
    stack(&pool).is_down.set(true);
    let mut caller = Job::begun(pool.get_async());
    stack(&pool).is_refusing.set(true);
    stack(&pool).is_down.set(false);
    let error = caller.end().err().unwrap();
    assert!(matches!(error, GetError::Connect { .. }), "{error:?}");
    assert_eq!(*stack(&pool).ended.borrow(), [DiscardReason::Invalid]);
    stack(&pool).is_refusing.set(false);
    assert_eq!(Job::new(pool.get_async()).end().unwrap().number, 2);
}

#[test]
fn a_connect_that_is_dropped_leaves_its_slot_to_the_next() {
    let pool = pool::<1>(quiet());
    stack(&pool).is_down.set(true);
    let connecting = Job::begun(pool.get_async());
    let mut waiter = Job::begun(pool.get_async());
    drop(connecting);
    stack(&pool).is_down.set(false);
    assert_eq!(waiter.woken_to_end().unwrap().number, 1);
}

#[test]
fn a_time_limit_holds() {
    let pool = pool::<1>(quiet());
    stack(&pool).is_down.set(true);
    let mut caller = Job::begun(pool.get_async_timeout(millis(5)));
    pool.clock().advance(millis(5));
    assert!(matches!(caller.woken_to_end(), Err(GetError::ConnectTimeout { .. } | GetError::Timeout(_))));
    assert_eq!((pool.status().vacant, pool.status().connecting), (1, 0));
}

#[test]
fn maintenance_connects_for_the_callers_and_keeps_the_floor() {
    let pool = pool::<2>(quiet().min_idle(1));
    let mut upkeep = Job::begun(pool.run_maintenance());
    assert_eq!((stack(&pool).made.get(), pool.status().idle), (1, 1));
    let held = Job::new(pool.get_async()).end().unwrap();
    let mut caller = Job::begun(pool.get_async());
    upkeep.wait_on();
    assert_eq!((caller.woken_to_end().unwrap().number, held.number), (2, 1));
    pool.close();
    upkeep.end();
}

#[test]
fn a_pass_by_hand_does_the_same() {
    let pool = pool::<2>(quiet().min_idle(2));
    let done = Job::new(pool.maintain_async(pool.clock().now())).end();
    assert_eq!((done.connected, pool.status().idle), (2, 2));
}

#[test]
fn a_manager_need_not_check() {
    let unchecked = Local(Unchecked(Stack::default()));
    let pool = Pool::<_, 1, _>::with_clock(unchecked, quiet().validate_after(ALWAYS), SimClock::default()).unwrap();
    drop(Job::new(pool.get_async()).end().unwrap());
    assert_eq!(Job::new(pool.get_async()).end().unwrap().number, 1);
}

#[test]
fn functions_beside_it_are_called() {
    let hooks = Hooks::new(Stack::default()).after_connect(|socket: &mut Socket| {
        socket.number += 10;
        Ok(())
    });
    let pool = Pool::<_, 1, _>::with_clock(Local(hooks), quiet(), SimClock::default()).unwrap();
    assert_eq!(Job::new(pool.get_async()).end().unwrap().number, 11);
}

fn is_send<T: Send>(it: T) -> T {
    it
}

/// What a pool of managers that are `Send` does may be sent, also where the manager is any such.
fn get_and_maintain<M: AsyncManager<Connection: Send> + Sync, K: CanSleep + Sync>(pool: &Pool<M, 1, K>)
where
    M::Error: Send,
{
    let mut get = pin!(is_send(pool.get_async()));
    let mut upkeep = pin!(is_send(pool.run_maintenance()));
    let mut pass = pin!(is_send(pool.maintain_async(pool.clock().now())));
    let _may_be_polled = (get.as_mut(), upkeep.as_mut(), pass.as_mut());
}

#[test]
fn the_others_are_none_the_worse_for_it() {
    let pool = crate::kit::managed::pool::<1>(quiet());
    get_and_maintain(&*pool);
}

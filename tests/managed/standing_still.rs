//! The process stands still: it was stopped, or the machine was suspended, and the connections have died meanwhile.
//! Maintenance has stood still with it, so nothing was marked.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use conn_pool::managed::{CanSleep, Clock, Config, ConnGuard, Nested, Pool, Reuse};

use crate::kit::managed::{ALWAYS, SimPool, maintain, millis, pool, quiet, secs, take_all};
use crate::kit::{Call, Job, Script, SimClock, wait_until};

/// The time between two passes of maintenance.
const INTERVAL: Duration = millis(125);

/// With and without the fast path.
fn configs() -> [Config; 3] {
    let config = quiet().validate_after(Some(millis(500)));
    let fast = config.nested(Nested::Allow);
    [fast, config.nested(Nested::Refuse), fast.reuse(Reuse::RoundRobin)]
}

/// A pool of eight idle connections, all used just now, whose maintenance marks.
fn warm(config: Config) -> Arc<SimPool<8>> {
    let pool = pool::<8>(config);
    assert_eq!(take_all(&pool).len(), 8);
    pool
}

/// Maintenance makes a pass or two while the pool is used, from when on callers trust its marks.
fn settle(pool: &SimPool<8>, upkeep: &mut Job<'_, ()>, interval: Duration) {
    for _ in 0..2 {
        drop(take_all(pool));
        pool.clock().advance(interval);
        upkeep.wait_on();
    }
}

/// All eight are acquired: how many were checked?
fn checks(pool: &SimPool<8>) -> usize {
    let before = pool.manager().calls(Call::Check);
    let held: Vec<_> = (0..8).map(|_| pool.get().unwrap()).collect();
    assert_eq!(held.len(), 8);
    pool.manager().calls(Call::Check) - before
}

#[test]
fn what_was_idle_meanwhile_is_checked_before_it_is_lent() {
    for config in configs() {
        let pool = warm(config);
        let mut upkeep = Job::begun(pool.run_maintenance());
        settle(&pool, &mut upkeep, INTERVAL);
        assert_eq!(checks(&pool), 0, "maintenance ran in time");
        pool.clock().advance(secs(3));
        assert_eq!(checks(&pool), 8);
        // Until maintenance marks again callers tell ages by the clock.
        pool.clock().advance(millis(400));
        assert_eq!(checks(&pool), 0);
        pool.clock().advance(millis(501));
        assert_eq!(checks(&pool), 8);
    }
}

/// What was released after the last pass was idle all the time, though maintenance sees it idle for the first time.
#[test]
fn what_came_back_just_before_is_checked_though_maintenance_runs_first() {
    for config in configs() {
        let pool = warm(config);
        let mut upkeep = Job::begun(pool.run_maintenance());
        settle(&pool, &mut upkeep, INTERVAL);
        assert_eq!(checks(&pool), 0);
        pool.clock().advance(secs(3));
        upkeep.wait_on();
        assert_eq!(checks(&pool), 8);
    }
}

/// Maintenance that runs as soon as it is woken, in the midst of the call that wakes it: as its thread may on another
/// processor.
mod at_once {
    use std::cell::RefCell;
    use std::future::Future;
    use std::pin::Pin;
    use std::sync::{Arc, Mutex};
    use std::task::Context;

    use crate::kit::managed::SimPool;
    use crate::kit::{lock, waker_that};

    thread_local!(static UPKEEP: RefCell<Option<Pin<Box<dyn Future<Output = ()>>>>> = const { RefCell::new(None) });

    /// Pools for the life of the program: maintenance is kept in a place that has no shorter life.
    static POOLS: Mutex<Vec<Arc<SimPool<8>>>> = Mutex::new(Vec::new());

    pub(super) fn keep(pool: Arc<SimPool<8>>) -> &'static SimPool<8> {
        let kept = Arc::as_ptr(&pool);
        lock(&POOLS).push(pool);
        // SAFETY: it is in an allocation of its own, which is kept for the life of the program.
        unsafe { &*kept }
    }

    pub(super) fn set(upkeep: Option<Pin<Box<dyn Future<Output = ()>>>>) {
        drop(UPKEEP.replace(upkeep));
    }

    pub(super) fn run() {
        UPKEEP.with(|upkeep| {
            // It may be woken by what it does itself.
            let Ok(mut upkeep) = upkeep.try_borrow_mut() else { return };
            if let Some(upkeep) = &mut *upkeep {
                assert!(upkeep.as_mut().poll(&mut Context::from_waker(&waker_that(run))).is_pending());
            }
        });
    }
}

#[test]
fn what_was_idle_is_checked_though_maintenance_that_the_caller_wakes_is_faster() {
    for config in configs() {
        let pool = at_once::keep(warm(config));
        at_once::set(Some(Box::pin(pool.run_maintenance())));
        for uses in [8, 8, 0] {
            drop((0..uses).map(|_| pool.get().unwrap()).collect::<Vec<_>>());
            pool.clock().advance(INTERVAL);
            at_once::run();
        }
        pool.clock().advance(secs(3));
        assert_eq!(checks(pool), 8, "{config:?}");
        at_once::set(None);
    }
}

/// A quarter more than the time that it may be idle is not too long.
#[test]
fn a_short_stop_costs_no_check() {
    for (stop, expected) in [(secs(15), 0), (millis(15_001), 8)] {
        let pool = warm(quiet().validate_after(Some(secs(60))));
        let mut upkeep = Job::begun(pool.run_maintenance());
        settle(&pool, &mut upkeep, secs(1));
        drop(take_all(&pool));
        pool.clock().advance(stop);
        upkeep.wait_on();
        assert_eq!(checks(&pool), expected, "after {stop:?}");
    }
}

/// How often the clock is read by so many loans.
fn reads(pool: &SimPool<8>, loans: usize) -> usize {
    let before = pool.clock().reads();
    (0..loans).for_each(|_| drop(pool.get().unwrap()));
    pool.clock().reads() - before
}

/// Maintenance may be late: its marks are trusted for twice as long as it takes until the next pass.
#[test]
fn a_pass_that_is_a_little_late_costs_nothing() {
    for config in configs() {
        let pool = warm(config);
        let mut upkeep = Job::begun(pool.run_maintenance());
        settle(&pool, &mut upkeep, INTERVAL);
        for _ in 0..5 {
            drop(take_all(&pool));
            pool.clock().advance(millis(250));
            assert_eq!((reads(&pool, 8), checks(&pool)), (8, 0));
            upkeep.wait_on();
        }
        drop(take_all(&pool));
        pool.clock().advance(millis(251));
        assert!((8..=9).contains(&reads(&pool, 8)) && checks(&pool) == 0);
    }
}

/// A clock that stands at the readings, and jumps by three seconds after one of them: there the process stood still.
struct Jumping {
    clock: SimClock,
    /// Counts the readings down; the jump comes after the last.
    left: AtomicUsize,
}

impl Clock for Jumping {
    const CAN_SLEEP: bool = true;

    fn now(&self) -> Duration {
        self.clock.now()
    }

    fn coarse(&self) -> Duration {
        let now = self.clock.now();
        let left = self.left.load(Ordering::Relaxed);
        self.left.store(left.saturating_sub(1), Ordering::Relaxed);
        if left == 1 {
            self.clock.advance(secs(3));
        }
        now
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        self.clock.sleep(duration)
    }
}

impl CanSleep for Jumping {}

/// The process stood still in the middle of a pass, or while maintenance was marking.
#[test]
fn marks_that_were_made_before_are_not_trusted() {
    for config in configs() {
        for reading in 1..=2 {
            let clock = Jumping { clock: SimClock::default(), left: AtomicUsize::new(0) };
            let pool = Pool::<_, 8, _>::with_clock(Script::default(), config, clock).unwrap();
            drop(take_all(&pool));
            let mut upkeep = Job::begun(pool.run_maintenance());
            for _ in 0..2 {
                drop(take_all(&pool));
                pool.clock().clock.advance(INTERVAL);
                upkeep.wait_on();
            }
            drop(take_all(&pool));
            assert_eq!(pool.manager().calls(Call::Check), 0);
            pool.clock().clock.advance(INTERVAL);
            pool.clock().left.store(reading, Ordering::Relaxed);
            upkeep.wait_on();
            assert_eq!(pool.clock().left.load(Ordering::Relaxed), 0, "maintenance has read the clock");
            drop(take_all(&pool));
            let checks = pool.manager().calls(Call::Check);
            assert_eq!(checks, 8, "stood still after reading {reading}");
        }
    }
}

#[test]
fn the_thread_stands_still_with_the_process() {
    let pool = warm(quiet().validate_after(Some(secs(4))).nested(Nested::Allow));
    let _health = pool.health_check().unwrap();
    // It passes once a second in real time, and the test's clock stands still meanwhile.
    // Marks are trusted as soon as a release does not read the clock.
    wait_until(|| reads(&pool, 1) < 2);
    drop(take_all(&pool));
    pool.clock().advance(secs(5));
    assert_eq!(checks(&pool), 8);
}

/// The time stands still meanwhile, so ages do not tell. Those in use are checked when they are lent next.
#[test]
fn after_the_machine_was_suspended_every_connection_is_checked() {
    for config in configs() {
        for (suspended, expected) in [(millis(500), 0), (millis(501), 8), (secs(3600), 8)] {
            let pool = warm(config);
            // That was before the pool was there.
            pool.clock().suspend(secs(60));
            let mut upkeep = Job::begun(pool.run_maintenance());
            assert_eq!(checks(&pool), 0);
            settle(&pool, &mut upkeep, INTERVAL);
            let held = pool.get().unwrap();
            pool.clock().suspend(suspended);
            pool.clock().advance(INTERVAL);
            upkeep.wait_on();
            drop(held);
            assert_eq!((checks(&pool), checks(&pool)), (expected, 0), "suspended for {suspended:?}");
            pool.clock().advance(INTERVAL);
            upkeep.wait_on();
            assert_eq!(checks(&pool), 0, "once is enough");
        }
    }
}

/// By a loop of the user's as well, and whatever the pool is told of idle connections.
#[test]
fn each_pass_sees_that_the_machine_was_suspended() {
    for validate_after in [None, Some(secs(2)), ALWAYS] {
        let pool = warm(quiet().validate_after(validate_after));
        maintain(&pool);
        for (suspended, is_checked) in
            [(millis(500), false), (millis(1_500), validate_after.is_none()), (secs(3), true)]
        {
            pool.clock().suspend(suspended);
            maintain(&pool);
            let expected = if is_checked || validate_after == ALWAYS { 8 } else { 0 };
            assert_eq!(checks(&pool), expected, "{validate_after:?}, suspended for {suspended:?}");
        }
    }
}

#[test]
fn a_request_that_ends_well_does_not_show_that_its_connection_outlived_the_suspension() {
    let pool = warm(quiet());
    maintain(&pool);
    let mut held = pool.get().unwrap();
    let (seen, clock) = (Arc::clone(&pool), pool.clock().clone());
    let request = async move |_: &mut _| {
        clock.suspend(secs(1));
        maintain(&seen);
    };
    Job::new(ConnGuard::scope(&mut held, request)).end();
    drop(held);
    assert_eq!(checks(&pool), 8);
}

#[test]
fn a_pointer_to_a_clock_tells_how_long_the_machine_was_suspended() {
    let clock = Arc::new(SimClock::default());
    clock.suspend(secs(7));
    assert_eq!([Clock::suspended(&clock), Clock::suspended(&&*clock)], [secs(7); 2]);
}

/// The process is stopped for real, six times: a child runs this very test, and is told apart by a variable.
#[cfg(unix)]
mod stopped {
    use std::io::{BufRead, BufReader};
    use std::process::{Child, Command, Stdio};
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::sync::{Arc, Barrier};
    use std::thread;
    use std::time::{Duration, Instant};

    use conn_pool::managed::{Config, Lifecycle, Manager, Nested, Pool};

    use crate::kit::managed::{millis, secs};
    use crate::kit::{FOREVER, wait_until};

    const CHILD: &str = "CONN_POOL_STOPPED_CHILD";
    const ROUNDS: usize = 6;
    /// A connection that was not used for so long is dead.
    const LIFE: Duration = secs(1);
    const BORROWERS: usize = 8;

    #[test]
    fn no_connection_is_lent_that_has_died_while_the_process_was_stopped() {
        if std::env::var_os(CHILD).is_some() {
            return borrow_in_rounds();
        }
        let name = format!("{}::no_connection_is_lent_that_has_died_while_the_process_was_stopped", module_path!());
        let name = name.split_once("::").unwrap().1;
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", name, "--nocapture"]).env(CHILD, "1").env_remove("RUST_BACKTRACE");
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut child = Ended(child);
        let mut lines = BufReader::new(child.0.stderr.take().unwrap()).lines().map(Result::unwrap);
        for round in 0..ROUNDS {
            let said = lines.find(|line| line == "idle" || line.contains("panicked"));
            assert_eq!(said.as_deref(), Some("idle"), "round {round}: {:?}", lines.next());
            child.signal("STOP");
            // What is tested is real time that passes without the process.
            thread::sleep(LIFE + millis(500));
            child.signal("CONT");
        }
        let said: Vec<_> = lines.collect();
        assert!(said.contains(&String::from("lent dead: 0")), "{said:?}");
        assert!(child.0.wait().unwrap().success());
    }

    /// Ends the child, however the test ends.
    struct Ended(Child);

    impl Ended {
        fn signal(&self, signal: &str) {
            let kill = format!("kill -s {signal} {}", self.0.id());
            assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success(), "{kill}");
        }
    }

    impl Drop for Ended {
        fn drop(&mut self) {
            // It may have ended.
            let _ended = self.0.kill();
            let _status = self.0.wait();
        }
    }

    struct Server;

    /// A connection knows when its server has last heard of it.
    struct Session(Instant);

    impl Session {
        fn is_dead(&self, now: Instant) -> bool {
            now.saturating_duration_since(self.0) > LIFE
        }
    }

    impl Lifecycle for Server {
        type Connection = Session;
        type Error = &'static str;

        fn has_broken(&self, session: &mut Session) -> bool {
            session.is_dead(Instant::now())
        }
    }

    impl Manager for Server {
        fn connect(&self, _: Option<Duration>) -> Result<Session, &'static str> {
            Ok(Session(Instant::now()))
        }

        fn is_valid(&self, session: &mut Session, _: Option<Duration>) -> Result<(), &'static str> {
            if session.is_dead(Instant::now()) {
                return Err("dead");
            }
            session.0 = Instant::now();
            Ok(())
        }
    }

    /// The child: in each round its threads use all connections, until maintenance marks, and then all at once after
    /// the process was stopped.
    fn borrow_in_rounds() {
        let config = Config::new().nested(Nested::Allow);
        let pool = Arc::new(Pool::<_, BORROWERS>::new(Server, config).unwrap());
        let _health = pool.health_check().unwrap();
        let (meet, dead) = (Barrier::new(BORROWERS), AtomicUsize::new(0));
        let is_over = AtomicBool::new(false);
        let use_all = || {
            // Read before the acquire: what it calls dead was idle for long when the acquire began.
            let now = Instant::now();
            let mut session = pool.get().unwrap();
            let was_dead = session.is_dead(now);
            session.0 = Instant::now();
            // All are in use at once.
            meet.wait();
            drop(session);
            was_dead
        };
        let borrow = || {
            for _ in 0..ROUNDS {
                let began = Instant::now();
                is_over.store(false, Ordering::Relaxed);
                while !is_over.load(Ordering::Relaxed) {
                    use_all();
                    // One decides for all.
                    if meet.wait().is_leader() && began.elapsed() > millis(300) {
                        is_over.store(true, Ordering::Relaxed);
                    }
                    meet.wait();
                }
                // From before the process may be stopped: one reading ends a span and begins the next, so that none of
                // them misses the stop.
                let began = Instant::now();
                if meet.wait().is_leader() {
                    eprintln!("idle");
                }
                let (mut seen, mut span) = (began, Duration::ZERO);
                while span < LIFE {
                    assert!(began.elapsed() < FOREVER, "the process is not stopped");
                    thread::sleep(millis(1));
                    let now = Instant::now();
                    span = now.duration_since(seen);
                    seen = now;
                }
                dead.fetch_add(usize::from(use_all()), Ordering::Relaxed);
                meet.wait();
            }
        };
        thread::scope(|scope| (0..BORROWERS).for_each(|_| _ = scope.spawn(borrow)));
        wait_until(|| pool.status().in_use == 0);
        eprintln!("lent dead: {}", dead.load(Ordering::Relaxed));
    }
}

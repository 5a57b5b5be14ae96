//! What a managed pool tells `tracing`: which events, with which fields, in which span; and that borrowers who are
//! served at once tell it nothing.

use std::fmt::{self, Debug, Write};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use conn_pool::managed::{AsyncFromBlocking, AsyncManager, Clock, Config, Lifecycle, Manager, Nested, Pool, Retry};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Metadata, Subscriber};

use crate::kit::SimClock;
use crate::kit::managed::millis;

/// Writes down what it is told, and checks that each event names its pool and each span is left by who entered it.
#[derive(Clone, Default)]
struct Journal(Arc<Shared>);

#[derive(Default)]
struct Shared {
    lines: Mutex<Vec<String>>,
    spans: AtomicU64,
    /// The spans that are entered, the innermost last.
    entered: Mutex<Vec<u64>>,
}

/// Two subscribers that last as long as the process. `tracing` remembers at each place whether a subscriber wants to
/// hear of it, and while there is no more than one subscriber it asks only the one of the thread that comes by first: a
/// test without a subscriber would silence that place for a test that has one.
static LASTING: LazyLock<[Dispatch; 2]> = LazyLock::new(|| std::array::from_fn(|_| Journal::default().into()));

impl Journal {
    /// What is told while `work` runs.
    fn of(work: impl FnOnce(&Self)) -> Vec<String> {
        let journal = Self::default();
        tracing::subscriber::with_default(journal.clone(), || work(&journal));
        assert!(!journal.is_in_a_span(), "a span is still entered");
        journal.take()
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lines.lock().unwrap())
    }

    fn is_in_a_span(&self) -> bool {
        !self.0.entered.lock().unwrap().is_empty()
    }

    fn note(&self, line: String) {
        self.0.lines.lock().unwrap().push(line);
    }
}

/// The fields of an event or a span, one after the other. Times are left out: they differ.
struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => write!(self.0, " {value:?}"),
            name @ ("took" | "held_for" | "waited" | "longest" | "site") => write!(self.0, " {name}"),
            name => write!(self.0, " {name}={value:?}"),
        }
        .unwrap();
    }
}

fn fields(record: impl FnOnce(&mut Fields)) -> String {
    let mut fields = Fields(String::new());
    record(&mut fields);
    fields.0
}

impl Subscriber for Journal {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "conn_pool"
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let id = self.0.spans.fetch_add(1, Ordering::SeqCst) + 1;
        self.note(format!("[{}{}", span.metadata().name(), fields(|fields| span.record(fields))));
        Id::from_u64(id)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        self.note(format!("={}", fields(|fields| values.record(fields))));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        assert!(event.metadata().fields().field("pool").is_some(), "{event:?} does not name its pool");
        let inside = if self.is_in_a_span() { "  " } else { "" };
        self.note(format!("{inside}{}{}", event.metadata().level(), fields(|fields| event.record(fields))));
    }

    fn enter(&self, span: &Id) {
        self.0.entered.lock().unwrap().push(span.into_u64());
    }

    fn exit(&self, span: &Id) {
        assert_eq!(self.0.entered.lock().unwrap().pop(), Some(span.into_u64()));
    }

    fn try_close(&self, _: Id) -> bool {
        true
    }
}

/// A server that can be down, or sick.
#[derive(Default)]
struct Server {
    is_down: AtomicBool,
    is_sick: bool,
    resets_fail: bool,
}

/// An error of which nothing can be shown.
struct Opaque;

impl Lifecycle for Server {
    type Connection = ();
    type Error = Opaque;

    fn describe(&self, _: &Opaque, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("out of order")
    }

    fn reset(&self, (): &mut ()) -> Result<(), Opaque> {
        if self.resets_fail { Err(Opaque) } else { Ok(()) }
    }
}

impl Manager for Server {
    fn connect(&self, _: Option<Duration>) -> Result<(), Opaque> {
        if self.is_down.load(Ordering::SeqCst) { Err(Opaque) } else { Ok(()) }
    }

    fn is_valid(&self, (): &mut (), _: Option<Duration>) -> Result<(), Opaque> {
        if self.is_sick { Err(Opaque) } else { Ok(()) }
    }
}

/// A pool of one, in which nothing happens by itself.
fn pool(server: Server, config: Config) -> Pool<AsyncFromBlocking<Server>, 1, SimClock> {
    LazyLock::force(&LASTING);
    let config = config.name("orders").max_lifetime(None).nested(Nested::Allow);
    Pool::with_clock(AsyncFromBlocking(server), config, SimClock::default()).unwrap()
}

fn quiet() -> Config {
    Config::new().validate_after(None)
}

#[test]
fn who_is_served_at_once_is_not_told_of() {
    let pool = pool(Server::default(), quiet());
    drop(pool.get());
    let told = Journal::of(|_| {
        for _ in 0..100 {
            drop(pool.get());
            drop(pool.try_get());
            drop(pool.try_get_idle());
            assert!(pin!(pool.get_async()).poll(&mut Context::from_waker(Waker::noop())).is_ready());
        }
    });
    assert_eq!(told, [""; 0]);
}

#[test]
fn who_looks_at_the_clock_but_is_served_at_once_is_not_told_of_either() {
    let pool = pool(Server::default(), Config::new());
    drop(pool.get());
    let told = Journal::of(|_| (0..100).for_each(|_| drop(pool.get())));
    assert_eq!(told, [""; 0]);
}

#[test]
fn a_connect_is_told_in_the_span_of_its_caller() {
    let pool = pool(Server::default(), quiet());
    let told = Journal::of(|_| drop(pool.get()));
    assert_eq!(told, ["[acquire pool=\"orders\"", "  DEBUG connected pool=\"orders\" took", "= waited"]);
}

#[test]
fn a_failed_connect_is_told_and_so_is_the_refusal_that_follows() {
    let pool = pool(Server { is_down: true.into(), ..Server::default() }, quiet());
    let told = Journal::of(|_| assert!(pool.get().is_err()));
    assert_eq!(told[1], "  WARN connect failed pool=\"orders\" kind=\"error\" took error=out of order");
    let status = "in use: 0 of 1, idle: 0, vacant: 1, waiting: 0";
    assert_eq!(told[2], format!("  WARN no connection for a caller pool=\"orders\" error=\"connect\" status={status}"));
}

#[test]
fn a_failed_check_is_told_and_so_is_what_comes_of_it() {
    let server = Server { is_sick: true, ..Server::default() };
    let pool = pool(server, Config::new().validate_after(Some(Duration::ZERO)));
    drop(pool.get());
    let told = Journal::of(|_| drop(pool.get()));
    let events = [
        "  INFO check failed pool=\"orders\" kind=\"error\" error=out of order",
        "  DEBUG discarded pool=\"orders\" reason=\"invalid\"",
        "  DEBUG connected pool=\"orders\" took",
    ];
    assert_eq!(told[1..4], events);
}

#[test]
fn a_failed_reset_is_told_outside_of_any_span() {
    let pool = pool(Server { resets_fail: true, ..Server::default() }, quiet());
    let guard = pool.get();
    let told = Journal::of(|_| drop(guard));
    let failed = "WARN reset failed pool=\"orders\" error=out of order";
    assert_eq!(told, [failed, "DEBUG discarded pool=\"orders\" reason=\"reset_failed\""]);
}

#[test]
fn who_gives_up_is_told_of_with_how_the_pool_stood() {
    let pool = pool(Server::default(), quiet());
    let _held = pool.get();
    let told = Journal::of(|_| assert!(pool.get_timeout(Duration::from_millis(1)).is_err()));
    let status = "in use: 1 of 1, idle: 0, vacant: 0, waiting: 0";
    let event = format!("  WARN no connection for a caller pool=\"orders\" error=\"timeout\" status={status} longest");
    assert_eq!(told, ["[acquire pool=\"orders\"", &event, "= waited"]);
}

#[test]
fn a_caller_that_gives_up_is_told_of_in_its_span() {
    let pool = pool(Server::default(), quiet());
    let _held = pool.get();
    let told = Journal::of(|_| {
        let mut waits = Box::pin(pool.get_async());
        assert!(waits.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        drop(waits);
    });
    assert_eq!(told, ["[acquire pool=\"orders\"", "  INFO a caller gave up pool=\"orders\"", "= waited"]);
}

#[test]
fn who_does_not_want_to_wait_is_no_reason_to_warn() {
    let pool = pool(Server::default(), quiet());
    let _held = pool.get();
    let told = Journal::of(|_| assert!(pool.try_get().is_err()));
    assert_eq!(told[1], "  DEBUG no connection is free pool=\"orders\"");
    assert_eq!(pool.status().to_string(), "in use: 1 of 1, idle: 0, vacant: 0, waiting: 0");
}

#[test]
fn a_thread_that_would_wait_for_itself_is_told_of() {
    LazyLock::force(&LASTING);
    let config = quiet().name("orders").nested(Nested::Refuse);
    let pool = Pool::<_, 1>::new(Server::default(), config).unwrap();
    let _held = pool.get();
    let told = Journal::of(|_| assert!(pool.get().is_err()));
    let event = "  WARN a thread would wait for itself pool=\"orders\" site held_for status=in use: 1 of 1";
    assert!(told[1].starts_with(event), "{told:?}");
}

#[test]
fn a_leak_is_told_with_the_place_where_it_was_borrowed() {
    let pool = pool(Server::default(), quiet().leak_threshold(Some(Duration::from_secs(1))));
    let _held = pool.get();
    pool.maintain(pool.clock().now());
    pool.clock().advance(millis(1000));
    let told = Journal::of(|_| assert_eq!(pool.maintain(pool.clock().now()).leaked, 1));
    assert_eq!(told, ["WARN connection leak pool=\"orders\" slot=0 site held_for"]);
}

#[test]
fn what_is_done_to_the_pool_is_told() {
    let pool = pool(Server::default(), quiet());
    drop(pool.get());
    let told = Journal::of(|_| {
        pool.suspend();
        pool.resume();
        pool.evict_all();
        pool.resize(0).unwrap();
        pool.close();
        pool.close();
    });
    let events = [
        "INFO suspended pool=\"orders\"",
        "INFO resumed pool=\"orders\"",
        "DEBUG discarded pool=\"orders\" reason=\"evicted\"",
        "INFO evicted pool=\"orders\" at_once=1",
        "INFO resized pool=\"orders\" max_size=0",
        "INFO closed pool=\"orders\"",
    ];
    assert_eq!(told, events);
}

#[test]
fn that_a_pool_is_closed_is_told_once_and_at_once() {
    let pool = pool(Server::default(), quiet());
    assert_eq!(Journal::of(|_| pool.close()), ["INFO closed pool=\"orders\""]);
    assert_eq!(Journal::of(|_| pool.close()), [""; 0]);
}

#[test]
fn a_pool_that_is_dropped_tells_what_it_parts_with() {
    let pool = pool(Server::default(), quiet());
    drop(pool.get());
    let told = Journal::of(|_| drop(pool));
    assert_eq!(told, ["DEBUG discarded pool=\"orders\" reason=\"closed\""]);
}

/// Connects at the second poll.
struct Slow;

impl Lifecycle for Slow {
    type Connection = ();
    type Error = Opaque;
}

impl AsyncManager for Slow {
    async fn connect(&self) -> Result<(), Opaque> {
        let mut was_asked = false;
        std::future::poll_fn(|_| if std::mem::replace(&mut was_asked, true) { Poll::Ready(()) } else { Poll::Pending })
            .await;
        Ok(())
    }
}

#[test]
fn a_task_is_in_its_span_only_while_it_is_polled() {
    LazyLock::force(&LASTING);
    let pool = Pool::<_, 1>::new(Slow, quiet().name("orders")).unwrap();
    let told = Journal::of(|journal| {
        let mut context = Context::from_waker(Waker::noop());
        let mut task = Box::pin(pool.get_async());
        assert!(task.as_mut().poll(&mut context).is_pending());
        assert!(!journal.is_in_a_span());
        let mut other = Box::pin(pool.get_async());
        assert!(other.as_mut().poll(&mut context).is_pending());
        assert!(!journal.is_in_a_span());
        drop(other);
        assert!(task.as_mut().poll(&mut context).is_ready());
    });
    let events = [
        "[acquire pool=\"orders\"",
        "[acquire pool=\"orders\"",
        "  INFO a caller gave up pool=\"orders\"",
        "= waited",
        "  DEBUG connected pool=\"orders\" took",
        "= waited",
    ];
    assert_eq!(told, events);
}

/// What is told of how long a caller waited.
struct Waited(Arc<Mutex<Vec<String>>>);

impl Visit for Waited {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        assert_eq!(field.name(), "waited");
        self.0.lock().unwrap().push(format!("{value:?}"));
    }
}

impl Subscriber for Waited {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span()
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Self(Arc::clone(&self.0)));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// How long callers are told to have waited while `work` runs.
fn waited(work: impl FnOnce(&mut Context<'_>)) -> Vec<String> {
    let waited = Arc::default();
    tracing::subscriber::with_default(Waited(Arc::clone(&waited)), || work(&mut Context::from_waker(Waker::noop())));
    std::mem::take(&mut waited.lock().unwrap())
}

#[test]
fn the_span_knows_how_long_its_caller_waited_for_others_whether_it_was_served_or_not() {
    let pool = pool(Server::default(), quiet());
    let waited = waited(|context| {
        let held = pool.get();
        let (mut served, mut gone) = (Box::pin(pool.get_async()), Box::pin(pool.get_async()));
        assert!(served.as_mut().poll(context).is_pending() && gone.as_mut().poll(context).is_pending());
        pool.clock().advance(millis(70));
        drop(gone);
        pool.clock().advance(millis(30));
        drop(held);
        assert!(served.as_mut().poll(context).is_ready());
    });
    assert_eq!(waited, ["0ns", "70ms", "100ms"]);
}

#[test]
fn all_the_waits_of_a_caller_come_to_one() {
    let pool = pool(Server::default(), quiet().retry(Retry { attempts: 1, ..Retry::DEFAULT }));
    let waited = waited(|context| {
        let held = pool.get();
        let mut task = Box::pin(pool.get_async());
        assert!(task.as_mut().poll(context).is_pending());
        pool.clock().advance(millis(10));
        pool.evict_all();
        drop(held);
        pool.manager().0.is_down.store(true, Ordering::SeqCst);
        assert!(task.as_mut().poll(context).is_pending(), "it tries again later");
        pool.manager().0.is_down.store(false, Ordering::SeqCst);
        let held = pool.get();
        pool.clock().advance(millis(20));
        drop(held);
        assert!(task.as_mut().poll(context).is_ready());
    });
    assert_eq!(waited, ["0ns", "0ns", "30ms"]);
}

#[test]
fn futures_can_still_be_sent() {
    fn assert_send<T: Send>(_: &T) {}
    let pool = pool(Server::default(), quiet());
    assert_send(&pool.get_async());
}

//! Point 14: services that are built by the guide alone, with the defaults, and the bad days of their database.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::by_threads::Threads;
use crate::callers::comes_within;
use crate::database::Database;
use crate::kit::managed::{millis, secs};
use crate::service::{Caller, Came, Client, Log, MAX_SIZE, Request, Service};
use crate::table::{Row, shown};

const CALLERS: usize = 24;

/// By how much a caller may be told late.
const LATE: Duration = millis(100);

/// How patient callers are that are told soon, and those that wait for a server to come back.
const IMPATIENT: Duration = millis(200);
const PATIENT: Duration = secs(2);

/// How long a database is up before something happens, and how long callers go on after it.
const UP: Duration = millis(700);

pub(crate) fn by_threads() -> Vec<Row> {
    rows::<Threads>()
}

#[cfg(feature = "tokio")]
pub(crate) fn by_tokio() -> Vec<Row> {
    rows::<crate::by_tokio::Tasks>()
}

/// The days that are spent waiting are side by side.
fn rows<S: Service>() -> Vec<Row> {
    let alone: [fn() -> Vec<Row>; 3] = [restarts::<S>, evicted_by_the_pool::<S>, evicted_while_idle::<S>];
    let together: [fn() -> Vec<Row>; 4] = [slow::<S>, away_at_first::<S>, silent::<S>, hanging_questions::<S>];
    let mut rows: Vec<_> = alone.into_iter().flat_map(|day| day()).collect();
    let together = together.map(thread::spawn);
    rows.extend(together.into_iter().flat_map(|day| day.join().expect("no panic")));
    rows
}

/// A day of a service and its database.
struct Day<S> {
    what: &'static str,
    service: S,
    database: Database,
    log: Arc<Log>,
    patience: Duration,
    requests: Vec<Request>,
}

impl<S: Service> Day<S> {
    fn new(what: &'static str, patience: Duration, database: Database) -> Self {
        let service = S::start(database.address());
        Self { what, service, database, log: Arc::default(), patience, requests: Vec::new() }
    }

    /// Callers ask while `course` lasts.
    fn spend<T>(&mut self, course: impl FnOnce(&mut Self) -> T) -> T {
        let callers = self.call();
        let output = course(self);
        self.log.end();
        self.wait_for(callers);
        output
    }

    /// Callers ask once each.
    fn ask_once(&mut self) {
        self.log.end();
        let callers = self.call();
        self.wait_for(callers);
    }

    fn call(&self) -> Vec<Caller> {
        (0..CALLERS).map(|_| self.service.call(self.patience, &self.log)).collect()
    }

    fn wait_for(&mut self, callers: Vec<Caller>) {
        for end in callers {
            end();
        }
        self.requests.extend(self.log.take());
    }

    fn count(&self, came: impl Fn(&Came) -> bool) -> usize {
        self.requests.iter().filter(|request| came(&request.came)).count()
    }

    fn say(&self, what: impl AsRef<str>) -> String {
        format!("guide, {}, {}: {}", S::NAME, self.what, what.as_ref())
    }

    /// Everybody is told within its patience.
    fn is_told(&self) -> Row {
        let slowest = self.requests.iter().map(|request| request.told_in).max().unwrap_or_default();
        Row::within("14", self.say("told"), self.patience + LATE, slowest)
    }

    /// So many callers may be told that there is no connection.
    fn unserved(&self, most: usize) -> Row {
        let count = self.count(|came| matches!(came, Came::Unserved(_)));
        let why = self.requests.iter().find_map(|request| match &request.came {
            Came::Unserved(error) if count > most => Some(format!(", such as: {error}")),
            _ => None,
        });
        let measured = format!("{count} of {}{}", self.requests.len(), why.unwrap_or_default());
        Row::new("14", self.say("without a connection"), format!("≤ {most}"), measured, count <= most)
    }

    /// So many requests may fail with the connection that they have got.
    fn failed(&self, most: usize) -> Row {
        let count = self.count(|came| matches!(came, Came::Failed));
        let measured = format!("{count} of {}", self.requests.len());
        Row::new("14", self.say("without an answer"), format!("≤ {most}"), measured, count <= most)
    }

    /// How soon after it has come back the first caller has an answer from the database, each time that it was away.
    fn again(&self, backs: &[Instant], bound: Duration) -> Row {
        let firsts: Option<Vec<_>> = backs.iter().map(|back| self.first_answer_after(*back)).collect();
        let longest = firsts.and_then(|firsts| firsts.into_iter().max());
        Row::comes_within("14", self.say("back: first answer"), bound, longest, bound)
    }

    fn first_answer_after(&self, back: Instant) -> Option<Duration> {
        let after = |request: &Request| match request.came {
            Came::Answered(at) => at.checked_duration_since(back),
            _ => None,
        };
        self.requests.iter().filter_map(after).min()
    }

    /// All slots are there after `at_most`, and there were never more sessions than slots.
    fn whole(&self, at_most: Duration) -> Row {
        let is_whole = || {
            let status = self.service.pool().status();
            (status.in_use, status.idle + status.vacant) == (0, MAX_SIZE)
        };
        let (after, most) = (comes_within(at_most, is_whole), self.service.pool().manager().sessions().most());
        let slots = after.map_or_else(|| self.service.pool().status().to_string(), shown);
        let bound = format!("≤ {}, ≤ {MAX_SIZE}", shown(at_most));
        let is_kept = after.is_some() && most <= MAX_SIZE;
        Row::new("14", self.say("all slots, connections"), bound, format!("{slots}, {most}"), is_kept)
    }
}

fn restarts<S: Service>() -> Vec<Row> {
    const RESTARTS: usize = 3;
    const AWAY: Duration = millis(300);
    let mut day = Day::<S>::new("3 restarts", PATIENT, Database::start());
    let backs = day.spend(|day| {
        let mut restart = || {
            thread::sleep(UP);
            day.database.stop();
            thread::sleep(AWAY);
            day.database.restart();
            Instant::now()
        };
        let backs: Vec<_> = (0..RESTARTS).map(|_| restart()).collect();
        thread::sleep(UP);
        backs
    });
    // The pauses double: together they are no longer than the time away, and the first of them.
    let back = day.again(&backs, AWAY + millis(100) + LATE);
    // Each connection is found dead by whoever uses it then.
    vec![day.is_told(), day.unserved(0), day.failed(RESTARTS * MAX_SIZE), back, day.whole(LATE)]
}

/// The service starts before its database does.
fn away_at_first<S: Service>() -> Vec<Row> {
    const AWAY: Duration = secs(3);
    let mut database = Database::start();
    database.stop();
    let mut day = Day::<S>::new("away at first", IMPATIENT, database);
    let back = day.spend(|day| {
        thread::sleep(AWAY);
        day.database.restart();
        let back = Instant::now();
        thread::sleep(AWAY + UP);
        back
    });
    vec![day.is_told(), day.failed(0), day.again(&[back], AWAY + millis(100) + LATE), day.whole(LATE)]
}

fn silent<S: Service>() -> Vec<Row> {
    let mut day = Day::<S>::new("silent for 3 s", IMPATIENT, Database::start());
    let back = day.spend(|day| {
        thread::sleep(UP);
        day.database.silence(true);
        thread::sleep(secs(3));
        day.database.silence(false);
        let back = Instant::now();
        thread::sleep(UP);
        back
    });
    vec![day.is_told(), day.failed(MAX_SIZE), day.again(&[back], LATE), day.whole(LATE)]
}

fn hanging_questions<S: Service>() -> Vec<Row> {
    const HANGING: usize = 5;
    let mut day = Day::<S>::new("5 questions hang", PATIENT, Database::start());
    day.spend(|day| {
        thread::sleep(UP);
        day.database.swallow(HANGING);
        thread::sleep(secs(3));
    });
    // What a task has cut short is checked, for 5 s by default.
    vec![day.is_told(), day.unserved(0), day.failed(HANGING), day.whole(secs(6))]
}

/// As by a firewall.
fn evicted_while_idle<S: Service>() -> Vec<Row> {
    // What was idle for half a second is checked.
    const IDLE: Duration = millis(550);
    let mut day = Day::<S>::new("idle ones cut", PATIENT, Database::start());
    for _ in 0..4 {
        day.ask_once();
        thread::sleep(IDLE);
        day.database.evict();
    }
    vec![day.is_told(), day.unserved(0), day.failed(0), day.whole(LATE)]
}

fn evicted_by_the_pool<S: Service>() -> Vec<Row> {
    let mut day = Day::<S>::new("evict_all", PATIENT, Database::start());
    day.spend(|day| {
        for _ in 0..100 {
            thread::sleep(millis(20));
            day.service.pool().evict_all();
        }
    });
    vec![day.is_told(), day.unserved(0), day.failed(0), day.whole(LATE)]
}

fn slow<S: Service>() -> Vec<Row> {
    let database = Database::start();
    database.greet_after(millis(300));
    let mut day = Day::<S>::new("connects slow", IMPATIENT, database);
    day.spend(|_| thread::sleep(secs(2)));
    let begun = day.service.pool().manager().sessions().begun();
    let connects = Row::at_most("14", day.say("connects begun"), MAX_SIZE, begun);
    // A caller is told once or twice that there is none yet.
    vec![day.is_told(), day.unserved(2 * CALLERS), connects, day.whole(LATE)]
}

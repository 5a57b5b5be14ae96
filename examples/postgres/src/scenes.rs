//! The scenes. Each has a schema of its own, which it leaves behind empty.

mod batch;
mod copy;
mod dropped;
mod listen;
mod many;
mod query;
mod settings;
mod threads;
mod transaction;

use std::error::Error;
use std::future::Future;
use std::pin::Pin;

use conn_pool::SharedPool;
use conn_pool::managed::Config;
use conn_pool_postgres::{CleanUp, Postgres};

pub type Failure = Box<dyn Error + Send + Sync>;
/// What a scene has shown, line by line.
pub type Shown = Result<Vec<String>, Failure>;

enum Play {
    Tasks(fn(String) -> Pin<Box<dyn Future<Output = Shown>>>),
    Threads(fn(&str) -> Shown),
}

pub struct Scene {
    pub title: &'static str,
    play: Play,
}

impl Scene {
    /// Plays the scene with the server that the connection string names.
    ///
    /// # Errors
    ///
    /// If the server cannot be reached, or something is not as the scene says.
    pub fn run(&self, url: &str) -> Shown {
        match self.play {
            Play::Threads(play) => play(url),
            Play::Tasks(play) => tokio::runtime::Runtime::new()?.block_on(play(url.to_owned())),
        }
    }
}

macro_rules! tasks {
    ($title:literal, $scene:ident) => {
        Scene { title: $title, play: Play::Tasks(|url| Box::pin(async move { $scene::play(&url).await })) }
    };
}

pub const ALL: [Scene; 9] = [
    tasks!("a query through the guard", query),
    tasks!("inserts in one transaction", transaction),
    tasks!("a transaction that is dropped without a commit", dropped),
    tasks!("COPY in and out, and one that is dropped half-way", copy),
    tasks!("statements in a batch, and side by side", batch),
    tasks!("one query for each row, and one join", many),
    tasks!("LISTEN and NOTIFY", listen),
    tasks!("settings do not reach the next caller", settings),
    Scene { title: "with threads", play: Play::Threads(threads::play) },
];

/// A pool of two connections, so that what one caller leaves reaches the next.
fn pool(url: &str) -> Result<SharedPool<Postgres>, Failure> {
    pool_of(Postgres::from_url(url)?)
}

fn pool_that_discards(url: &str) -> Result<SharedPool<Postgres>, Failure> {
    pool_of(Postgres::from_url(url)?.clean_up(CleanUp::DiscardAll))
}

fn pool_of(postgres: Postgres) -> Result<SharedPool<Postgres>, Failure> {
    Ok(SharedPool::new(postgres, Config::new().name("scenes").max_size(2))?)
}

fn demand(holds: bool, fault: &str) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(fault.into()) }
}

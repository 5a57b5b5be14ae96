//! One pool's turn.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use nix::sys::resource::{Usage, UsageWho, getrusage};

use crate::Failure;
use crate::contenders::{Build, Contender, Tasks, Threads};
use crate::load::{Callers, Load, Work};

/// What a turn has shown.
pub struct Round {
    /// Requests a second.
    pub throughput: f64,
    /// In microseconds.
    pub waits: Histogram<u64>,
    /// Requests of the caller that was served least, beside the average of all.
    pub least: f64,
    /// Of this process, which the server is not: for each request, in microseconds.
    pub processor: f64,
    /// For each request.
    pub switches: f64,
}

/// What one caller has done.
#[derive(Default)]
struct Caller {
    waits: Vec<Duration>,
}

pub fn measure(contender: &Contender, load: Load, url: &str, lasting: Duration) -> Result<Round, Failure> {
    match (contender.build, load.callers) {
        (Build::Tasks(build), Callers::Tasks(count)) => {
            let runtime = tokio::runtime::Runtime::new()?;
            let pool = runtime.block_on(build(url.to_owned()))?;
            let round = runtime.block_on(tasks(&pool, count, load.work, lasting));
            runtime.shutdown_background();
            round
        }
        (Build::Threads(build), Callers::Threads(count)) => threads(&*build(url)?, count, load.work, lasting),
        _ => Err("a pool for tasks has threads for callers, or the other way round".into()),
    }
}

async fn tasks(pool: &Arc<dyn Tasks>, count: usize, work: Work, lasting: Duration) -> Result<Round, Failure> {
    // Each connection has its statement before it counts.
    for _ in 0..crate::CONNECTIONS * 4 {
        Arc::clone(pool).request(work).await?;
    }
    let (before, began) = (getrusage(UsageWho::RUSAGE_SELF)?, Instant::now());
    let end = began + lasting;
    let callers: Vec<_> = (0..count)
        .map(|_| {
            let pool = Arc::clone(pool);
            tokio::spawn(async move {
                let mut caller = Caller::default();
                while Instant::now() < end {
                    caller.waits.push(Arc::clone(&pool).request(work).await?);
                }
                Ok::<_, Failure>(caller)
            })
        })
        .collect();
    let mut done = Vec::with_capacity(count);
    for caller in callers {
        done.push(caller.await??);
    }
    round(&done, began.elapsed(), &before)
}

fn threads(pool: &dyn Threads, count: usize, work: Work, lasting: Duration) -> Result<Round, Failure> {
    for _ in 0..crate::CONNECTIONS * 4 {
        pool.request(work)?;
    }
    let start = Barrier::new(count + 1);
    thread::scope(|scope| {
        let callers: Vec<_> = (0..count)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    let (end, mut caller) = (Instant::now() + lasting, Caller::default());
                    while Instant::now() < end {
                        caller.waits.push(pool.request(work)?);
                    }
                    Ok::<_, Failure>(caller)
                })
            })
            .collect();
        let before = getrusage(UsageWho::RUSAGE_SELF)?;
        start.wait();
        let began = Instant::now();
        let done: Result<Vec<_>, Failure> = callers
            .into_iter()
            .map(|caller| caller.join().map_err(|_| Failure::from("a caller has panicked"))?)
            .collect();
        round(&done?, began.elapsed(), &before)
    })
}

#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 requests")]
fn round(callers: &[Caller], took: Duration, before: &Usage) -> Result<Round, Failure> {
    let after = getrusage(UsageWho::RUSAGE_SELF)?;
    let requests = callers.iter().map(|caller| caller.waits.len()).sum::<usize>() as f64;
    let mut waits = Histogram::new(3)?;
    for wait in callers.iter().flat_map(|caller| &caller.waits) {
        waits.record(u64::try_from(wait.as_micros())?)?;
    }
    let least = callers.iter().map(|caller| caller.waits.len()).min().unwrap_or(0) as f64;
    let switches = switches(&after) - switches(before);
    Ok(Round {
        throughput: requests / took.as_secs_f64(),
        waits,
        least: least * callers.len() as f64 / requests,
        processor: (processor(&after) - processor(before)) / requests,
        switches: switches as f64 / requests,
    })
}

/// In microseconds.
#[expect(clippy::cast_precision_loss, reason = "less than a hundred years")]
fn processor(usage: &Usage) -> f64 {
    let micros = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 * 1e6 + time.tv_usec() as f64;
    micros(usage.user_time()) + micros(usage.system_time())
}

fn switches(usage: &Usage) -> i64 {
    usage.voluntary_context_switches() + usage.involuntary_context_switches()
}

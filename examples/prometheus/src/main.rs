//! A managed pool under a small load, whose figures Prometheus can fetch.
//!
//! `cargo run -p conn_pool-prometheus` serves them until it is stopped; with `-- --once` it fetches them itself, prints
//! what it got, and ends.

mod load;
mod serve;

use std::error::Error;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Where Prometheus looks, unless told otherwise: the port that exporters of OpenTelemetry use.
const ADDRESS: &str = "127.0.0.1:9464";
const USAGE: &str = "usage: conn_pool-prometheus [--once | ADDRESS]";

/// How often each worker borrows before the program fetches its own figures.
const ROUNDS_ONCE: usize = 50;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    match (args.next().as_deref(), args.next()) {
        (None, None) => serve_until_stopped(ADDRESS.parse()?),
        (Some("--once"), None) => serve_once(),
        (Some(address), None) => serve_until_stopped(address.parse().map_err(|error| format!("{error}; {USAGE}"))?),
        _ => Err(USAGE.into()),
    }
}

fn serve_until_stopped(address: SocketAddr) -> Result<(), Box<dyn Error>> {
    let handle = install_recorder()?;
    let listener = TcpListener::bind(address)?;
    let pool = load::pool()?;
    let _health = pool.health_check()?;
    println!("serving http://{}/metrics", listener.local_addr()?);
    let (worked, kept) = (Arc::clone(&pool), handle.clone());
    thread::spawn(move || load::work(&worked, usize::MAX));
    thread::spawn(move || keep_up(&kept));
    loop {
        let (connection, _) = listener.accept()?;
        // Whoever asks may go away in the middle of it.
        if let Err(error) = serve::answer(connection, || figures(&pool, &handle)) {
            eprintln!("a request came to nothing: {error}");
        }
    }
}

fn serve_once() -> Result<(), Box<dyn Error>> {
    let handle = install_recorder()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let pool = load::pool()?;
    let _health = pool.health_check()?;
    load::work(&pool, ROUNDS_ONCE);
    let answer = thread::scope(|scope| {
        let fetched = scope.spawn(|| serve::fetch(address));
        serve::answer(listener.accept()?.0, || figures(&pool, &handle))?;
        fetched.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    print!("{answer}");
    Ok(())
}

/// Before the pool is used: what is measured without a recorder is lost.
fn install_recorder() -> Result<PrometheusHandle, Box<dyn Error>> {
    // Each bound three times the one before, since the pool's times are off by an eighth.
    let bounds = [0.000_1, 0.000_3, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0];
    let builder = PrometheusBuilder::new();
    let recorder = builder.set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &bounds)?.build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder)?;
    Ok(handle)
}

/// The health check publishes as often as it looks, which is not often while nobody uses the pool.
fn figures(pool: &load::EchoPool, handle: &PrometheusHandle) -> String {
    pool.publish_metrics();
    handle.render()
}

/// The recorder keeps each time that it is told until somebody asks, or until this.
fn keep_up(handle: &PrometheusHandle) -> ! {
    loop {
        thread::sleep(Duration::from_secs(5));
        handle.run_upkeep();
    }
}

//! What is simulated agrees with what pools of `conn_pool` do, on tokio's own time, which passes as fast as it can.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use conn_pool::SharedPool;
use conn_pool::managed::{AsyncManager, Config, Lifecycle};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Exp1};
use sizing::{Load, Service, simulate};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, sleep_until};

/// Long, so that the timer's milliseconds are nothing beside it.
const SERVICE: Duration = Duration::from_secs(2);

struct Server;

impl Lifecycle for Server {
    type Connection = ();
    type Error = Infallible;
}

impl AsyncManager for Server {
    async fn connect(&self) -> Result<(), Infallible> {
        Ok(())
    }
}

fn pool(slots: usize) -> SharedPool<Server> {
    let config = Config::new().max_size(slots).min_idle(slots).wait_timeout(None);
    // Its ages go by the system's clock, which is not tokio's.
    SharedPool::new(Server, config.validate_after(None).max_lifetime(None).idle_timeout(None).keepalive(None)).unwrap()
}

/// The waits of one request, for its slot and for the server.
async fn request(pool: SharedPool<Server>, pooler: Arc<Semaphore>, service: Duration) -> [Duration; 2] {
    let arrived = Instant::now();
    let _connection = pool.get_async().await.unwrap();
    let lent = Instant::now();
    let _server = pooler.acquire().await.unwrap();
    let begun = Instant::now();
    sleep(service).await;
    [lent - arrived, begun - lent]
}

/// The mean waits of pools, as they are measured.
async fn measured(load: Load) -> [f64; 2] {
    let mut random = SmallRng::seed_from_u64(load.seed + 1);
    let pools: Vec<_> = (0..load.processes).map(|_| pool(load.slots)).collect();
    let pooler = Arc::new(Semaphore::new(load.servers));
    let (began, mut at) = (Instant::now(), 0.0);
    let mut requests = Vec::with_capacity(load.requests);
    for _ in 0..load.requests {
        at += Distribution::<f64>::sample(&Exp1, &mut random) / load.rate;
        sleep_until(began + Duration::from_secs_f64(at)).await;
        let (pool, pooler) = (pools[random.random_range(0..load.processes)].clone(), Arc::clone(&pooler));
        let service = SERVICE.mul_f64(Exp1.sample(&mut random));
        requests.push(tokio::spawn(request(pool, pooler, service)));
    }
    let mut sums = [Duration::ZERO; 2];
    for request in requests.into_iter().skip(load.requests / 10) {
        let waits = request.await.unwrap();
        sums = [sums[0] + waits[0], sums[1] + waits[1]];
    }
    let counted = u32::try_from(load.requests - load.requests / 10).unwrap();
    sums.map(|sum| sum.as_secs_f64() / f64::from(counted))
}

#[tokio::test(start_paused = true)]
async fn pools_wait_as_it_is_simulated() {
    // Most of the wait is in the pools, on both sides, and behind the pools.
    for (processes, slots, servers) in [(2, 4, 8), (4, 2, 5), (4, 8, 5)] {
        #[expect(clippy::cast_precision_loss, reason = "a number of connections")]
        let rate = 0.8 * servers.min(processes * slots) as f64 / SERVICE.as_secs_f64();
        let load =
            Load { rate, service: Service::Exponential(SERVICE), processes, slots, servers, requests: 40_000, seed: 1 };
        let report = simulate(&load).unwrap();
        let simulated = [&report.for_slot, &report.for_server].map(|waits| waits.mean().as_secs_f64());
        let measured = measured(load).await;
        for (measured, simulated) in measured.into_iter().zip(simulated) {
            let (difference, scale) = ((measured - simulated).abs(), SERVICE.as_secs_f64());
            assert!(
                difference <= 0.12 * simulated + 0.01 * scale,
                "{measured:.3} s measured, {simulated:.3} s simulated: {processes} processes of {slots} over {servers}"
            );
        }
    }
}

//! Shared pools whose manager cannot connect, and whose error does something when it is dropped.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use conn_pool::SharedPool;
use conn_pool::managed::{AsyncManager, Lifecycle, Manager};

use crate::kit::managed::{millis, quiet, retry};
use crate::kit::{wait_until, watched};

/// A manager that knows its pool, once that is built.
#[derive(Clone, Copy)]
struct Gone(&'static OnceLock<SharedPool<Gone>>);

/// Looks at its pool when it is dropped, and counts that.
struct Curious(Gone);

static DROPPED: AtomicUsize = AtomicUsize::new(0);

impl Drop for Curious {
    fn drop(&mut self) {
        if let Some(pool) = self.0.0.get() {
            let _ = pool.connect_error();
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for Curious {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Curious {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("gone")
    }
}

impl std::error::Error for Curious {}

impl Lifecycle for Gone {
    type Connection = ();
    type Error = Curious;
}

impl Manager for Gone {
    fn connect(&self, _within: Option<Duration>) -> Result<(), Curious> {
        Err(Curious(*self))
    }
}

impl AsyncManager for Gone {
    async fn connect(&self) -> Result<(), Curious> {
        Err(Curious(*self))
    }
}

#[test]
fn an_error_that_looks_at_the_pool_when_it_is_dropped_hangs_nobody() {
    static BY_THREADS: OnceLock<SharedPool<Gone>> = OnceLock::new();
    static BY_TASK: OnceLock<SharedPool<Gone>> = OnceLock::new();
    let config = quiet().max_size(1).min_idle(1).retry(retry(0, millis(1)));
    watched("the connects of threads", move || {
        let pool = BY_THREADS.get_or_init(|| SharedPool::blocking(Gone(&BY_THREADS), config).unwrap());
        wait_until(|| DROPPED.load(Ordering::Relaxed) > 3);
        assert!(pool.get_timeout(millis(20)).is_err());
        pool.close();
    });
    DROPPED.store(0, Ordering::Relaxed);
    watched("the connects of a task", move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
        let _entered = runtime.enter();
        let pool = BY_TASK.get_or_init(|| SharedPool::new(Gone(&BY_TASK), config).unwrap());
        wait_until(|| DROPPED.load(Ordering::Relaxed) > 3);
        assert!(pool.get_timeout(millis(20)).is_err());
        pool.close();
    });
}

/// A manager whose first connect fails, with an error whose destructor panics; the second one panics itself.
#[derive(Clone, Default)]
struct Fragile(Arc<AtomicUsize>);

#[derive(Debug)]
struct Bursts;

impl Drop for Bursts {
    fn drop(&mut self) {
        panic!("bursts, as planned");
    }
}

impl fmt::Display for Bursts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("fragile")
    }
}

impl std::error::Error for Bursts {}

impl Fragile {
    fn answer(&self) -> Result<usize, Bursts> {
        match self.0.fetch_add(1, Ordering::Relaxed) + 1 {
            1 => Err(Bursts),
            2 => panic!("as planned"),
            connects => Ok(connects),
        }
    }
}

impl Lifecycle for Fragile {
    type Connection = usize;
    type Error = Bursts;
}

impl Manager for Fragile {
    fn connect(&self, _within: Option<Duration>) -> Result<usize, Bursts> {
        self.answer()
    }
}

impl AsyncManager for Fragile {
    async fn connect(&self) -> Result<usize, Bursts> {
        self.answer()
    }
}

/// A panic while another one unwinds would end the process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_that_panics_when_it_is_dropped_ends_no_process() {
    let config = quiet().max_size(1).retry(retry(0, millis(1)));
    for pool in [SharedPool::blocking(Fragile::default(), config), SharedPool::new(Fragile::default(), config)] {
        assert_eq!(*pool.unwrap().get_async().await.unwrap(), 3);
    }
}

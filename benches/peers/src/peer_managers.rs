//! Managers of other pools that have nothing to do.

use std::convert::Infallible;

use deadpool::managed::{Metrics, RecycleResult};

/// For whichever pool.
#[derive(Debug)]
pub(crate) struct PeerIdle;

impl r2d2::ManageConnection for PeerIdle {
    type Connection = u64;
    type Error = Infallible;

    fn connect(&self) -> Result<u64, Infallible> {
        Ok(7)
    }

    fn is_valid(&self, _: &mut u64) -> Result<(), Infallible> {
        Ok(())
    }

    fn has_broken(&self, _: &mut u64) -> bool {
        false
    }
}

impl bb8::ManageConnection for PeerIdle {
    type Connection = u64;
    type Error = Infallible;

    async fn connect(&self) -> Result<u64, Infallible> {
        Ok(7)
    }

    async fn is_valid(&self, _: &mut u64) -> Result<(), Infallible> {
        Ok(())
    }

    fn has_broken(&self, _: &mut u64) -> bool {
        false
    }
}

impl deadpool::managed::Manager for PeerIdle {
    type Type = u64;
    type Error = Infallible;

    async fn create(&self) -> Result<u64, Infallible> {
        Ok(7)
    }

    async fn recycle(&self, _: &mut u64, _: &Metrics) -> RecycleResult<Infallible> {
        Ok(())
    }
}

/// With all its connections made.
pub(crate) fn r2d2_pool(size: u32) -> r2d2::Pool<PeerIdle> {
    r2d2::Pool::builder().max_size(size).build(PeerIdle).expect("the connections are made")
}

/// With all its connections made. Within a runtime of tokio.
pub(crate) async fn bb8_pool(size: u32) -> bb8::Pool<PeerIdle> {
    let pool = bb8::Pool::builder().max_size(size).min_idle(size);
    pool.build(PeerIdle).await.expect("the connections are made")
}

/// Which makes its connections when they are asked for.
pub(crate) fn deadpool_pool(size: usize) -> deadpool::managed::Pool<PeerIdle> {
    let pool = deadpool::managed::Pool::builder(PeerIdle).max_size(size);
    pool.build().expect("a pool without timeouts needs no runtime")
}

/// Deadpool's pool of connections that it does not make itself.
pub(crate) fn unmanaged_pool(size: u64) -> deadpool::unmanaged::Pool<u64> {
    (0..size).collect::<Vec<_>>().into()
}

//! A manager of our pool that has nothing to do.

use std::convert::Infallible;
use std::time::Duration;

use conn_pool::managed::{AsyncManager, Lifecycle, Manager};

/// For threads and for tasks.
pub(crate) struct Idle;

impl Lifecycle for Idle {
    type Connection = u64;
    type Error = Infallible;
}

impl Manager for Idle {
    fn connect(&self, _: Option<Duration>) -> Result<u64, Infallible> {
        Ok(7)
    }
}

impl AsyncManager for Idle {
    async fn connect(&self) -> Result<u64, Infallible> {
        Ok(7)
    }
}

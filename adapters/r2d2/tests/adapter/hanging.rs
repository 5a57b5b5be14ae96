//! A manager that hangs, and the callers' deadlines.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use conn_pool::SharedPool;
use conn_pool::managed::{Config, GetError, Pool};
use conn_pool_r2d2::FromR2d2;
use conn_pool_testing::Gate;

/// Connects when the gate is opened.
#[derive(Clone, Default)]
struct Hangs(Gate);

impl r2d2::ManageConnection for Hangs {
    type Connection = u32;
    type Error = Infallible;

    fn connect(&self) -> Result<u32, Infallible> {
        self.0.pass();
        Ok(7)
    }

    fn is_valid(&self, _: &mut u32) -> Result<(), Infallible> {
        Ok(())
    }

    fn has_broken(&self, _: &mut u32) -> bool {
        false
    }
}

const SHORT: Duration = Duration::from_millis(20);

/// The gate is opened after each caller's call has ended, so none has waited for the connect.
#[test]
fn threads_keep_their_deadlines_while_a_connect_hangs() {
    let manager = Hangs::default();
    let gate = manager.0.clone();
    let pool = SharedPool::blocking(FromR2d2::new(manager), Config::new().max_size(1)).unwrap();
    assert!(matches!(pool.get_timeout(SHORT), Err(GetError::Timeout(_))));
    gate.wait_for_arrivals(1);
    assert!(matches!(pool.get_timeout(SHORT), Err(GetError::Timeout(_))));
    gate.open();
    assert_eq!(*pool.get().unwrap(), 7);
}

#[tokio::test]
async fn tasks_keep_their_deadlines_while_a_connect_hangs() {
    let manager = Hangs::default();
    let gate = manager.0.clone();
    let pool = SharedPool::blocking(FromR2d2::new(manager), Config::new().max_size(1)).unwrap();
    assert!(matches!(pool.get_async_timeout(SHORT).await, Err(GetError::Timeout(_))));
    gate.wait_for_arrivals(1);
    gate.open();
    assert_eq!(*pool.get_async().await.unwrap(), 7);
}

#[test]
fn callers_of_a_pool_with_a_health_check_keep_their_deadlines() {
    let manager = Hangs::default();
    let gate = manager.0.clone();
    let pool = Arc::new(Pool::<_, 1>::new(FromR2d2::new(manager), Config::new()).unwrap());
    let _health = pool.health_check().unwrap();
    assert!(matches!(pool.get_timeout(SHORT), Err(GetError::Timeout(_))));
    gate.wait_for_arrivals(1);
    gate.open();
    assert_eq!(*pool.get().unwrap(), 7);
}

#[tokio::test]
async fn tasks_use_connections_where_they_may_block() {
    let manager = Hangs::default();
    manager.0.open();
    let pool = SharedPool::blocking(FromR2d2::new(manager), Config::new()).unwrap();
    assert_eq!(pool.run(|connection| *connection + 1).await.unwrap(), 8);
}

//! What the types of a managed pool promise.

#![cfg(feature = "std")]

use std::sync::Arc;
use std::time::Duration;

use conn_pool::managed::{AsyncManager, Clock, Config, ConnGuard, Lifecycle, Pool};

struct Server;

impl Lifecycle for Server {
    type Connection = ();
    type Error = ();
}

impl AsyncManager for Server {
    async fn connect(&self) -> Result<(), ()> {
        Ok(())
    }
}

/// A clock that can sleep, as a runtime's can.
struct Alarm;

impl Clock for Alarm {
    const CAN_SLEEP: bool = true;

    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

fn assert_send<T: Send>(_: &T) {}

#[test]
fn futures_can_be_sent_to_the_threads_of_an_executor() {
    let pool = Arc::new(Pool::<_, 1, _>::with_clock(Server, Config::new(), Alarm).unwrap());
    assert_send(&pool.get_async());
    let own = Arc::clone(&pool);
    assert_send(&async move { own.get_async().await.map(|guard| ConnGuard::into_owned(guard, &own).ok()) });
    assert_send(&pool.get_async_timeout(Duration::ZERO));
    assert_send(&pool.maintain_async(Duration::ZERO));
    assert_send(&pool.run_maintenance());
    assert_send(&pool.drain_async());
}

//! Callers that do not wait, and maintenance that is done as soon as it is asked.

use std::cell::RefCell;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use conn_pool::SharedPool;
use conn_pool::managed::{Config, Task};

use crate::server::Server;

thread_local!(static UPKEEP: RefCell<Option<Task>> = const { RefCell::new(None) });

/// Polls maintenance in the midst of the call that wakes it.
struct AtOnce;

impl Wake for AtOnce {
    fn wake(self: Arc<Self>) {
        run();
    }
}

fn run() {
    UPKEEP.with(|upkeep| {
        // It may be woken by what it does itself.
        let Ok(mut upkeep) = upkeep.try_borrow_mut() else { return };
        if let Some(task) = &mut *upkeep {
            let _is_over = task.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::new(AtOnce))));
        }
    });
}

#[test]
fn try_get_has_an_end_where_each_connection_is_checked_each_time() {
    let server = Server::default();
    let config = Config::new().max_size(2).validate_after(Some(Duration::ZERO));
    let pool = SharedPool::spawned_by(server.manager(), config, |task| UPKEEP.set(Some(task))).unwrap();
    run();
    (1..=2).for_each(|number| pool.insert(number).unwrap());
    // A check that has passed meanwhile counts for the next loan, and for that alone.
    drop(pool.try_get().unwrap());
    let checks = server.checks();
    assert!((1..=2).contains(&checks), "{checks} checks");
    drop(pool.try_get().unwrap());
    assert!((checks..=4).contains(&server.checks()), "{} checks", server.checks());
    drop(pool);
    UPKEEP.set(None);
}

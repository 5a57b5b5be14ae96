// knows: clock, connector, loan, manager, marking, own_process, parts, work, works · must not know: what a pass does,
// who has spawned the task
//! Maintenance as a task: what is due is decided, and done, side by side in one future.

use core::future::{Future, poll_fn};
use core::ops::Deref;
use core::pin::pin;
use core::task::{Poll, Waker};

use super::connector::{Attendance, STANDBY, called, rest, stand_by};
use super::marking::Marker;
use super::work::{perform, take};
use super::works::{Works, run_job};
use crate::managed::clock::Clock;
use crate::managed::loan::caller::{Async, at_once, race};
use crate::managed::manager::local::Awaited;
use crate::managed::own_process::OwnProcess;
use crate::managed::parts::ManagedParts;

/// Maintains the pool as often as is needed, until it is closed. If the task is not the pool's connector yet, it is as
/// soon as there is no other.
pub(crate) fn maintain_until_closed<'a, P, K, H>(
    pool: &'a P,
    clock: &'a K,
    mut attendance: Attendance<H>,
) -> impl Future<Output = ()> + use<'a, P, K, H>
where
    P: ManagedParts<Manager: Awaited>,
    K: Clock,
    H: Deref<Target = P>,
{
    let upkeep = async move {
        let mut marker = Marker::new();
        let caller = Async::of_pool(clock);
        let survives = attendance.survives_panics();
        let mut works = pin!(Works::new(survives));
        // The connections of a closed pool are ended too.
        while !pool.engine().is_closed() || pool.shared().jobs() > 0 {
            let Some(looked) = attendance.look() else {
                let is_over = |waker: &Waker| if stand_by(pool, waker) { Poll::Pending } else { Poll::Ready(()) };
                let over = poll_fn(|context| is_over(context.waker()));
                race(pin!(clock.sleep(STANDBY)), pin!(Some(over))).await;
                continue;
            };
            while works.has_room()
                && let Some(work) = take(pool)
            {
                let may_wait = work.may_wait();
                let work = perform(pool, &caller, work);
                if may_wait {
                    works.as_mut().add(work);
                } else {
                    // A report, or what threads have left.
                    run_job(survives, || at_once(work));
                }
            }
            if poll_fn(|context| Poll::Ready(works.as_mut().poll(context))).await {
                continue;
            }
            let rest = poll_fn(|context| Poll::Ready(rest(pool, &looked, &mut marker, context.waker()))).await;
            if works.has_room() && pool.shared().jobs() > 0 {
                continue;
            }
            let work = poll_fn(|context| if works.as_mut().poll(context) { Poll::Ready(()) } else { Poll::Pending });
            let is_called = async { race(pin!(work), pin!(Some(called(pool, &rest)))).await };
            race(pin!(clock.sleep(rest.at_most)), pin!(Some(is_called))).await;
        }
    };
    OwnProcess::new(pool.shared(), upkeep)
}

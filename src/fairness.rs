// knows: nothing · must not know: how it is kept
//! What a pool promises to callers that wait.

/// Which caller gets a connection that comes free while others wait: a policy of the pool, fixed when it is built.
///
/// Waiters are always served in the order in which they joined the wait queue. The policies differ in what a *newcomer*
/// may do: a caller that arrives while others wait.
///
/// | | promises | costs |
/// |---|---|---|
/// | `Fifo` | no waiter is ever overtaken | a free connection lies idle until the waiter that was granted it runs |
/// | `Bounded(k)` | no waiter is overtaken by more than `k` newcomers | a waiter may wait for up to `k` loans longer |
///
/// Under `Fifo` each hand-over to a thread costs a switch of threads. Under `Bounded(k)` threads that are already
/// running keep the connections busy while a sleeping one is being woken; a thread that finds nothing free yields once
/// before it joins the queue.
///
/// Take `Fifo` unless connections are in use for less time than it takes to wake a thread (some microseconds) and
/// throughput matters more than the longest wait.
///
/// # Examples
///
/// ```
/// use conn_pool::{Fairness, Pool};
///
/// static POOL: Pool<u32, 4> = Pool::new().with_fairness(Fairness::Bounded(16));
/// assert_eq!(POOL.fairness(), Fairness::Bounded(16));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Fairness {
    /// First come, first served, newcomers included.
    #[default]
    Fifo,
    /// A newcomer may take a free connection past the wait queue, as long as no waiter has been overtaken this often.
    Bounded(u32),
}

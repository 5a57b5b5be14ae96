// knows: nothing · must not know: how it is kept
//! What a pool promises to those who wait.

/// Who gets a connection that comes free while others wait: a policy of the pool, fixed when it is built.
///
/// Waiters are always served in the order in which they joined the line. The policies differ in what a *newcomer* may
/// do who arrives while the line is not empty.
///
/// | | promises | costs |
/// |---|---|---|
/// | `Fifo` | nobody in line is ever overtaken | a connection that comes free lies idle until the waiter it was given to runs: one switch of threads per hand-over |
/// | `Bounded(k)` | no waiter is overtaken by more than `k` newcomers | a waiter may wait for up to `k` borrowings longer; in return, threads that run already keep the connections busy while a sleeping one is being woken. A thread that finds nothing free lets others run once before it joins the line |
///
/// Take `Fifo` unless connections are held for less time than it takes to wake a thread (some microseconds) and
/// throughput matters more than the longest wait.
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
    /// A newcomer may take a free connection past the line, as long as nobody in it has been overtaken this often.
    Bounded(u32),
}

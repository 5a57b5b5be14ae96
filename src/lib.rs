//! A pool of up to `N` connections, or of any other resource, in a fixed array: no allocation, no runtime and no
//! background thread, with and without `std`.
//!
//! A caller gets a guard of a connection, and dropping the guard releases the connection. A caller that finds none free
//! can wait: threads, async tasks and callbacks of C programs wait in one queue, and are served in the order of
//! arrival. The same pool works as a `static` in firmware and in front of a database in a server.
//!
//! | type | its connections | for |
//! |---|---|---|
//! | [`Pool<C, N>`](Pool) | it lends what it is given | drivers, buffers, connections that the program opens itself |
//! | [`SharedPool<M>`](SharedPool) | a manager of yours makes, checks, resets and ends them, on threads or tasks of the pool's | servers: see [their guide](guide::servers) |
//! | [`managed::Pool<M, N>`](managed::Pool) | a manager of yours makes, checks, resets and ends them, when and where you say | a `static`, firmware |
//!
//! ```
//! use conn_pool::{Pool, PoolError};
//!
//! # fn main() -> Result<(), PoolError> {
//! let pool = Pool::from([String::from("a"), String::from("b")]);
//! std::thread::scope(|scope| {
//!     for _ in 0..8 {
//!         scope.spawn(|| pool.get().map(|mut connection| connection.push('!')));
//!     }
//! }); // each guard released its connection when it was dropped
//! assert_eq!(format!("{pool:?}"), "Pool { 2/2 free [..] waiting: 0 }");
//!
//! let connection = pool.try_get()?;
//! assert!(connection.ends_with('!'));
//! # Ok(())
//! # }
//! ```
//!
//! `{pool:?}` draws the slots: `.` idle, `#` in use, `_` without a connection, `x` set aside by a
//! [`resize`](Pool::resize).
//!
//! # Which call do I want?
//!
//! | I want to | call | feature |
//! |---|---|---|
//! | make an empty pool, also in a `static` | [`Pool::new`], then [`insert`](Pool::insert) | |
//! | make a full pool | `Pool::from([a, b, c])`, [`Pool::from_fn`]; in a `static` [`Pool::from_array`] | |
//! | … of connections too large for the stack | [`Pool::new_boxed`], [`Pool::new_arc`] | `alloc` |
//! | make a large connection in its slot | [`insert_with`](Pool::insert_with), [`insert_uninit`](Pool::insert_uninit) | |
//! | have a connection now or not at all | [`try_get`](Pool::try_get) | |
//! | wait as a task | [`get_async`](Pool::get_async) | |
//! | wait as a thread | [`get`](Pool::get) | `std` |
//! | … until a time is up | [`get_timeout`](Pool::get_timeout), [`get_deadline`](Pool::get_deadline) | `std` |
//! | have a connection in a spawned task or thread | clone the `Arc` of the pool into it, and call there | |
//! | send a guard that I have to a task or thread | [`ConnGuard::into_owned`] | `alloc` |
//! | end a broken connection | [`ConnGuard::discard`], then [`insert`](Pool::insert) a new one | |
//! | look through the idle connections | [`retain`](Pool::retain) | |
//! | lend fewer at once, or pause | [`resize(n)`](Pool::resize); `resize(0)` | |
//! | end the pool | [`close`](Pool::close); [`drain_async`](Pool::drain_async), [`drain`](Pool::drain) also wait until every connection is back | `drain`: `std` |
//! | see how full it is | [`status`](Pool::status), `{pool:?}` | |
//! | see what it has done | [`metrics`](Pool::metrics) | `statistics` |
//! | see how long callers wait | [`with_wait_times`](Pool::with_wait_times), then [`wait_times`](Pool::wait_times) | `std` |
//! | have connections made, checked and replaced, in a server | [`SharedPool`]: see [its guide](guide::servers) | `std` |
//! | … in a `static` or in firmware | [`managed::Pool`]: see [its guide](guide::managed) | `managed` |
//!
//! # A pool that connects
//!
//! ```
//! use conn_pool::SharedPool;
//! use conn_pool::managed::{Config, Lifecycle, Manager};
//! use std::net::{SocketAddr, TcpListener, TcpStream};
//! use std::time::Duration;
//!
//! struct Server(SocketAddr);
//!
//! impl Lifecycle for Server {
//!     type Connection = TcpStream;
//!     type Error = std::io::Error;
//! }
//!
//! impl Manager for Server {
//!     fn connect(&self, within: Option<Duration>) -> std::io::Result<TcpStream> {
//!         let within = within.unwrap_or(Duration::from_secs(30));
//!         TcpStream::connect_timeout(&self.0, within)
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let server = Server(listener.local_addr()?);
//! let pool = SharedPool::blocking(server, Config::new().name("orders"))?;
//!
//! // One budget for waiting, connecting and checking.
//! let connection = pool.get_timeout(Duration::from_secs(2))?;
//! # assert_eq!(connection.peer_addr()?, listener.local_addr()?);
//! # Ok(())
//! # }
//! ```
//!
//! Threads of the pool's connect for all callers, and maintain the pool until its last handle is dropped. A driver that
//! awaits implements [`AsyncManager`](managed::AsyncManager), and a task of the runtime does that:
//! [`SharedPool::new`], with the feature `tokio`. [Servers](guide::servers) is the page for programs that serve
//! requests: ten lines to copy, limits and defaults, health, shutdown, and how to come here [from another
//! pool](guide::migrating).
//!
//! [`managed::Pool`] is the same pool for a `static` and for firmware: its size is a constant, and the program says
//! what connects and maintains it.
//!
//! # Features
//!
//! | feature | gives | price |
//! |---|---|---|
//! | `std` (default) | threads that wait (`get` and its kin), waiting times, less [contention between threads](guide::scaling), the health check; implies `alloc`, `managed` and `statistics` | the standard library, and on Unix the crate `libc`; some 1.1 kB a pool for the histogram of waiting times, three of them in a managed pool |
//! | `alloc` | guards that own an `Arc` of their pool, pools on the heap | an allocator |
//! | `managed` | [`managed::Pool`]: pools that connect, check and heal; implies `statistics` | some words in each pool, and the code of what is used of it |
//! | `statistics` | what a pool counts: [`Metrics`], [`metrics`](Pool::metrics), [`reset_peaks`](Pool::reset_peaks) | a word a slot, nine words a pool; a load and a store at each acquire |
//! | `tokio` | [`SharedPool::new`]: a pool that a task of the tokio runtime connects and maintains; tasks that sleep by its timers; implies `std` | the crate `tokio`, with `rt` and `time` |
//! | `critical-section` | without `std`: a pool that interrupt handlers may touch | the slow path masks interrupts; the application provides the critical section |
//! | `portable-atomic` | targets without compare-and-swap; their `Arc` is that of `portable-atomic-util` 0.2, and they have no `tracing` | that of the back end, which the application chooses |
//! | `ffi` (or `capi`) | the functions that C programs call; with `std` on Unix only: see [the C library](guide::c); implies `managed` | the crate `libc` |
//! | `defmt` | `defmt::Format` for errors, status, metrics, pools and guards | the crate `defmt` |
//! | `embassy-time` | [`managed::Pool`] on embassy's time: `managed::EmbassyClock`; implies `managed` | the crate `embassy-time-driver` |
//! | `stable-deref` | `StableDeref` for guards: buffers for DMA by the crate `embedded-dma` | the crate `stable_deref_trait` |
//! | `tracing` | managed pools log connects, checks, refusals and leaks, and a span for each caller that could not be served at once; implies `managed` | the crate `tracing`, which needs an allocator and no `std`; nothing on the fast path |
//! | `metrics` | managed pools publish their counters through the `metrics` facade: `Pool::publish_metrics` | `std`, the crate `metrics`, and room for what was published; nothing on the fast path |
//! | `serde` | `Serialize` and `Deserialize` for [`managed::Config`] and its name: settings from files and the environment; implies `managed` | the crate `serde_core`, without a derive; no `std` |
//!
//! Features only add: none takes a method or a trait away. With `default-features = false` the crate is `no_std`, and
//! needs neither an operating system nor an allocator: see [the guide for firmware](guide::embedded).
//!
//! # What it guarantees, and what it does not
//!
//! - A connection is in the pool or in exactly one guard. No more than the maximum are in use, once a surplus from
//!   before a `resize` was released.
//! - A guard releases its connection on every way out: end of scope, `?`, a panic that unwinds, on any thread. The
//!   compiler refuses to clone it, to use it after it was dropped, to move the connection out of it, and to let it
//!   outlive its pool.
//! - A free connection and a sleeping waiter do not stay side by side (under `Fairness::Bounded` the waiter has been
//!   woken). Waiters are served in order: see [fairness](guide::fairness).
//! - `try_get` answers "none" only if there was a moment during the call at which none was free for a newcomer. (With
//!   neither `std` nor `critical-section` also if another call of the pool was under way.)
//! - A timeout is a deadline: a spurious wake-up does not extend it. It ends with a connection or with `Timeout`, never
//!   with both.
//! - Wakers, destructors and closures of the user run outside the pool's lock. They may call the pool, and may panic
//!   without costing it a slot.
//! - Waiting allocates nothing, apart from one small allocation in the life of each thread that ever waits.
//!
//! It does not
//!
//! - open, check, reset or reopen connections as a plain pool: after an error in mid-use, `discard` the connection, or
//!   use a managed pool;
//! - find a *task* that waits for itself because it holds the last connection (a managed pool finds threads): use a
//!   timeout;
//! - stop a blocking `connect` that hangs: it keeps a thread of the pool's and a slot while a `health_check` runs, and
//!   no caller; otherwise its caller hangs with it, and no other caller does;
//! - take a snapshot in `status` and `metrics` while connections move: each number was true at some moment during the
//!   call.
//!
//! # What it costs
//!
//! Acquire and release take one atomic read-modify-write each: no lock, no fence, no allocation. A new record of
//! connections in use costs one more, once. The state of a slot is two words (more if the connection is aligned to more
//! than two words), and one without the feature `statistics`; that of a pool is at most 208 bytes without `std`. A
//! guard is two words. No wait reads the clock, unless the pool records [wait times](Pool::with_wait_times) or the
//! caller has a deadline. A managed pool adds twelve words a slot, with `std` sixteen on 64-bit targets. While its
//! [maintenance](guide::managed#maintenance) runs, it adds no read-modify-write to acquire and release. Tests assert
//! these numbers by counting; measured times are in [benchmarks](guide::benchmarks).
//!
//! # What hurts users of pools
//!
//! - **Connections held too long.** Acquire late and release early: not across a call to another server, not while a
//!   user decides. End the guard's scope, or `drop(guard)`, before slow work that does not need it.
//! - **N + 1 queries.** One query for a list and one more for each item occupies a connection N + 1 times. Fetch in one
//!   query; more connections do not help.
//! - **`unwrap` on a pool error.** `Timeout` under load is an ordinary event: refuse the request, or try again later.
//!   An `unwrap` turns a full pool into a crash.
//! - **A pool larger than the database allows.** The pools of all instances of all programs together must stay below
//!   the server's limit. Connections beyond what the database can work on at once only wait there instead of here.
//! - **Nested borrowing from one pool.** A caller that holds one connection and waits for a second can wait for ever,
//!   together with others that do the same. Borrow once and pass the connection on; where that is impossible, use
//!   `get_timeout`.
//!
//! What happens in these and in other cases is [a table](guide::misuse); what a shared pool does about them is
//! [another](guide::servers#what-hurts-users-of-pools).
//!
//! # The guide
//!
//! - For users: [servers](guide::servers), [managed pools](guide::managed), [errors](guide::errors),
//!   [misuse](guide::misuse), [fairness](guide::fairness), [scaling](guide::scaling), [firmware](guide::embedded),
//!   [C](guide::c).
//! - [Compared with r2d2, deadpool, bb8 and others](guide::peers), with their words in ours, and how to
//!   [come from there](guide::migrating).
//! - How it works: [architecture](guide::architecture), [benchmarks](guide::benchmarks), [decisions](guide::decisions),
//!   and [how it is verified](guide::verification).
//!
//! # Rust version
//!
//! 1.88 or later. Raising it is a new minor version.
#![no_std]
// What needs a feature says so on its page of docs.rs, which sets this cfg.
#![cfg_attr(docsrs, feature(doc_cfg))]
// These are no features, and tell a reader of the page nothing.
#![cfg_attr(docsrs, doc(auto_cfg(hide(conn_pool_loom, conn_pool_shuttle))))]
// Much of the engine and of the slots is there for pools that connect.
#![cfg_attr(not(feature = "managed"), allow(dead_code, unused_imports))]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

pub mod guide;

#[cfg(feature = "ffi")]
#[doc(hidden)]
pub mod ffi;

#[cfg(feature = "managed")]
pub mod managed;

mod plain;

mod slot;

mod engine;

mod error;
mod fairness;
mod stats;

mod sync;

#[cfg(all(test, feature = "managed"))]
mod tests;

pub use error::{DrainError, InsertError, PoolError, ResizeError, TryGetError, VacancyError};
pub use fairness::Fairness;
#[cfg(feature = "std")]
pub use managed::SharedPool;
#[cfg(feature = "alloc")]
pub use plain::OwnedConnGuard;
pub use plain::{ConnGuard, Get, GetRef, Pool, PoolRef};
pub use slot::{Drain, MappedGuard};
#[cfg(feature = "std")]
pub use stats::Histogram;
#[cfg(feature = "statistics")]
pub use stats::Metrics;
pub use stats::{Retained, Status};

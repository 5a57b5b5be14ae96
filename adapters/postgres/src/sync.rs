//! The same for threads: connections of the crate [`postgres`] (feature `sync`).
//!
//! ```no_run
//! use conn_pool::SharedPool;
//! use conn_pool::managed::Config;
//! use conn_pool_postgres::sync::Postgres;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let postgres = Postgres::from_url("postgres://clerk@localhost/shop")?;
//!     let pool = SharedPool::blocking(postgres, Config::new().name("orders"))?;
//!
//!     let mut client = pool.get()?;
//!     let statement = client.prepare_cached("SELECT $1::int + 1")?;
//!     let row = client.query_one(&statement, &[&41])?;
//!     assert_eq!(row.get::<_, i32>(0), 42);
//!     Ok(())
//! }
//! ```
//!
//! # Blocking
//!
//! Each request blocks its thread, and so does the clean-up of a connection that needs it: a thread of the pool's does
//! that. Within a task of a tokio runtime the driver panics: use the connection in
//! [`SharedPool::run`](conn_pool::SharedPool::run).
//!
//! The driver has a time limit for a check and for a connect's TCP handshake. A server that goes silent after a connect
//! keeps a thread until the system gives the connection up: set `tcp_user_timeout` and `keepalives_idle` in the
//! connection string, both in seconds (libpq has `tcp_user_timeout` in milliseconds). No caller waits for it past its
//! own time, unless it is its own request that is not answered. A `COPY … FROM STDIN` belongs into
//! [`Client::copy_in`]: run otherwise, it leaves such a thread behind.
//!
//! A connect ends within the pool's `connect_timeout`, and at each address within that of the connection string, also
//! at a server that accepts and never answers. It is a thread of its own that connects, and after that time the thread
//! is left behind with its socket until the server answers or closes. While there is such a thread, each connect to the
//! same address logs in twice, first in a way that can be given up: so no more are left behind than there were connects
//! to it when the silence began. A look-up of a name that is late ends when the system's resolver gives it up.

mod client;
mod connect;
mod manager;
mod transaction;

pub use client::Client;
pub use manager::Postgres;
pub use postgres;
pub use transaction::Transaction;

//! Makes connections for threads, checks them and cleans them up.

use std::time::Duration;
use std::{fmt, thread};

use conn_pool::managed::{DiscardReason, Lifecycle, Manager};
use postgres::tls::{MakeTlsConnect, NoTls, TlsConnect};
use postgres::{Error, Socket};
use tokio_postgres::Config;

use super::client::Client;
use super::connect::{self, LeftBehind};
use crate::clean_up::CleanUp;
use crate::config_error::ConfigError;
use crate::options::{Options, config_of_url};
use crate::{environment, error};

/// Connections to a PostgreSQL server, by the crate `postgres`.
#[derive(Clone)]
pub struct Postgres<T = NoTls> {
    config: Config,
    tls: T,
    options: Options,
    left_behind: LeftBehind,
}

impl Postgres {
    /// Connections as the configuration says, which is that of tokio-postgres. They are not encrypted, unless
    /// [`tls`](Self::tls) is called.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self { config, tls: NoTls, options: Options::default(), left_behind: LeftBehind::default() }
    }

    /// As [`new`](Self::new), with a connection string: `postgres://user:password@host:5432/database?…`, or
    /// `host=… user=…`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], if it cannot be read, names no host, or has not as many ports or addresses as hosts.
    pub fn from_url(url: &str) -> Result<Self, ConfigError> {
        config_of_url(url).map(Self::new)
    }

    /// As [`new`](Self::new), with libpq's variables: `PGHOST`, `PGHOSTADDR`, `PGPORT` (lists, with commas), `PGUSER`,
    /// `PGPASSWORD`, `PGDATABASE`, `PGAPPNAME`, `PGOPTIONS`, `PGCONNECT_TIMEOUT`, `PGSSLMODE`, `PGSSLNEGOTIATION`,
    /// `PGCHANNELBINDING`, `PGTARGETSESSIONATTRS`, `PGLOADBALANCEHOSTS`. Others are not read, files of services and of
    /// passwords included.
    ///
    /// Without a host it is `localhost`; without a user it is the system's.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], which names the variable, its value and what would be right.
    pub fn from_env() -> Result<Self, ConfigError> {
        environment::config().map(Self::new)
    }

    /// As [`new`](Self::new), with what a program has read from its configuration.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], which names the setting, its value and what would be right.
    #[cfg(feature = "serde")]
    pub fn from_settings(settings: &crate::Settings) -> Result<Self, ConfigError> {
        let (config, options) = settings.read()?;
        Ok(Self { options, ..Self::new(config) })
    }
}

impl<T> Postgres<T> {
    /// Encrypts connections where the server offers that, by a maker of the crate `postgres-native-tls`,
    /// `tokio-postgres-rustls` or the like. With `sslmode=require` no other connection is made; the driver's default,
    /// `prefer`, talks in plain text to a server that says it cannot encrypt, or to whoever says so in its place.
    #[must_use]
    pub fn tls<U>(self, tls: U) -> Postgres<U>
    where
        Postgres<U>: Manager,
    {
        Postgres { config: self.config, tls, options: self.options, left_behind: self.left_behind }
    }

    /// How many prepared statements each connection keeps ([`Client::prepare_cached`]); 0: none. Default: 256, as
    /// pgjdbc has it.
    #[must_use]
    pub const fn statement_cache(mut self, limit: usize) -> Self {
        self.options.statement_cache = limit;
        self
    }

    /// What is cleaned up when a connection is released. Default: [`CleanUp::Rollback`].
    #[must_use]
    pub const fn clean_up(mut self, clean_up: CleanUp) -> Self {
        self.options.clean_up = clean_up;
        self
    }

    /// How it connects.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }
}

impl<T> Lifecycle for Postgres<T> {
    type Connection = Client;
    type Error = Error;

    fn is_closed(&self, client: &mut Client) -> bool {
        client.is_closed()
    }

    fn has_broken(&self, client: &mut Client) -> bool {
        client.has_broken()
    }

    fn reset(&self, client: &mut Client) -> Result<(), Error> {
        client.clean_up(self.options.clean_up)
    }

    fn reset_blocks(&self, client: &mut Client) -> bool {
        client.has_to_clean_up(self.options.clean_up)
    }

    /// The driver's client waits for answers when it is dropped, also to what it has queued and sends then, like the
    /// end of a statement. A server that has gone silent never gives them.
    fn on_discard(&self, client: Client, _: DiscardReason) {
        if !client.is_closed() {
            // If there is no thread to be had the closure is dropped here, and the client with it.
            let _ = thread::Builder::new().name("postgres-close".into()).spawn(move || drop(client));
        }
    }

    fn is_permanent(&self, error: &Error) -> bool {
        error::is_permanent(error)
    }

    fn describe(&self, error: &Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        error::describe(error, f)
    }
}

impl<T> Manager for Postgres<T>
where
    T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
    T::Stream: Send,
    T::TlsConnect: Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    /// See the module's page for what is left behind when the time is over.
    fn connect(&self, within: Option<Duration>) -> Result<Client, Error> {
        let raw = connect::connect(&self.config, within, &self.tls, &self.left_behind)?;
        Ok(Client::new(raw, &self.config, self.options.statement_cache))
    }

    /// An empty query, which costs a round trip and nothing else.
    fn is_valid(&self, client: &mut Client, within: Option<Duration>) -> Result<(), Error> {
        client.check(within)
    }
}

/// Without the password, as [`Config`] is written.
impl<T> fmt::Debug for Postgres<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").field("config", &self.config).field("options", &self.options).finish_non_exhaustive()
    }
}

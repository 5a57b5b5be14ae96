//! Makes connections, checks them and cleans them up.

use std::fmt;
use std::time::Duration;

use conn_pool::managed::{AsyncManager, CheckReason, Lifecycle};
use tokio::net::lookup_host;
use tokio::time::timeout;
use tokio_postgres::tls::{MakeTlsConnect, NoTls, TlsConnect};
use tokio_postgres::{Config, Error, Socket};

use crate::clean_up::CleanUp;
use crate::client::Client;
use crate::config_error::ConfigError;
use crate::options::{Options, config_of_url};
use crate::session::Session;
use crate::{environment, error, failure, hosts, task};

/// Connections to a PostgreSQL server, by tokio-postgres.
///
/// # Examples
///
/// ```
/// use conn_pool_postgres::{CleanUp, Postgres};
///
/// let postgres = Postgres::from_url("postgres://clerk@localhost/shop")?.clean_up(CleanUp::DiscardAll);
/// # Ok::<(), conn_pool_postgres::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Postgres<T = NoTls> {
    config: Config,
    tls: T,
    options: Options,
}

impl Postgres {
    /// Connections as the driver's configuration says. They are not encrypted, unless [`tls`](Self::tls) is called.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self { config, tls: NoTls, options: Options::default() }
    }

    /// As [`new`](Self::new), with a connection string: `postgres://user:password@host:5432/database?…`, or
    /// `host=… user=…`. [`Config`] has the parameters.
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
        Ok(Self { config, tls: NoTls, options })
    }
}

impl<T> Postgres<T> {
    /// Encrypts connections where the server offers that, by a maker of the crate `postgres-native-tls`,
    /// `tokio-postgres-rustls` or the like. With `sslmode=require` no other connection is made; the driver's default,
    /// `prefer`, talks in plain text to a server that says it cannot encrypt, or to whoever says so in its place.
    #[must_use]
    pub fn tls<U>(self, tls: U) -> Postgres<U>
    where
        Postgres<U>: AsyncManager,
    {
        Postgres { config: self.config, tls, options: self.options }
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
        client.is_unfit()
    }

    fn has_broken(&self, client: &mut Client) -> bool {
        client.has_broken()
    }

    fn reset(&self, client: &mut Client) -> Result<(), Error> {
        client.clean_up(self.options.clean_up)
    }

    fn needs_check(&self, client: &mut Client) -> bool {
        client.needs_check()
    }

    fn on_check(&self, client: &mut Client, why: CheckReason) {
        client.expect_check(why);
    }

    fn is_permanent(&self, error: &Error) -> bool {
        error::is_permanent(error)
    }

    fn describe(&self, error: &Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        error::describe(error, f)
    }
}

impl<T> AsyncManager for Postgres<T>
where
    T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
    T::Stream: Send,
    T::TlsConnect: Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    async fn connect(&self) -> Result<Client, Error> {
        let (raw, connection) = connect(&self.config, &self.tls).await?;
        let session = Session::new(&self.config, self.options.statement_cache);
        let task = task::spawn(connection, &session.listener);
        Ok(Client::new(raw, session, task))
    }

    /// An empty query, which costs a round trip and nothing else. With `target_session_attrs=read-write` a statement
    /// that fails if the server cannot write any more.
    async fn is_valid(&self, client: &mut Client) -> Result<(), Error> {
        client.check().await
    }
}

/// To the first host that takes the connection. With a `connect_timeout` each address has that time, also for the
/// log-in.
async fn connect<T>(
    config: &Config,
    tls: &T,
) -> Result<(tokio_postgres::Client, tokio_postgres::Connection<Socket, T::Stream>), Error>
where
    T: MakeTlsConnect<Socket> + Clone,
{
    let limit = config.get_connect_timeout().copied();
    let mut refused = None;
    for host in hosts::apart(config) {
        let found = match limit {
            Some(limit) => addresses(host, limit).await,
            None => Ok(vec![host]),
        };
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                error::keep(&mut refused, error);
                continue;
            }
        };
        for address in found {
            let connected = match limit {
                Some(limit) => within(limit, hosts::limited(address, limit).connect(tls.clone())).await,
                None => address.connect(tls.clone()).await,
            };
            match connected {
                Ok(connected) => return Ok(connected),
                Err(error) => error::keep(&mut refused, error),
            }
        }
    }
    Err(refused.expect("each configuration is tried, and there is at least the one"))
}

async fn within<C>(limit: Duration, connect: impl Future<Output = Result<C, Error>>) -> Result<C, Error> {
    timeout(limit, connect).await.unwrap_or_else(|_| Err(failure::unanswered(limit)))
}

async fn addresses(host: Config, limit: Duration) -> Result<Vec<Config>, Error> {
    let Some(name) = hosts::name(&host) else { return Ok(vec![host]) };
    let found = match timeout(limit, lookup_host(name)).await {
        Ok(found) => found.map(|all| all.map(|one| one.ip()).collect::<Vec<_>>()),
        Err(_) => Err(failure::not_looked_up(limit)),
    };
    found.map(|all| hosts::at_addresses(host, all.into_iter())).map_err(failure::of)
}

/// Without the password, as [`Config`] is written.
impl<T> fmt::Debug for Postgres<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").field("config", &self.config).field("options", &self.options).finish_non_exhaustive()
    }
}

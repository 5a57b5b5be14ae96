//! A private PgBouncer.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::Server;
use crate::account::Account;
use crate::server::free_port;

/// After this a PgBouncer that does not start, or does not stop, fails the test.
const LONGEST: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(10);
const PORTS: usize = 10;

/// A PgBouncer of the test's own, in transaction mode, in front of a [`Server`]. It trusts everybody. It is stopped and
/// removed when it is dropped.
///
/// # Panics
///
/// In each of its functions, if what they are for does not happen within a minute, with its log.
pub struct PgBouncer {
    account: Option<Account>,
    directory: TempDir,
    port: u16,
    process: Option<Child>,
}

impl PgBouncer {
    /// Starts one, with so many connections to the server. It accepts connections when this returns.
    #[must_use]
    pub fn start(server: &Server, connections: usize) -> Self {
        let directory = tempfile::Builder::new().prefix("conn_pool-pgbouncer-").tempdir();
        let mut bouncer = Self {
            account: Account::needed(),
            directory: directory.expect("a temporary directory"),
            port: 0,
            process: None,
        };
        let started = (0..PORTS).any(|_| {
            bouncer.port = free_port();
            bouncer.configure(server, connections);
            bouncer.try_run()
        });
        assert!(started, "PgBouncer does not start:\n{}", bouncer.log());
        bouncer
    }

    /// The address of the server's database behind it, as drivers take it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// The address of its console, which takes simple queries only.
    #[must_use]
    pub fn console(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/pgbouncer", self.port)
    }

    /// Whether it knows the prepared statements of its clients: from 1.21 on.
    #[must_use]
    pub fn follows_prepared_statements() -> bool {
        let output = Command::new("pgbouncer").arg("--version").output();
        let output = output.expect("`pgbouncer` is in the path (Debian: `pgbouncer`)");
        let text = String::from_utf8_lossy(&output.stdout);
        let version = text.lines().next().and_then(|line| line.split_whitespace().nth(1)).unwrap_or_default();
        let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (1, 21)
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.file("log")).unwrap_or_default()
    }

    fn configure(&self, server: &Server, connections: usize) {
        let statements = if Self::follows_prepared_statements() { "max_prepared_statements = 100\n" } else { "" };
        let text = format!(
            "[databases]\npostgres = host=127.0.0.1 port={} dbname=postgres user=postgres\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {}\nunix_socket_dir =\nauth_type = any\n\
             admin_users = postgres\npool_mode = transaction\ndefault_pool_size = {connections}\n\
             max_client_conn = 200\nignore_startup_parameters = extra_float_digits\nlogfile = {}\n{statements}",
            server.port(),
            self.port,
            self.file("log").display(),
        );
        fs::write(self.file("pgbouncer.ini"), text).expect("a file in a directory of our own");
        if let Some(account) = &self.account {
            account.own(self.directory.path());
        }
    }

    /// `false`: it has ended at once, as it does if its port is taken.
    fn try_run(&mut self) -> bool {
        let mut command = Command::new("pgbouncer");
        command.arg("--quiet").arg(self.file("pgbouncer.ini")).current_dir(Path::new("/"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if let Some(account) = &self.account {
            account.run_as(&mut command);
        }
        let mut process = command.spawn().expect("`pgbouncer` is in the path (Debian: `pgbouncer`)");
        let end = Instant::now() + LONGEST;
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            if process.try_wait().expect("a child of our own").is_some() {
                return false;
            }
            assert!(Instant::now() < end, "PgBouncer does not accept connections:\n{}", self.log());
            thread::sleep(PAUSE);
        }
        self.process = Some(process);
        true
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        // A child that was not waited for keeps its number, so no other process is meant.
        kill_process(Pid::from_child(&process), Signal::TERM).expect("a child of our own");
        let end = Instant::now() + LONGEST;
        while process.try_wait().expect("a child of our own").is_none() {
            assert!(Instant::now() < end, "PgBouncer does not stop:\n{}", self.log());
            thread::sleep(PAUSE);
        }
    }
}

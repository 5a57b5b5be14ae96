//! A private PostgreSQL server.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::account::Account;
use crate::cluster::{Cluster, scratch};
use crate::programs;

/// After this a server that does not start, or does not stop, fails the test. A recovery on a busy machine takes some
/// seconds.
const LONGEST: Duration = Duration::from_secs(60);
/// Between two looks at whether it has.
const PAUSE: Duration = Duration::from_millis(10);
/// How many ports are tried: each is free when it is picked, and another program may take it before the server does.
const PORTS: usize = 10;

/// A PostgreSQL server of the test's own, on 127.0.0.1. It trusts everybody as the superuser `postgres`, in the
/// database `postgres`, and is stopped and removed when it is dropped.
///
/// # Panics
///
/// In each of its functions, if what they are for does not happen within a minute, with the server's log.
///
/// # Examples
///
/// ```
/// let mut server = conn_pool_testing::Server::start();
/// assert_eq!(server.sql("SELECT 6 * 7"), "42");
///
/// let url = server.url();
/// server.restart_immediate();
/// assert_eq!(server.url(), url);
/// assert!(server.backends().is_empty());
/// ```
pub struct Server {
    programs: PathBuf,
    account: Option<Account>,
    directory: TempDir,
    /// What its files are a copy of, so that those of the next server can be one too.
    cluster: Option<Arc<Cluster>>,
    /// Beyond what every server gets.
    settings: Vec<String>,
    port: u16,
    /// `None`: it is stopped.
    process: Option<Child>,
}

/// How a server stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// Each session is ended with an error, in order.
    Fast,
    /// As by a power cut: the sessions' sockets close.
    Immediate,
}

impl Shutdown {
    const fn signal(self) -> Signal {
        match self {
            Self::Fast => Signal::INT,
            Self::Immediate => Signal::QUIT,
        }
    }
}

impl Server {
    /// Starts one, on a port that is free. It accepts connections when this returns.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[], &[])
    }

    /// Starts one with these settings (`max_connections=5`), and with these lines before the others of its
    /// `pg_hba.conf`, so that they are the ones that count.
    ///
    /// ```
    /// let server = conn_pool_testing::Server::start_with(&["max_connections=5"], &[]);
    /// assert_eq!(server.sql("SHOW max_connections"), "5");
    /// ```
    #[must_use]
    pub fn start_with(settings: &[&str], access: &[&str]) -> Self {
        let mut server = Self::prepare(settings);
        server.create();
        server.admit(access);
        server.run();
        server
    }

    /// Starts one that encrypts, with a certificate that nobody has signed. It needs `openssl`.
    ///
    /// ```
    /// assert_eq!(conn_pool_testing::Server::start_encrypted().sql("SHOW ssl"), "on");
    /// ```
    #[must_use]
    pub fn start_encrypted() -> Self {
        let mut server = Self::prepare(&["ssl=on"]);
        server.create();
        server.certify();
        server.run();
        server
    }

    /// Starts another one that follows this one: it can be read until it is [promoted](Self::promote).
    ///
    /// ```
    /// let primary = conn_pool_testing::Server::start();
    /// let standby = primary.standby();
    /// assert_eq!(standby.sql("SHOW transaction_read_only"), "on");
    /// standby.promote();
    /// assert_eq!(standby.sql("SHOW transaction_read_only"), "off");
    /// ```
    #[must_use]
    pub fn standby(&self) -> Self {
        let mut standby = Self::prepare(&[]);
        standby.copy(self);
        standby.run();
        standby
    }

    /// Makes it the primary, and waits until it is.
    pub fn promote(&self) {
        assert_eq!(self.sql("SELECT pg_promote(true, 60)"), "t", "{}", self.log());
    }

    /// Its port, which stays the same while it is stopped.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The address of its database, as drivers take it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Stops it, and waits until it has. A stopped server refuses connections.
    pub fn stop(&mut self, how: Shutdown) {
        if let Some(mut process) = self.process.take() {
            self.end(&mut process, how);
        }
    }

    /// Starts it again where it was, with its data.
    pub fn run_again(&mut self) {
        assert!(self.process.is_none(), "it is stopped before it is run again");
        let end = Instant::now() + LONGEST;
        // The port was free to be taken meanwhile: by the outgoing connection of another program, for a while.
        while !self.try_run() {
            assert!(Instant::now() < end, "PostgreSQL does not start again:\n{}", self.log());
        }
    }

    /// Restarts it as an administrator does.
    pub fn restart_fast(&mut self) {
        self.stop(Shutdown::Fast);
        self.run_again();
    }

    /// Restarts it as a power cut does.
    pub fn restart_immediate(&mut self) {
        self.stop(Shutdown::Immediate);
        self.run_again();
    }

    /// The process numbers of the sessions that clients have open.
    #[must_use]
    pub fn backends(&self) -> Vec<i32> {
        let clients = "backend_type = 'client backend' AND pid <> pg_backend_pid()";
        let pids = self.sql(&format!("SELECT pid FROM pg_stat_activity WHERE {clients} ORDER BY pid"));
        pids.lines().map(|pid| pid.parse().expect("process numbers are numbers")).collect()
    }

    /// Ends one session by the server's hand, as an administrator does, and waits until it has ended. Whether there was
    /// one.
    #[must_use]
    pub fn terminate(&self, backend: i32) -> bool {
        self.sql(&format!("SELECT pg_terminate_backend({backend}, 60000)")) == "t"
    }

    /// What `psql` prints for a statement: a line for each row, with `|` between columns.
    #[must_use]
    pub fn sql(&self, statement: &str) -> String {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["--no-psqlrc", "--tuples-only", "--no-align", "--quiet", "--set=ON_ERROR_STOP=1"]);
        psql.arg(format!("--dbname={}", self.url())).arg(format!("--command={statement}"));
        let output = psql.output().expect("`psql` can be run");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    fn prepare(settings: &[&str]) -> Self {
        Self {
            programs: programs::directory(),
            account: Account::needed(),
            directory: scratch(),
            cluster: None,
            settings: settings.iter().map(ToString::to_string).collect(),
            port: 0,
            process: None,
        }
    }

    fn run(&mut self) {
        let started = (0..PORTS).any(|_| {
            self.port = free_port();
            self.try_run()
        });
        assert!(started, "PostgreSQL does not start:\n{}", self.log());
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// One of the server's programs, run as the server is.
    fn program(&self, name: &str) -> Command {
        self.command(&self.programs.join(name))
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.directory.path()).env_remove("PGDATA").stdin(Stdio::null());
        if let Some(account) = &self.account {
            account.run_as(&mut command);
        }
        command
    }

    /// Gives the server's account a directory.
    fn hand_over(&self, directory: &Path) {
        if let Some(account) = &self.account {
            account.own(directory);
        }
    }

    fn create(&mut self) {
        self.hand_over(self.directory.path());
        let cluster = Cluster::shared(|cluster| self.fill(cluster));
        let mut copy = self.command(Path::new("cp"));
        copy.arg("-a").arg(cluster.data()).arg(self.data());
        finish(&mut copy);
        self.cluster = Some(cluster);
    }

    fn fill(&self, cluster: &Cluster) {
        self.hand_over(cluster.directory());
        let mut initdb = self.program("initdb");
        initdb.arg("--pgdata").arg(cluster.data());
        initdb.args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-locale", "--no-sync"]);
        finish(&mut initdb);
    }

    /// As a standby of the other.
    fn copy(&self, primary: &Self) {
        self.hand_over(self.directory.path());
        let mut backup = self.program("pg_basebackup");
        backup.arg("--pgdata").arg(self.data()).arg(format!("--dbname={}", primary.url()));
        backup.args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync"]);
        finish(&mut backup);
    }

    /// Where the server looks for its certificate and for the key.
    fn certify(&self) {
        let mut openssl = self.command(Path::new("openssl"));
        openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]);
        openssl.arg("-keyout").arg(self.data().join("server.key")).arg("-out").arg(self.data().join("server.crt"));
        finish(&mut openssl);
    }

    /// The first line that fits a client counts.
    fn admit(&self, access: &[&str]) {
        let path = self.data().join("pg_hba.conf");
        let others = fs::read_to_string(&path).expect("`initdb` has written it");
        fs::write(&path, access.join("\n") + "\n" + &others).expect("a file in a directory of our own");
    }

    /// `false`: it has ended at once, as it does if its port is taken.
    fn try_run(&mut self) -> bool {
        let log = File::create(self.directory.path().join("log")).expect("a file in a directory of our own");
        let mut postgres = self.program("postgres");
        postgres.arg("-D").arg(self.data()).arg("-p").arg(self.port.to_string());
        postgres.args(["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "shared_buffers=16MB"]);
        postgres.arg("-c").arg(format!("unix_socket_directories={}", self.directory.path().display()));
        postgres.args(self.settings.iter().flat_map(|setting| ["-c", setting]));
        postgres.stdout(log.try_clone().expect("a file can be shared")).stderr(log);
        let mut process = postgres.spawn().expect("`postgres` can be run");
        let runs = self.wait_until_ready(&mut process);
        self.process = runs.then_some(process);
        runs
    }

    fn wait_until_ready(&self, process: &mut Child) -> bool {
        let end = Instant::now() + LONGEST;
        while !self.is_ready(process.id()) {
            if process.try_wait().expect("a child of our own").is_some() {
                return false;
            }
            if Instant::now() > end {
                self.end(process, Shutdown::Immediate);
                panic!("PostgreSQL does not accept connections:\n{}", self.log());
            }
            thread::sleep(PAUSE);
        }
        true
    }

    /// Whether the server says so itself, where `pg_ctl` looks too. The file of a server that was killed has the number
    /// of another process.
    fn is_ready(&self, process: u32) -> bool {
        let file = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        let mut lines = file.lines();
        lines.next() == Some(&*process.to_string()) && lines.nth(6).is_some_and(|state| state.trim() == "ready")
    }

    fn end(&self, process: &mut Child, how: Shutdown) {
        // A child that was not waited for keeps its number, so no other process is meant.
        let pid = Pid::from_child(process);
        kill_process(pid, how.signal()).expect("a child of our own");
        let end = Instant::now() + LONGEST;
        while process.try_wait().expect("a child of our own").is_none() {
            assert!(Instant::now() < end, "PostgreSQL does not stop:\n{}", self.log());
            thread::sleep(PAUSE);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop(Shutdown::Immediate);
    }
}

fn finish(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} cannot be run: {error}"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}

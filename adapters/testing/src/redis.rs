//! A private Redis server.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// After this a server that does not start fails the test.
const LONGEST: Duration = Duration::from_secs(60);
/// Between two looks at whether it has.
const PAUSE: Duration = Duration::from_millis(10);

/// A Redis server of the test's own, on a socket in a directory that goes with it. It is stopped when it is dropped.
///
/// # Examples
///
/// ```
/// let server = conn_pool_testing::Redis::start();
/// assert!(server.url().starts_with("redis+unix:///"));
/// ```
pub struct Redis {
    directory: TempDir,
    process: Child,
}

impl Redis {
    /// Starts one. It accepts connections when this returns.
    #[must_use]
    pub fn start() -> Self {
        let directory = tempfile::Builder::new().prefix("conn_pool-redis-").tempdir().expect("a temporary directory");
        let mut command = Command::new("redis-server");
        command.current_dir(directory.path()).args(["--port", "0", "--unixsocket", "socket", "--save", ""]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().expect("`redis-server` is in the path (Debian: `redis-server`)");
        let mut server = Self { directory, process };
        server.wait_until_ready();
        server
    }

    /// Its address, as drivers take it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    fn wait_until_ready(&mut self) {
        let end = Instant::now() + LONGEST;
        while UnixStream::connect(self.socket()).is_err() {
            let ended = self.process.try_wait().expect("a child of our own");
            assert!(ended.is_none() && Instant::now() < end, "Redis does not start: {ended:?}");
            thread::sleep(PAUSE);
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It has nothing to lose. If it has ended already, there is nothing to be done.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

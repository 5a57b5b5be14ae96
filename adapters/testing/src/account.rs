//! As whom the server runs.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// Another account than the test's, since PostgreSQL refuses to run as root.
pub(crate) struct Account {
    uid: u32,
    gid: u32,
}

impl Account {
    /// `None`: the test's own will do.
    pub(crate) fn needed() -> Option<Self> {
        rustix::process::geteuid().is_root().then(|| Self { uid: id("-u"), gid: id("-g") })
    }

    pub(crate) fn own(&self, path: &Path) {
        std::os::unix::fs::chown(path, Some(self.uid), Some(self.gid)).expect("root may give a directory away");
    }

    /// Also without the supplementary groups of root.
    pub(crate) fn run_as(&self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }
}

fn id(which: &str) -> u32 {
    let output = Command::new("id").args([which, "postgres"]).output().expect("`id` can be run");
    let number = String::from_utf8_lossy(&output.stdout);
    number.trim().parse().expect("as root, there is a user `postgres` to run the server as")
}

//! The files of a PostgreSQL server before it is started for the first time.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tempfile::TempDir;

/// What `initdb` makes, to be copied: it takes five times as long as a copy. The servers of a process share one, which
/// is removed with the last of them.
pub(crate) struct Cluster {
    directory: TempDir,
}

static SHARED: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());

impl Cluster {
    /// The one that is shared. If there is none, `fill` makes it in the directory that it is given, and others who want
    /// one wait.
    pub(crate) fn shared(fill: impl FnOnce(&Self)) -> Arc<Self> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let cluster = Arc::new(Self { directory: scratch() });
            fill(&cluster);
            *shared = Arc::downgrade(&cluster);
            cluster
        })
    }

    /// Where `data` lies.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Where the files are. Nothing is there before it is filled.
    pub(crate) fn data(&self) -> PathBuf {
        self.directory().join("data")
    }
}

/// A directory of a server's own.
pub(crate) fn scratch() -> TempDir {
    tempfile::Builder::new().prefix("conn_pool-postgres-").tempdir().expect("a temporary directory")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_filled_once_and_removed_with_the_last_who_has_it() {
        let one = Cluster::shared(|cluster| std::fs::create_dir(cluster.data()).unwrap());
        let other = Cluster::shared(|_| panic!("there is one"));
        let data = other.data();
        drop(one);
        assert!(data.is_dir());
        drop(other);
        assert!(!data.exists());
        let next = Cluster::shared(|_| ());
        assert_ne!(next.data(), data);
    }
}

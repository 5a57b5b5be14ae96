//! Where the server's programs are.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// Where Debian puts the programs of each version, none of which is in the path.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The directory of `initdb` and `postgres`: Debian's newest version, or the first one in the path.
///
/// # Panics
///
/// If they are not installed.
pub(crate) fn directory() -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    debian().chain(env::split_paths(&path)).find(|directory| has_both(directory)).expect(
        "PostgreSQL's `initdb` and `postgres` are in /usr/lib/postgresql/*/bin or in the path (Debian: `postgresql`)",
    )
}

fn has_both(directory: &Path) -> bool {
    ["initdb", "postgres"].iter().all(|program| directory.join(program).is_file())
}

fn debian() -> impl Iterator<Item = PathBuf> {
    let versions = fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort_unstable_by(|one, other| other.cmp(one));
    versions.into_iter().map(|(_, directory)| directory)
}

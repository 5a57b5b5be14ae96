//! Only `sync` names the platform.

use crate::files::{File, after, assert_fine, assert_seen, file, sources};

/// Names of the platform.
const PLATFORM: &[&str] = &[
    "core::sync::",
    "std::sync::",
    "alloc::sync::",
    "loom::",
    "shuttle::",
    "portable_atomic::",
    "portable_atomic_util::",
    "critical_section::",
    "spin::",
];

fn platform(files: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| !file.is_test_only() && file.module()[0] != "sync") {
        for (line, code) in file.code() {
            for name in PLATFORM.iter().filter(|name| after(code, name).next().is_some()) {
                complaints.push(file.at(line, &format!("names `{name}`, which is for `sync` alone")));
            }
        }
    }
    complaints
}

#[test]
fn only_sync_names_the_platform() {
    assert_fine(&platform(&sources()));
}

#[test]
fn the_platform_outside_sync_is_seen() {
    for name in [
        "core::sync::atomic::AtomicBool",
        "std::sync::Mutex",
        "alloc::sync::Arc",
        "portable_atomic_util::Arc",
        "loom::thread",
        "shuttle::thread",
        "portable_atomic::AtomicU8",
        "critical_section::with",
        "spin::Mutex",
    ] {
        assert_seen(&platform(&file("plain/pool.rs", &format!("use {name};"))), "for `sync` alone");
        assert_fine(&platform(&file("sync/host_new.rs", &format!("use {name};"))));
    }
    assert_fine(&platform(&file("plain/pool.rs", "use crate::sync::Arc;\n#[cfg(conn_pool_loom)]")));
}

//! The C programs of `ffi-tests/c`, each called as a function of this process.
//!
//! To add one, write `ffi-tests/c/name.c`, a whole program whose `int main(void)` ends with `return
//! check_report("name")` (see `check.h`), and add its name to the list below. `build.rs` compiles every file of the
//! folder, and renames its `main` to `conn_pool_test_name`. A file that is not in the list fails the last test here.
//!
//! A program
//!
//! - is C99 and POSIX.1-2008, without warnings from gcc and clang (`tests/compilers.rs`);
//! - orders its events by the counters of the pool (`CHECK_WAITING`), not by sleeping;
//! - frees what it makes: it is also run under valgrind and sanitizers, and linked against the installed library.

use std::collections::BTreeSet;
use std::ffi::c_int;
use std::fs;

use ffi_tests::header::root;

macro_rules! programs {
    ($($name:ident: $main:ident,)*) => {
        unsafe extern "C" {
            $(safe fn $main() -> c_int;)*
        }

        const NAMES: &[(&str, &str)] = &[$((stringify!($name), stringify!($main)),)*];

        $(
            #[test]
            fn $name() {
                assert_eq!($main(), 0, "see above for the checks that failed");
            }
        )*
    };
}

programs! {
    basic: conn_pool_test_basic,
    threads: conn_pool_test_threads,
    timeouts: conn_pool_test_timeouts,
    r#async: conn_pool_test_async,
    storage: conn_pool_test_storage,
    lifecycle: conn_pool_test_lifecycle,
    ages: conn_pool_test_ages,
    clocks: conn_pool_test_clocks,
    misuse: conn_pool_test_misuse,
    fork: conn_pool_test_fork,
    cancel: conn_pool_test_cancel,
    why: conn_pool_test_why,
    upkeep: conn_pool_test_upkeep,
    connect: conn_pool_test_connect,
}

#[test]
fn every_program_of_the_folder_is_run() {
    let folder = root().join("ffi-tests/c");
    let found: BTreeSet<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".c").map(str::to_owned))
        .collect();
    // `async` is a keyword of Rust.
    let names = || NAMES.iter().map(|(name, main)| (name.trim_start_matches("r#"), *main));
    let listed: BTreeSet<String> = names().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(found, listed, "left: the programs of {}; right: those that this file runs", folder.display());
    for (name, main) in names() {
        assert_eq!(main, format!("conn_pool_test_{name}"));
    }
}

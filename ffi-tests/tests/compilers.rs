//! The header, the C++ wrapper and the C programs compile without a warning, with the compilers and language versions
//! that we promise.

use std::fs;
use std::path::PathBuf;

use ffi_tests::compile::{Job, assert_none_fails};
use ffi_tests::header::root;

const C: &[&str] = &["c99", "c11", "c17", "c2x"];
const CXX: &[&str] = &["c++11", "c++17", "c++20"];
/// The standards for `include/conn_pool.hpp`.
const CXX_OF_THE_WRAPPER: &[&str] = &["c++17", "c++20"];

/// A program that is both C and C++, and evaluates the macros of the header.
const USER: &str = r#"
#include <conn_pool.h>
#ifdef CONN_POOL_HOSTED
CONN_POOL_DEFINE_STATIC(one, 1);
#endif
static CONN_POOL_DEFINE_STORAGE(four, 4);
int use_the_header(void);
int use_the_header(void)
{
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    conn_pool_waiter waiter = CONN_POOL_WAITER_INIT;
    conn_pool *pool = NULL;

    config.capacity = 4;
#ifdef CONN_POOL_HOSTED
    (void)one;
    if (conn_pool_create(&config, &pool) != CONN_POOL_OK) {
        return 1;
    }
#endif
    if (conn_pool_init(&four, sizeof four, &config, &pool) != CONN_POOL_OK
        || conn_pool_acquire(pool, CONN_POOL_WAIT_FOREVER, &lease) != CONN_POOL_OK) {
        return 1;
    }
    (void)conn_pool_cancel(pool, &waiter);
    return CONN_POOL_VERSION == (int)conn_pool_version();
}
"#;

/// The header, alone and in use, hosted and without an operating system.
#[track_caller]
fn assert_takes_the_header(compiler: &'static str, language: &'static str, standards: &[&'static str]) {
    let mut outcomes = Vec::new();
    for standard in standards {
        for flags in [vec![], vec!["-DCONN_POOL_BARE"]] {
            let job = Job { compiler, language, standard, flags };
            outcomes.extend(["#include <conn_pool.h>\n", USER].map(|text| job.run(text)));
        }
    }
    assert_none_fails(outcomes);
}

/// The header alone, with warnings that some programs turn on: what it defines inline is compiled with them.
#[track_caller]
fn assert_takes_the_header_strictly(compiler: &'static str, language: &'static str, more: &[&'static str]) {
    let mut flags = vec!["-D_GNU_SOURCE", "-Wconversion", "-Wsign-conversion", "-Wshadow", "-Wundef", "-Wcast-qual"];
    flags.extend(more);
    let standard = if language == "c" { "c99" } else { "c++17" };
    let job = Job { compiler, language, standard, flags };
    assert_none_fails([job.run("#include <conn_pool.h>\n")]);
}

/// The C programs.
fn sources() -> Vec<PathBuf> {
    let mut sources = Vec::new();
    for folder in ["ffi-tests/c", "ffi-tests/c/inside"] {
        let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
        sources.extend(entries.filter(|path| path.extension().is_some_and(|extension| extension == "c")));
    }
    sources
}

#[track_caller]
fn assert_takes_the_programs(compiler: &'static str) {
    let flags = vec!["-D_POSIX_C_SOURCE=200809L", "-pthread", "-I."];
    let job = Job { compiler, language: "c", standard: "c99", flags };
    let compile = |path: PathBuf| {
        let outcome = job.run(&fs::read_to_string(&path).unwrap());
        outcome.map_err(|complaint| format!("{}: {complaint}", path.display()))
    };
    assert_none_fails(sources().into_iter().map(compile));
}

/// `include/conn_pool.hpp`, if this checkout has it.
#[track_caller]
fn assert_takes_the_wrapper(compiler: &'static str) {
    let user = "#include <conn_pool.hpp>\ntemplate class connpool::pool_of<int>;\n\
        template connpool::result<connpool::lease_of<int>> connpool::pool_of<int>::acquire_until(\
        std::chrono::steady_clock::time_point) noexcept;\n";
    let sorts = [vec!["-Wshadow", "-Wold-style-cast", "-Wconversion"], vec!["-fno-exceptions", "-fno-rtti"]];
    let job = |standard, flags: &Vec<_>| Job { compiler, language: "c++", standard, flags: flags.clone() };
    let jobs = CXX_OF_THE_WRAPPER.iter().flat_map(|standard| sorts.iter().map(|flags| job(*standard, flags)));
    assert_none_fails(jobs.map(|job| job.run(user)));
}

#[test]
fn gcc_takes_the_header() {
    assert_takes_the_header("gcc", "c", C);
}

#[test]
fn clang_takes_the_header() {
    assert_takes_the_header("clang", "c", C);
}

#[test]
fn gxx_takes_the_header() {
    assert_takes_the_header("g++", "c++", CXX);
}

#[test]
fn clangxx_takes_the_header() {
    assert_takes_the_header("clang++", "c++", CXX);
}

#[test]
fn programs_may_turn_on_more_warnings() {
    for compiler in ["gcc", "clang"] {
        assert_takes_the_header_strictly(compiler, "c", &["-Wstrict-prototypes", "-Wmissing-prototypes"]);
    }
    for compiler in ["g++", "clang++"] {
        assert_takes_the_header_strictly(compiler, "c++", &["-Wold-style-cast", "-Wzero-as-null-pointer-constant"]);
    }
}

#[test]
fn gcc_takes_the_programs() {
    assert_takes_the_programs("gcc");
}

#[test]
fn clang_takes_the_programs() {
    assert_takes_the_programs("clang");
}

#[test]
fn gxx_takes_the_wrapper() {
    assert_takes_the_wrapper("g++");
}

#[test]
fn clangxx_takes_the_wrapper() {
    assert_takes_the_wrapper("clang++");
}

/// The tests above can fail.
mod checks {
    use super::*;

    fn gcc(standard: &'static str, flags: Vec<&'static str>) -> Job {
        Job { compiler: "gcc", language: "c", standard, flags }
    }

    #[test]
    fn a_warning_is_an_error() {
        let complaint = gcc("c99", vec![]).run("int go(void) { int unused; return 1; }").unwrap_err();
        assert!(complaint.contains("-Werror=unused-variable"), "{complaint}");
        let complaint = gcc("c99", vec![]).run("enum go { GO, };;\n").unwrap_err();
        assert!(complaint.contains("gcc -std=c99") && complaint.contains("-Werror=pedantic"), "{complaint}");
    }

    #[test]
    fn without_an_operating_system_its_functions_are_not_declared() {
        let text = "#include <conn_pool.h>\nint go(conn_pool **out) { return conn_pool_create(NULL, out); }\n";
        assert_eq!(gcc("c99", vec![]).run(text), Ok(()));
        let complaint = gcc("c99", vec!["-DCONN_POOL_BARE"]).run(text).unwrap_err();
        assert!(complaint.contains("conn_pool_create"), "{complaint}");
    }

    #[test]
    fn a_status_that_is_ignored_or_an_output_that_is_null_is_warned_of() {
        let with = |call: &str| {
            let text = format!(
                "#include <conn_pool.h>\nvoid go(conn_pool *pool, conn_pool_lease *lease);\n\
                 void go(conn_pool *pool, conn_pool_lease *lease) {{ {call}; (void)pool; (void)lease; }}\n"
            );
            ["gcc", "clang"].map(|compiler| Job { compiler, ..gcc("c99", vec![]) }.run(&text))
        };
        assert_none_fails(with("if (conn_pool_acquire(pool, 1, lease)) { return; }"));
        assert_none_fails(with("conn_pool_release(pool, lease)"));
        for ignored in ["conn_pool_acquire(pool, 1, lease)", "conn_pool_try_acquire(pool, lease)"] {
            let complaints = with(ignored).map(|outcome| outcome.unwrap_err().contains("unused-result"));
            assert_eq!(complaints, [true; 2], "{ignored}");
        }
        let complaints = with("conn_pool_release(pool, NULL)").map(|outcome| outcome.unwrap_err().contains("nonnull"));
        assert_eq!(complaints, [true; 2]);
    }

    #[test]
    fn a_compiler_that_is_missing_is_named() {
        let job = Job { compiler: "no-such-clang++", language: "c++", standard: "c++17", flags: vec![] };
        let complaint = job.run("").unwrap_err();
        assert!(complaint.ends_with("apt-get install no-such-clang"), "{complaint}");
    }
}

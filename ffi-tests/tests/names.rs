//! The header declares only names of its own, and works in programs that use any other name.

use std::collections::BTreeSet;

use ffi_tests::compile::{Job, assert_none_fails};
use ffi_tests::names::{declared, from_file};

/// The languages that the header is read in: compiler, language, standard.
const LANGUAGES: &[(&str, &str, &str)] = &[
    ("gcc", "c", "c99"),
    ("gcc", "c", "c11"),
    ("gcc", "c", "c17"),
    ("gcc", "c", "gnu17"),
    ("gcc", "c", "c2x"),
    ("clang", "c", "c99"),
    ("clang", "c", "c17"),
    ("g++", "c++", "c++17"),
    ("g++", "c++", "gnu++17"),
    ("clang++", "c++", "c++17"),
];

fn jobs() -> impl Iterator<Item = Job> {
    let flags = [vec![], vec!["-D_GNU_SOURCE"], vec!["-DCONN_POOL_BARE"]];
    let with = |flags: Vec<&'static str>| {
        LANGUAGES.iter().map(move |&(compiler, language, standard)| Job {
            compiler,
            language,
            standard,
            flags: flags.clone(),
        })
    };
    flags.into_iter().flat_map(with)
}

/// The names that a text declares, beside those of the system's headers.
fn names(job: &Job, file: &str, text: &str) -> Result<BTreeSet<String>, String> {
    let output = job.call(&["-E", "-dD"], text)?;
    let (inside, outside) = from_file(&output, file);
    Ok(declared(&inside, &outside))
}

fn foreign(names: &BTreeSet<String>) -> Vec<&str> {
    let is_ours = |name: &str| name.starts_with("conn_pool_") || name.starts_with("CONN_POOL_") || name == "conn_pool";
    names.iter().map(String::as_str).filter(|name| !is_ours(name)).collect()
}

#[test]
fn every_name_that_the_header_declares_is_ours() {
    for job in jobs() {
        let names = names(&job, "/conn_pool.h", "#include <conn_pool.h>\n").unwrap();
        let what = format!("{} -std={} {:?}", job.compiler, job.standard, job.flags);
        let is_bare = job.flags.contains(&"-DCONN_POOL_BARE");
        // The hooks, which the program defines, have the names that are known everywhere.
        let hooks: &[&str] =
            if is_bare { &["_critical_section_1_0_acquire", "_critical_section_1_0_release"] } else { &[] };
        assert_eq!(foreign(&names), hooks, "{what}");
        // No kind of name is missed.
        for name in ["conn_pool", "conn_pool_status", "CONN_POOL_OK", "conn_pool_acquire", "CONN_POOL_MAX_NAME"] {
            assert!(names.contains(name), "{what}: no {name} in {names:?}");
        }
        assert_eq!(names.contains("conn_pool_create"), !is_bare, "{what}");
        let has_clock =
            !is_bare && (job.flags == ["-D_GNU_SOURCE"] || job.standard.starts_with("gnu") || job.language == "c++");
        assert_eq!(names.contains("conn_pool_acquire_until"), has_clock, "{what}");
    }
}

/// Names that other headers or programs define as macros: of Windows, X11, Qt, kernels and old compilers, and those of
/// attributes. Then the names of Rust types and constants, which a generated header could let through.
const HOSTILE: &str = "
    min max near far small hyper interface IN OUT ERROR DELETE CONST STRICT NO_ERROR BOOL TRUE FALSE
    Status Bool None Success True False Always slots signals emit foreach current I complex OK
    linux unix i386 sun vax mips sparc major minor makedev
    visibility warn_unused_result nonnull aligned cleanup
    Reason DiscardReason Slot Pool Config Event Name Waiter Lease Stats Resource Duration Option Result Error
    Some Ok Err MAX Name_MAX STAMP NUMBER EMPTY
";

/// A program that uses the header.
const USE: &str = "
int use_it(void);
int use_it(void)
{
    conn_pool_config config = CONN_POOL_CONFIG_INIT;
    CONN_POOL_RELEASED_AT_END conn_pool_lease lease = CONN_POOL_LEASE_INIT;
    conn_pool_waiter waiter = CONN_POOL_WAITER_INIT;
    static CONN_POOL_DEFINE_STORAGE(storage, 4);
    conn_pool_stats counted;
    conn_pool *one = NULL;

    if (conn_pool_init(&storage, sizeof storage, &config, &one) != CONN_POOL_OK
        || conn_pool_acquire(one, CONN_POOL_WAIT_FOREVER, &lease) != CONN_POOL_OK) {
        return 1;
    }
    (void)conn_pool_cancel(one, &waiter);
    return (int)conn_pool_get_stats(one, &counted, sizeof counted);
}
";

/// The system's headers come first: the names may break them, which is not the fault of ours.
const SYSTEM: &str = "#include <stddef.h>\n#include <stdint.h>\n#include <time.h>\n";

/// Defines the names as macros whose use is an error.
fn as_macros() -> String {
    HOSTILE.split_whitespace().map(|name| format!("#undef {name}\n#define {name} @\n")).collect()
}

/// Declares the names: as types, tags, members of an enumeration, functions and variables.
fn as_declarations() -> String {
    let declare = |(at, name): (usize, &str)| match at % 5 {
        0 => format!("#undef {name}\ntypedef enum {{ {name}_A, {name}_B }} {name};\n"),
        1 => format!("#undef {name}\nstruct {name} {{ int a; }};\n"),
        2 => format!("#undef {name}\nenum {{ {name} = 7 }};\n"),
        3 => format!("#undef {name}\nint {name}(int a);\n"),
        _ => format!("#undef {name}\nextern int {name};\n"),
    };
    HOSTILE.split_whitespace().enumerate().map(declare).collect()
}

#[track_caller]
fn assert_compiles(text: &str) {
    let jobs = jobs().filter(|job| job.flags != ["-D_GNU_SOURCE"]);
    assert_none_fails(jobs.map(|job| job.call(&["-fsyntax-only", "-Wall", "-Wextra", "-Werror"], text).map(drop)));
}

#[test]
fn hostile_macros_do_not_reach_the_header() {
    assert_compiles(&format!("{SYSTEM}{}#include <conn_pool.h>\n{USE}", as_macros()));
}

#[test]
fn a_programs_own_names_may_come_before_the_header() {
    assert_compiles(&format!("{SYSTEM}{}#include <conn_pool.h>\n{USE}", as_declarations()));
}

#[test]
fn a_programs_own_names_may_come_after_the_header() {
    assert_compiles(&format!("#include <conn_pool.h>\n{}{USE}", as_declarations()));
}

#[test]
fn a_name_may_be_anything_in_the_program() {
    let kinds = ["typedef enum { A, B } Reason;", "typedef struct Reason { int a; } Reason;", "int Reason(void);"];
    assert_none_fails(kinds.map(|kind| gcc().run(&format!("#include <conn_pool.h>\n{kind}\n{USE}"))));
}

fn gcc() -> Job {
    Job { compiler: "gcc", language: "c", standard: "c99", flags: vec![] }
}

/// The tests above can fail.
mod checks {
    use super::*;

    #[test]
    fn a_leaked_name_is_seen() {
        let text =
            "# 1 \"/x/leak.h\" 1\ntypedef struct Reason Reason;\nextern int conn_pool_go(void);\n#define Name_MAX 3\n";
        let found = names(&gcc(), "/leak.h", text).unwrap();
        assert_eq!(foreign(&found), ["Name_MAX", "Reason"]);
    }

    #[test]
    fn a_leaked_type_clashes() {
        let leak = "#include <conn_pool.h>\ntypedef struct Reason Reason;\n";
        assert!(gcc().run(&format!("{leak}{}", as_declarations())).unwrap_err().contains("Reason"));
        assert!(gcc().run(&format!("{SYSTEM}{}{leak}", as_macros())).unwrap_err().contains('@'));
    }
}

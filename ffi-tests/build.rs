//! Compiles every program of `c/`, and the tables of `c/inside/`, into one archive that the tests link. The `main` of
//! `c/name.c` becomes `conn_pool_test_name`.
//!
//! It finds the header as the build script of any dependant does: in the folder that the library's build script names.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

fn main() {
    let include =
        env::var("DEP_CONN_POOL_0_1_INCLUDE").expect("conn_pool is a direct dependency, and names its folder");
    println!("cargo::rerun-if-changed=c");
    println!("cargo::rerun-if-changed={include}");
    println!("cargo::rerun-if-env-changed=CONN_POOL_REWRITE");
    println!("cargo::rustc-env=TOLD_INCLUDE={include}");
    // The header is about to be rewritten, and the programs may use what it does not declare yet.
    if env::var_os("CONN_POOL_REWRITE").is_some() {
        return;
    }
    let mut archive = compiler(&include);
    for source in sources("c") {
        let name = source.file_stem().and_then(|stem| stem.to_str()).expect("a name in UTF-8");
        archive.objects(
            compiler(&include)
                .define("main", format!("conn_pool_test_{name}").as_str())
                .file(&source)
                .compile_intermediates(),
        );
    }
    archive.files(sources("c/inside")).compile("conn_pool_programs");
}

/// With the options of a careful C programmer. A warning here is an error in `tests/compilers.rs`.
fn compiler(include: &str) -> cc::Build {
    let mut build = cc::Build::new();
    build.std("c99").define("_POSIX_C_SOURCE", "200809L").include(include);
    build.flag("-Wall").flag("-Wextra").flag("-Wpedantic").flag("-pthread");
    build
}

fn sources(folder: impl AsRef<Path>) -> Vec<PathBuf> {
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.as_ref().display()));
    let mut sources: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "c"))
        .collect();
    sources.sort();
    sources
}

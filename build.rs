//! Tells the build script of a crate that depends on this one directly where the C header lies: as
//! `DEP_CONN_POOL_0_1_INCLUDE`.
//!
//! It does nothing else. An argument for the linker would reach the dependant's own shared library; a file written
//! into the sources would be lost to the package and refused by a read-only checkout; and the header is committed, so
//! there is nothing to generate.

use std::env;
use std::path::PathBuf;

fn main() {
    // The folder is part of the package's identity: cargo runs the script anew for another one.
    println!("cargo::rerun-if-changed=build.rs");
    let package = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo"));
    println!("cargo::metadata=include={}", package.join("include").display());
}

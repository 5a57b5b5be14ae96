//! The library's build script tells a dependant where the header is, and does nothing else.

use std::fs;
use std::path::Path;

use ffi_tests::header::root;

/// The value of a key of Cargo.toml's `[package]`.
fn package(key: &str) -> String {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the library has a manifest");
    let package = manifest.split("\n[").find(|table| table.trim_start_matches('[').starts_with("package]"));
    let mut lines = package.expect("a manifest has a package").lines();
    let value = lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"'));
    value.unwrap_or_else(|| panic!("Cargo.toml has no {key}")).to_owned()
}

/// Versions that are compatible by semantic versioning have the same name, since two such libraries in one program
/// would share symbols.
fn name(version: &str) -> String {
    match version.split('.').collect::<Vec<_>>()[..] {
        ["0", minor, _] => format!("conn_pool_0_{minor}"),
        [major, _, _] => format!("conn_pool_{major}"),
        _ => panic!("a version has three numbers: {version}"),
    }
}

/// The C programs of this crate are compiled with the header in that folder.
#[test]
fn a_dependants_build_script_is_told_where_the_header_lies() {
    let told = Path::new(env!("TOLD_INCLUDE"));
    assert!(told.is_absolute(), "{} means something else in another folder", told.display());
    assert!(told.join("conn_pool.h").is_file(), "no header in {}", told.display());
    assert_eq!(told.canonicalize().unwrap(), root().join("include").canonicalize().unwrap());
}

#[test]
fn the_name_in_links_has_the_version_in_it() {
    assert_eq!(package("links"), name(&package("version")));
    assert_eq!(["0.1.0", "0.12.3", "2.1.0"].map(name), ["conn_pool_0_1", "conn_pool_0_12", "conn_pool_2"]);
}

#[test]
fn the_build_script_only_tells() {
    let script = fs::read_to_string(root().join("build.rs")).expect("the library has a build script");
    let mut told: Vec<&str> = script.split("\"cargo:").skip(1).collect();
    told.retain(|told| !told.starts_with(":rerun-if-changed=build.rs\"") && !told.starts_with(":metadata=include="));
    assert_eq!(told, [""; 0], "the build script tells cargo something else");
    for forbidden in ["Command", "fs::", "File", "#[path", "include!"] {
        assert!(!script.contains(forbidden), "the build script has {forbidden}");
    }
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the library has a manifest");
    assert!(!manifest.contains("build-dependencies"), "the build script has dependencies");
}

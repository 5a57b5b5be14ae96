//! Generates the header from the library's source.

use std::path::{Path, PathBuf};

/// The library's folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("ffi-tests lies in the library's folder").to_path_buf()
}

/// `include/conn_pool.h` as it follows from the source.
pub fn generate() -> String {
    let config = cbindgen::Config::from_file(root().join("cbindgen.toml")).expect("cbindgen.toml is in order");
    let bindings = cbindgen::Builder::new().with_crate(root()).with_config(config).generate().expect("a header");
    let mut text = Vec::new();
    bindings.write(&mut text);
    for_c(&String::from_utf8(text).expect("UTF-8"))
}

/// Turns Rust's section on safety into Doxygen's preconditions.
fn for_c(text: &str) -> String {
    text.replace(" * # Safety\n *\n * ", " * @pre ")
}

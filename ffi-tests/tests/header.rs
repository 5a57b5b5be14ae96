//! The committed header is the one that is generated from the source. To generate it:
//!
//!     CONN_POOL_REWRITE=1 cargo test -p ffi-tests --test header

use std::{env, fs};

use ffi_tests::header;

#[test]
fn the_header_is_up_to_date() {
    let path = header::root().join("include/conn_pool.h");
    let fresh = header::generate();
    if env::var_os("CONN_POOL_REWRITE").is_some() {
        fs::write(&path, &fresh).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == fresh,
        "include/conn_pool.h is out of date: run CONN_POOL_REWRITE=1 cargo test -p ffi-tests --test header"
    );
}

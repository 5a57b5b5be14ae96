// knows: nothing · must not know: pools
//! Which version of the library this is.

/// The version of this header: its major number.
pub const CONN_POOL_VERSION_MAJOR: u32 = 0;
/// The version of this header: its minor number.
pub const CONN_POOL_VERSION_MINOR: u32 = 1;
/// The version of this header: its patch number.
pub const CONN_POOL_VERSION_PATCH: u32 = 0;

const fn number(text: &str) -> u32 {
    match u32::from_str_radix(text, 10) {
        Ok(number) => number,
        Err(_) => panic!("a version is made of numbers"),
    }
}

// A constant of the header must be a literal. So the literals are compared with Cargo.toml here.
const _: () = assert!(CONN_POOL_VERSION_MAJOR == number(env!("CARGO_PKG_VERSION_MAJOR")));
const _: () = assert!(CONN_POOL_VERSION_MINOR == number(env!("CARGO_PKG_VERSION_MINOR")));
const _: () = assert!(CONN_POOL_VERSION_PATCH == number(env!("CARGO_PKG_VERSION_PATCH")));

/// As one number that grows with each version: two decimal digits each for major, minor and patch.
pub(super) const NUMBER: u32 =
    CONN_POOL_VERSION_MAJOR * 10_000 + CONN_POOL_VERSION_MINOR * 100 + CONN_POOL_VERSION_PATCH;

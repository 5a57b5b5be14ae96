//! q
use conn_pool::*;
/// pair
#[inline(never)]
#[unsafe(no_mangle)]
pub fn pair8(p: &Pool<u64, 8>) { drop(p.try_get()) }
fn main() { let p = Pool::<u64, 8>::from_fn(|i| i as u64); pair8(std::hint::black_box(&p)); }

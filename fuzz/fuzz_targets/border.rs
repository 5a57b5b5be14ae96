//! Pools for C and a model of them (`border/`), and bytes that say what is called.
//!
//! `cargo fuzz fmt border FILE` prints what an input means.
#![no_main]

#[path = "../border/mod.rs"]
mod border;

use std::fmt;

use arbitrary::{Arbitrary, Result, Unstructured};
use border::Act;
use libfuzzer_sys::fuzz_target;

/// Longer ones find nothing new and take long.
const MOST_ACTS: usize = 200;

struct Input(Vec<Act>);

impl Arbitrary<'_> for Input {
    fn arbitrary(bytes: &mut Unstructured) -> Result<Self> {
        let bytes = bytes.bytes(bytes.len())?;
        let (acts, _) = bytes.as_chunks();
        Ok(Self(acts.iter().take(MOST_ACTS).copied().map(Act::decode).collect()))
    }
}

impl fmt::Debug for Input {
    /// One act a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|act| writeln!(f, "  {act:?}"))
    }
}

fuzz_target!(|input: Input| border::run(&input.0));

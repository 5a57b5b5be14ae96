//! A pool and its model (`tests/sequences/`), and bytes that say what to do to both.
//!
//! `cargo fuzz fmt sequences FILE` prints what an input means.
#![no_main]

#[path = "../../tests/sequences/mod.rs"]
mod sequences;

use arbitrary::{Arbitrary, Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use sequences::Plan;

/// Longer ones find nothing new and take long.
const MOST_OPERATIONS: usize = 400;

#[derive(Debug)]
struct Input(Plan);

impl Arbitrary<'_> for Input {
    fn arbitrary(bytes: &mut Unstructured) -> Result<Self> {
        let slots = *bytes.choose(&Plan::SIZES)?;
        let (fairness, vacant) = bytes.arbitrary()?;
        let operations: Vec<(u8, u8)> = bytes.arbitrary_iter()?.take(MOST_OPERATIONS).collect::<Result<_>>()?;
        Ok(Self(Plan::decode(slots, fairness, vacant, &operations)))
    }
}

fuzz_target!(|input: Input| input.0.run());

//! How a word of the bitmap is read.

use crate::engine::lowest_bit_in_a_loop;

#[test]
fn the_lowest_bit_is_the_same_with_and_without_an_instruction_for_it() {
    for lowest in 0..usize::BITS {
        for above in [0, 1, usize::MAX] {
            let bits = (above << 1 | 1) << lowest;
            assert_eq!(lowest_bit_in_a_loop(bits), bits.trailing_zeros() as usize);
        }
    }
}

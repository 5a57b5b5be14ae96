// knows: nothing · must not know: processes
//! The numbers that mark a block of memory as a pool, and tell of which process.
//!
//! The upper bits are the same in all of them, and unlikely elsewhere: memory that is no pool, or is damaged, is not
//! taken for a pool of another process. The lower ones count forks.

/// The bits that count forks. With more generations of processes than that, the count begins anew.
pub(super) const COUNT: usize = 0xFFFF;

/// The stamp of a process that was not forked since the library was loaded.
#[expect(clippy::cast_possible_truncation, reason = "as many bits as a word has; the lower ones are used")]
pub(super) const FIRST_STAMP: usize = (0xC099_5EED_9001_0000_u64 as usize & !COUNT) | 1;

/// Whether it is the stamp of some process.
pub(super) const fn is_stamp(word: usize) -> bool {
    word & !COUNT == FIRST_STAMP & !COUNT
}

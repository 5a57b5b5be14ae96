//! How deep the stack has been: what lies below it is painted, and looked at later.

use core::ptr;

const PAINT: u32 = 0xa5a5_a5a5;
/// Room for the functions that paint and look.
const MARGIN: usize = 64;

unsafe extern "C" {
    /// Where the stack may not reach.
    static mut __sheap: u32;
    /// Where it begins.
    static _stack_start: u32;
}

fn lowest() -> *mut u32 {
    &raw mut __sheap
}

#[inline(always)]
fn here() -> usize {
    let word = 0_u32;
    (&raw const word).addr() & !3
}

/// Paints what is not in use.
#[inline(never)]
pub fn paint() {
    let mut place = lowest();
    let end = here() - MARGIN;
    while place.addr() < end {
        // SAFETY: between the statics and the stack nothing is in use.
        unsafe { ptr::write_volatile(place, PAINT) };
        // SAFETY: as above.
        place = unsafe { place.add(1) };
    }
}

/// The lowest address that was in use since it was painted.
fn deepest() -> usize {
    let mut place = lowest();
    // SAFETY: between the statics and the stack, where there is memory.
    while unsafe { ptr::read_volatile(place) } == PAINT {
        // SAFETY: as above; the stack itself is not painted.
        place = unsafe { place.add(1) };
    }
    place.addr()
}

/// How many bytes the program has used.
#[must_use]
pub fn used() -> u32 {
    ((&raw const _stack_start).addr() - deepest()) as u32
}

/// How many bytes `call` uses.
#[inline(never)]
pub fn used_by(call: impl FnOnce()) -> u32 {
    paint();
    let top = here();
    apart(call);
    (top - deepest()) as u32
}

/// Has a frame of its own, so that what the call keeps on the stack counts.
#[inline(never)]
fn apart(call: impl FnOnce()) {
    call();
}

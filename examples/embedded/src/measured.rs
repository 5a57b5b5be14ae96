//! What a call costs: instructions, how often and for how long interrupts are masked, and stack.

use core::cell::Cell;

use critical_section::Mutex;

use crate::board;
use crate::stack;

/// What a call has cost.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    pub instructions: u32,
    /// How often interrupts were masked by a critical section.
    pub sections: u32,
    /// For how many instructions at a time, at most.
    pub masked: u32,
    /// Bytes.
    pub stack: u32,
}

#[derive(Clone, Copy, Default)]
struct Sections {
    count: u32,
    began: u32,
    longest: u32,
}

static SECTIONS: Unguarded = Unguarded(Cell::new(Sections { count: 0, began: 0, longest: 0 }));

/// Used while interrupts are masked only, and by the main program.
struct Unguarded(Cell<Sections>);

// SAFETY: one core, and no handler interrupts what uses it.
unsafe impl Sync for Unguarded {}

#[inline(always)]
pub(crate) fn begin_section(is_outermost: bool) {
    if is_outermost {
        let mut sections = SECTIONS.0.get();
        sections.count += 1;
        sections.began = board::clock();
        SECTIONS.0.set(sections);
    }
}

#[inline(always)]
pub(crate) fn end_section(is_outermost: bool) {
    if is_outermost {
        let ticks = board::clock().wrapping_sub(SECTIONS.0.get().began);
        let mut sections = SECTIONS.0.get();
        sections.longest = sections.longest.max(board::instructions(ticks));
        SECTIONS.0.set(sections);
    }
}

/// What measuring costs itself.
static EMPTY: Mutex<Cell<Cost>> = Mutex::new(Cell::new(Cost { instructions: 0, sections: 0, masked: 0, stack: 0 }));

/// Has to be called before anything is measured.
pub fn start() {
    board::start_clock();
    let nothing = measure_with(|| {});
    let section = measure_with(|| critical_section::with(|_| {}));
    let stack = stack::used_by(|| {});
    let empty = Cost { instructions: nothing.instructions, masked: section.masked, stack, sections: 0 };
    critical_section::with(|token| EMPTY.borrow(token).set(empty));
}

/// What `call` costs when it is made after `prepare`, and before `finish`. Made twice: once for the stack.
pub fn measure<T, R>(mut prepare: impl FnMut() -> T, mut call: impl FnMut(T) -> R) -> Cost {
    let prepared = prepare();
    let stack = stack::used_by(|| drop(call(prepared)));
    let prepared = prepare();
    let cost = measure_with(|| call(prepared));
    let empty = critical_section::with(|token| EMPTY.borrow(token).get());
    Cost {
        instructions: cost.instructions.saturating_sub(empty.instructions),
        masked: cost.masked.saturating_sub(empty.masked),
        stack: stack.saturating_sub(empty.stack),
        sections: cost.sections,
    }
}

#[inline(never)]
fn measure_with<R>(call: impl FnOnce() -> R) -> Cost {
    SECTIONS.0.set(Sections::default());
    let began = board::clock();
    let result = call();
    let ticks = board::clock().wrapping_sub(began);
    let sections = SECTIONS.0.get();
    drop(result);
    Cost { instructions: board::instructions(ticks), sections: sections.count, masked: sections.longest, stack: 0 }
}

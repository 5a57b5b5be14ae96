//! How a program ends: with the number of checks that passed, and an exit status.

use core::panic::PanicInfo;

use semihosting::process::ExitCode;
use semihosting::{print, println};

use crate::{board, stack};

/// The report of a program.
pub struct Report {
    passed: u32,
    failed: u32,
}

impl Report {
    #[must_use]
    pub fn begin(program: &str) -> Self {
        stack::paint();
        println!("{program} on {}", board::NAME);
        Self { passed: 0, failed: 0 }
    }

    /// One check, and what it has found if it has failed.
    pub fn check(&mut self, name: &str, found: Result<u32, &str>) {
        match found {
            Ok(count) => {
                println!("    ok: {name} ({count})");
                self.passed += 1;
            }
            Err(fault) => {
                println!("    FAILED: {name}: {fault}");
                self.failed += 1;
            }
        }
    }

    /// Prints the stack that was used, and `N passed, N failed`, and ends the program.
    pub fn end(self) -> ! {
        println!("stack: {} bytes", stack::used());
        println!("{} passed, {} failed", self.passed, self.failed);
        exit(self.failed == 0 && self.passed > 0)
    }
}

fn exit(is_well: bool) -> ! {
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }.exit_process()
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    board::disarm();
    print!("{info}\n0 passed, 1 failed\n");
    exit(false)
}

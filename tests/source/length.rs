//! No file is long.

use crate::files::{File, assert_fine, assert_seen, file, sources};

/// The most lines of code in a file; comments and blank lines are free.
const BUDGET: usize = 400;

fn budget(files: &[File]) -> Vec<String> {
    let count = |file: &File| file.code().count();
    let too_long = files.iter().filter(|file| count(file) > BUDGET);
    too_long.map(|file| file.at(1, &format!("has {} lines of code, over {BUDGET}", count(file)))).collect()
}

#[test]
fn no_file_is_long() {
    assert_fine(&budget(&sources()));
}

#[test]
fn a_long_file_is_seen() {
    assert_seen(&budget(&file("error.rs", &"go();\n".repeat(BUDGET + 1))), "lines of code");
    assert_fine(&budget(&file("error.rs", &"// go\n\n    /// on\ngo();\n".repeat(BUDGET))));
}

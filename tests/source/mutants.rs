//! The table of equivalent mutants in `docs/verification.md` speaks of code that is there. That no test can tell them
//! is what `ci/mutants` shows, which takes hours.

use std::path::Path;

use crate::files::{read, root};

/// A row: the file, the function that is changed (the last part of its path), and the code from the change to the end
/// of the line.
struct Row {
    file: String,
    function: Option<String>,
    code: String,
}

/// In a table a bar is written `\|`.
fn rows(page: &str) -> impl Iterator<Item = Row> {
    let section = page.split("\n## ").find(|section| section.starts_with("Mutation testing")).unwrap();
    section.lines().filter(|line| line.starts_with("| `src/")).map(|line| {
        let line = line.replace("\\|", "\u{1}");
        let cells: Vec<_> = line.split('|').map(|cell| cell.trim().trim_matches('`').replace('\u{1}', "|")).collect();
        Row { file: cells[1].clone(), function: function(&cells[2]), code: cells[3].clone() }
    })
}

/// `replace X -> T with V`, `replace O with P in X` and `delete O in X` name the function X.
fn function(change: &str) -> Option<String> {
    let path = match change.rsplit_once(" in ") {
        Some((_, path)) => path,
        None => change.strip_prefix("replace ")?.split(" with ").next()?.split(" -> ").next()?,
    };
    let name = path.rsplit("::").next()?;
    name.starts_with(|first: char| first.is_ascii_lowercase()).then(|| name.to_owned())
}

fn complaints(page: &str, text_of: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let fits = |row: &Row| {
        let text = text_of(&row.file)?;
        let has_function = row.function.as_ref().is_none_or(|name| {
            text.match_indices(&format!("fn {name}"))
                .any(|(at, found)| text[at + found.len()..].starts_with(['(', '<']))
        });
        (has_function && text.lines().any(|line| line.ends_with(&row.code))).then_some(())
    };
    let misfits = rows(page).filter(|row| fits(row).is_none());
    misfits.map(|row| format!("{}: no `{}` in {:?}", row.file, row.code, row.function)).collect()
}

#[test]
fn each_row_of_the_table_of_mutants_fits_the_source() {
    let page = read("docs/verification.md");
    assert!(rows(&page).count() > 10);
    let wrong = complaints(&page, |file| Path::new(root()).join(file).is_file().then(|| read(file)));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_row_that_fits_no_code_is_seen() {
    let source = "    fn lock<T>(self) {\n        if self.bits() | FLAG == 0 {\n    }\n";
    let complaints_of = |row: &str| {
        let page = format!("# A\n\n## Mutation testing\n\n| file |\n|---|\n{row}\n");
        complaints(&page, |file| (file == "src/a.rs").then(|| source.to_owned())).len()
    };
    for (row, wrong) in [
        (r"| `src/a.rs` | `replace \| with ^ in A<'_>::lock` | `\| FLAG == 0 {` | why |", 0),
        (r"| `src/a.rs` | `replace A::lock -> bool with true` | `if self.bits() \| FLAG == 0 {` | why |", 0),
        (r"| `src/a.rs` | `replace << with >>` | `\| FLAG == 0 {` | why |", 0),
        (r"| `src/b.rs` | `replace \| with ^ in A<'_>::lock` | `\| FLAG == 0 {` | why |", 1),
        (r"| `src/a.rs` | `replace \| with ^ in A<'_>::loc` | `\| FLAG == 0 {` | why |", 1),
        (r"| `src/a.rs` | `replace A::unlock with ()` | `\| FLAG == 0 {` | why |", 1),
        (r"| `src/a.rs` | `replace \| with ^ in A<'_>::lock` | `\| FLAG == 1 {` | why |", 1),
    ] {
        assert_eq!(complaints_of(row), wrong, "{row}");
    }
}

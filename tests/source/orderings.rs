//! The table of memory orderings in `docs/architecture.md` and the orderings in `src` are the same ones.
//!
//! That each is needed is what `ci/weaken` shows; that the table tells the truth about where they are is shown here.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::files::root;

/// Where an ordering stands (`bitmap::give_back`) and what it is (`Release`).
#[derive(Debug, Clone, PartialEq, Eq)]
struct Site {
    at: String,
    ordering: String,
}

/// What gives an ordering its id.
const MACROS: [&str; 2] = ["ord!(", "fence!("];

fn source_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(source_files(&entry));
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            found.push(entry);
        }
    }
    found
}

/// The name in a line that begins a function.
fn function(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("fn ")?;
    rest.split(|character: char| !character.is_alphanumeric() && character != '_').next()
}

/// Each `ord!(id, ordering)` and `fence!(id, ordering)` of a file.
fn sites(module: &str, text: &str) -> Vec<(String, Site)> {
    let mut inside = "";
    let mut found = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
        inside = function(line).unwrap_or(inside);
        for rest in MACROS.iter().flat_map(|name| line.split(name).skip(1)) {
            let (id, rest) = rest.split_once(", ").unwrap();
            let ordering = rest.split(')').next().unwrap().to_owned();
            found.push((id.to_owned(), Site { at: format!("{module}::{inside}"), ordering }));
        }
    }
    found
}

/// The rows of the table: id, site, ordering.
fn rows(architecture: &str) -> Vec<(String, Site)> {
    let section = architecture.split("## ").find(|section| section.starts_with("Memory ordering")).unwrap();
    let cells = |row: &str| row.split('|').map(|cell| cell.trim().replace('`', "")).collect::<Vec<_>>();
    let rows = section.lines().filter(|line| line.starts_with("| O")).map(cells);
    rows.map(|row| (row[1].clone(), Site { at: row[2].clone(), ordering: row[3].clone() })).collect()
}

fn by_id(found: Vec<(String, Site)>) -> BTreeMap<String, Site> {
    let count = found.len();
    let by_id: BTreeMap<_, _> = found.into_iter().collect();
    assert_eq!(by_id.len(), count, "an id is used twice: {by_id:?}");
    by_id
}

#[test]
fn the_table_names_each_ordering_where_it_is() {
    let mut found = Vec::new();
    for file in source_files(&root().join("src")) {
        let text = fs::read_to_string(&file).unwrap();
        // The macro itself says what it takes in the same form.
        if !file.ends_with("src/sync.rs") {
            found.extend(sites(file.file_stem().unwrap().to_str().unwrap(), &text));
        }
    }
    let architecture = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    assert!(!found.is_empty(), "no ordering was found in src");
    assert_eq!(by_id(found), by_id(rows(&architecture)));
}

/// What is stronger than Relaxed goes through one of the macros, so that it has a row and can be weakened.
#[test]
fn no_ordering_is_without_an_id() {
    let strong = ["Acquire", "Release", "AcqRel", "SeqCst"];
    let is_ordering = |line: &str, name: &str| {
        let has_id = MACROS.iter().any(|name| line.contains(name));
        line.contains(&format!("Ordering::{name}")) || line.contains(&format!(", {name})")) && !has_id
    };
    for file in source_files(&root().join("src")).iter().filter(|file| !file.starts_with(root().join("src/sync"))) {
        // The wrong versions are models of their own, and the macro must name what it passes on.
        if file.ends_with("src/sync.rs") || file.to_str().unwrap().contains("why_not") {
            continue;
        }
        let text = fs::read_to_string(file).unwrap();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().starts_with("//")) {
            let named = strong.iter().find(|name| is_ordering(line, name));
            assert_eq!(named, None, "{}:{}: an ordering without an id", file.display(), number + 1);
        }
    }
}

mod checks {
    use super::*;

    #[test]
    fn a_site_is_its_function_and_its_ordering() {
        let text = "fn one() {\n    // ord!(O9, Nothing)\n}\npub(crate) fn two<T>(t: T) {\n    t.add(1, ord!(O1, Release));\n}";
        let site = Site { at: "map::two".into(), ordering: "Release".into() };
        assert_eq!(sites("map", text), [("O1".to_owned(), site)]);
    }

    #[test]
    fn a_fence_is_a_site_too() {
        let text = "fn one() {\n    fence!(O2, Acquire);\n}";
        let site = Site { at: "map::one".into(), ordering: "Acquire".into() };
        assert_eq!(sites("map", text), [("O2".to_owned(), site)]);
    }

    #[test]
    fn a_row_is_read_without_its_quotes() {
        let table =
            "## Memory ordering\n| id | site | ordering |\n| O1 | `map::two` | Release | all the rest |\n## More";
        assert_eq!(rows(table), [("O1".to_owned(), Site { at: "map::two".into(), ordering: "Release".into() })]);
    }
}

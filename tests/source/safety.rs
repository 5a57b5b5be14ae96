//! The `SAFETY:` comments rest on invariants that there are, or on facts at hand.

use std::collections::{BTreeMap, BTreeSet};

use crate::files::{File, after, assert_fine, assert_seen, file, first_word, read, sources};

/// What a `SAFETY:` comment may rest on instead of an invariant.
const LOCAL_FACTS: &[(&str, &str)] = &[
    ("as above", "the comment above it cites"),
    ("as for `", "so does the one that it names"),
    ("as in `", "so does the one that it names"),
    ("caller promises", "passes the duty on, in a function with a `# Safety` section"),
    ("caller's promise", "the same"),
    ("was promised", "rests on what the constructor asked for"),
    ("is pinned with the", "a field of something pinned, seen on the spot"),
    ("never used or dropped again", "a value moved out of a `ManuallyDrop`, seen on the spot"),
    ("gives out `&C` and nothing else", "about the type's own methods"),
    ("a shared borrow of", "about the type's own fields"),
    ("a callback, which the program has named", "what C passes is C's to answer for: the header says what it must be"),
    ("a call of the C library's", "a function of libc, used by its manual"),
    ("a call of the allocator's", "used as its trait asks"),
    ("plain values", "about the type's own fields"),
];

/// Invariants that no comment needs to cite, and why.
const UNCITED: &[(&str, &str)] = &[("I8", "no memory safety hangs on it: it is what loom and shuttle check")];

/// The invariants that a text cites: `I1`, `I2` and so on.
fn citations(text: &str) -> BTreeSet<String> {
    after(text, "I")
        .map(first_word)
        .filter(|digits| !digits.is_empty() && digits.chars().all(|digit| digit.is_ascii_digit()))
        .map(|digits| format!("I{digits}"))
        .collect()
}

/// The `SAFETY:` comments, each with the number of its first line.
fn comments(file: &File) -> Vec<(usize, String)> {
    let lines: Vec<&str> = file.text.lines().map(str::trim).collect();
    let begins = |line: &str| line.starts_with("// SAFETY:");
    let firsts = (0..lines.len()).filter(|first| begins(lines[*first]));
    let whole = firsts.map(|first| {
        let rest = lines[first + 1..].iter().take_while(|line| line.starts_with("//") && !begins(line));
        let whole: Vec<&str> = std::iter::once(&lines[first]).chain(rest).map(|line| line[2..].trim()).collect();
        (first + 1, whole.join(" "))
    });
    whole.collect()
}

/// The invariants of the table in `docs/architecture.md`.
fn invariants(architecture: &str) -> BTreeSet<String> {
    let rows = architecture.lines().filter_map(|line| line.strip_prefix("| **"));
    rows.filter_map(|row| row.split_once("**")).map(|(name, _)| name.to_owned()).collect()
}

fn safety(files: &[File], invariants: &BTreeSet<String>) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut cited = BTreeMap::new();
    for file in files.iter().filter(|file| !file.is_test_only()) {
        for (number, line) in file.text.lines().enumerate().filter(|(_, line)| line.trim().starts_with("//")) {
            for citation in citations(line) {
                cited.entry(citation).or_insert_with(|| file.at(number + 1, "cites an invariant that there is not"));
            }
        }
        for (line, comment) in comments(file) {
            if citations(&comment).is_empty() && !LOCAL_FACTS.iter().any(|(phrase, _)| comment.contains(phrase)) {
                complaints.push(file.at(line, "rests on no invariant and no local fact that is listed"));
            }
        }
    }
    for name in invariants {
        let is_uncited = UNCITED.iter().any(|(uncited, _)| uncited == name);
        if cited.remove(name).is_some() == is_uncited {
            complaints.push(format!("docs/architecture.md: is {name} cited anywhere in src? UNCITED says otherwise"));
        }
    }
    complaints.extend(cited.into_iter().map(|(name, complaint)| format!("{complaint}: {name}")));
    complaints
}

fn phrases(files: &[File]) -> Vec<String> {
    let comments: Vec<String> = files
        .iter()
        .filter(|file| !file.is_test_only())
        .flat_map(comments)
        .map(|(_, comment)| comment)
        .filter(|comment| citations(comment).is_empty())
        .collect();
    let unused = LOCAL_FACTS.iter().filter(|(phrase, _)| !comments.iter().any(|comment| comment.contains(phrase)));
    unused.map(|(phrase, _)| format!("LOCAL_FACTS: no comment rests on \"{phrase}\"")).collect()
}

#[test]
fn safety_comments_cite_invariants() {
    let invariants = invariants(&read("docs/architecture.md"));
    assert!(!invariants.is_empty(), "the table of invariants was not found");
    assert_fine(&safety(&sources(), &invariants));
    assert_fine(&phrases(&sources()));
}

#[test]
fn a_safety_comment_without_ground_is_seen() {
    let invariants = ["I1".to_owned()].into();
    let seen = |text: &str| safety(&file("error.rs", text), &invariants);
    assert_seen(&seen("// I1\n// SAFETY: untriaged."), "src/error.rs:2: rests on no invariant");
    assert_seen(&seen("// SAFETY: by I1 and I9."), "src/error.rs:1: cites an invariant that there is not: I9");
    assert_fine(&seen("// SAFETY: something long,\n// by I1.\nlet x = 1;\n// SAFETY: as the caller promises."));
}

#[test]
fn an_invariant_that_no_comment_cites_is_seen() {
    let invariants = invariants("| | |\n|---|---|\n| **I1** | One. |\n| **I2** | Two. |\n");
    assert_seen(&safety(&file("error.rs", "// SAFETY: I1."), &invariants), "is I2 cited");
    assert_seen(&safety(&file("tests/loom.rs", "// I1 I2"), &invariants), "is I1 cited");
}

#[test]
fn a_fact_that_no_comment_rests_on_is_seen() {
    assert_seen(&phrases(&file("error.rs", "// SAFETY: as the caller promises.")), "no comment rests on");
}

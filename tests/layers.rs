//! What `docs/architecture.md` says of the source, checked against the source: who may use whom, where the platform and
//! the features are named, how files begin, how long they are, and which invariants the `SAFETY:` comments cite.
//!
//! Each check is a function from the files to its complaints, so that the tests at the end can show it a file that is
//! wrong and see it complain.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A module of the crate's root. The files of a folder belong to the module that the folder is named after.
struct Module {
    name: &'static str,
    layer: u8,
    /// The modules that it names, all of them.
    uses: &'static [&'static str],
}

const fn module(name: &'static str, layer: u8, uses: &'static [&'static str]) -> Module {
    Module { name, layer, uses }
}

const MODULES: &[Module] = &[
    module("sync", 0, &[]),
    module("fairness", 0, &[]),
    module("books", 1, &["sync"]),
    module("line", 1, &["sync"]),
    module("metrics", 1, &["sync"]),
    module("error", 1, &["metrics"]),
    module("bitmap", 1, &["books", "sync"]),
    module("slots", 1, &["books", "sync"]),
    module("engine", 2, &["bitmap", "books", "fairness", "line", "metrics", "sync"]),
    module("guard", 3, &["bitmap", "engine", "error", "pool", "slots", "sync"]),
    module(
        "pool",
        3,
        &[
            "acquire", "bitmap", "drain", "engine", "error", "fairness", "future", "guard", "line", "metrics", "slots",
            "sync",
        ],
    ),
    module("acquire", 4, &["bitmap", "engine", "error", "guard", "line"]),
    module("drain", 4, &["engine", "line"]),
    module("future", 5, &["acquire", "error", "guard", "pool", "sync"]),
    module(
        "blocking",
        5,
        &["acquire", "drain", "engine", "error", "fairness", "guard", "line", "metrics", "pool", "sync"],
    ),
    module("owned", 6, &["acquire", "blocking", "error", "future", "guard", "line", "pool", "sync"]),
    module(
        "managed",
        6,
        &[
            "acquire", "bitmap", "blocking", "books", "drain", "engine", "error", "fairness", "guard", "line",
            "metrics", "pool", "slots", "sync",
        ],
    ),
    module(
        "ffi",
        7,
        &[
            "acquire", "bitmap", "blocking", "drain", "engine", "error", "fairness", "guard", "line", "managed",
            "slots", "sync",
        ],
    ),
];

/// Arrows that do point up, and why.
const HANDED_OUT: &[(&str, &str, &str)] = &[
    ("pool", "acquire", "`try_get` is an attempt, and `get_async` begins one"),
    ("pool", "drain", "`drain_async` returns its future"),
    ("pool", "future", "`get_async` returns its future"),
];

/// Modules that only tests compile: they use the crate as a client does, and whatever they test with.
const TEST_ONLY: &[&str] = &["cost_card", "lender", "models", "schedules", "why_not"];

/// Names of the platform, which only `sync` may use. Which `Arc` there is depends on the target.
const PLATFORM: &[&str] = &[
    "core::sync::",
    "std::sync::",
    "alloc::sync::",
    "loom::",
    "shuttle::",
    "portable_atomic::",
    "portable_atomic_util::",
    "critical_section::",
    "spin::",
];

/// Files that may ask for a feature, and what for. The derive of `defmt::Format` is allowed everywhere.
const FEATURES: &[(&str, &str)] = &[
    ("lib.rs", "chooses the modules"),
    ("sync.rs", "chooses the platform"),
    ("metrics.rs", "chooses the histogram"),
    ("bitmap.rs", "a slot that C gives back twice"),
    ("line.rs", "callbacks of C programs in line"),
    ("engine.rs", "a slot that C gives back twice"),
    ("ffi.rs", "chooses the platform for C"),
    ("ffi/config.rs", "whether there is a clock"),
    ("ffi/pool.rs", "the size of a pool for C"),
    ("acquire.rs", "giving up at a deadline needs a clock"),
    ("engine/waiting.rs", "callbacks of C programs withdraw"),
    ("engine/figures.rs", "wait times need a clock"),
    ("managed.rs", "chooses what needs threads, or an `Arc`"),
    ("managed/keeper.rs", "pools for C ask on their fast path"),
    ("managed/adapters.rs", "waiting for a future"),
    ("managed/get.rs", "the blocking calls, and the twins that own an `Arc`"),
    ("managed/guard.rs", "the twin that owns an `Arc`"),
    ("managed/observe.rs", "chooses who is told"),
    ("managed/pointers.rs", "pointers to what is on the heap"),
    ("managed/pool.rs", "the twin that owns an `Arc`"),
    ("guard.rs", "the twin that owns an `Arc`"),
    ("future.rs", "the twin that owns an `Arc`"),
    ("owned.rs", "the twins of the blocking calls"),
    ("cost_card.rs", "what blocking calls cost"),
    ("cost_card/managed.rs", "what it costs to tell the facade"),
];
const FEATURE_ALLOWED: &str = "cfg_attr(feature = \"defmt\", derive(defmt::Format))";

/// The most lines of code in a file; comments and blank lines are free.
const BUDGET: usize = 400;

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
    ("within the first slot", "arithmetic within a slice at hand"),
    ("a callback, which the program has named", "what C passes is C's to answer for: the header says what it must be"),
    ("a call of the C library's", "a function of libc, used by its manual"),
    ("a call of the allocator's", "used as its trait asks"),
    ("plain values", "about the type's own fields"),
    ("one `Book` in each `Slot`", "arithmetic within a slice at hand"),
];

/// Invariants that no comment needs to cite, and why.
const UNCITED: &[(&str, &str)] = &[("I8", "no memory safety hangs on it: it is what loom and shuttle check")];

struct File {
    /// Below `src`, with slashes.
    path: String,
    text: String,
}

impl File {
    /// The root's module that it belongs to; `lib` for the root itself.
    fn module(&self) -> &str {
        self.path.split('/').next().unwrap_or_default().trim_end_matches(".rs")
    }

    fn is_test_only(&self) -> bool {
        TEST_ONLY.contains(&self.module())
    }

    /// Lines of code, numbered, without their comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().map(|(number, line)| (number + 1, line.trim()));
        lines
            .filter(|(_, line)| !line.is_empty() && !line.starts_with("//"))
            .map(|(number, line)| (number, line.split(" // ").next().unwrap_or_default()))
    }

    /// The `SAFETY:` comments, each with the number of its first line.
    fn safety_comments(&self) -> Vec<(usize, String)> {
        let lines: Vec<&str> = self.text.lines().map(str::trim).collect();
        let begins = |line: &str| line.starts_with("// SAFETY:");
        (0..lines.len())
            .filter(|first| begins(lines[*first]))
            .map(|first| {
                let rest = lines[first + 1..].iter().take_while(|line| line.starts_with("//") && !begins(line));
                let whole: Vec<&str> =
                    std::iter::once(&lines[first]).chain(rest).map(|line| line[2..].trim()).collect();
                (first + 1, whole.join(" "))
            })
            .collect()
    }

    fn at(&self, line: usize, complaint: &str) -> String {
        format!("src/{}:{line}: {complaint}", self.path)
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// What follows each `needle` that is not the tail of a longer word.
fn after<'a>(text: &'a str, needle: &'a str) -> impl Iterator<Item = &'a str> {
    text.match_indices(needle)
        .filter(|(at, _)| !text[..*at].ends_with(is_word))
        .map(|(at, found)| &text[at + found.len()..])
}

fn first_word(text: &str) -> &str {
    text.split(|character| !is_word(character)).next().unwrap_or_default()
}

/// The invariants that a text cites: `I1`, `I2` and so on.
fn citations(text: &str) -> BTreeSet<String> {
    after(text, "I")
        .map(first_word)
        .filter(|digits| !digits.is_empty() && digits.chars().all(|digit| digit.is_ascii_digit()))
        .map(|digits| format!("I{digits}"))
        .collect()
}

fn known(name: &str) -> Option<&'static Module> {
    MODULES.iter().find(|module| module.name == name)
}

fn is_handed_out(from: &str, to: &str) -> bool {
    HANDED_OUT.iter().any(|(upper, lower, _)| (*upper, *lower) == (from, to))
}

/// `crate::` leads to the modules in the table and to no others.
fn arrows(files: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| !file.is_test_only() && file.module() != "lib") {
        let Some(own) = known(file.module()) else {
            complaints.push(file.at(1, "is in no layer: add its module to MODULES"));
            continue;
        };
        for (line, code) in file.code() {
            for used in after(code, "crate::").map(first_word).filter(|used| *used != own.name) {
                if !own.uses.contains(&used) {
                    complaints.push(file.at(line, &format!("`{}` may not use `{used}`", own.name)));
                }
            }
        }
    }
    complaints
}

/// The table itself: its arrows point down, or are listed as exceptions, and each of them is in use.
fn table(files: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for own in MODULES {
        for used in own.uses {
            let points_down = known(used).is_some_and(|used| used.layer <= own.layer);
            if points_down == is_handed_out(own.name, used) {
                complaints.push(format!("MODULES: is `{}` -> `{used}` an arrow that points up?", own.name));
            }
            let is_used = files
                .iter()
                .filter(|file| file.module() == own.name)
                .any(|file| file.code().any(|(_, code)| after(code, "crate::").any(|path| first_word(path) == *used)));
            if !is_used {
                complaints.push(format!("MODULES: `{}` does not use `{used}`", own.name));
            }
        }
    }
    complaints
}

fn platform(files: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| !file.is_test_only() && file.module() != "sync") {
        for (line, code) in file.code() {
            for name in PLATFORM.iter().filter(|name| after(code, name).next().is_some()) {
                complaints.push(file.at(line, &format!("names `{name}`, which is for `sync` alone")));
            }
        }
    }
    complaints
}

fn features(files: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files {
        let asking = |(_, code): &(usize, &str)| code.replace(FEATURE_ALLOWED, "").contains("feature =");
        let mut asking = file.code().filter(asking).peekable();
        if FEATURES.iter().any(|(path, _)| *path == file.path) {
            if asking.peek().is_none() {
                complaints.push(file.at(1, "asks for no feature: take it off the list"));
            }
        } else {
            complaints.extend(asking.map(|(line, _)| file.at(line, "asks for a feature, and is not on the list")));
        }
    }
    complaints
}

/// `//! Layer 1 · knows: this · must not know: that`, and in a folder `· part of its module ·` before that.
fn headers(files: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| !file.is_test_only() && file.module() != "lib") {
        let Some(own) = known(file.module()) else { continue };
        let part = if file.path.contains('/') { format!("· part of {} ", own.name) } else { String::new() };
        let begins = format!("//! Layer {} {part}· knows: ", own.layer);
        let first = file.text.lines().next().unwrap_or_default().replace("part of the ", "part of ");
        if !first.starts_with(&begins) || !first.contains(" · must not know: ") {
            complaints.push(file.at(1, &format!("should begin with `{begins}… · must not know: …`")));
        }
    }
    complaints
}

fn budget(files: &[File]) -> Vec<String> {
    let count = |file: &File| file.code().count();
    let too_long = files.iter().filter(|file| count(file) > BUDGET);
    too_long.map(|file| file.at(1, &format!("has {} lines of code, over {BUDGET}", count(file)))).collect()
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
        for (line, comment) in file.safety_comments() {
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
        .flat_map(File::safety_comments)
        .map(|(_, comment)| comment)
        .filter(|comment| citations(comment).is_empty())
        .collect();
    let unused = LOCAL_FACTS.iter().filter(|(phrase, _)| !comments.iter().any(|comment| comment.contains(phrase)));
    unused.map(|(phrase, _)| format!("LOCAL_FACTS: no comment rests on \"{phrase}\"")).collect()
}

/// The library's folder, which the tests lie in.
fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn read(path: &str) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn sources() -> Vec<File> {
    fn collect(folder: &Path, prefix: &str, files: &mut Vec<File>) {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                collect(&entry.path(), &format!("{path}/"), files);
            } else {
                files.push(File { text: fs::read_to_string(entry.path()).unwrap(), path });
            }
        }
    }
    let mut files = Vec::new();
    collect(&root().join("src"), "", &mut files);
    files.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(files.len() >= MODULES.len(), "the sources were not found");
    files
}

#[track_caller]
fn assert_fine(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn nobody_uses_a_layer_above() {
    assert_fine(&arrows(&sources()));
    assert_fine(&table(&sources()));
}

#[test]
fn only_sync_names_the_platform() {
    assert_fine(&platform(&sources()));
}

#[test]
fn features_are_asked_for_in_few_places() {
    assert_fine(&features(&sources()));
}

#[test]
fn each_file_says_where_it_stands() {
    assert_fine(&headers(&sources()));
    let architecture = read("docs/architecture.md");
    let layers = architecture.split("## ").find(|section| section.starts_with("Layers")).unwrap();
    let missing = MODULES.iter().filter(|module| after(layers, module.name).next().is_none());
    assert_fine(
        &missing.map(|module| format!("docs/architecture.md: no layer for {}", module.name)).collect::<Vec<_>>(),
    );
}

#[test]
fn no_file_is_long() {
    assert_fine(&budget(&sources()));
}

#[test]
fn safety_comments_cite_invariants() {
    let invariants = invariants(&read("docs/architecture.md"));
    assert!(!invariants.is_empty(), "the table of invariants was not found");
    assert_fine(&safety(&sources(), &invariants));
    assert_fine(&phrases(&sources()));
}

/// Each check sees what it is there to see, and lets pass what is like it but right.
mod checks {
    use super::*;

    fn file(path: &str, text: &str) -> [File; 1] {
        [File { path: path.to_owned(), text: text.to_owned() }]
    }

    #[track_caller]
    fn assert_seen(complaints: &[String], what: &str) {
        assert!(complaints.iter().any(|complaint| complaint.contains(what)), "{complaints:?}");
    }

    #[test]
    fn an_arrow_that_points_up_is_seen() {
        assert_seen(&arrows(&file("bitmap.rs", "use crate::engine::Core;")), "src/bitmap.rs:1: `bitmap` may not use");
        assert_seen(
            &arrows(&file("engine/new.rs", "\nfn new() -> crate::pool::Pool")),
            "src/engine/new.rs:2: `engine`",
        );
        assert_seen(&arrows(&file("engine.rs", "use crate::Pool;")), "may not use `Pool`");
        assert_seen(&arrows(&file("new.rs", "")), "is in no layer");
        assert_fine(&arrows(&file("bitmap.rs", "// use crate::engine::Core;\nuse crate::books::Books;")));
    }

    #[test]
    fn an_arrow_of_the_table_that_is_out_of_use_is_seen() {
        assert_seen(&table(&file("slots.rs", "use crate::books::Book;")), "`slots` does not use `sync`");
    }

    #[test]
    fn the_platform_outside_sync_is_seen() {
        for name in [
            "core::sync::atomic::AtomicBool",
            "std::sync::Mutex",
            "alloc::sync::Arc",
            "portable_atomic_util::Arc",
            "loom::thread",
            "shuttle::thread",
            "portable_atomic::AtomicU8",
            "critical_section::with",
            "spin::Mutex",
        ] {
            assert_seen(&platform(&file("pool.rs", &format!("use {name};"))), "for `sync` alone");
            assert_fine(&platform(&file("sync/host_new.rs", &format!("use {name};"))));
        }
        assert_fine(&platform(&file("owned.rs", "use crate::sync::Arc;\n#[cfg(conn_pool_loom)]")));
    }

    #[test]
    fn a_feature_elsewhere_is_seen() {
        assert_seen(&features(&file("slots.rs", "\n#[cfg(feature = \"std\")]")), "src/slots.rs:2: asks for a feature");
        assert_seen(&features(&file("slots.rs", "if cfg!(any(test, feature = \"std\"))")), "asks for a feature");
        assert_seen(&features(&file("guard.rs", "")), "asks for no feature");
        assert_fine(&features(&file("error.rs", "#[cfg_attr(feature = \"defmt\", derive(defmt::Format))]")));
    }

    #[test]
    fn a_header_out_of_form_is_seen() {
        for text in [
            "",
            "//! The line.",
            "//! Layer 1 · knows: sync",
            "//! Layer 2 · knows: sync · must not know: slots",
            "\n//! Layer 1 · knows: sync · must not know: slots",
        ] {
            assert_seen(&headers(&file("line.rs", text)), "should begin with");
        }
        assert_seen(&headers(&file("sync/new.rs", "//! Layer 0 · knows: this · must not know: that")), "part of sync");
        assert_fine(&headers(&file("line.rs", "//! Layer 1 · knows: sync · must not know: slots")));
    }

    #[test]
    fn a_long_file_is_seen() {
        assert_seen(&budget(&file("line.rs", &"go();\n".repeat(BUDGET + 1))), "lines of code");
        assert_fine(&budget(&file("line.rs", &"// go\n\n    /// on\ngo();\n".repeat(BUDGET))));
    }

    #[test]
    fn a_safety_comment_without_ground_is_seen() {
        let invariants = ["I1".to_owned()].into();
        let seen = |text: &str| safety(&file("line.rs", text), &invariants);
        assert_seen(&seen("// I1\n// SAFETY: untriaged."), "src/line.rs:2: rests on no invariant");
        assert_seen(&seen("// SAFETY: by I1 and I9."), "src/line.rs:1: cites an invariant that there is not: I9");
        assert_fine(&seen("// SAFETY: something long,\n// by I1.\nlet x = 1;\n// SAFETY: as the caller promises."));
    }

    #[test]
    fn an_invariant_that_nobody_cites_is_seen() {
        let invariants = invariants("| | |\n|---|---|\n| **I1** | One. |\n| **I2** | Two. |\n");
        assert_seen(&safety(&file("line.rs", "// SAFETY: I1."), &invariants), "is I2 cited");
        assert_seen(&safety(&file("models.rs", "// I1 I2"), &invariants), "is I1 cited");
    }

    #[test]
    fn a_phrase_that_nobody_uses_is_seen() {
        assert_seen(&phrases(&file("line.rs", "// SAFETY: as above.")), "was promised");
    }
}

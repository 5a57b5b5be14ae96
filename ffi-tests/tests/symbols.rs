//! The symbol mirror. Each function that `src/ffi` exports is `border!` and nothing else, is declared in the header,
//! and is called by a C program. The header declares no function that is not exported. Its inline functions only call
//! exported ones, and each is called by a C program.
//!
//! Each check is a function from texts to its complaints, so that the tests at the end can show it a text that is wrong
//! and see it complain.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use ffi_tests::header::root;
use ffi_tests::text::{bracketed, called, code, without_directives, words};

const PREFIX: &str = "conn_pool_";
const EXPORTED: &str = "#[unsafe(no_mangle)]";

/// A text, and its name for complaints.
struct Text {
    name: String,
    text: String,
}

impl Text {
    fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into() }
    }
}

/// A function that is marked as exported.
#[derive(Debug, PartialEq)]
struct Export {
    place: String,
    name: String,
    /// From the marker to the body.
    head: String,
    body: String,
}

/// The exports of a Rust text. One that cannot be read has no name or no body, and so fails the checks.
fn exports(rust: &[Text]) -> Vec<Export> {
    let of_one = |file: &Text| {
        let code = code(&file.text);
        let at = |at: usize| format!("{}:{}", file.name, 1 + code[..at].matches('\n').count());
        let read = |(begin, _): (usize, _)| {
            let rest = &code[begin + EXPORTED.len()..];
            let head = rest.split(['{', ';']).next().unwrap_or_default();
            let name = words(head).skip_while(|word| *word != "fn").nth(1).unwrap_or_default();
            let body = bracketed(&rest[head.len()..], '{', '}').map_or("", |(body, _)| body);
            Export { place: at(begin), name: name.to_owned(), head: head.to_owned(), body: body.trim().to_owned() }
        };
        code.match_indices(EXPORTED).map(read).collect::<Vec<_>>()
    };
    rust.iter().flat_map(of_one).collect()
}

/// Exports are spelled in one way, because the other checks look for that.
fn markers(rust: &[Text]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in rust {
        for (number, line) in code(&file.text).lines().enumerate() {
            let others = line.replace(EXPORTED, "");
            for word in words(&others).filter(|word| ["no_mangle", "export_name"].contains(word)) {
                complaints.push(format!("{}:{}: `{word}` other than as {EXPORTED}", file.name, number + 1));
            }
        }
    }
    complaints
}

/// Exports are functions for C with our prefix, and each is `border!` alone.
fn borders(exports: &[Export]) -> Vec<String> {
    let mut complaints = Vec::new();
    for Export { place, name, head, body } in exports {
        if !name.starts_with(PREFIX) {
            complaints.push(format!("{place}: `{name}` does not begin with {PREFIX}"));
        }
        // The literal "C" was blanked out.
        if !words(head).any(|word| word == "extern") {
            complaints.push(format!("{place}: `{name}` is no `extern \"C\"` function"));
        }
        let rest = body.strip_prefix("border!").and_then(|call| bracketed(call, '(', ')'));
        if rest.is_none_or(|(_, rest)| !rest.trim().is_empty()) {
            complaints.push(format!("{place}: `{name}` is not `border!` and nothing else"));
        }
    }
    complaints
}

/// The functions that a header declares for other programs.
fn declared(header: &Text) -> BTreeSet<String> {
    let code = without_directives(&code(&header.text));
    let prototypes = code.split("CONN_POOL_API").skip(1).map(|rest| rest.split(';').next().unwrap_or_default());
    prototypes.filter_map(|prototype| called(prototype, PREFIX).next()).map(str::to_owned).collect()
}

const INLINE: &str = "static inline ";

/// A function that a header defines inline.
#[derive(Debug, PartialEq)]
struct Inline {
    name: String,
    body: String,
}

/// The inline functions of a header, and its code without them. One that cannot be read has no name, and so fails the
/// checks.
fn inlines(header: &Text) -> (Vec<Inline>, String) {
    let code = without_directives(&code(&header.text));
    let mut parts = code.split(INLINE);
    let mut rest = parts.next().unwrap_or_default().to_owned();
    let mut found = Vec::new();
    for part in parts {
        let head = part.split('{').next().unwrap_or_default();
        let name = called(head, PREFIX).next().unwrap_or_default();
        let (body, after) = bracketed(part, '{', '}').unwrap_or((part, ""));
        found.push(Inline { name: name.to_owned(), body: body.to_owned() });
        rest.push_str(after);
    }
    (found, rest)
}

/// Every prototype bears `CONN_POOL_API`, without which a shared library would hide it.
fn prototypes(header: &Text) -> Vec<String> {
    let (declared, (_, code)) = (declared(header), inlines(header));
    called(&code, PREFIX)
        .filter(|name| !declared.contains(*name))
        .map(|name| format!("{}: `{name}` is declared without CONN_POOL_API", header.name))
        .collect()
}

/// The inline function that the library calls: see `CONN_POOL_CONFIG_INIT`.
const CALLED_BACK: &str = "conn_pool_note_to_tools";

/// An inline function is a thin layer over the exported ones: it calls them, and is none of them.
fn wrappers(header: &Text) -> Vec<String> {
    let (declared, (inlines, _)) = (declared(header), inlines(header));
    let mut complaints = Vec::new();
    for Inline { name, body } in &inlines {
        let complain = |what: &str| format!("{}: the inline function `{name}` {what}", header.name);
        if !name.starts_with(PREFIX) {
            complaints.push(complain("does not begin with conn_pool_"));
        }
        if declared.contains(name) {
            complaints.push(complain("is declared as exported too"));
        }
        let calls: Vec<&str> = called(body, PREFIX).collect();
        if calls.is_empty() && name != CALLED_BACK {
            complaints.push(complain("calls no exported function"));
        }
        let unknown = calls.iter().filter(|call| !declared.contains(**call));
        complaints.extend(unknown.map(|call| complain(&format!("calls `{call}`, which is not exported"))));
    }
    complaints
}

/// The header and the exports are the same functions.
fn mirror(exports: &[Export], header: &Text) -> Vec<String> {
    let declared = declared(header);
    let exported: BTreeSet<&str> = exports.iter().map(|export| export.name.as_str()).collect();
    let missing = exports
        .iter()
        .filter(|export| !declared.contains(&export.name))
        .map(|export| format!("{}: `{}` is not in {}", export.place, export.name, header.name));
    let unknown = declared
        .iter()
        .filter(|name| !exported.contains(name.as_str()))
        .map(|name| format!("{}: `{name}` is not exported", header.name));
    missing.chain(unknown).collect()
}

/// Each function of the header is called by a program.
fn calls(header: &Text, programs: &[Text]) -> Vec<String> {
    let codes: Vec<String> = programs.iter().map(|program| code(&program.text)).collect();
    let called: BTreeSet<&str> = codes.iter().flat_map(|code| called(code, PREFIX)).collect();
    let inlines = inlines(header).0.into_iter().map(|inline| inline.name).filter(|name| name != CALLED_BACK);
    declared(header)
        .into_iter()
        .chain(inlines)
        .filter(|name| !called.contains(name.as_str()))
        .map(|name| format!("{}: `{name}` is called by no program of ffi-tests/c", header.name))
        .collect()
}

/// The files of a folder, and if `deep` of the folders within it, whose names have the ending.
fn texts(folder: &str, ending: &str, deep: bool) -> Vec<Text> {
    fn collect(folder: &Path, ending: &str, deep: bool, found: &mut Vec<PathBuf>) {
        let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() && deep {
                collect(&path, ending, deep, found);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    let root = root();
    let mut found = Vec::new();
    collect(&root.join(folder), ending, deep, &mut found);
    found.sort();
    assert!(!found.is_empty(), "{folder} has no *{ending}");
    let name = |path: &Path| path.strip_prefix(&root).unwrap().display().to_string();
    found.iter().map(|path| Text::new(name(path), fs::read_to_string(path).unwrap())).collect()
}

fn header() -> Text {
    texts("include", "conn_pool.h", false).remove(0)
}

#[track_caller]
fn assert_fine(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn every_export_is_the_border_and_nothing_else() {
    let sources = texts("src", ".rs", true);
    let exports = exports(&sources);
    assert!(!exports.is_empty(), "src has no {EXPORTED}");
    assert_fine(&markers(&sources));
    assert_fine(&borders(&exports));
    let elsewhere = exports.iter().filter(|export| !export.place.starts_with("src/ffi/"));
    assert_fine(&elsewhere.map(|export| format!("{}: is outside src/ffi", export.place)).collect::<Vec<_>>());
}

#[test]
fn the_header_declares_what_is_exported() {
    assert_fine(&mirror(&exports(&texts("src/ffi", ".rs", true)), &header()));
    assert_fine(&prototypes(&header()));
}

#[test]
fn inline_functions_are_thin_layers_over_exported_ones() {
    assert_fine(&wrappers(&header()));
    let (inlines, _) = inlines(&header());
    // There are three. If none were found, the line above would show nothing.
    let names: Vec<_> = inlines.iter().map(|inline| inline.name.as_str()).collect();
    assert_eq!(names, ["conn_pool_release_at_end", "conn_pool_acquire_until", CALLED_BACK]);
}

#[test]
fn every_function_is_called_by_a_program() {
    let programs = texts("ffi-tests/c", ".c", false);
    assert_fine(&calls(&header(), &programs));
}

/// The tests above can fail, and pass what only looks similar.
mod checks {
    use super::*;

    #[track_caller]
    fn assert_seen(complaints: &[String], what: &str) {
        assert!(complaints.iter().any(|complaint| complaint.contains(what)), "{complaints:?}");
    }

    fn rust(body: &str) -> [Text; 1] {
        let text = format!("\n{EXPORTED}\npub unsafe extern \"C\" fn conn_pool_go(a: u8) -> u8 {{\n{body}\n}}\n");
        [Text::new("go.rs", text)]
    }

    fn c_header(text: &str) -> Text {
        let before = [
            "#define CONN_POOL_API __attribute__((visible))",
            "#define CONN_POOL_SIZE(n) \\\n    conn_pool_size(n)",
            "/* CONN_POOL_API int conn_pool_comment(void); */",
        ];
        Text::new("go.h", format!("{}\n{text}", before.join("\n")))
    }

    #[test]
    fn an_export_that_is_more_than_the_border_is_seen() {
        let seen = |body: &str| borders(&exports(&rust(body)));
        let complaint = "go.rs:2: `conn_pool_go` is not `border!`";
        assert_seen(&seen("go(a)"), complaint);
        assert_seen(&seen("let b = a; border!(b)"), complaint);
        assert_seen(&seen("border!(a); 1"), complaint);
        assert_seen(&seen("// border!(a)"), complaint);
        assert_seen(&seen("borders!(a)"), complaint);
        assert_seen(&seen(""), complaint);
        assert_fine(&seen("// Because.\nborder!({ /* ) */ if a == 1 { \")\" }\n})"));
    }

    #[test]
    fn an_export_that_is_no_function_for_c_is_seen() {
        let seen = |head: &str| borders(&exports(&[Text::new("go.rs", format!("{EXPORTED}\n{head}"))]));
        assert_seen(&seen("pub fn conn_pool_go() { border!(1) }"), "is no `extern");
        assert_seen(&seen("pub extern \"C\" fn go() { border!(1) }"), "go.rs:1: `go` does not begin with conn_pool_");
        assert_seen(&seen("pub static GO: u8 = 1;"), "does not begin with");
        assert_fine(&seen("pub extern \"C\" fn conn_pool_go() { border!(1) }"));
    }

    #[test]
    fn an_export_of_another_spelling_is_seen() {
        let seen = |text: &str| markers(&[Text::new("go.rs", text)]);
        assert_seen(&seen("\n#[no_mangle]"), "go.rs:2: `no_mangle` other than");
        assert_seen(&seen("#[unsafe(export_name = \"conn_pool_go\")]"), "`export_name` other than");
        assert_seen(&seen("#[cfg_attr(x, unsafe(no_mangle))]"), "`no_mangle` other than");
        assert_fine(&seen(&format!("{EXPORTED} // no_mangle")));
    }

    #[test]
    fn an_export_that_the_header_lacks_is_seen() {
        let exports = exports(&rust("border!(a)"));
        assert_seen(&mirror(&exports, &c_header("")), "go.rs:2: `conn_pool_go` is not in go.h");
        assert_seen(&mirror(&exports, &c_header("/* CONN_POOL_API int conn_pool_go(int); */")), "is not in go.h");
        assert_fine(&mirror(&exports, &c_header("CONN_POOL_API\nint *conn_pool_go(int a,\n int b);")));
    }

    #[test]
    fn a_function_of_the_header_that_is_not_exported_is_seen() {
        let header = c_header("CONN_POOL_API int conn_pool_go(int); CONN_POOL_API int conn_pool_come(void);");
        assert_seen(&mirror(&exports(&rust("border!(a)")), &header), "go.h: `conn_pool_come` is not exported");
    }

    #[test]
    fn a_function_that_a_shared_library_would_hide_is_seen() {
        assert_seen(&prototypes(&c_header("int conn_pool_go(int);")), "`conn_pool_go` is declared without");
        assert_fine(&prototypes(&c_header("CONN_POOL_API int conn_pool_go(int);\ntypedef int (*conn_pool_fn)(int);")));
    }

    /// A header with an exported function, and an inline one.
    fn with_inline(name: &str, body: &str) -> Text {
        c_header(&format!("CONN_POOL_API int conn_pool_go(int);\nstatic inline int {name}(int a)\n{{\n{body}\n}}\n"))
    }

    #[test]
    fn an_inline_function_needs_no_marker() {
        let header = with_inline("conn_pool_wrap", "if (a) { return 1; } return conn_pool_go(a);");
        assert_fine(&prototypes(&header));
        assert_fine(&wrappers(&header));
        assert_eq!(declared(&header), BTreeSet::from(["conn_pool_go".to_owned()]));
        let after = c_header("static inline int conn_pool_wrap(int a) { return 1; }\nint conn_pool_late(int);");
        assert_seen(&prototypes(&after), "`conn_pool_late` is declared without");
    }

    #[test]
    fn an_inline_function_that_is_no_thin_layer_is_seen() {
        let seen = |name: &str, body: &str| wrappers(&with_inline(name, body));
        assert_seen(&seen("conn_pool_wrap", "return a; // conn_pool_go(a)"), "`conn_pool_wrap` calls no exported");
        assert_seen(&seen("conn_pool_wrap", "return conn_pool_gone(a);"), "calls `conn_pool_gone`, which is not exp");
        assert_seen(&seen("conn_pool_go", "return conn_pool_go(a);"), "`conn_pool_go` is declared as exported too");
        assert_seen(&seen("wrap", "return conn_pool_go(a);"), "does not begin with conn_pool_");
    }

    #[test]
    fn an_inline_function_that_no_program_calls_is_seen() {
        let header = with_inline("conn_pool_wrap", "return conn_pool_go(a);");
        let seen = |program: &str| calls(&header, &[Text::new("go.c", program)]);
        assert_seen(&seen("conn_pool_go(1);"), "`conn_pool_wrap` is called by no program");
        assert_fine(&seen("conn_pool_go(1); conn_pool_wrap(1);"));
    }

    #[test]
    fn a_function_that_no_program_calls_is_seen() {
        let header = c_header("CONN_POOL_API int conn_pool_go(int);");
        let seen = |program: &str| calls(&header, &[Text::new("other.c", ""), Text::new("go.c", program)]);
        assert_seen(
            &seen("// conn_pool_go(1);\nconn_pool_gone(1); \"conn_pool_go(1)\""),
            "`conn_pool_go` is called by no",
        );
        assert_fine(&seen("CHECK(conn_pool_go (1));"));
    }
}

//! The C in the documents compiles, and the program in the README is the one of the examples.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use ffi_tests::header::root;

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The blocks of C in a document.
fn blocks(document: &str) -> Vec<String> {
    let rest = document.split("\n```c\n").skip(1);
    rest.map(|block| block.split("\n```").next().unwrap_or_default().to_owned() + "\n").collect()
}

/// The compiler's messages, if it fails.
fn complaints(text: &str) -> Option<String> {
    let mut command = Command::new("gcc");
    command.args(["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-x", "c", "-", "-I"]);
    let mut child =
        command.arg(root().join("include")).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("gcc starts");
    child.stdin.take().expect("it was piped").write_all(text.as_bytes()).expect("gcc reads");
    let output = child.wait_with_output().expect("a child can be waited for");
    (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn what_the_documents_show_compiles() {
    for path in ["README.md", "docs/c.md"] {
        let blocks = blocks(&read(path));
        assert!(!blocks.is_empty(), "{path} shows no C");
        for block in blocks {
            assert_eq!(complaints(&block), None, "{path}:\n{block}");
        }
    }
}

#[test]
fn the_readme_shows_the_example() {
    assert!(blocks(&read("README.md")).contains(&read("examples/c/hello_pool.c")), "README.md: not hello_pool.c");
}

#[test]
fn what_does_not_compile_is_seen() {
    let document = "\n```c\nint f(void);\n```\n\n```c\nint x\n```\n";
    let blocks = blocks(document);
    assert_eq!(blocks, ["int f(void);\n", "int x\n"]);
    assert_eq!(complaints(&blocks[0]), None);
    assert!(complaints(&blocks[1]).is_some());
}

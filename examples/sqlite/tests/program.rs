//! The program prints what the README shows, and its exit status says whether all of it held.

use std::process::{Command, Output};

const README: &str = include_str!("../README.md");
const RATIO: &str = "  ratio of the times: ";

fn run(arguments: &[&str]) -> (Output, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_conn_pool-sqlite")).args(arguments).output();
    let output = output.expect("the program can be run");
    let text = String::from_utf8(output.stdout.clone()).expect("it prints UTF-8");
    (output, text)
}

/// The lines but for what differs from run to run.
fn steady(text: &str) -> Vec<&str> {
    text.trim().lines().map(|line| if line.starts_with(RATIO) { RATIO } else { line }).collect()
}

fn shown_in_the_readme() -> Vec<&'static str> {
    let (_, shown) = README.split_once("```text\n").expect("the README shows a run");
    let (shown, _) = shown.split_once("```").expect("and where it ends");
    steady(shown)
}

#[test]
fn it_prints_what_the_readme_shows_on_every_run() {
    for _ in 0..2 {
        let (output, text) = run(&[]);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(steady(&text), shown_in_the_readme());
        assert!(output.stderr.is_empty(), "{output:?}");
    }
}

#[test]
fn the_ratio_is_a_number_above_one() {
    let (_, text) = run(&[]);
    let ratio = text.lines().find_map(|line| line.strip_prefix(RATIO)).expect("there is a ratio");
    assert!(ratio.parse::<f64>().expect("it is a number") >= 1.0, "{ratio}");
}

#[test]
fn it_fails_if_something_does_not_hold() {
    let (output, text) = run(&["/there/is/no/such/folder"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("FAILED: unable to open database file"), "{text}");
    assert!(!text.contains("all of it held"), "{text}");
}

//! The demo prints to the letter what it is said to print, and exits with the status it prints.
//!
//! The program is the one that `cargo test` has built beside this test.
#![cfg(feature = "std")]

use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const DEFAULT_RUN: &str = "pool size: 8\nborrowed: 8\nwaiting: 2\nreturned: 8\nreused connections: 95%\nexit code: 0\n";
/// The demo takes a fraction of a second.
const FAR_TOO_LONG: Duration = Duration::from_secs(100);
/// Lines that may stand between `reused connections` and `exit code`.
const FAIRNESS: [&str; 4] = ["requests overtaken: ", "fairest worker: ", "least fair worker: ", "longest wait: "];

fn demo(args: &str) -> Output {
    let test = std::env::current_exe().expect("a test knows where it is");
    // <target>/<profile>/deps/demo-<hash> and <target>/<profile>/examples/pool_demo
    let profile = test.ancestors().nth(2).expect("a test is in the target directory's `deps`");
    let demo = profile.join("examples").join(format!("pool_demo{}", std::env::consts::EXE_SUFFIX));
    let child = Command::new(&demo).args(args.split_whitespace()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.unwrap_or_else(|error| {
        panic!(
            "{}: {error}; `cargo test` builds the demo, `cargo test --test demo` needs `cargo build --example pool_demo`",
            demo.display()
        )
    });
    // A demo that hangs fails here. What it prints fits into the pipes, so it need not be read meanwhile.
    let start = Instant::now();
    while child.try_wait().expect("the demo can be waited for").is_none() {
        if start.elapsed() > FAR_TOO_LONG {
            child.kill().expect("the demo can be ended");
            panic!("pool_demo {args} hangs");
        }
        thread::sleep(Duration::from_millis(2));
    }
    child.wait_with_output().expect("the demo's pipes can be read")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("the demo prints text")
}

/// Runs the demo and compares all that it prints, but for the lines about fairness, and its exit status.
#[track_caller]
fn assert_prints(args: &str, expected: &str, status: i32) {
    let output = demo(args);
    let printed = text(&output.stdout);
    let mut shown = String::new();
    let mut before = "";
    for line in printed.lines() {
        if FAIRNESS.iter().any(|start| line.starts_with(start)) {
            assert!(before.starts_with("reused connections: "), "`{line}` is out of place in:\n{printed}");
        } else {
            shown.push_str(line);
            shown.push('\n');
            before = line;
        }
    }
    assert_eq!(shown, expected, "pool_demo {args}, which printed:\n{printed}");
    assert_eq!(text(&output.stderr), "", "pool_demo {args}");
    assert_eq!(output.status.code(), Some(status), "pool_demo {args}");
}

#[test]
fn default_run_fills_the_pool_and_lets_the_impatient_wait_in_vain() {
    assert_prints("", DEFAULT_RUN, 0);
}

#[test]
fn more_workers_than_connections_wait_in_the_queue() {
    let expected = "pool size: 4\nborrowed: 4\nwaiting: 4\nreturned: 8\nreused connections: 97%\nexit code: 0\n";
    assert_prints("--size 4 --requests 8", expected, 0);
}

#[test]
fn a_worker_that_will_not_wait_gets_a_timeout() {
    for millis in [0, 1, 20] {
        assert_prints(&format!("--size 1 --timeout-ms {millis}"), "error: Timeout\nexit code: 2\n", 2);
    }
}

#[test]
fn a_timeout_harms_nobody_who_need_not_wait() {
    assert_prints("--timeout-ms 1", DEFAULT_RUN, 0);
}

#[test]
fn a_patient_worker_is_served() {
    let expected = "pool size: 1\nborrowed: 1\nwaiting: 7\nreturned: 8\nreused connections: 99%\nexit code: 0\n";
    assert_prints("--size 1 --timeout-ms 30000", expected, 0);
}

#[test]
fn size_zero_has_no_connections() {
    assert_prints("--size 0", "error: NoConnections\nexit code: 2\n", 2);
    assert_prints("--size 0 --timeout-ms 1", "error: NoConnections\nexit code: 2\n", 2);
}

#[test]
fn the_largest_size_can_be_chosen() {
    let expected = "pool size: 64\nborrowed: 64\nwaiting: 2\nreturned: 64\nreused connections: 95%\nexit code: 0\n";
    assert_prints("--size 64 --requests 64", expected, 0);
}

#[test]
fn connections_that_nobody_needs_stay_in_the_pool() {
    let expected = "pool size: 8\nborrowed: 2\nwaiting: 0\nreturned: 2\nreused connections: 80%\nexit code: 0\n";
    assert_prints("--size 8 --requests 2", expected, 0);
}

#[test]
fn nobody_in_the_queue_is_overtaken() {
    let expected = "pool size: 4\nborrowed: 4\nwaiting: 12\nreturned: 16\nreused connections: 98%\n\
         requests overtaken: 0\nfairest worker: overtaken by 0\nleast fair worker: overtaken by 0\n\
         longest wait: 12 returns\nexit code: 0\n";
    assert_eq!(text(&demo("--size 4 --requests 16").stdout), expected);
}

#[test]
fn bad_flags_are_answered_with_the_usage_and_status_64() {
    for args in ["--size 65", "--size -1", "--size many", "--size", "--requests 0", "--timeout-ms 1s", "--colour", "8"]
    {
        let output = demo(args);
        assert_eq!(text(&output.stdout), "", "pool_demo {args}");
        let complaint = text(&output.stderr);
        assert_eq!(complaint.matches("Usage: pool_demo").count(), 1, "pool_demo {args}: {complaint}");
        assert_eq!(output.status.code(), Some(64), "pool_demo {args}");
    }
}

#[test]
fn help_names_every_flag() {
    let output = demo("--help");
    for flag in ["--size", "--requests", "--timeout-ms", "--help"] {
        assert!(text(&output.stdout).contains(flag), "{flag} is missing");
    }
    assert_eq!(text(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

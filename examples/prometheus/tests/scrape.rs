//! What the program answers to a scrape, once and as a server.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

fn program(argument: &str) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_conn_pool-prometheus"));
    program.arg(argument);
    program
}

/// The figures of an answer, by name and labels. Each is a number, and is explained.
#[track_caller]
fn figures(answer: &str) -> BTreeMap<&str, f64> {
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{head}");
    let figures = body.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    figures
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let family = name.split('{').next().unwrap();
            let family =
                ["_bucket", "_sum", "_count"].iter().find_map(|end| family.strip_suffix(end)).unwrap_or(family);
            assert!(body.contains(&format!("# HELP {family} ")), "nobody says what {family} is");
            assert!(name.contains("{pool=\"echo\""), "{name}");
            (name, value.parse().unwrap())
        })
        .collect()
}

#[test]
fn once_shows_what_the_workers_did() {
    let output = program("--once").output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let answer = String::from_utf8(output.stdout).unwrap();
    let figures = figures(&answer);
    // As whole numbers: they are counts.
    let figure =
        |name: &str, labels: &str| format!("{}", figures[&*format!("conn_pool_{name}{{pool=\"echo\"{labels}}}")]);
    assert_eq!(figure("acquires_total", ""), "300");
    assert_eq!(figure("connect_seconds_count", ""), figure("connects_total", ""));
    assert_eq!(figure("slow_acquire_seconds_count", ""), figure("slow_acquire_wait_seconds_count", ""));
    assert_eq!(figure("cancellations_total", ""), "0");
    assert_eq!(figure("connections", ",state=\"in_use\""), "0");
    assert_eq!((figure("max_size", ""), figure("waiting", "")), ("4".to_owned(), "0".to_owned()));
}

/// A server that is ended when the test ends, however it does.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _status = self.0.wait();
    }
}

fn ask(address: &str, path: &str) -> String {
    let mut connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    write!(connection, "GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_server_answers_again_and_again_and_knows_nothing_else() {
    let mut server = Server(program("127.0.0.1:0").stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("serving http://").and_then(|rest| rest.strip_suffix("/metrics")).unwrap();
    // Somebody who hangs up without asking harms nobody.
    drop(TcpStream::connect(address).unwrap());
    let acquires = || figures(&ask(address, "/metrics"))["conn_pool_acquires_total{pool=\"echo\"}"];
    let first = acquires();
    assert!(acquires() >= first);
    assert!(ask(address, "/").starts_with("HTTP/1.1 404 Not Found\r\n"));
}

#[test]
fn what_is_not_an_address_is_refused_with_how_it_is_called() {
    let output = program("everywhere").output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("usage: "), "{output:?}");
}

//! The servers as a user starts them: they answer, and stop when they are told to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::thread;

const CLIENTS: usize = 20;

fn start(program: &str) -> Child {
    let mut command = Command::new(program);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts")
}

fn request(address: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.write_all(b"GET / HTTP/1.0\r\n").expect("it reads");
    let mut answer = String::new();
    // A line that is left unread makes the end of the stream an error.
    let _ended = stream.read_to_string(&mut answer);
    answer
}

fn answers_and_stops(program: &str) {
    let mut child = start(program);
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let first = lines.next().expect("it says where it listens").expect("in words");
    let address = first.strip_prefix("http://").expect("an address");
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(|| request(address))).collect();
        for client in clients {
            assert_eq!(client.join().expect("no panic"), "HTTP/1.0 200 OK\r\n\r\n7 orders\n");
        }
    });
    drop(child.stdin.take());
    let last = lines.next().expect("it says what it did").expect("in words");
    assert!(last.starts_with(&format!("{CLIENTS} acquired, ")), "{last}");
    assert!(child.wait().expect("it was started").success());
}

#[test]
fn the_server_by_tokio_answers_and_stops() {
    answers_and_stops(env!("CARGO_BIN_EXE_tokio"));
}

#[test]
fn the_server_by_smol_answers_and_stops() {
    answers_and_stops(env!("CARGO_BIN_EXE_smol"));
}

#[test]
fn the_server_by_threads_answers_and_stops() {
    answers_and_stops(env!("CARGO_BIN_EXE_threads"));
}

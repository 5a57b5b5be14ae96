//! What tests rely on.

#![forbid(unsafe_code)]

use std::net::TcpStream;

use conn_pool_testing::{Server, Shutdown};

#[test]
fn servers_do_not_meet() {
    let (one, other) = (Server::start(), Server::start());
    assert_ne!(one.port(), other.port());
    let _none = one.sql("CREATE TABLE seen (n int)");
    assert_eq!(one.sql("SELECT count(*) FROM pg_class WHERE relname = 'seen'"), "1");
    assert_eq!(other.sql("SELECT count(*) FROM pg_class WHERE relname = 'seen'"), "0");
}

#[test]
fn a_server_keeps_its_port_and_its_data_over_each_kind_of_restart() {
    let mut server = Server::start();
    let (port, _none) = (server.port(), server.sql("CREATE TABLE kept AS SELECT 7 AS n"));
    server.restart_fast();
    assert_eq!((server.port(), server.sql("SELECT n FROM kept")), (port, "7".into()));
    server.restart_immediate();
    assert_eq!((server.port(), server.sql("SELECT n FROM kept")), (port, "7".into()));
}

#[test]
fn a_server_that_is_stopped_or_dropped_refuses_connections() {
    let mut server = Server::start();
    let address = ("127.0.0.1", server.port());
    TcpStream::connect(address).unwrap();
    server.stop(Shutdown::Fast);
    TcpStream::connect(address).unwrap_err();
    server.run_again();
    TcpStream::connect(address).unwrap();
    drop(server);
    TcpStream::connect(address).unwrap_err();
}

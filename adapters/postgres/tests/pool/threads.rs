//! The same for threads.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use conn_pool::SharedPool;
use conn_pool::managed::SharedConnGuard;
use conn_pool::managed::{Config, DiscardReason, GetError, Retry};
use conn_pool_postgres::CleanUp;
use conn_pool_postgres::sync::{Client, Postgres};
use conn_pool_testing::Server;

use crate::kit::{LONGEST, run, shared_server};

type Pool = SharedPool<Postgres>;

fn manager(server: &Server) -> Postgres {
    Postgres::from_url(&server.url()).unwrap()
}

fn pool_of_one(manager: Postgres) -> Pool {
    SharedPool::blocking(manager, Config::new().max_size(1).validate_after(None).keepalive(None)).unwrap()
}

fn borrow(pool: &Pool) -> SharedConnGuard<Postgres> {
    pool.get_timeout(LONGEST).unwrap()
}

fn backend(client: &mut Client) -> i32 {
    client.query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0)
}

fn is_in_transaction(client: &mut Client) -> bool {
    let mut id = || Some(client.query_one("SELECT pg_current_xact_id()::text", &[]).ok()?.get::<_, String>(0));
    match (id(), id()) {
        (Some(first), Some(second)) => first == second,
        _ => true,
    }
}

fn assert_clean_and_kept(pool: &Pool) {
    assert!(!is_in_transaction(&mut borrow(pool)));
    assert_eq!(pool.metrics().connected, 1);
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + LONGEST;
    while !is_so() {
        assert!(Instant::now() < end, "not within {LONGEST:?}: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_transaction_begun_by_any_way_of_running_a_statement_is_rolled_back() {
    const BEGIN: &str = "BEGIN";
    let server = shared_server();
    let pool = pool_of_one(manager(&server));
    for way in 0..9 {
        let mut client = borrow(&pool);
        assert!(!is_in_transaction(&mut client), "before {way}");
        match way {
            0 => drop(client.execute(BEGIN, &[]).unwrap()),
            1 => drop(client.query(BEGIN, &[]).unwrap()),
            2 => drop(client.query_opt(BEGIN, &[]).unwrap()),
            3 => drop(client.query_typed(BEGIN, &[]).unwrap()),
            4 => drop(client.execute_typed(BEGIN, &[]).unwrap()),
            5 => drop(client.simple_query(BEGIN).unwrap()),
            6 => drop(client.batch_execute("BEGIN; SELECT 1 / 0").unwrap_err()),
            7 => {
                let statement = client.prepare_cached(BEGIN).unwrap();
                drop(client.query_raw(&statement, Vec::<i32>::new()).unwrap());
            }
            _ => {
                let raw: &mut postgres::Client = &mut client;
                raw.batch_execute(BEGIN).unwrap();
            }
        }
        assert!(is_in_transaction(&mut client), "after {way}");
    }
    assert_clean_and_kept(&pool);
}

#[test]
fn a_caller_of_known_statements_leaves_nothing_to_clean_up() {
    let server = shared_server();
    let pool = pool_of_one(manager(&server));
    let mut client = borrow(&pool);
    client.query("SELECT 1", &[]).unwrap();
    client.transaction().unwrap().commit().unwrap();
    client.transaction().unwrap().rollback().unwrap();
    let pid = backend(&mut client);
    drop(client);
    drop(borrow(&pool));
    let last = server.sql(&format!("SELECT query FROM pg_stat_activity WHERE pid = {pid}"));
    assert_eq!(last, "SELECT pg_backend_pid()");
}

#[test]
fn a_transaction_that_is_dropped_or_forgotten_is_rolled_back() {
    let server = shared_server();
    run(&server, "CREATE TABLE dropped_by_threads (n int)");
    let pool = pool_of_one(manager(&server));
    for is_dropped in [true, false] {
        let mut client = borrow(&pool);
        let mut transaction = client.transaction().unwrap();
        transaction.execute("INSERT INTO dropped_by_threads VALUES (1)", &[]).unwrap();
        if is_dropped {
            drop(transaction);
        } else {
            std::mem::forget(transaction);
        }
        drop(client);
        assert_clean_and_kept(&pool);
    }
    assert_eq!(server.sql("SELECT count(*) FROM dropped_by_threads"), "0");
}

#[test]
fn a_batch_in_one_transaction_with_a_savepoint() {
    let server = shared_server();
    run(&server, "CREATE TABLE batch_of_threads (n int)");
    let pool = pool_of_one(manager(&server));
    let mut client = borrow(&pool);
    let mut transaction = client.transaction().unwrap();
    let insert = transaction.prepare_cached("INSERT INTO batch_of_threads VALUES ($1)").unwrap();
    transaction.execute(&insert, &[&1]).unwrap();
    let mut savepoint = transaction.savepoint().unwrap();
    assert_eq!(savepoint.prepare_cached("INSERT INTO batch_of_threads VALUES ($1)").unwrap().params().len(), 1);
    savepoint.execute(&insert, &[&2]).unwrap();
    savepoint.rollback().unwrap();
    transaction.execute(&insert, &[&3]).unwrap();
    transaction.commit().unwrap();
    assert_eq!(client.cached_statements(), 1);
    drop(client);
    assert_clean_and_kept(&pool);
    assert_eq!(server.sql("SELECT string_agg(n::text, ',' ORDER BY n) FROM batch_of_threads"), "1,3");
}

#[test]
fn copies_are_there_if_they_were_finished() {
    let server = shared_server();
    run(&server, "CREATE TABLE copied_by_threads (n int)");
    let pool = pool_of_one(manager(&server));
    for is_finished in [false, true] {
        let mut client = borrow(&pool);
        let mut writer = client.copy_in("COPY copied_by_threads FROM STDIN").unwrap();
        writer.write_all(b"1\n2\n").unwrap();
        if is_finished {
            assert_eq!(writer.finish().unwrap(), 2);
            let mut text = String::new();
            client.copy_out("COPY copied_by_threads TO STDOUT").unwrap().read_to_string(&mut text).unwrap();
            assert_eq!(text, "1\n2\n");
        } else {
            drop(writer);
        }
        drop(client);
        assert_clean_and_kept(&pool);
    }
    assert_eq!(server.sql("SELECT count(*) FROM copied_by_threads"), "2");
}

#[test]
fn a_copy_that_was_not_begun_as_one_ends_the_connection() {
    let server = shared_server();
    run(&server, "CREATE TABLE mistaken_by_threads (n int)");
    let pool = pool_of_one(manager(&server));
    borrow(&pool).batch_execute("COPY mistaken_by_threads FROM STDIN").unwrap_err();
    assert!(!is_in_transaction(&mut borrow(&pool)));
    assert_eq!(pool.metrics().discarded_for(DiscardReason::Broken), 1);
}

#[test]
fn a_statement_that_the_server_no_longer_runs_is_prepared_anew_for_the_next_caller() {
    let server = shared_server();
    run(&server, "CREATE TABLE changing_for_threads (n int)");
    let pool = pool_of_one(manager(&server));
    let sql = "SELECT * FROM changing_for_threads";
    for (change, is_raw) in [("ALTER TABLE changing_for_threads ADD COLUMN m int", false), ("DISCARD ALL", true)] {
        let mut client = borrow(&pool);
        let statement = client.prepare_cached(sql).unwrap();
        client.query(&statement, &[]).unwrap();
        client.batch_execute(change).unwrap();
        if is_raw {
            drop(client.query_raw(&statement, Vec::<i32>::new()).err().unwrap());
        } else {
            client.query(&statement, &[]).unwrap_err();
        }
        drop(client);
        let mut client = borrow(&pool);
        let statement = client.prepare_cached(sql).unwrap();
        client.query(&statement, &[]).unwrap();
    }
}

#[test]
fn a_connection_that_cannot_look_types_up_any_more_is_not_lent_again() {
    let server = shared_server();
    run(&server, "CREATE TYPE met_by_threads AS ENUM ('x'); CREATE TYPE unmet_by_threads AS ENUM ('x')");
    let pool = pool_of_one(manager(&server));
    let mut client = borrow(&pool);
    client.query_one("SELECT 'x'::met_by_threads", &[]).unwrap();
    client.batch_execute("DISCARD ALL").unwrap();
    client.query_one("SELECT 'x'::unmet_by_threads", &[]).unwrap_err();
    drop(client);
    borrow(&pool).query_one("SELECT 'x'::unmet_by_threads", &[]).unwrap();
}

#[test]
fn beyond_the_limit_the_least_recently_used_statement_goes() {
    let server = shared_server();
    let pool = pool_of_one(manager(&server).statement_cache(2));
    let mut client = borrow(&pool);
    for name in ["a", "b", "a", "c"] {
        client.prepare_cached(&format!("SELECT 'thread {name}'")).unwrap();
    }
    let sql = "SELECT string_agg(statement, ',' ORDER BY statement) FROM pg_prepared_statements \
               WHERE statement LIKE 'SELECT ''thread %'";
    let kept: String = client.query_one(sql, &[]).unwrap().get(0);
    assert_eq!(kept, "SELECT 'thread a',SELECT 'thread c'");
    client.clear_cached_statements();
    assert_eq!(client.cached_statements(), 0);
}

#[test]
fn discard_all_leaves_nothing_but_prepared_statements() {
    let server = shared_server();
    let pool = pool_of_one(manager(&server).clean_up(CleanUp::DiscardAll));
    let mut client = borrow(&pool);
    client.batch_execute("SET statement_timeout = '7s'").unwrap();
    let statement = client.prepare_cached("SELECT current_setting('statement_timeout')").unwrap();
    assert_eq!(client.query_one(&statement, &[]).unwrap().get::<_, &str>(0), "7s");
    drop(client);
    let mut client = borrow(&pool);
    assert_eq!(client.query_one(&statement, &[]).unwrap().get::<_, &str>(0), "0");
    assert_eq!(client.cached_statements(), 1);
}

#[test]
fn notifications_are_not_left_to_the_next_caller() {
    use postgres::fallible_iterator::FallibleIterator;
    let server = shared_server();
    let pool = pool_of_one(manager(&server));
    let mut client = borrow(&pool);
    client.execute("LISTEN threads", &[]).unwrap();
    run(&server, "NOTIFY threads, 'first'; NOTIFY threads, 'second'");
    let first = client.notifications().timeout_iter(LONGEST).next().unwrap().unwrap();
    assert_eq!(first.payload(), "first");
    drop(client);
    let mut client = borrow(&pool);
    assert!(client.query("SELECT pg_listening_channels()", &[]).unwrap().is_empty());
    assert!(client.notifications().is_empty());
    assert_eq!(pool.metrics().connected, 1);
}

#[test]
fn a_backend_that_was_ended_is_replaced_by_the_check() {
    let server = shared_server();
    let config = Config::new().max_size(1).validate_after(Some(Duration::ZERO));
    let pool = SharedPool::blocking(manager(&server), config).unwrap();
    let pid = backend(&mut borrow(&pool));
    assert_eq!(backend(&mut borrow(&pool)), pid);
    assert!(server.terminate(pid));
    assert_ne!(backend(&mut borrow(&pool)), pid);
}

#[test]
fn a_connection_whose_session_has_ended_with_an_error_is_not_kept() {
    let server = shared_server();
    let pool = pool_of_one(manager(&server));
    let mut client = borrow(&pool);
    let error = client.query("SELECT pg_terminate_backend(pg_backend_pid())", &[]).unwrap_err();
    drop(client);
    assert_eq!(pool.status().idle, 0, "{error:?}");
    assert_ne!(borrow(&pool).query("SELECT 1", &[]).unwrap().len(), 0);
}

#[test]
fn a_missing_database_is_told_at_once() {
    let server = shared_server();
    let url = format!("postgres://postgres@127.0.0.1:{}/nowhere", server.port());
    let pool = SharedPool::blocking(Postgres::from_url(&url).unwrap(), Config::new()).unwrap();
    let (answer, error) = mpsc::channel();
    thread::spawn(move || answer.send(pool.get_timeout(Duration::from_secs(600)).map(drop)));
    let error = error.recv_timeout(LONGEST).expect("an error that is not waited for").unwrap_err();
    assert!(matches!(error, GetError::Connect { .. }));
    assert!(error.to_string().contains("database \"nowhere\" does not exist (SQLSTATE 3D000)"), "{error}");
}

/// The driver's client would wait for the answer for as long as it is not there.
#[test]
fn a_connection_to_a_server_that_has_gone_silent_is_given_up_by_the_check() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://clerk@{}/shop?sslmode=disable", listener.local_addr().unwrap());
    let (sender, sockets) = mpsc::channel();
    thread::spawn(move || {
        let mut sockets = listener.incoming().flatten().map(welcome);
        sender.send(sockets.next().unwrap()).unwrap();
        sockets.for_each(answer_checks);
    });
    let limit = Some(Duration::from_millis(50));
    let config = Config::new().max_size(1).validate_after(Some(Duration::ZERO)).validation_timeout(limit);
    let pool = SharedPool::blocking(Postgres::from_url(&url).unwrap(), config).unwrap();
    drop(borrow(&pool));
    drop(borrow(&pool));
    assert_eq!((pool.metrics().connected, pool.metrics().discarded_for(DiscardReason::Invalid)), (2, 1));
    // The server ends the first one at last, and the thread that waits for it.
    ends_at_last(sockets.recv_timeout(LONGEST).unwrap());
}

/// The driver's client sends the end of a statement only when it is dropped, and would wait for the answer.
#[test]
fn a_connection_to_a_server_that_has_gone_silent_keeps_no_slot_once_it_is_evicted() {
    let pool = pool_of_one(manager(&shared_server()));
    let backend = backend(&mut borrow(&pool)).to_string();
    let signal = |name: &str| Command::new("kill").args([name, &backend]).status().unwrap().success();
    assert!(signal("-STOP"));
    pool.evict_all();
    let is_served = pool.get_timeout(LONGEST).map(drop);
    assert!(signal("-CONT"));
    is_served.unwrap();
}

/// The driver's own connect would wait for as long as the server is silent, and keep the pool's only slot.
#[test]
fn a_connect_to_a_server_that_accepts_and_never_answers_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let pool = pool_that_gives_up(&listener);
    let silent = mpsc::channel();
    thread::spawn(move || {
        let mut sockets = listener.incoming().flatten();
        silent.0.send(sockets.next().unwrap()).unwrap();
        sockets.for_each(|socket| _ = thread::spawn(|| answer_checks(welcome(socket))));
    });
    drop(borrow(&pool));
    assert_eq!((pool.metrics().connected, pool.metrics().connect_failed), (1, 1));
    // The server ends the first one at last, and the thread that waits for it.
    ends_at_last(silent.1.recv_timeout(LONGEST).unwrap());
}

/// After the first connect that has hung, each is tried in a way that can be given up.
#[test]
fn a_silence_leaves_behind_as_many_connects_as_there_were_at_once() {
    const TRIED: usize = 6;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let pool = pool_that_gives_up(&listener);
    let caller = pool.clone();
    let caller = thread::spawn(move || drop(caller.get_timeout(LONGEST)));
    let mut sockets: Vec<TcpStream> = listener.incoming().flatten().take(TRIED).collect();
    let last = sockets.pop().unwrap();
    let hung = sockets.remove(0);
    sockets.into_iter().for_each(ends);
    hung.set_nonblocking(true).unwrap();
    let mut request = [0; 1024];
    assert!((&hung).read(&mut request).unwrap() > 0);
    assert_eq!((&hung).read(&mut request).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    hung.set_nonblocking(false).unwrap();
    pool.close();
    caller.join().unwrap();
    ends_at_last(hung);
    ends(last);
}

/// With one slot.
fn pool_that_gives_up(listener: &TcpListener) -> Pool {
    let url = format!("postgres://clerk@{}/shop?sslmode=disable", listener.local_addr().unwrap());
    let pause = Duration::from_millis(1);
    let retry = Retry { first_pause: pause, longest_pause: pause, ..Retry::DEFAULT };
    let config = Config::new().max_size(1).connect_timeout(Some(Duration::from_millis(300))).retry(retry);
    SharedPool::blocking(Postgres::from_url(&url).unwrap(), config).unwrap()
}

/// The client ends this connection by itself.
fn ends(mut socket: TcpStream) {
    socket.set_read_timeout(Some(LONGEST)).unwrap();
    socket.read_to_end(&mut Vec::new()).unwrap();
}

fn ends_at_last(socket: TcpStream) {
    socket.shutdown(std::net::Shutdown::Write).unwrap();
    ends(socket);
}

fn answer_checks(mut socket: TcpStream) {
    let mut check = [0; 6];
    while socket.read_exact(&mut check).is_ok() {
        let _ = socket.write_all(b"I\0\0\0\x04Z\0\0\0\x05I");
    }
}

fn welcome(mut socket: TcpStream) -> TcpStream {
    let mut length = [0; 4];
    socket.read_exact(&mut length).unwrap();
    socket.read_exact(&mut vec![0; u32::from_be_bytes(length) as usize - 4]).unwrap();
    socket.write_all(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I").unwrap();
    socket
}

#[test]
fn a_task_uses_a_connection_where_it_may_block() {
    let server = shared_server();
    let pool = pool_of_one(manager(&server));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let answer = runtime.block_on(pool.run(|client| client.query_one("SELECT 42", &[]).unwrap().get::<_, i32>(0)));
    assert_eq!(answer.unwrap(), 42);
    until("the release", || pool.status().idle == 1);
}

#[test]
fn a_copy_that_was_prepared_fails_once_after_its_statement_is_gone() {
    let server = shared_server();
    let pool = pool_of_one(manager(&server));
    let sql = "COPY (SELECT 1) TO STDOUT";
    let mut client = pool.get().unwrap();
    client.prepare_cached(sql).unwrap();
    client.batch_execute("DISCARD ALL").unwrap();
    drop(client);
    let mut failed = 0;
    for _ in 0..4 {
        let mut client = pool.get().unwrap();
        let statement = client.prepare_cached(sql).unwrap();
        failed += usize::from(client.copy_out(&statement).is_err());
    }
    assert_eq!(failed, 1);
}

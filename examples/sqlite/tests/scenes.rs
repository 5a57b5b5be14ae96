//! Each scene holds. What did not is in the error.

use conn_pool_sqlite::scenes::ALL;

fn play(title: &str) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let scene = ALL.iter().find(|scene| scene.title == title).expect("there is a scene of that title");
    let seen = (scene.play)(folder.path()).unwrap_or_else(|failure| panic!("{title}: {failure}"));
    assert!(!seen.is_empty());
}

macro_rules! scenes {
    ($($name:ident: $title:literal)*) => {
        $(
            #[test]
            fn $name() {
                play($title);
            }
        )*

        #[test]
        fn there_is_a_test_of_every_scene() {
            assert_eq!(ALL.map(|scene| scene.title), [$($title),*]);
        }
    };
}

scenes! {
    sixteen_threads_share_four_connections_and_lose_nothing: "16 threads over 4 connections"
    the_next_borrower_begins_clean: "sessions are clean"
    a_batch_is_faster_than_single_inserts: "many inserts in one transaction"
    statements_are_prepared_once_for_each_connection: "prepared statements stay with their connection"
    the_floor_is_kept: "the health check keeps connections ready"
    a_locked_database_refuses_writers_and_recovers: "the database is locked under load"
    a_removed_file_is_reported_and_nothing_is_lost: "the database file is removed under load"
    a_replaced_file_is_noticed: "another file is put in its place"
}

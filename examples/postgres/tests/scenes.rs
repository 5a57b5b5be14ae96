//! Each scene, with a PostgreSQL server of its own.

use conn_pool_postgres_example::scenes::ALL;
use conn_pool_testing::Server;

#[test]
fn all_scenes_show_what_they_say() {
    let server = Server::start();
    for scene in ALL {
        let shown = scene.run(&server.url()).unwrap_or_else(|failure| panic!("{}: {failure}", scene.title));
        assert!(!shown.is_empty(), "{}", scene.title);
    }
}

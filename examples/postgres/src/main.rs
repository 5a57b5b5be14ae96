//! Plays all scenes, and prints what each has shown.

use std::process::ExitCode;

use conn_pool_postgres_example::scenes::{ALL, Failure};
use conn_pool_testing::Server;

fn main() -> ExitCode {
    let played = match std::env::args().nth(1) {
        Some(url) => play(&url),
        None => play(&Server::start().url()),
    };
    match played {
        Ok(()) => {
            println!("all of it held");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            println!("FAILED: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn play(url: &str) -> Result<(), Failure> {
    for scene in ALL {
        println!("{}", scene.title);
        for line in scene.run(url)? {
            println!("  {line}");
        }
        println!();
    }
    Ok(())
}

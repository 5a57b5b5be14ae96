//! Plays all scenes, and prints what each has shown.

use std::path::Path;
use std::process::ExitCode;

use conn_pool_sqlite::scenes::{ALL, Failure};

fn main() -> ExitCode {
    let outcome = match std::env::args_os().nth(1) {
        Some(folder) => play(Path::new(&folder)),
        None => tempfile::tempdir().map_err(Failure::from).and_then(|folder| play(folder.path())),
    };
    match outcome {
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

fn play(folder: &Path) -> Result<(), Failure> {
    for scene in ALL {
        println!("{}", scene.title);
        for line in (scene.play)(folder)? {
            println!("  {line}");
        }
        println!();
    }
    Ok(())
}

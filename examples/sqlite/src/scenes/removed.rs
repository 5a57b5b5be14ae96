//! The file goes away while sixteen threads write to it, and comes back.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};
use std::{fs, thread};

use conn_pool::managed::{Config, GetError, Retry};

use super::{Database, FAR_TOO_LONG, Failure, SqlitePool, THREADS, borrow, close, insert, wait_until};
use crate::manager::Error;

const NAME: &str = "removed";
const FLOOR: usize = 2;
/// Rows that each thread writes before the file may go, and after it is back.
const BEFORE: usize = 5;
const AFTER: usize = 5;
/// How long a thread waits for a connection. While connecting fails, callers wait until their deadlines.
const PATIENCE: Duration = Duration::from_millis(200);
/// Shorter pauses than a server would be given, so that the scene is short.
const RETRY: Retry =
    Retry { attempts: 0, first_pause: Duration::from_millis(5), longest_pause: Duration::from_millis(50) };

pub(super) fn play(folder: &Path) -> Result<Vec<String>, Failure> {
    let database = Database::create(folder, NAME)?;
    // Checked each time: for a database in the same process that costs little, and a file is gone from one moment to
    // the next.
    let config = Config::new().name(NAME).min_idle(FLOOR).validate_after(Some(Duration::ZERO)).retry(RETRY);
    let pool = database.pool(config)?;
    let health = pool.health_check()?;

    let (to_stage, from_threads) = channel();
    let written = thread::scope(|scope| {
        let threads = (0..THREADS).map(|number| {
            let ((go_on, cue), to_stage, pool) = (channel(), to_stage.clone(), &pool);
            (go_on, scope.spawn(move || Writer { pool, number, turn: 0, to_stage, cue }.play()))
        });
        let (cues, threads): (Vec<_>, Vec<_>) = threads.unzip();
        let directed = direct(&database, &pool, &from_threads, &cues);
        // Whoever still waits for a cue is to end.
        drop(cues);
        let written = threads.into_iter().map(|thread| thread.join().map_err(|_| "a thread panicked")?);
        let written = written.sum::<Result<usize, Failure>>();
        directed.and(written)
    })?;

    wait_until("the health check has connected again", || pool.status().idle >= FLOOR)?;
    drop(health);
    close(&pool)?;
    let found = database.inspect()?;
    ensure!(found == written, "{written} rows were written, {found} are in the file");
    Ok(vec![
        format!("each of {THREADS} threads was told: cannot connect: unable to open database file (pool \"{NAME}\")"),
        "a borrower got no connection while the file was gone, and the health check none either".into(),
        format!("when it was back each thread wrote on, and the health check had {FLOOR} connections ready"),
        "every row that was written, before, meanwhile or after, is in the file".into(),
    ])
}

/// What a thread tells the stage.
enum Told {
    HasWritten,
    WasRefused(Box<GetError<Error>>),
}

/// The file goes when every thread has written, and comes back when every thread knows.
fn direct(
    database: &Database,
    pool: &SqlitePool,
    from_threads: &Receiver<Told>,
    cues: &[Sender<()>],
) -> Result<(), Failure> {
    for _ in 0..THREADS {
        ensure!(matches!(from_threads.recv_timeout(FAR_TOO_LONG)?, Told::HasWritten), "refused too soon");
    }
    let files = Files::of(&database.path);
    files.take_away()?;
    for _ in 0..THREADS {
        match from_threads.recv_timeout(FAR_TOO_LONG)? {
            Told::WasRefused(error) => expect_clear(&error)?,
            Told::HasWritten => return Err("a thread wrote twice as much as it should".into()),
        }
    }
    wait_until("no connection is left", || pool.status().idle == 0)?;
    match pool.try_get() {
        Err(error) => expect_clear(&error)?,
        Ok(_) => return Err("a connection to a file that is gone was lent".into()),
    }
    let failed = pool.metrics().connect_failed;
    wait_until("the health check has tried in vain", || pool.metrics().connect_failed > failed)?;
    files.bring_back()?;
    cues.iter().try_for_each(|cue| Ok(cue.send(())?))
}

/// The error says what is wrong, with what, and in which pool.
fn expect_clear(error: &GetError<Error>) -> Result<(), Failure> {
    let text = error.to_string();
    for part in ["cannot connect: unable to open database file", "removed.db", "(pool \"removed\": "] {
        ensure!(text.contains(part), "the error does not say {part:?}: {text}");
    }
    Ok(())
}

struct Writer<'a> {
    pool: &'a SqlitePool,
    number: usize,
    turn: usize,
    to_stage: Sender<Told>,
    cue: Receiver<()>,
}

impl Writer<'_> {
    /// How many rows were written.
    fn play(mut self) -> Result<usize, Failure> {
        for _ in 0..BEFORE {
            let connection = borrow(self.pool)?;
            self.write(&connection)?;
        }
        self.to_stage.send(Told::HasWritten)?;
        let refusal = self.write_until_refused()?;
        self.to_stage.send(Told::WasRefused(Box::new(refusal)))?;
        self.cue.recv()?;
        for _ in 0..AFTER {
            let connection = borrow(self.pool)?;
            self.write(&connection)?;
        }
        Ok(self.turn)
    }

    fn write_until_refused(&mut self) -> Result<GetError<Error>, Failure> {
        let began = Instant::now();
        while began.elapsed() < FAR_TOO_LONG {
            match self.pool.get_timeout(PATIENCE) {
                Ok(connection) => self.write(&connection)?,
                Err(GetError::Timeout(_)) => {}
                Err(refusal) => return Ok(refusal),
            }
        }
        Err("nobody noticed that the file was gone".into())
    }

    fn write(&mut self, connection: &rusqlite::Connection) -> Result<(), Failure> {
        insert(connection, self.number, self.turn)?;
        self.turn += 1;
        Ok(())
    }
}

/// A database in WAL mode is up to three files, which belong together.
struct Files {
    at: [PathBuf; 3],
    aside: [PathBuf; 3],
}

impl Files {
    fn of(path: &Path) -> Self {
        let all = |path: PathBuf| {
            ["", "-wal", "-shm"].map(|suffix| {
                let mut name = path.clone().into_os_string();
                name.push(suffix);
                PathBuf::from(name)
            })
        };
        Self { at: all(path.to_owned()), aside: all(path.with_extension("aside")) }
    }

    /// The database goes first, so that nobody can open it without its log.
    fn take_away(&self) -> Result<(), Failure> {
        for (from, to) in self.at.iter().zip(&self.aside) {
            fs::rename(from, to)?;
        }
        Ok(())
    }

    /// The database comes last, for the same reason.
    fn bring_back(&self) -> Result<(), Failure> {
        for (from, to) in self.aside.iter().zip(&self.at).rev() {
            fs::rename(from, to)?;
        }
        Ok(())
    }
}

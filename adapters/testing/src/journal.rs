//! What a fake manager was called for.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// After this a line that is waited for fails the test.
const LONGEST: Duration = Duration::from_secs(60);

/// Lines in the order in which they were noted. Clones are the same journal.
#[derive(Clone, Default)]
pub struct Journal(Arc<(Mutex<Vec<String>>, Condvar)>);

impl Journal {
    /// Notes a line.
    pub fn note(&self, line: impl fmt::Display) {
        self.lines().push(line.to_string());
        self.0.1.notify_all();
    }

    /// Takes the lines out, with commas between them.
    #[must_use]
    pub fn take(&self) -> String {
        std::mem::take(&mut *self.lines()).join(", ")
    }

    /// Waits until there is such a line, and takes it and those before it out. For what threads of the pool do.
    #[track_caller]
    pub fn take_up_to(&self, line: &str) -> String {
        let is_missing = |lines: &mut Vec<String>| !lines.iter().any(|noted| noted == line);
        let waited = self.0.1.wait_timeout_while(self.lines(), LONGEST, is_missing);
        let (mut lines, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let Some(place) = lines.iter().position(|noted| noted == line) else {
            panic!("{line:?} is not among {lines:?}");
        };
        lines.drain(..=place).collect::<Vec<_>>().join(", ")
    }

    fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Journal")
    }
}

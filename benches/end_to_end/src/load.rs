//! Who asks for what.

use std::fmt;

/// A request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// `SELECT 1`.
    Query,
    /// A transaction of three statements.
    Transaction,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Callers {
    Tasks(usize),
    Threads(usize),
}

#[derive(Debug, Clone, Copy)]
pub struct Load {
    pub callers: Callers,
    pub work: Work,
}

pub const LOADS: [Load; 6] = [
    Load { callers: Callers::Tasks(64), work: Work::Query },
    Load { callers: Callers::Tasks(64), work: Work::Transaction },
    Load { callers: Callers::Tasks(512), work: Work::Query },
    Load { callers: Callers::Tasks(512), work: Work::Transaction },
    Load { callers: Callers::Threads(64), work: Work::Query },
    Load { callers: Callers::Threads(64), work: Work::Transaction },
];

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.callers {
            Callers::Tasks(count) => write!(f, "{count} tasks")?,
            Callers::Threads(count) => write!(f, "{count} threads")?,
        }
        f.write_str(match self.work {
            Work::Query => ", `SELECT 1`",
            Work::Transaction => ", a transaction of three statements",
        })
    }
}

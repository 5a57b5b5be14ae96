//! What is said of the source, checked against the source: each file's first line and its imports, where the platform
//! and the features are named, the words that are retired, how long files are, which invariants the `SAFETY:` comments
//! cite, the table of memory orderings in `docs/architecture.md`, and that of equivalent mutants in
//! `docs/verification.md`.
//!
//! Each check is a function from the files to its complaints, so that the tests beside it can show it a file that is
//! wrong and see it complain.

mod features;
mod files;
mod length;
mod mutants;
mod orderings;
mod platform;
mod rooms;
mod safety;
mod words;

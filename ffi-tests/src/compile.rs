//! Compilers, called by their names: `gcc`, `g++`, `clang` and `clang++`. One that is missing fails its test: a promise
//! that no test has checked is none.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::header::root;

/// How a compiler is called for a text. It finds the header, and the files of `ffi-tests/c`.
pub struct Job {
    pub compiler: &'static str,
    /// As for the option `-x`.
    pub language: &'static str,
    pub standard: &'static str,
    pub flags: Vec<&'static str>,
}

impl Job {
    /// Compiles the text with every warning an error, and drops the object.
    ///
    /// # Errors
    ///
    /// The compiler's messages.
    pub fn run(&self, text: &str) -> Result<(), String> {
        // Some warnings are found by the optimiser only.
        self.call(&["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O1", "-c", "-o", "/dev/null"], text).map(drop)
    }

    /// Calls the compiler with the text and further arguments. Returns its standard output.
    ///
    /// # Errors
    ///
    /// The compiler's messages.
    pub fn call(&self, arguments: &[&str], text: &str) -> Result<String, String> {
        let mut command = Command::new(self.compiler);
        command.args(arguments).arg(format!("-std={}", self.standard)).args(&self.flags);
        command.arg("-I").arg(root().join("include")).args(["-x", self.language, "-"]);
        command.current_dir(root().join("ffi-tests/c"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| {
            let package = self.compiler.replace("clang++", "clang");
            format!("{} does not start ({error}): apt-get install {package}", self.compiler)
        })?;
        // If the compiler stops reading, it has failed, and its message comes below.
        let _ = child.stdin.take().expect("it was piped").write_all(text.as_bytes());
        let output = child.wait_with_output().expect("a child can be waited for");
        if output.status.success() {
            return Ok(String::from_utf8(output.stdout).expect("UTF-8"));
        }
        let (said, flags) = (String::from_utf8_lossy(&output.stderr), self.flags.join(" "));
        Err(format!("{} -std={} {flags}\n{said}", self.compiler, self.standard))
    }
}

/// # Panics
///
/// If an outcome is an error, or if there is no outcome: then nothing was compiled.
#[track_caller]
pub fn assert_none_fails(outcomes: impl IntoIterator<Item = Result<(), String>>) {
    let outcomes: Vec<_> = outcomes.into_iter().collect();
    assert!(!outcomes.is_empty(), "nothing was compiled");
    let complaints: Vec<String> = outcomes.into_iter().filter_map(Result::err).collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

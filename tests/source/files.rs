//! The files of `src`, and what every check needs to know of them.

use std::fs;
use std::path::Path;

/// A file of `src`.
pub(crate) struct File {
    /// Below `src`, with slashes.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl File {
    /// The module's path: `["managed", "loan", "acquire"]`.
    pub(crate) fn module(&self) -> Vec<&str> {
        self.path.trim_end_matches(".rs").split('/').collect()
    }

    /// Compiled for tests only: such a file uses the crate as a client does, and whatever it tests with.
    pub(crate) fn is_test_only(&self) -> bool {
        self.module()[0] == "tests"
    }

    /// Of the library, and no page that only shows what others say.
    pub(crate) fn is_checked(&self) -> bool {
        !self.is_test_only() && !["lib", "guide"].contains(&self.module()[0])
    }

    /// Lines of code, numbered, without their comments.
    pub(crate) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().map(|(number, line)| (number + 1, line));
        lines
            .filter(|(_, line)| !line.trim().is_empty() && !line.trim().starts_with("//"))
            .map(|(number, line)| (number, line.split(" // ").next().unwrap_or_default()))
    }

    /// The file without its unit tests, which stand at its end.
    pub(crate) fn without_tests(&self) -> &str {
        let begins = |line: &str| line.starts_with("#[cfg(test)]") || line.starts_with("#[cfg(all(test");
        let mut end = 0;
        let mut lines = self.text.split_inclusive('\n').peekable();
        while let Some(line) = lines.next() {
            if begins(line) && lines.peek().is_some_and(|next| next.starts_with("mod ") && next.trim().ends_with('{')) {
                return &self.text[..end];
            }
            end += line.len();
        }
        &self.text
    }

    pub(crate) fn at(&self, line: usize, complaint: &str) -> String {
        format!("src/{}:{line}: {complaint}", self.path)
    }
}

pub(crate) fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// What follows each `needle` that is not the tail of a longer word.
pub(crate) fn after<'a>(text: &'a str, needle: &'a str) -> impl Iterator<Item = &'a str> {
    text.match_indices(needle)
        .filter(|(at, _)| !text[..*at].ends_with(is_word))
        .map(|(at, found)| &text[at + found.len()..])
}

pub(crate) fn first_word(text: &str) -> &str {
    text.split(|character| !is_word(character)).next().unwrap_or_default()
}

/// The library's folder, which the tests lie in.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

pub(crate) fn read(path: &str) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All files of `src`.
pub(crate) fn sources() -> Vec<File> {
    fn collect(folder: &Path, prefix: &str, files: &mut Vec<File>) {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                collect(&entry.path(), &format!("{path}/"), files);
            } else {
                files.push(File { text: fs::read_to_string(entry.path()).unwrap(), path });
            }
        }
    }
    let mut files = Vec::new();
    collect(&root().join("src"), "", &mut files);
    files.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(files.len() > 50, "the sources were not found");
    files
}

/// One file that a check is shown.
pub(crate) fn file(path: &str, text: &str) -> [File; 1] {
    [File { path: path.to_owned(), text: text.to_owned() }]
}

#[track_caller]
pub(crate) fn assert_fine(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[track_caller]
pub(crate) fn assert_seen(complaints: &[String], what: &str) {
    assert!(complaints.iter().any(|complaint| complaint.contains(what)), "{complaints:?}");
}

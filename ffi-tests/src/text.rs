//! Reads C and Rust by their punctuation, for tests that compare one text with another.

/// The text with its comments and string literals replaced by blanks. What is left is code, and lines keep their
/// numbers.
pub fn code(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (token, is_code) = if rest.starts_with("//") {
            (rest.find('\n').unwrap_or(rest.len()), false)
        } else if rest.starts_with("/*") {
            (rest.find("*/").map_or(rest.len(), |end| end + 2), false)
        } else if first == '"' {
            (string(rest), false)
        } else if rest.starts_with("'\"'") {
            (3, true)
        } else {
            (first.len_utf8(), true)
        };
        if is_code {
            code.push_str(&rest[..token]);
        } else {
            code.extend(rest[..token].chars().map(|character| if character == '\n' { '\n' } else { ' ' }));
        }
        rest = &rest[token..];
    }
    code
}

/// The length of the string literal at the beginning of the text.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            '"' if !escaped => return at + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

/// The code without the directives of C's preprocessor.
pub fn without_directives(code: &str) -> String {
    let mut goes_on = false;
    let mut is_directive = |line: &&str| {
        let is_directive = goes_on || line.trim_start().starts_with('#');
        goes_on = is_directive && line.ends_with('\\');
        is_directive
    };
    code.lines().map(|line| if is_directive(&line) { "" } else { line }).collect::<Vec<_>>().join("\n")
}

pub fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

pub fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character| !is_word(character)).filter(|word| !word.is_empty())
}

/// The text between the first bracket and the one that closes it, and the text after. `None` if it is not closed.
pub fn bracketed(text: &str, open: char, close: char) -> Option<(&str, &str)> {
    let begin = text.find(open)? + open.len_utf8();
    let mut depth = 1;
    for (at, character) in text[begin..].char_indices() {
        if character == open {
            depth += 1;
        } else if character == close {
            depth -= 1;
            if depth == 0 {
                return Some((&text[begin..begin + at], &text[begin + at + close.len_utf8()..]));
            }
        }
    }
    None
}

/// The functions that a C text calls or declares: the names before a `(`.
pub fn called<'a>(code: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    code.match_indices('(')
        .map(|(at, _)| code[..at].trim_end())
        .map(|before| &before[before.trim_end_matches(is_word).len()..])
        .filter(move |name| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_no_code() {
        assert_eq!(code("a /* b( */ c // d\ne \"f // \\\" g\" h"), "a          c     \ne             h");
        assert_eq!(code("/* one\ntwo */x"), "      \n      x");
        assert_eq!(code("\"\\\\\"x '\"' y"), "    x '\"' y");
    }

    #[test]
    fn directives_go_on_after_a_backslash() {
        assert_eq!(without_directives("a\n# define b \\\n  c \\\n  d\ne \\\nf"), "a\n\n\n\ne \\\nf");
    }

    #[test]
    fn brackets_are_matched() {
        assert_eq!(bracketed("f(a(b)c) d", '(', ')'), Some(("a(b)c", " d")));
        assert_eq!(bracketed("f(a(b)c d", '(', ')'), None);
        assert_eq!(bracketed("none", '(', ')'), None);
    }

    #[test]
    fn calls_are_names_before_a_bracket() {
        let found: Vec<_> = called("p_one (); p_two; (p_three)(); np_four(); p_five(p_six())", "p_").collect();
        assert_eq!(found, ["p_one", "p_five", "p_six"]);
    }
}

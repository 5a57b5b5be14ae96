//! Finds the names that a header declares, in the output of the preprocessor.

use std::collections::BTreeSet;

use crate::text::{code, is_word};

/// A word, a number, or one other character.
type Token<'a> = &'a str;

/// Splits the preprocessor's output (`-E -dD`): what comes from files whose path ends with `file`, and the rest.
#[must_use]
pub fn from_file(output: &str, file: &str) -> (String, String) {
    let (mut inside, mut outside, mut is_inside) = (String::new(), String::new(), false);
    for line in output.lines() {
        // `# 1 "/usr/include/time.h" 1 3 4`
        if let Some(marker) = line.strip_prefix("# ") {
            is_inside = marker.split('"').nth(1).is_some_and(|path| path.ends_with(file));
            continue;
        }
        let part = if is_inside { &mut inside } else { &mut outside };
        part.push_str(line);
        part.push('\n');
    }
    (inside, outside)
}

/// The names that a preprocessed text declares at file scope, including macros and tags. To use a tag declares it in C,
/// so that counts too, unless the text before, `known`, defines its structure.
#[must_use]
pub fn declared(text: &str, known: &str) -> BTreeSet<String> {
    let code = code(text);
    let (directives, code): (Vec<&str>, Vec<&str>) = code.lines().partition(|line| line.trim_start().starts_with('#'));
    let mut found = BTreeSet::new();
    for directive in directives {
        let mut words = directive.trim_start().trim_start_matches('#').split(|character| !is_word(character));
        if matches!(words.next(), Some("define" | "undef")) {
            found.extend(words.next().map(str::to_owned));
        }
    }
    for declaration in declarations(&tokens(&code.join("\n"))) {
        found.extend(names(&declaration).into_iter().map(str::to_owned));
    }
    let known = defined_tags(known);
    found.retain(|name| !known.contains(name.as_str()));
    found
}

/// The structures, unions and enumerations that a text defines.
fn defined_tags(text: &str) -> BTreeSet<Token<'_>> {
    let is_kind = |token: Token<'_>| ["struct", "union", "enum"].contains(&token);
    let tokens = tokens(text);
    let bodies = tokens.windows(3).filter(|window| is_kind(window[0]) && window[2] == "{");
    bodies.map(|window| window[1]).collect()
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length =
            if is_word(first) { rest.find(|next| !is_word(next)).unwrap_or(rest.len()) } else { first.len_utf8() };
        tokens.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    tokens
}

/// The declarations of a file, without attributes, and with what is in a block of `extern "C"`. (The literal was
/// blanked out.)
fn declarations<'a>(tokens: &[Token<'a>]) -> Vec<Vec<Token<'a>>> {
    let (mut found, mut one, mut depth, mut at) = (Vec::new(), Vec::new(), 0_usize, 0);
    while let Some(&token) = tokens.get(at) {
        at += 1;
        match token {
            "__attribute__" => at += length_of_group(&tokens[at..]),
            "{" if one == ["extern"] => one.clear(),
            "}" if depth == 0 => {}
            ";" if depth == 0 => found.push(std::mem::take(&mut one)),
            _ => {
                let is_body = depth == 0 && token == "{" && one.last() == Some(&")");
                one.push(token);
                match token {
                    "(" | "{" | "[" => depth += 1,
                    ")" | "}" | "]" => depth -= 1,
                    _ => {}
                }
                // A function's body ends the declaration. Names in it are local.
                if is_body {
                    at += length_of_group(&tokens[at - 1..]) - 1;
                    one.pop();
                    depth -= 1;
                    found.push(std::mem::take(&mut one));
                }
            }
        }
    }
    if !one.is_empty() {
        found.push(one);
    }
    found
}

/// The number of tokens from an opening bracket to the one that closes it.
fn length_of_group(tokens: &[Token<'_>]) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        match *token {
            "(" | "{" | "[" => depth += 1,
            ")" | "}" | "]" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

/// The names that one declaration declares.
fn names<'a>(declaration: &[Token<'a>]) -> Vec<Token<'a>> {
    let mut found = Vec::new();
    let mut outside = Vec::new();
    let (mut at, mut is_enum) = (0, false);
    while let Some(&token) = declaration.get(at) {
        let next = declaration.get(at + 1).copied().unwrap_or_default();
        match token {
            "struct" | "union" | "enum" => {
                is_enum = token == "enum";
                outside.push("{}");
                if next.starts_with(is_word) {
                    found.push(next);
                    at += 1;
                }
            }
            "{" => {
                let length = length_of_group(&declaration[at..]);
                let body = &declaration[at + 1..at + length - 1];
                if is_enum {
                    found.extend(members(body));
                } else {
                    found.extend(tags(body));
                }
                outside.push("{}");
                at += length - 1;
            }
            _ => outside.push(token),
        }
        at += 1;
    }
    found.extend(declarator(&outside));
    found
}

/// The members of an enumeration: the first word of each part between commas.
fn members<'a>(body: &[Token<'a>]) -> Vec<Token<'a>> {
    body.split(|token| *token == ",").filter_map(|member| member.first().copied()).collect()
}

fn tags<'a>(tokens: &[Token<'a>]) -> impl Iterator<Item = Token<'a>> {
    let is_kind = |token: Token<'_>| ["struct", "union", "enum"].contains(&token);
    tokens.windows(2).filter(move |pair| is_kind(pair[0]) && pair[1].starts_with(is_word)).map(|pair| pair[1])
}

/// The name of a function, a variable or a type, in a declaration whose tags and bodies are replaced by `{}`.
fn declarator<'a>(tokens: &[Token<'a>]) -> Option<Token<'a>> {
    let pointer = tokens.windows(3).find(|window| window[..2] == ["(", "*"]).map(|window| window[2]);
    let is_name = |token: &&&str| token.starts_with(|first: char| is_word(first) && !first.is_ascii_digit());
    match tokens.iter().position(|token| *token == "(") {
        Some(first) if tokens.get(first + 1) != Some(&"*") => tokens[..first].last().copied(),
        Some(_) => pointer,
        None => {
            let end = tokens.iter().position(|token| ["=", "["].contains(token)).unwrap_or(tokens.len());
            tokens[..end].iter().rev().find(is_name).copied().filter(|_| tokens[..end].last() != Some(&"{}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_declares(text: &str, names: &[&str]) {
        let names: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(declared(text, "struct known { int a; };"), names, "{text}");
    }

    #[test]
    fn types_are_seen() {
        assert_declares("typedef struct Reason Reason;", &["Reason"]);
        assert_declares("typedef struct tag { int field; struct inner *in; } name;", &["tag", "inner", "name"]);
        assert_declares("typedef int (*call)(void *user, struct given *);", &["call", "given"]);
        assert_declares("typedef int32_t code;", &["code"]);
        assert_declares("struct ahead; union u { int a; };", &["ahead", "u"]);
        assert_declares("int f(const struct known *at);", &["f"]);
        assert_declares("int f(struct known *at);", &["f"]);
    }

    #[test]
    fn enumerations_and_their_members_are_seen() {
        assert_declares("enum e { ONE = 1, TWO = -2, };", &["e", "ONE", "TWO"]);
        assert_declares("enum e : int32_t { ONE };\ntypedef enum e e;", &["e", "ONE"]);
        assert_declares("typedef enum { A, B } Reason;", &["A", "B", "Reason"]);
    }

    #[test]
    fn functions_and_variables_are_seen() {
        let marker = "__attribute__((visibility(\"default\")))";
        assert_declares(&format!("{marker} const char *text(int a, int b);"), &["text"]);
        assert_declares(&format!("extern {marker} int a[3]; static int b = 1;"), &["a", "b"]);
        assert_declares(
            "static inline int wrap(int a)\n{ int own = f(a); { own++; } return own; }\nint g(void);",
            &["wrap", "g"],
        );
        assert_declares("extern \"C\" {\nint f(void);\n}\nint g(void);", &["f", "g"]);
    }

    #[test]
    fn macros_are_seen() {
        assert_declares(
            "#define Name_MAX 31\n#define CALL(a) (a)\n#undef min\n#pragma pack(push, 16)",
            &["Name_MAX", "CALL", "min"],
        );
    }

    #[test]
    fn files_are_told_apart() {
        let output = "# 1 \"<stdin>\"\na\n# 1 \"/x/go.h\" 1\nb\n# 1 \"/y/time.h\" 1 3 4\nc\n# 2 \"/x/go.h\" 2\nd\n";
        assert_eq!(from_file(output, "/go.h"), ("b\nd\n".to_owned(), "a\nc\n".to_owned()));
    }
}

//! Who knows whom: each file's first line lists exactly what the file imports, and no imports go in a circle.
//!
//! The first line is `// knows: a, b · must not know: what`, wrapped if it is long. A name is a room (a folder of
//! `src`, or a file beside them) or, within a room, the file or folder there in which the paths of the two part. A page
//! that only declares and re-exports its parts (`engine.rs`) needs no such line: what it shows of its parts, it knows.

use std::collections::{BTreeMap, BTreeSet};

use crate::files::{File, after, assert_fine, assert_seen, file, first_word, sources};

/// A module by its path: `["managed", "loan", "acquire"]`.
type Module = Vec<String>;

/// An import: from which line, and the path as it is written, from the crate's root.
struct Import {
    line: usize,
    path: Module,
}

/// How many modules that are written out in the file a line is in.
fn inline_modules(lines: &[&str], at: usize) -> usize {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let (mut depth, mut within) = (0, indent(lines[at]));
    for line in lines[..at].iter().rev().filter(|line| !line.trim().is_empty()) {
        if indent(line) < within {
            within = indent(line);
            let code = line.trim().trim_start_matches("pub(crate) ").trim_start_matches("pub ");
            depth += usize::from(code.starts_with("mod ") && code.ends_with('{'));
        }
    }
    depth
}

/// The paths of a `use`, with its braces multiplied out: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn spread(tree: &str) -> Vec<String> {
    let Some(open) = tree.find('{') else {
        let path = tree.split(" as ").next().unwrap_or_default().trim();
        return if path.is_empty() { Vec::new() } else { vec![path.to_owned()] };
    };
    let close = tree.rfind('}').unwrap_or(tree.len());
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    let inner = &tree[open + 1..close];
    for (at, character) in inner.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inner[start..]);
    parts.iter().flat_map(|part| spread(part)).map(|rest| format!("{}{rest}", tree[..open].trim())).collect()
}

/// Everything that a file names of the crate: in `use`, and in paths that begin with `crate::` or `super::`.
fn imports(file: &File) -> Vec<Import> {
    let text = file.without_tests();
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let (line, first) = (lines[at].trim(), at);
        at += 1;
        if line.starts_with("//") {
            continue;
        }
        let statement =
            line.trim_start_matches("pub(crate) ").trim_start_matches("pub(super) ").trim_start_matches("pub ");
        // A visibility is no import.
        let line = line
            .split("pub(in ")
            .map(|part| part.split_once(')').filter(|_| part.starts_with("crate")).map_or(part, |(_, rest)| rest));
        let line = &line.collect::<String>();
        let paths = if let Some(tree) = statement.strip_prefix("use ") {
            let mut tree = tree.to_owned();
            while !tree.contains(';') && at < lines.len() {
                tree.push_str(lines[at].trim());
                at += 1;
            }
            spread(tree.trim_end_matches(';'))
        } else {
            let paths = ["crate::", "super::"].iter().flat_map(|start| {
                let here = after(line, start).filter(|_| !line.contains("$crate"));
                let whole =
                    here.map(|rest| rest.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).next());
                whole.map(|path| format!("{start}{}", path.unwrap_or_default())).collect::<Vec<_>>()
            });
            paths.collect()
        };
        let depth = inline_modules(&lines, first);
        found.extend(
            paths.iter().filter_map(|path| Some(Import { line: first + 1, path: resolve(file, path, depth)? })),
        );
    }
    found
}

/// A path from the crate's root; `None` if it leads out of the crate.
fn resolve(file: &File, path: &str, inline: usize) -> Option<Module> {
    let mut parts = path.split("::").filter(|part| !part.is_empty()).peekable();
    let own: Vec<&str> = file.module();
    let mut base: Vec<&str> = match parts.peek()? {
        &"crate" => {
            parts.next();
            Vec::new()
        }
        &"super" => own.clone(),
        &"self" => return None,
        // A child of this module, as in `pub use part::Thing`.
        name if is_child(file, name) => own.clone(),
        _ => return None,
    };
    let mut inside = inline;
    while parts.peek() == Some(&"super") {
        parts.next();
        if inside > 0 {
            inside -= 1;
        } else {
            base.pop();
        }
    }
    Some(base.into_iter().chain(parts).map(str::to_owned).collect())
}

/// Whether the file declares this module.
fn is_child(file: &File, name: &str) -> bool {
    file.code().any(|(_, line)| {
        let line = line.trim().trim_end_matches(';');
        line.split("mod ").nth(1) == Some(name) && (line.starts_with("mod ") || line.starts_with("pub"))
    })
}

/// What a page calls a part whose file it chooses: `#[path = "sync/host_std.rs"] mod host;`, `use hosted as platform;`,
/// `mod atomics {`. And the files that it may be.
fn chosen(files: &[File]) -> BTreeMap<Module, BTreeSet<Module>> {
    let mut chosen: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
    for file in files {
        let own = to_owned(&file.module());
        let part = |name: &str| own.iter().cloned().chain([name.to_owned()]).collect::<Module>();
        let mut path = None;
        for (_, line) in file.code() {
            let line = line.trim();
            let declared =
                line.trim_start_matches("pub(crate) ").trim_start_matches("pub(super) ").strip_prefix("mod ");
            if let Some(given) = line.strip_prefix("#[path = \"") {
                path = given.split(".rs").next();
            } else if let Some(name) = declared.and_then(|name| name.strip_suffix(';')) {
                if let Some(path) = path.take() {
                    let real = path.split('/').map(str::to_owned);
                    let folder = &own[..own.len() - 1];
                    chosen.entry(part(name)).or_default().insert(folder.iter().cloned().chain(real).collect());
                } else if chosen.contains_key(&part(name)) {
                    chosen.entry(part(name)).or_default().insert(part(name));
                }
            } else if let Some(name) = declared.and_then(|name| name.strip_suffix(" {")).filter(|name| *name != "tests")
            {
                chosen.entry(part(name)).or_default();
            } else if let Some((real, name)) =
                line.strip_prefix("use ").and_then(|line| line.strip_suffix(';')?.split_once(" as "))
            {
                chosen.entry(part(name)).or_default().insert(part(real));
            }
        }
    }
    chosen
}

/// The modules that there are, by their paths.
struct Map {
    /// Files.
    files: BTreeSet<Module>,
    /// Parts whose file a page chooses.
    chosen: BTreeMap<Module, BTreeSet<Module>>,
}

impl Map {
    fn of(files: &[File]) -> Self {
        Self { files: files.iter().map(|file| to_owned(&file.module())).collect(), chosen: chosen(files) }
    }

    /// The module that a path leads into: the longest part of it that is one.
    fn target(&self, path: &Module) -> Option<Module> {
        let is_module = |path: &&[String]| self.files.contains(*path) || self.chosen.contains_key(*path);
        (1..=path.len()).rev().map(|len| &path[..len]).find(is_module).map(<[String]>::to_vec)
    }
}

/// What a file has to say that it knows, with a line that shows it. Its own parts are not mentioned.
fn known(map: &Map, file: &File) -> BTreeMap<String, usize> {
    let own = file.module();
    let mut known = BTreeMap::new();
    for import in imports(file) {
        let Some(other) = map.target(&import.path).filter(|other| *other != own && !other.starts_with(&to_owned(&own)))
        else {
            continue;
        };
        let common = other.iter().zip(&own).take_while(|(other, own)| other == *own).count();
        // What it is a part of has no name below the common path: it is called by its own.
        let name = other.get(common).or(other.last()).cloned().unwrap_or_default();
        known.entry(name).or_insert(import.line);
    }
    known
}

fn to_owned(module: &[&str]) -> Module {
    module.iter().map(|part| (*part).to_owned()).collect()
}

/// A page declares and re-exports its parts and does nothing itself.
fn is_page(file: &File) -> bool {
    let has_parts = file.code().any(|(_, line)| line.contains("mod ") && line.trim().ends_with(';'));
    let acts = |line: &str| {
        ["fn ", "struct ", "enum ", "impl", "trait ", "macro_rules!"]
            .iter()
            .any(|word| after(line, word).next().is_some())
    };
    has_parts && !file.code().any(|(_, line)| acts(line))
}

/// `// knows: this · must not know: that`, which may go on in lines of the same kind.
fn header(file: &File) -> Option<BTreeSet<String>> {
    let lines = file.text.lines().map_while(|line| line.strip_prefix("// "));
    let first = lines.collect::<Vec<_>>().join(" ");
    let (known, forbidden) = first.strip_prefix("knows: ")?.split_once(" · must not know: ")?;
    let named = known.split(", ").map(str::trim).filter(|name| *name != "nothing");
    (!forbidden.is_empty()).then(|| named.map(str::to_owned).collect())
}

/// First lines that are missing, or do not tell the truth; and a plain summary below them.
fn headers(files: &[File]) -> Vec<String> {
    let (map, mut complaints) = (Map::of(files), Vec::new());
    for file in files.iter().filter(|file| file.is_checked()) {
        if is_page(file) {
            if !file.text.starts_with("//! ") {
                complaints.push(file.at(1, "is a page and should begin with what is in it"));
            }
            continue;
        }
        let Some(said) = header(file) else {
            complaints.push(file.at(1, "should begin with `// knows: … · must not know: …`"));
            continue;
        };
        let mut below = file.text.lines().skip_while(|line| line.starts_with("// "));
        if !below.next().is_some_and(|line| line.starts_with("//! ")) {
            complaints.push(file.at(2, "should say in a sentence what is in the file"));
        }
        let known = known(&map, file);
        let unsaid = known.iter().filter(|(name, _)| !said.contains(*name));
        complaints.extend(
            unsaid.map(|(name, line)| file.at(*line, &format!("names `{name}`, which the first line does not"))),
        );
        let unused = said.iter().filter(|name| !known.contains_key(*name));
        complaints.extend(unused.map(|name| file.at(1, &format!("says that it knows `{name}`, and does not name it"))));
    }
    complaints
}

/// Which file names which: pages lead on to the parts that they show.
fn arrows(files: &[File]) -> BTreeMap<Module, BTreeSet<Module>> {
    let (map, mut arrows) = (Map::of(files), BTreeMap::new());
    for file in files.iter().filter(|file| file.is_checked()) {
        let own = to_owned(&file.module());
        let mut named: BTreeSet<Module> =
            imports(file).iter().filter_map(|import| map.target(&import.path)).filter(|other| *other != own).collect();
        // Parts that it names without a `use`.
        for other in files.iter().map(|other| to_owned(&other.module())).filter(|other| other.len() == own.len() + 1) {
            let name = format!("{}::", other[own.len()]);
            if other.starts_with(&own) && file.code().any(|(_, line)| after(line, &name).next().is_some()) {
                named.insert(other);
            }
        }
        arrows.insert(own, named);
    }
    arrows.extend(map.chosen.into_iter().filter(|(name, _)| !map.files.contains(name)));
    arrows
}

/// Circles of files, and circles of what lies beside each other in one folder.
fn circles(files: &[File]) -> Vec<String> {
    let arrows = arrows(files);
    let mut complaints = circle(&arrows).into_iter().collect::<Vec<_>>();
    let above = |module: &Module| (0..module.len()).map(|len| module[..len].to_vec()).collect::<Vec<_>>();
    let folders: BTreeSet<Module> = arrows.keys().flat_map(above).collect();
    for folder in folders {
        let mut beside: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
        let part = |module: &Module| {
            (module.starts_with(&folder) && module.len() > folder.len()).then(|| module[..=folder.len()].to_vec())
        };
        for (from, to) in &arrows {
            let Some(from) = part(from) else { continue };
            let named = to.iter().filter_map(part).filter(|to| *to != from);
            beside.entry(from.clone()).or_default().extend(named);
        }
        complaints.extend(circle(&beside));
    }
    complaints
}

/// A circle, if there is one, as the names along it.
fn circle(arrows: &BTreeMap<Module, BTreeSet<Module>>) -> Option<String> {
    fn visit(
        module: &Module,
        arrows: &BTreeMap<Module, BTreeSet<Module>>,
        path: &mut Vec<Module>,
        done: &mut BTreeSet<Module>,
    ) -> Option<String> {
        if let Some(at) = path.iter().position(|passed| passed == module) {
            let names = path[at..].iter().chain([module]).map(|module| module.join("/"));
            return Some(format!("a circle of imports: {}", names.collect::<Vec<_>>().join(" -> ")));
        }
        if !done.insert(module.clone()) {
            return None;
        }
        path.push(module.clone());
        let found = arrows.get(module).into_iter().flatten().find_map(|next| visit(next, arrows, path, done));
        path.pop();
        found
    }
    let mut done = BTreeSet::new();
    arrows.keys().find_map(|module| visit(module, arrows, &mut Vec::new(), &mut done))
}

/// The files of a pool's face: what a user's program touches. Nothing else in the crate names them.
const FACES: &[&str] = &["get", "get_blocking", "guard", "health", "maintenance", "pool", "publish"];

/// A face is not imported from another room, nor by what lies below it in its own.
fn faces(files: &[File]) -> Vec<String> {
    let (map, mut complaints) = (Map::of(files), Vec::new());
    for file in files.iter().filter(|file| file.is_checked() && !is_page(file)) {
        let own = file.module();
        let is_face = own.len() == 2 && FACES.contains(&own[1]);
        for import in imports(file).iter().filter(|_| ["managed", "plain"].contains(&own[0]) && !is_face) {
            let other = map.target(&import.path).unwrap_or_default();
            if other.len() == 2 && other[0] == "managed" && FACES.contains(&other[1].as_str()) {
                complaints.push(file.at(import.line, &format!("names the face `{}`", other.join("/"))));
            }
        }
        for import in imports(file).iter().filter(|import| import.path[0] == "plain" && own[0] != "plain") {
            complaints.push(file.at(import.line, "names the plain pool"));
        }
    }
    complaints
}

#[test]
fn each_first_line_lists_what_the_file_imports() {
    assert_fine(&headers(&sources()));
}

#[test]
fn no_imports_go_in_a_circle() {
    assert_fine(&circles(&sources()));
}

#[test]
fn a_face_is_named_by_faces_only() {
    assert_fine(&faces(&sources()));
}

#[test]
fn the_architecture_names_each_room() {
    let architecture = crate::files::read("docs/architecture.md");
    let sources = sources();
    let rooms: BTreeSet<&str> = sources.iter().map(|file| file.module()[0]).filter(|room| *room != "lib").collect();
    let missing = rooms.iter().filter(|room| after(&architecture, room).next().is_none());
    assert_fine(&missing.map(|room| format!("docs/architecture.md: does not name {room}")).collect::<Vec<_>>());
}

fn two(one: (&str, &str), other: (&str, &str)) -> Vec<File> {
    file(one.0, one.1).into_iter().chain(file(other.0, other.1)).collect()
}

const TRUE: &str = "// knows: b · must not know: c\n//! A.\n\nuse super::b::Thing;\nfn a() {}\n";
const NOTHING: &str = "// knows: nothing · must not know: c\n//! B.\n\nfn b() {}\n";

#[test]
fn a_header_that_lies_is_seen() {
    let other = ("engine/b.rs", NOTHING);
    assert_fine(&headers(&two(("engine/a.rs", TRUE), other)));
    let unsaid = TRUE.replace("knows: b", "knows: nothing");
    assert_seen(&headers(&two(("engine/a.rs", &unsaid), other)), "src/engine/a.rs:4: names `b`");
    let unused = TRUE.replace("use super::b::Thing;\n", "");
    assert_seen(&headers(&two(("engine/a.rs", &unused), other)), "src/engine/a.rs:1: says that it knows `b`");
    let commented = TRUE.replace("use super", "// use super");
    assert_seen(&headers(&two(("engine/a.rs", &commented), other)), "says that it knows `b`");
    let inline = TRUE.replace("use super::b::Thing;\nfn a() {}", "fn a(thing: super::b::Thing) {}");
    assert_fine(&headers(&two(("engine/a.rs", &inline), other)));
    let elsewhere = two(
        ("slot/a.rs", &TRUE.replace("super::b", "crate::engine::{c, b}").replace("knows: b", "knows: engine")),
        other,
    );
    assert_fine(&headers(&elsewhere.into_iter().chain(file("engine.rs", "//! All.\nmod b;\n")).collect::<Vec<_>>()));
}

#[test]
fn a_header_out_of_form_is_seen() {
    for text in [
        "",
        "fn a() {}",
        "//! A.\nfn a() {}",
        "// knows: nothing\n//! A.\nfn a() {}",
        "\n// knows: nothing · must not know: b\n",
    ] {
        assert_seen(&headers(&file("a.rs", text)), "should begin with `// knows");
    }
    assert_seen(&headers(&file("a.rs", "// knows: nothing · must not know: b\nfn a() {}")), "should say in a sentence");
    assert_seen(&headers(&file("a.rs", "mod b;\npub use b::B;")), "is a page and should begin");
    assert_fine(&headers(&file("a.rs", "//! All.\nmod b;\npub use b::B;")));
}

#[test]
fn an_import_within_a_module_written_out_is_resolved_from_there() {
    let text = "fn a() {}\nmod inner {\n    use super::a;\n    use super::super::b::Thing;\n}\n";
    let [own] = file("engine/a.rs", text);
    let found: Vec<String> = imports(&own).iter().map(|import| import.path.join("/")).collect();
    assert_eq!(found, ["engine/a/a", "engine/b/Thing"]);
}

#[test]
fn a_circle_is_seen() {
    let back = NOTHING.replace("fn b", "use super::a::Other;\nfn b");
    assert_seen(&circles(&two(("engine/a.rs", TRUE), ("engine/b.rs", &back))), "engine/a -> engine/b -> engine/a");
    assert_fine(&circles(&two(("engine/a.rs", TRUE), ("engine/b.rs", NOTHING))));
    // By way of the page that shows both.
    let shown = NOTHING.replace("fn b", "use super::Other;\nfn b");
    let page = file("engine.rs", "//! All.\nmod a;\nmod b;\npub(crate) use a::Other;\n");
    let all: Vec<File> = two(("engine/a.rs", TRUE), ("engine/b.rs", &shown)).into_iter().chain(page).collect();
    assert_seen(&circles(&all), "a circle of imports");
}

#[test]
fn a_circle_of_folders_is_seen_where_no_files_make_one() {
    let files = [
        ("x/a.rs", "use crate::y::b::B;\nfn a() {}"),
        ("y/b.rs", "fn b() {}"),
        ("y/c.rs", "use crate::x::d::D;\nfn c() {}"),
        ("x/d.rs", "fn d() {}"),
    ];
    let files: Vec<File> = files.into_iter().flat_map(|(path, text)| file(path, text)).collect();
    assert_seen(&circles(&files), "a circle of imports: x -> y -> x");
}

#[test]
fn a_face_that_is_named_from_below_is_seen() {
    let below = ("managed/loan.rs", "use super::pool::Pool;\nfn below() {}");
    assert_seen(&faces(&two(below, ("managed/pool.rs", "fn pool() {}"))), "src/managed/loan.rs:1: names the face");
    let other = ("ffi/pool.rs", "use crate::plain::Pool;\nfn pool() {}");
    assert_seen(&faces(&two(other, ("plain/pool.rs", "fn pool() {}"))), "src/ffi/pool.rs:1: names the plain pool");
    let face = ("managed/get.rs", "use super::pool::Pool;\nfn get() {}");
    assert_fine(&faces(&two(face, ("managed/pool.rs", "fn pool() {}"))));
}

#[test]
fn the_braces_of_a_use_are_multiplied_out() {
    assert_eq!(spread("a::{b, c::{d, e as f}}"), ["a::b", "a::c::d", "a::c::e"]);
    assert_eq!(spread("a::b as c"), ["a::b"]);
    assert_eq!(first_word("a::b"), "a");
}

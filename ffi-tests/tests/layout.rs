//! Structures and constants are the same in C and in Rust, whatever the compiler options of the C program.
//!
//! The C side is `c/inside/layout.c`, the Rust side the tables below. Which rows there must be is read from the header:
//! a new structure, field, constant or macro fails the first test until it has a row on both sides.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CStr, c_char};
use std::mem::{MaybeUninit, offset_of};
use std::path::Path;
use std::process::Command;
use std::{fs, ptr};

use ::conn_pool::ffi::*;
use ffi_tests::compile::{Job, assert_none_fails};
use ffi_tests::header::root;
use ffi_tests::text::{bracketed, code, is_word, without_directives, words};

/// The macros that are no constants: those with a test of their own below, and those for the preprocessor.
const NO_VALUES: &[&str] = &[
    "CONN_POOL_CONFIG_INIT",
    "CONN_POOL_LEASE_INIT",
    "CONN_POOL_WAITER_INIT",
    "CONN_POOL_STORAGE_SIZE",
    "CONN_POOL_DEFINE_STORAGE",
    "CONN_POOL_DEFINE_STATIC",
    "CONN_POOL_H",
    "CONN_POOL_HOSTED",
    "CONN_POOL_API",
    "CONN_POOL_NOTE",
    "CONN_POOL_MUST_USE",
    "CONN_POOL_NONNULL",
    "CONN_POOL_RELEASED_AT_END",
    "CONN_POOL_TSAN",
    "CONN_POOL_VALGRIND",
];

/// `struct row` of `layout.c`.
#[repr(C)]
struct Row {
    owner: *const c_char,
    name: *const c_char,
    offset: usize,
    size: usize,
    value: i64,
}

#[expect(improper_ctypes, reason = "a lease points to a pool, which is opaque to C")]
unsafe extern "C" {
    static conn_pool_layout_types: [Row; 0];
    static conn_pool_layout_values: [Row; 0];
    fn conn_pool_layout_initial(
        config: *mut conn_pool_config,
        lease: *mut conn_pool_lease,
        waiter: *mut conn_pool_waiter,
    );
    safe fn conn_pool_layout_storage_size(capacity: u32) -> usize;
    safe fn conn_pool_layout_storages(sizes: &mut [usize; 2], addresses: &mut [usize; 2]);
}

/// `type` with its alignment and size, or `type.field` with its offset and size.
type Places = BTreeMap<String, (usize, usize)>;
type Values = BTreeMap<String, i64>;

fn text(string: *const c_char) -> Option<&'static str> {
    // SAFETY: NULL, or a string literal of `layout.c`.
    (!string.is_null()).then(|| unsafe { CStr::from_ptr(string) }.to_str().unwrap())
}

fn rows(table: *const Row) -> Vec<&'static Row> {
    // SAFETY: the table ends with a row of NULLs, at which the iterator stops.
    let row = |at| unsafe { &*table.add(at) };
    (0..).map(row).take_while(|row| !row.owner.is_null() || !row.name.is_null()).collect()
}

fn places_in_c() -> Places {
    let name = |row: &Row| match text(row.name) {
        Some(field) => format!("{}.{field}", text(row.owner).unwrap()),
        None => text(row.owner).unwrap().to_owned(),
    };
    let rows = rows((&raw const conn_pool_layout_types).cast());
    rows.into_iter().map(|row| (name(row), (row.offset, row.size))).collect()
}

fn values_in_c() -> Values {
    let rows = rows((&raw const conn_pool_layout_values).cast());
    rows.into_iter().map(|row| (text(row.name).unwrap().to_owned(), row.value)).collect()
}

const fn size_of_field<S, F>(_: fn(&S) -> &F) -> usize {
    size_of::<F>()
}

/// The rows of one type. A field that is not named here does not compile.
macro_rules! place {
    ($places:ident, $type:ident) => {
        $places.insert(stringify!($type).to_owned(), (align_of::<$type>(), size_of::<$type>()));
    };
    ($places:ident, $type:ident { $($field:ident),* $(,)? }) => {
        place!($places, $type);
        let _all_of_them = |value: $type| { let $type { $($field: _),* } = value; };
        $($places.insert(
            format!("{}.{}", stringify!($type), stringify!($field)),
            (offset_of!($type, $field), size_of_field::<$type, _>(|value| &value.$field)),
        );)*
    };
}

fn places_in_rust() -> Places {
    let mut places = Places::new();
    place!(places, conn_pool_event);
    place!(places, conn_pool_note);
    place!(places, conn_pool_status);
    place!(
        places,
        conn_pool_config {
            struct_size,
            capacity,
            max_size,
            max_overtakes,
            min_idle,
            idle_timeout_ms,
            max_lifetime_ms,
            name,
            user,
            create,
            validate,
            reset,
            destroy,
            on_event,
            clock_ms,
            validate_after_ms,
            keepalive_ms,
            flags,
            leak_after_ms,
            note,
            begin_create,
            connect_timeout_ms,
            max_connecting,
        }
    );
    place!(places, conn_pool_reason);
    place!(places, conn_pool_lease_info { resource, tag, thread, held_ms, slot, reserved });
    place!(places, conn_pool_lease { pool, resource, slot, generation });
    place!(places, conn_pool_waiter { reserved });
    place!(
        places,
        conn_pool_stats {
            struct_size,
            capacity,
            max_size,
            in_use,
            idle,
            vacant,
            waiting,
            peak_in_use,
            peak_waiting,
            acquired,
            reused,
            waited,
            timed_out,
            overtakes,
            created,
            create_failed,
            invalid,
            reset_failed,
            destroyed,
            misused,
            closed,
            exhausted,
            suspended,
            connecting,
        }
    );
    place!(places, conn_pool_create_fn);
    place!(places, conn_pool_check_fn);
    place!(places, conn_pool_destroy_fn);
    place!(places, conn_pool_event_fn);
    place!(places, conn_pool_clock_fn);
    place!(places, conn_pool_note_fn);
    place!(places, conn_pool_begin_create_fn);
    place!(places, conn_pool_ready_fn);
    places
}

macro_rules! values {
    ($($name:ident = $value:expr,)*) => {
        [$((stringify!($name).to_owned(), i64::try_from($value).unwrap()),)*].into()
    };
}

/// The members of an enumeration. One that is not named here does not compile.
macro_rules! members {
    ($values:ident, $type:ident { $($name:ident,)* }) => {
        let _all_of_them = |value: $type| match value { $($type::$name => {})* };
        $($values.insert(stringify!($name).to_owned(), $type::$name as i64);)*
    };
}

fn values_in_rust() -> Values {
    let mut values: Values = values! {
        CONN_POOL_VERSION = conn_pool_version(),
        CONN_POOL_VERSION_MAJOR = CONN_POOL_VERSION_MAJOR,
        CONN_POOL_VERSION_MINOR = CONN_POOL_VERSION_MINOR,
        CONN_POOL_VERSION_PATCH = CONN_POOL_VERSION_PATCH,
        CONN_POOL_WAIT_FOREVER = CONN_POOL_WAIT_FOREVER,
        CONN_POOL_MAX_CAPACITY = CONN_POOL_MAX_CAPACITY,
        CONN_POOL_MAX_NAME = CONN_POOL_MAX_NAME,
        CONN_POOL_TRACK = CONN_POOL_TRACK,
        CONN_POOL_MAX_ERROR = CONN_POOL_MAX_ERROR,
        CONN_POOL_STORAGE_BASE = CONN_POOL_STORAGE_BASE,
        CONN_POOL_STORAGE_PER_SLOT = CONN_POOL_STORAGE_PER_SLOT,
        CONN_POOL_STORAGE_WORDS_BARE = CONN_POOL_STORAGE_WORDS_BARE,
        CONN_POOL_STORAGE_WORDS_BARE_64 = CONN_POOL_STORAGE_WORDS_BARE_64,
        CONN_POOL_STORAGE_WORDS_PER_SLOT_BARE = CONN_POOL_STORAGE_WORDS_PER_SLOT_BARE,
    };
    members!(
        values,
        conn_pool_event {
            CONN_POOL_EVENT_CREATED,
            CONN_POOL_EVENT_CREATE_FAILED,
            CONN_POOL_EVENT_INVALID,
            CONN_POOL_EVENT_RESET_FAILED,
            CONN_POOL_EVENT_DESTROYED,
            CONN_POOL_EVENT_LEAKED,
        }
    );
    members!(
        values,
        conn_pool_reason {
            CONN_POOL_REASON_DISCARDED,
            CONN_POOL_REASON_INVALID,
            CONN_POOL_REASON_RESET_FAILED,
            CONN_POOL_REASON_MAX_LIFETIME,
            CONN_POOL_REASON_IDLE_TIMEOUT,
            CONN_POOL_REASON_EVICTED,
            CONN_POOL_REASON_SURPLUS,
            CONN_POOL_REASON_CLOSED,
            CONN_POOL_REASON_PANIC,
        }
    );
    members!(
        values,
        conn_pool_note {
            CONN_POOL_NOTE_ASK,
            CONN_POOL_NOTE_ACQUIRED,
            CONN_POOL_NOTE_RELEASED,
            CONN_POOL_NOTE_OWN,
            CONN_POOL_NOTE_IGNORE,
            CONN_POOL_NOTE_HEED,
        }
    );
    members!(
        values,
        conn_pool_status {
            CONN_POOL_OK,
            CONN_POOL_PENDING,
            CONN_POOL_EXHAUSTED,
            CONN_POOL_TIMED_OUT,
            CONN_POOL_CLOSED,
            CONN_POOL_BUSY,
            CONN_POOL_INVALID_ARGUMENT,
            CONN_POOL_UNSUPPORTED,
            CONN_POOL_CONFIG_TOO_NEW,
            CONN_POOL_STORAGE_TOO_SMALL,
            CONN_POOL_MISALIGNED,
            CONN_POOL_OUT_OF_MEMORY,
            CONN_POOL_NOT_HELD,
            CONN_POOL_STALE,
            CONN_POOL_WRONG_POOL,
            CONN_POOL_FORGED,
            CONN_POOL_FULL,
            CONN_POOL_CREATE_FAILED,
            CONN_POOL_ALREADY_WAITING,
            CONN_POOL_NOT_WAITING,
            CONN_POOL_FORKED,
            CONN_POOL_PANIC,
            CONN_POOL_DEADLOCK,
        }
    );
    values
}

/// What a header declares: types and their fields, as `type` or `type.field`; members of enumerations, and macros.
#[derive(Debug, Default, PartialEq)]
struct Declared {
    places: BTreeSet<String>,
    values: BTreeSet<String>,
}

fn declared(header: &str) -> Declared {
    let code = code(header);
    let mut found = Declared::default();
    for (at, _) in code.match_indices("typedef ") {
        let rest = &code[at + "typedef ".len()..];
        let head = rest.split([';', '{']).next().unwrap();
        let has_body = rest[head.len()..].starts_with('{');
        if has_body {
            let (body, _) = bracketed(rest, '{', '}').expect("a body that ends");
            let name = words(head).nth(1).expect("`struct name`");
            found.places.insert(name.to_owned());
            found.places.extend(body.split(';').filter_map(field).map(|field| format!("{name}.{field}")));
        } else if let Some((_, pointer)) = head.split_once("(*") {
            found.places.extend(words(pointer).next().map(str::to_owned));
        }
    }
    // The body of an enumeration stands beside its size, and its `typedef` comes after it.
    for (at, _) in code.match_indices("enum ") {
        let rest = &code[at + "enum ".len()..];
        let head = rest.split([';', '{']).next().unwrap();
        if rest[head.len()..].starts_with('{') {
            let (body, _) = bracketed(rest, '{', '}').expect("a body that ends");
            found.places.extend(words(head).next().map(str::to_owned));
            found.values.extend(body.split(',').filter_map(|member| words(member).next()).map(str::to_owned));
        }
    }
    for directive in code.lines().filter_map(|line| line.trim().strip_prefix('#')) {
        found.values.extend(
            directive.trim().strip_prefix("define ").and_then(|macro_| words(macro_).next()).map(str::to_owned),
        );
    }
    found
}

/// The name that a declaration of a field ends with.
fn field(declaration: &str) -> Option<&str> {
    let name = declaration.split('[').next()?.trim_end();
    let name = &name[name.trim_end_matches(is_word).len()..];
    (!name.is_empty()).then_some(name)
}

/// Names that are on one side only.
fn differences(what: &str, wanted: &BTreeSet<String>, found: &BTreeSet<String>) -> Vec<String> {
    let missing = wanted.difference(found).map(|name| format!("{what} has no row for {name}"));
    let unknown = found.difference(wanted).map(|name| format!("{what} has a row for {name}, which the header has not"));
    missing.chain(unknown).collect()
}

fn names<V>(rows: &BTreeMap<String, V>) -> BTreeSet<String> {
    rows.keys().cloned().collect()
}

#[test]
fn everything_in_the_header_has_a_row() {
    let mut declared = declared(&fs::read_to_string(root().join("include/conn_pool.h")).unwrap());
    for name in NO_VALUES {
        assert!(declared.values.remove(*name), "{name} is no macro of the header: take it off NO_VALUES");
    }
    let complaints = [
        differences("layout.c", &declared.places, &names(&places_in_c())),
        differences("layout.rs", &declared.places, &names(&places_in_rust())),
        differences("layout.c", &declared.values, &names(&values_in_c())),
        differences("layout.rs", &declared.values, &names(&values_in_rust())),
    ]
    .concat();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn places_and_sizes_are_the_same_in_c_and_rust() {
    assert_eq!(places_in_c(), places_in_rust());
}

/// A program that prints the rows of `layout.c`.
const PRINT: &str = r#"
#include <stdio.h>
int main(void)
{
    const struct row *row = conn_pool_layout_types;

    for (; row->owner != NULL; row++) {
        printf("%s%s%s %u %u\n", row->owner, row->name != NULL ? "." : "", row->name != NULL ? row->name : "",
               (unsigned)row->offset, (unsigned)row->size);
    }
    return 0;
}
"#;

/// Compiler options, and what a program may write before it includes the header, that change the layout of structures.
const SETTINGS: &[(&[&str], &str)] = &[
    (&[], ""),
    (&["-fpack-struct=1"], ""),
    (&["-fpack-struct=2", "-fshort-enums"], ""),
    (&["-fshort-enums"], ""),
    (&[], "#pragma pack(1)"),
    (&[], "#pragma pack(push, 2)"),
    (&["-funsigned-char", "-D_FILE_OFFSET_BITS=64", "-D_TIME_BITS=64"], ""),
];

/// The places in a program that is compiled like this. The system's headers come first, because packing breaks them.
fn places_of_a_program(job: &Job, before: &str, name: &str) -> Result<Places, String> {
    let layout = fs::read_to_string(root().join("ffi-tests/c/inside/layout.c")).unwrap();
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let text = format!("#include <time.h>\n{before}\n{layout}\n{PRINT}");
    job.call(&["-o", program.to_str().expect("UTF-8")], &text)?;
    let output = Command::new(&program).output().expect("it was just built");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let place = |line: &str| {
        let mut words = line.split(' ');
        let name = words.next()?.to_owned();
        let mut number = || words.next()?.parse().ok();
        Some((name, (number()?, number()?)))
    };
    Ok(text.lines().map(|line| place(line).expect("as printed above")).collect())
}

#[test]
fn places_and_sizes_do_not_depend_on_the_options_of_the_program() {
    let mut outcomes = Vec::new();
    for (compiler, language, standard) in
        [("gcc", "c", "c99"), ("clang", "c", "c2x"), ("g++", "c++", "c++17"), ("clang++", "c++", "c++17")]
    {
        for (number, &(flags, before)) in SETTINGS.iter().enumerate() {
            let job = Job { compiler, language, standard, flags: flags.to_vec() };
            let found = places_of_a_program(&job, before, &format!("layout-{compiler}-{standard}-{number}"));
            outcomes.push(found.and_then(|found| {
                let wrong: Vec<_> =
                    places_in_rust().into_iter().filter(|(name, place)| found.get(name) != Some(place)).collect();
                if wrong.is_empty() {
                    Ok(())
                } else {
                    Err(format!("{compiler} -std={standard} {flags:?} {before}: not {wrong:?}"))
                }
            }));
        }
    }
    assert_none_fails(outcomes);
}

/// The words of types that the header may use, beside its own. Their sizes depend on the target only, and not on
/// options and macros of the program, as those of `time_t`, `off_t`, enumerations and structures of the system do.
const FIXED: &[&str] =
    &["const", "void", "char", "int", "unsigned", "size_t", "int32_t", "uint32_t", "int64_t", "uint64_t"];

/// The types of exported functions, callbacks and fields that use other words.
fn loose_types(header: &str) -> Vec<String> {
    let code = without_directives(&code(header)).replace("extern", "");
    let code = ["CONN_POOL_API", "CONN_POOL_MUST_USE"].iter().fold(code, |code, marker| code.replace(marker, ""));
    // Inline functions belong to the program, so their types do not cross the border.
    let exported = code.split("static inline").next().unwrap_or_default();
    let mut complaints = Vec::new();
    for declaration in exported.split([';', '{', '}']) {
        let declaration = declaration.split("CONN_POOL_NONNULL").next().unwrap_or_default();
        // Members of an enumeration have no type. The size of the enumeration is in the tables.
        let is_enum = words(declaration).find(|word| *word != "typedef") == Some("enum");
        if is_enum || declaration.contains('=') {
            continue;
        }
        for part in declaration.split(['(', ',', ')']).map(|part| part.split('[').next().unwrap_or_default()) {
            let mut words: Vec<&str> = words(part).filter(|word| !["typedef", "struct"].contains(word)).collect();
            // The last word is a name, unless it is the only one: `(void)`.
            if words.len() > 1 {
                words.pop();
            }
            let is_loose = |word: &&str| !FIXED.contains(word) && !word.starts_with("conn_pool");
            complaints.extend(words.into_iter().filter(is_loose).map(|word| format!("`{word}` in `{}`", part.trim())));
        }
    }
    complaints
}

#[test]
fn what_crosses_the_border_is_made_of_types_of_one_size() {
    let header = fs::read_to_string(root().join("include/conn_pool.h")).unwrap();
    assert_eq!(loose_types(&header), [""; 0]);
}

#[test]
fn constants_are_the_same_in_c_and_rust() {
    assert_eq!(values_in_c(), values_in_rust());
}

#[test]
fn initialisers_leave_everything_unset() {
    let (mut config, mut lease) = (MaybeUninit::uninit(), MaybeUninit::uninit());
    let mut waiter = conn_pool_waiter { reserved: [7; 24] };
    // SAFETY: it writes each of the three in full.
    unsafe { conn_pool_layout_initial(config.as_mut_ptr(), lease.as_mut_ptr(), &raw mut waiter) };
    // SAFETY: just written.
    let (config, lease) = unsafe { (config.assume_init(), lease.assume_init()) };
    let conn_pool_lease { pool, resource, slot, generation } = lease;
    assert!(pool.is_null() && resource.is_null() && (slot, generation) == (0, 0));
    assert_eq!(waiter.reserved, [0; 24]);
    assert_eq!(config.struct_size, size_of::<conn_pool_config>());
    let numbers = [config.capacity, config.max_size, config.max_overtakes, config.min_idle];
    let times = [config.idle_timeout_ms, config.max_lifetime_ms, config.validate_after_ms];
    let later = [config.keepalive_ms, config.flags, config.leak_after_ms];
    assert_eq!((numbers, times, later), ([0; 4], [0; 3], [0; 3]));
    assert!(ptr::eq(config.name, ptr::null()) && config.user.is_null());
    assert!(config.create.is_none() && config.validate.is_none() && config.reset.is_none());
    assert!(config.destroy.is_none() && config.on_event.is_none() && config.clock_ms.is_none());
    assert!(config.note.is_none());
}

#[test]
fn storage_macros_are_large_enough_and_aligned() {
    for capacity in [1, 2, 63, 64, 65, 1024, CONN_POOL_MAX_CAPACITY] {
        let in_c = conn_pool_layout_storage_size(capacity);
        assert_eq!(in_c, CONN_POOL_STORAGE_BASE + capacity as usize * CONN_POOL_STORAGE_PER_SLOT);
        assert!(in_c >= conn_pool_storage_size(capacity), "{capacity}");
    }
    let (mut sizes, mut addresses) = ([0; 2], [0; 2]);
    conn_pool_layout_storages(&mut sizes, &mut addresses);
    assert!(sizes.into_iter().all(|size| size >= conn_pool_layout_storage_size(5)), "{sizes:?}");
    assert!(addresses.into_iter().all(|address| address % conn_pool_storage_align() == 0), "{addresses:?}");
}

/// The tests above can fail.
mod reading {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn types_fields_members_and_macros_are_seen() {
        let header = "
            #define ONE 1 /* #define NOT_ONE */
            #  define TWO(a) \\
                (a)
            typedef struct opaque opaque;
            enum e : int32_t { E_ONE = 1, /* E_NOT, */ E_TWO = -2, };
            typedef enum e e;
            typedef struct s {
                /** A field; not { two }. */
                const char *name;
                uint64_t reserved[16]; struct opaque *last;
            } s;
            typedef int (*call)(void *user, void **resource);
        ";
        let found = declared(header);
        assert_eq!(found.values, set(&["ONE", "TWO", "E_ONE", "E_TWO"]));
        assert_eq!(found.places, set(&["e", "s", "s.name", "s.reserved", "s.last", "call"]));
    }

    #[test]
    fn types_of_more_than_one_size_are_seen() {
        assert_eq!(
            loose_types("CONN_POOL_API int f(void); CONN_POOL_API const char *g(uint32_t a, size_t b);"),
            [""; 0]
        );
        assert_eq!(loose_types("typedef struct conn_pool_s { void *a; uint64_t b[4]; } conn_pool_s;"), [""; 0]);
        assert_eq!(loose_types("static inline int f(const struct timespec *at) { time_t a; }"), [""; 0]);
        assert_eq!(
            loose_types("int f(void *a, const struct timespec *at);"),
            ["`timespec` in `const struct timespec *at`"]
        );
        assert_eq!(loose_types("int f(enum kind kind);"), ["`enum` in `enum kind kind`", "`kind` in `enum kind kind`"]);
        assert_eq!(loose_types("typedef int (*conn_pool_fn)(time_t when);"), ["`time_t` in `time_t when`"]);
        assert_eq!(loose_types("typedef struct conn_pool_s { long a; } conn_pool_s;"), ["`long` in `long a`"]);
    }

    #[test]
    fn a_row_too_few_and_a_row_too_many_are_seen() {
        assert_eq!(differences("table", &set(&["a", "b"]), &set(&["b"])), ["table has no row for a"]);
        assert_eq!(
            differences("table", &set(&["b"]), &set(&["b", "c"])),
            ["table has a row for c, which the header has not"]
        );
        assert_eq!(differences("table", &set(&["b"]), &set(&["b"])), [""; 0]);
    }
}

//! The walls between the rooms of the host: which room may know which, and which foreign crate lives where.
//!
//! A new arrow between rooms is a decision: it goes into `docs/architecture.md` and, in the same commit, into this table.

#![expect(clippy::unwrap_used, reason = "a test: what cannot be read fails it")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Each room, and the rooms that it may know.
const ARROWS: [(&str, &[&str]); 22] = [
    // Leaves: they know nobody.
    ("frame", &[]),
    ("json", &[]),
    ("request", &[]),
    ("config", &[]),
    ("telemetry", &[]),
    ("internal", &[]),
    ("files", &[]),
    ("rate_limit", &[]),
    ("store", &[]),
    // Keys come out of the configuration.
    ("auth", &["config"]),
    // The house itself knows the leaves only.
    ("adapter", &["frame", "json", "request"]),
    ("engine", &["files", "frame", "request"]),
    ("effect", &["frame", "json", "adapter"]),
    ("plugin", &["auth", "config", "effect", "json", "rate_limit", "adapter", "store"]),
    ("dispatch", &["effect", "json", "plugin", "adapter"]),
    ("protocol", &["dispatch", "effect", "engine", "frame", "json", "plugin", "request", "adapter"]),
    ("drain", &["engine"]),
    (
        "app",
        &[
            "auth",
            "config",
            "dispatch",
            "drain",
            "effect",
            "engine",
            "files",
            "internal",
            "plugin",
            "rate_limit",
            "protocol",
            "adapter",
            "store",
        ],
    ),
    ("cli", &["app", "auth", "config", "store", "telemetry"]),
    // A room that only tests have: it builds a house and plays its guests.
    ("scenarios", &["app", "cli", "config"]),
    ("lib", &["cli", "config", "scenarios"]),
    ("main", &[]),
];

/// Foreign crates that only some rooms may know.
const FOREIGN: [(&str, &[&str]); 9] = [
    ("jsonwebtoken", &["auth"]),
    ("wasmtime", &["plugin"]),
    ("wasmtime_wasi", &["plugin"]),
    ("hyper", &["engine", "files", "internal"]),
    ("hyper_util", &["engine", "internal"]),
    ("redb", &["store"]),
    ("tungstenite", &["engine"]),
    // The command line looks into the manifest of what it builds.
    ("toml", &["config", "cli"]),
    ("clap", &["cli"]),
];

/// The longest that a file of the host may get.
const LINES_MAX: usize = 450;

#[test]
fn no_room_knows_more_than_it_may() {
    let mut wrong = Vec::new();
    for file in sources() {
        let room = room_of(&file);
        let allowed = ARROWS.iter().find(|(name, _)| *name == room).map(|(_, allowed)| *allowed);
        let Some(allowed) = allowed else {
            wrong.push(format!("{}: the room {room:?} is not in the table", file.display()));
            continue;
        };
        for known in words_behind("crate::", &code_of(&file)) {
            let is_room = ARROWS.iter().any(|(name, _)| *name == known);
            if is_room && known != room && !allowed.contains(&known.as_str()) {
                wrong.push(format!("{}: {room} may not know {known}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn each_foreign_crate_lives_in_its_rooms() {
    let mut wrong = Vec::new();
    for file in sources() {
        let code = code_of(&file);
        for (name, rooms) in FOREIGN {
            if mentions(&code, name) && !rooms.contains(&room_of(&file).as_str()) {
                wrong.push(format!("{}: {name} belongs to {rooms:?}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_file_grows_beyond_its_job() {
    let lines = |file: &PathBuf| fs::read_to_string(file).unwrap().lines().count();
    let long: Vec<_> = sources().into_iter().filter(|file| lines(file) > LINES_MAX).collect();
    assert!(long.is_empty(), "over {LINES_MAX} lines: {long:?}");
}

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.extension() {
                _ if path.is_dir() => open.push(path),
                // Tests of a room that are a file of their own.
                _ if path.ends_with("tests.rs") => {}
                Some(extension) if extension == "rs" => found.push(path),
                _ => {}
            }
        }
    }
    assert!(found.len() > 50, "the sources were not found");
    found
}

/// The first part of a file's path: `sockets` for both `sockets.rs` and `sockets/record.rs`.
fn room_of(file: &Path) -> String {
    let inside = file.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
    let first = inside.components().next().unwrap().as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// The file without its comments and its tests.
fn code_of(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// Every word that stands behind `prefix`; `crate::{a::B, c}` gives `a` and `c`.
fn words_behind(prefix: &str, code: &str) -> BTreeSet<String> {
    let word = |text: &str| text.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect::<String>();
    let mut words = BTreeSet::new();
    for (at, _) in code.match_indices(prefix) {
        let rest = &code[at + prefix.len()..];
        match rest.strip_prefix('{') {
            None => drop(words.insert(word(rest))),
            Some(group) => words.extend(top_level(group).iter().map(|entry| word(entry.trim()))),
        }
    }
    words
}

/// The entries of a `use` group, up to its closing brace.
fn top_level(group: &str) -> Vec<String> {
    let (mut entries, mut depth) = (vec![String::new()], 0);
    for letter in group.chars() {
        match letter {
            '}' if depth == 0 => break,
            ',' if depth == 0 => {
                entries.push(String::new());
                continue;
            }
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        entries.last_mut().unwrap().push(letter);
    }
    entries
}

/// Whether the code names the crate in a path.
fn mentions(code: &str, name: &str) -> bool {
    let path = format!("{name}::");
    code.match_indices(&path).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        before.is_none_or(|letter| !letter.is_alphanumeric() && letter != '_' && letter != ':')
    })
}

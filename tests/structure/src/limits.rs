//! Every limit of the host is hit by a test that names it, and has one home.
//!
//! The limits that an operator may change are the rows of docs/configuration.md, which another test compares with the code; those that
//! nobody may change are the constants of host/src/fixed_limits.rs.

use std::fs;

use crate::sources::{files_of, has_extension, root};

/// Keys of `[plugins.<name>]` that are limits.
const PLUGIN_LIMITS: [&str; 4] = ["instances_max", "memory_bytes_max", "run_ms", "call_ms"];

#[test]
fn every_limit_is_named_by_a_test_that_hits_it() {
    let tests = tests();
    let named = |limit: &String| tests.iter().any(|text| has_word(text, limit));
    let missing: Vec<_> = changeable().into_iter().chain(fixed()).filter(|limit| !named(limit)).collect();
    assert!(missing.is_empty(), "no test names {missing:?}; tests/e2e/limits.test.mjs is the place for one");
}

#[test]
fn no_limit_is_defined_elsewhere() {
    let is_limit = |line: &str| {
        let name = line.split_once("const ").and_then(|(_, rest)| rest.split_once(':')).map_or("", |(name, _)| name);
        name.ends_with("_MAX")
    };
    let mut stray = Vec::new();
    for file in files_of(&root().join("host/src"))
        .into_iter()
        .filter(|file| has_extension(file, &["rs"]) && !file.ends_with("fixed_limits.rs"))
    {
        let text = fs::read_to_string(&file).unwrap();
        stray.extend(text.lines().filter(|line| is_limit(line)).map(|line| format!("{}: {}", file.display(), line.trim())));
    }
    assert!(stray.is_empty(), "limits belong to config::Limits or fixed_limits.rs:\n{}", stray.join("\n"));
}

/// The limits in the table of the configuration.
fn changeable() -> Vec<String> {
    let text = fs::read_to_string(root().join("docs/configuration.md")).unwrap();
    let keys = |heading: &str| -> Vec<String> {
        let section = text.split(&format!("## `[{heading}]`")).nth(1).unwrap().split("\n## ").next().unwrap();
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
        rows.map(|row| row.split('`').next().unwrap().to_owned()).collect()
    };
    let (limits, plugin) = (keys("limits"), keys("plugins.<name>"));
    assert!(limits.len() >= 16 && PLUGIN_LIMITS.iter().all(|name| plugin.iter().any(|key| key == name)), "{limits:?} {plugin:?}");
    limits.into_iter().chain(PLUGIN_LIMITS.map(str::to_owned)).collect()
}

/// The limits that nobody may change.
fn fixed() -> Vec<String> {
    let text = fs::read_to_string(root().join("host/src/fixed_limits.rs")).unwrap();
    let constants = text.lines().filter_map(|line| line.strip_prefix("pub(crate) const "));
    let names: Vec<_> = constants.map(|rest| rest.split(':').next().unwrap().to_owned()).collect();
    assert!(names.len() > 10, "{names:?}");
    names
}

/// The code of all tests but those of the configuration, which only read values.
fn tests() -> Vec<String> {
    let root = root();
    let mut texts = Vec::new();
    for file in files_of(&root.join("tests/e2e")).into_iter().filter(|file| has_extension(file, &["mjs"])) {
        texts.push(fs::read_to_string(file).unwrap());
    }
    for file in files_of(&root.join("host/src")).into_iter().filter(|file| has_extension(file, &["rs"])) {
        let path = file.strip_prefix(root.join("host/src")).unwrap();
        if path.starts_with("config") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        let is_test = path.iter().any(|part| part == "tests" || part == "tests.rs");
        texts.push(if is_test { text } else { text.split_once("#[cfg(test)]").unwrap_or_default().1.to_owned() });
    }
    texts
}

fn has_word(text: &str, word: &str) -> bool {
    let is_letter = |letter: char| letter.is_alphanumeric() || letter == '_';
    text.match_indices(word).any(|(at, _)| {
        let (before, after) = (text[..at].chars().next_back(), text[at + word.len()..].chars().next());
        !before.is_some_and(is_letter) && !after.is_some_and(is_letter)
    })
}

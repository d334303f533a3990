//! Every limit of the host and of the contract is hit by a test that names it, and has one home.
//!
//! The limits that an operator may change are the rows of docs/configuration.md, which another test compares with the code; those that
//! nobody may change are the constants of host/src/fixed_limits.rs. What every host promises to plugins are the constants of
//! wit/src/limits.rs and wit/src/defaults.rs; most of those are hit by tests/scenarios/src/limits.rs, which both hosts run.

use std::fs;
use std::path::{Path, PathBuf};

use crate::sources::{files_of, has_extension, root};

/// Keys of `[plugins.<name>]` that are limits.
const PLUGIN_LIMITS: [&str; 7] =
    ["instances_max", "waiting_max", "open_calls_max", "memory_bytes_max", "store_bytes_max", "run_ms", "call_ms"];

/// Limits of the contract that nothing can reach yet, each with the reason. One that the host uses does not belong here.
const UNREACHABLE: [(&str, &str); 1] = [("HTTP_BODY_BYTES_MAX", "no plugin can make a request yet: docs/unsupported.md")];

/// Limits of the host without a counter in `/metrics`, each with the reason.
const UNCOUNTED: [(&str, &str); 40] = [
    ("inbound_high_bytes", "counted as inbound_high_events, the other measure of the same queue"),
    ("inbound_max_bytes", "counted as inbound_max_events"),
    ("CLOSE_DEADLINE", AT_THE_END),
    ("POLL_GAP", AT_THE_END),
    ("drain_deadline", AT_THE_END),
    ("LISTEN_BACKLOG", "the system drops connections beyond it, and counts them (nstat: TcpExtListenOverflows)"),
    ("HANDSHAKE_BURST_S", "counted as handshakes_per_second_max"),
    ("HANDLES_RESERVED", "counted as connections_max"),
    ("PROXY_HEADER_BYTES_MAX", "counted as PROXY_HEADER_DEADLINE, the other measure of the same header"),
    ("FILE_STALL", "whoever has not read for so long makes room when another needs it: OPEN_FILES_MAX"),
    ("REFUSAL_LINES_MAX", LINES),
    ("REFUSED_JOIN_LINES_MAX", LINES),
    ("PRINTED_LINE_BYTES_MAX", "nothing is lost: the line is two"),
    ("LOG_VALUE_BYTES_MAX", "the value is marked"),
    ("LOG_LINE_BYTES_MAX", "the line is marked"),
    ("LOG_QUEUE_BYTES_MAX", "counted as innkeeper_log_lines_dropped"),
    ("PLUGIN_LOG_LINES_MAX", "a reader sees how many lines are gone"),
    ("PLUGIN_LOG_BYTES_MAX", "a reader sees how many lines are gone"),
    ("METRIC_NAMES_MAX", "counted as the label other"),
    ("RANDOM_BYTES_MAX", "the guest traps: innkeeper_call_failures"),
    ("WASI_RESOURCES_MAX", "the guest traps: innkeeper_call_failures"),
    ("compile_memory_bytes_max", NOT_LOADED),
    ("compile_time_max", NOT_LOADED),
    ("ARTEFACT_BYTES_MAX", NOT_LOADED),
    ("ARTEFACTS_BYTES_MAX", "what goes is compiled again"),
    ("COMPONENT_MODULES_MAX", NOT_LOADED),
    ("COMPONENT_DEPTH_MAX", NOT_LOADED),
    ("COMPONENT_FUNCTIONS_MAX", NOT_LOADED),
    ("FUNCTION_BYTES_MAX", NOT_LOADED),
    ("CORE_INSTANCES_MAX", NOT_LOADED),
    ("MEMORIES_MAX", NOT_LOADED),
    ("TABLES_MAX", NOT_LOADED),
    ("REGISTRATION_NAMES_MAX", NOT_LOADED),
    ("REGISTRATION_BYTES_MAX", NOT_LOADED),
    ("PATTERNS_MAX", NOT_LOADED),
    ("PATTERN_BYTES_MAX", NOT_LOADED),
    ("PATTERN_COMPILED_BYTES_MAX", NOT_LOADED),
    ("KEPT_COMPONENT_BYTES_MAX", "the component does not take over again, and the reason names it"),
    ("KEPT_LIST_BYTES_MAX", "the list is begun anew, with a line in the log"),
    ("SNAPSHOT_BYTES_MAX", "the next generation is refused, and the reason names it"),
];
const AT_THE_END: &str = "a time at the end of a connection or of the server, whose reason is counted";
const LINES: &str = "what the line is about is counted, and the next line says how many were left out";
const NOT_LOADED: &str = "the plugin is not loaded, and the start says why";

#[test]
fn every_limit_is_counted_where_it_is_hit() {
    let counters = fs::read_to_string(root().join("host/src/limit_hits.rs")).unwrap();
    let files = ["host/src", "wit/src"].into_iter().flat_map(rust_files);
    let is_code = |path: &Path| !path.starts_with("config") && !path.ends_with("limit_hits.rs");
    let sources: Vec<_> = files.filter(|(path, _)| is_code(path)).map(|(_, text)| text).collect();
    // `Variant = "label"`, and elsewhere `LimitHit::Variant`; or the label of a refusal.
    let is_hit = |limit: &String| {
        let label = format!("\"{limit}\"");
        let variants = counters.lines().filter_map(|line| line.trim().strip_suffix(',')?.split_once(" = "));
        let mut variants = variants.filter(|(_, other)| *other == label).map(|(variant, _)| format!("LimitHit::{variant}"));
        variants.any(|variant| sources.iter().any(|text| has_word(text, &variant)))
            || sources.iter().any(|text| text.contains(&label))
    };
    let is_excused = |limit: &String| UNCOUNTED.iter().any(|(name, _)| name == limit);
    let missing: Vec<_> = changeable().into_iter().chain(fixed()).filter(|limit| !is_excused(limit) && !is_hit(limit)).collect();
    assert!(missing.is_empty(), "nothing counts when {missing:?} are hit; host/src/limit_hits.rs is the place for a counter");
    let known: Vec<_> = changeable().into_iter().chain(fixed()).collect();
    for (name, reason) in UNCOUNTED {
        assert!(known.iter().any(|limit| limit == name), "{name} is no limit of the host: {reason}");
        assert!(!is_hit(&name.to_owned()), "{name} is counted, so {reason:?} is over");
    }
}

#[test]
fn every_limit_is_named_by_a_test_that_hits_it() {
    let tests = tests_of_host();
    let named = |limit: &String| tests.iter().any(|text| has_word(text, limit));
    let missing: Vec<_> = changeable().into_iter().chain(fixed()).filter(|limit| !named(limit)).collect();
    assert!(missing.is_empty(), "no test names {missing:?}; tests/e2e/limits.test.mjs is the place for one");
}

#[test]
fn every_limit_of_the_contract_is_named_by_a_test_that_hits_it() {
    let mut tests = tests_of_host();
    tests.extend(tests_in("plugin-sdk/rust/src"));
    for folder in ["plugin-sdk/rust/tests", "tests/scenarios/src"] {
        tests.extend(rust_files(folder).into_iter().map(|(_, text)| text));
    }
    let named = |limit: &String| tests.iter().any(|text| has_word(text, limit));
    let is_reachable = |limit: &String| UNREACHABLE.iter().all(|(name, _)| name != limit);
    let missing: Vec<_> = of_contract().into_iter().filter(|limit| is_reachable(limit) && !named(limit)).collect();
    assert!(missing.is_empty(), "no test names {missing:?}; tests/scenarios/src/limits.rs is the place for one");
}

#[test]
fn what_the_host_uses_is_not_excused() {
    let of_contract = of_contract();
    for (name, reason) in UNREACHABLE {
        assert!(of_contract.iter().any(|limit| limit == name), "{name} is no limit of the contract");
        let used: Vec<_> =
            rust_files("host/src").into_iter().filter(|(_, text)| has_word(text, name)).map(|(path, _)| path).collect();
        assert!(used.is_empty(), "{used:?} use {name}, so it needs a test, and {reason:?} is over");
    }
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
    let names = constants("host/src/fixed_limits.rs", "pub(crate) const ");
    assert!(names.len() > 10, "{names:?}");
    names
}

/// The limits that the contract promises, those that an operator may change included.
fn of_contract() -> Vec<String> {
    let [mut names, defaults] = ["wit/src/limits.rs", "wit/src/defaults.rs"].map(|path| constants(path, "pub const "));
    assert!(names.len() > 20 && defaults.len() > 5, "{names:?} {defaults:?}");
    names.extend(defaults);
    names
}

/// The names of the constants that are declared with these words.
fn constants(path: &str, declared: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(path)).unwrap();
    let constants = text.lines().filter_map(|line| line.strip_prefix(declared));
    constants.map(|rest| rest.split(':').next().unwrap().to_owned()).collect()
}

/// The code of all tests of the host but those of the configuration, which only read values.
fn tests_of_host() -> Vec<String> {
    let end_to_end = files_of(&root().join("tests/e2e")).into_iter().filter(|file| has_extension(file, &["mjs"]));
    let end_to_end = end_to_end.map(|file| fs::read_to_string(file).unwrap());
    end_to_end.chain(tests_in("host/src")).collect()
}

/// The code of the tests that stand among the sources.
fn tests_in(folder: &str) -> Vec<String> {
    let files = rust_files(folder).into_iter().filter(|(path, _)| !path.starts_with("config"));
    let tests = files.map(|(path, text)| {
        let is_test = path.iter().any(|part| ["tests", "tests.rs", "scenarios"].iter().any(|folder| part == *folder));
        if is_test { text } else { text.split_once("#[cfg(test)]").unwrap_or_default().1.to_owned() }
    });
    tests.collect()
}

/// The Rust files of a folder: their paths in it, and what is in them.
fn rust_files(folder: &str) -> Vec<(PathBuf, String)> {
    let folder = root().join(folder);
    let files = files_of(&folder).into_iter().filter(|file| has_extension(file, &["rs"]));
    files.map(|file| (file.strip_prefix(&folder).unwrap().to_owned(), fs::read_to_string(&file).unwrap())).collect()
}

fn has_word(text: &str, word: &str) -> bool {
    let is_letter = |letter: char| letter.is_alphanumeric() || letter == '_';
    text.match_indices(word).any(|(at, _)| {
        let (before, after) = (text[..at].chars().next_back(), text[at + word.len()..].chars().next());
        !before.is_some_and(is_letter) && !after.is_some_and(is_letter)
    })
}

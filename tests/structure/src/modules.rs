//! The modules of the host: which may use which, and which foreign crate is used where.
//!
//! A new arrow between modules is a decision: it goes into `docs/architecture.md` and, in the same commit, into this table.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::sources::{files_of, has_extension, root};

/// Each module of the host, and the modules that it may use.
const ARROWS: [(&str, &[&str]); 44] = [
    // Leaves: they use no other.
    ("event_loops", &["metrics"]),
    ("body", &[]),
    ("budget", &[]),
    ("fixed_limits", &[]),
    ("frame", &["waiting_bytes"]),
    ("host_names", &[]),
    ("json", &[]),
    ("limit_hits", &[]),
    ("metrics", &[]),
    ("log_limiter", &[]),
    // Packets are text and frames.
    ("packet", &["frame", "json"]),
    ("node", &[]),
    // MessagePack is JSON in another form.
    ("msgpack", &["json", "packet"]),
    ("redis_link", &["config"]),
    ("reason", &[]),
    ("steady_rate", &[]),
    ("turn", &[]),
    ("request", &["fixed_limits"]),
    ("config", &["fixed_limits", "node", "text_file"]),
    ("waiting_bytes", &[]),
    ("telemetry", &["fixed_limits"]),
    ("text_file", &[]),
    ("whole_file", &[]),
    (
        "admin",
        &[
            "adapter",
            "body",
            "budget",
            "effect",
            "engine",
            "fixed_limits",
            "generations",
            "json",
            "limit_hits",
            "log_limiter",
            "packet",
            "plugin",
            "request",
            "telemetry",
            "whole_file",
        ],
    ),
    ("internal", &["admin", "fixed_limits", "host_names", "limit_hits", "log_limiter", "metrics"]),
    ("files", &["fixed_limits", "limit_hits", "log_limiter"]),
    ("rate_limit", &["config", "fixed_limits", "redis_link"]),
    ("store", &["fixed_limits", "redis_link", "text_file"]),
    // Keys come out of the configuration.
    ("auth", &["config", "text_file"]),
    // Which sockets are in which namespace and room: only the leaves below it.
    ("adapter", &["budget", "frame", "metrics", "packet", "reason", "request"]),
    (
        "engine",
        &[
            "body",
            "event_loops",
            "files",
            "fixed_limits",
            "frame",
            "host_names",
            "limit_hits",
            "log_limiter",
            "node",
            "packet",
            "reason",
            "request",
            "steady_rate",
            "turn",
            "waiting_bytes",
        ],
    ),
    // What nodes ask each other, without a wire.
    ("peers", &["adapter", "budget", "packet"]),
    ("effect", &["adapter", "budget", "event_loops", "fixed_limits", "limit_hits", "log_limiter", "packet", "peers", "reason"]),
    (
        "plugin",
        &[
            "adapter",
            "auth",
            "budget",
            "config",
            "effect",
            "event_loops",
            "fixed_limits",
            "json",
            "limit_hits",
            "log_limiter",
            "metrics",
            "node",
            "packet",
            "peers",
            "rate_limit",
            "reason",
            "store",
            "turn",
            "whole_file",
        ],
    ),
    ("dispatch", &["adapter", "budget", "effect", "limit_hits", "packet", "peers", "plugin", "reason", "turn"]),
    (
        "protocol",
        &[
            "adapter",
            "dispatch",
            "effect",
            "engine",
            "frame",
            "json",
            "limit_hits",
            "packet",
            "plugin",
            "reason",
            "request",
            "steady_rate",
        ],
    ),
    // One task loads and swaps.
    (
        "generations",
        &["adapter", "auth", "config", "dispatch", "effect", "fixed_limits", "limit_hits", "metrics", "plugin", "whole_file"],
    ),
    // The other nodes: what comes from them goes the same way as the writes of plugins.
    (
        "cluster",
        &[
            "adapter",
            "budget",
            "effect",
            "event_loops",
            "fixed_limits",
            "json",
            "limit_hits",
            "log_limiter",
            "msgpack",
            "packet",
            "peers",
            "redis_link",
        ],
    ),
    ("drain", &["engine", "reason"]),
    (
        "app",
        &[
            "admin",
            "auth",
            "body",
            "cluster",
            "config",
            "dispatch",
            "drain",
            "effect",
            "engine",
            "event_loops",
            "files",
            "fixed_limits",
            "generations",
            "host_names",
            "internal",
            "limit_hits",
            "node",
            "metrics",
            "plugin",
            "rate_limit",
            "protocol",
            "redis_link",
            "adapter",
            "steady_rate",
            "store",
            "telemetry",
        ],
    ),
    ("cli", &["app", "auth", "config", "fixed_limits", "generations", "store", "telemetry", "text_file", "whole_file"]),
    // A module that only tests have: it starts the host and plays its clients.
    ("scenarios", &["app", "cli", "config", "event_loops", "fixed_limits", "node", "plugin", "redis_link", "store"]),
    ("lib", &["cli", "config", "scenarios"]),
    ("main", &[]),
];

/// Foreign crates that only some modules may use.
const FOREIGN: [(&str, &[&str]); 13] = [
    ("prometheus_client", &["metrics"]),
    ("jsonwebtoken", &["auth"]),
    ("wasmtime", &["plugin"]),
    ("wasmtime_wasi", &["plugin"]),
    ("hyper", &["admin", "body", "cli", "engine", "files", "host_names", "internal"]),
    ("hyper_util", &["cli", "engine", "internal"]),
    ("notify", &["cli", "generations"]),
    ("redb", &["store"]),
    ("redis", &["cluster", "rate_limit", "redis_link", "store"]),
    ("regex", &["plugin"]),
    ("tungstenite", &["engine"]),
    // The command line looks into the manifest of what it builds.
    ("toml", &["config", "cli"]),
    ("clap", &["cli"]),
];

/// The longest that a file of the host may get.
const LINES_MAX: usize = 450;

#[test]
fn no_module_uses_more_than_it_may() {
    let mut wrong = Vec::new();
    for file in sources() {
        let module = module_of(&file);
        let allowed = ARROWS.iter().find(|(name, _)| *name == module).map(|(_, allowed)| *allowed);
        let Some(allowed) = allowed else {
            wrong.push(format!("{}: the module {module:?} is not in the table", file.display()));
            continue;
        };
        for used in words_behind("crate::", &code_of(&file)) {
            let is_module = ARROWS.iter().any(|(name, _)| *name == used);
            if is_module && used != module && !allowed.contains(&used.as_str()) {
                wrong.push(format!("{}: {module} may not use {used}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn each_foreign_crate_is_used_in_its_modules() {
    let mut wrong = Vec::new();
    for file in sources() {
        let code = code_of(&file);
        for (name, modules) in FOREIGN {
            if mentions(&code, name) && !modules.contains(&module_of(&file).as_str()) {
                wrong.push(format!("{}: {name} belongs to {modules:?}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A second version of the contract is a second folder, and a line in the loader.
#[test]
fn the_types_of_a_contract_version_occur_in_its_folder_alone() {
    let mut wrong = Vec::new();
    for file in sources() {
        let inside = file.strip_prefix(host().join("plugin")).unwrap_or(&file).to_owned();
        let code = code_of(&file);
        let has = |text: &str| code.contains(text);
        if (has("bindgen!") || has("generated::")) && !inside.starts_with("bindings/v0_1") {
            wrong.push(format!("{}: generated types", file.display()));
        }
        let may_name = ["bindings", "bindings.rs", "loader.rs"].iter().any(|place| inside.starts_with(place));
        if has("v0_1") && !may_name {
            wrong.push(format!("{}: a version of the contract", file.display()));
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

/// The sources of the host, but the files that hold only tests.
fn sources() -> Vec<PathBuf> {
    let files = files_of(&host()).into_iter();
    let is_test = |file: &Path| file.iter().rev().take(2).any(|part| part == "tests.rs" || part == "tests");
    let found: Vec<_> = files.filter(|file| has_extension(file, &["rs"]) && !is_test(file)).collect();
    assert!(found.len() > 50, "the sources were not found");
    found
}

fn host() -> PathBuf {
    root().join("host/src")
}

/// The first part of a file's path: `adapter` for both `adapter.rs` and `adapter/socket.rs`.
fn module_of(file: &Path) -> String {
    let inside = file.strip_prefix(host()).unwrap();
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

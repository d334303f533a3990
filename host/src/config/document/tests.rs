//! The example can be read, commented out and not; the reference is what the code says.
#![allow(clippy::expect_used, reason = "a test says what it expects")]

use std::path::Path;

use super::{docs, example};
use crate::config::internal::Internal;
use crate::config::schema::{TABLES, described};
use crate::config::variables::Environment;
use crate::config::{Config, Flags, Limits, resolve};

/// Keys that cannot stand beside the others of their table, as `table.key`: each is tried in the place of `instead_of`.
const ALTERNATIVES: [(&str, &str); 4] = [
    ("keys.<name>.secret_base64", "keys.<name>.secret"),
    ("keys.<name>.secret_file", "keys.<name>.secret"),
    ("keys.<name>.public_key", "keys.<name>.secret"),
    ("keys.<name>.jwks", "keys.<name>.secret"),
];
const NO_FLAGS: Flags = Flags { host: None, port: None };

/// Reads text as if it stood beside this file, which can then stand for a component, as its folder can for one of pages.
fn read(text: &str, environment: Environment<'_>) -> Config {
    let text = text
        .replace("\"my-plugin.wasm\"", "\"tests.rs\"")
        .replace("\"seed.json\"", "\"tests.rs\"")
        .replace("\"key.pem\"", "\"tests.rs\"")
        .replace("\"secret.key\"", "\"tests.rs\"")
        .replace("\"jwks.json\"", "\"tests.rs\"")
        .replace("\"ca.pem\"", "\"tests.rs\"")
        .replace("\"public\"", "\".\"");
    let read = resolve::from_text(Path::new("src/config/document/innkeeper.toml"), &text, environment, NO_FLAGS);
    read.unwrap_or_else(|problems| panic!("{problems}\n\n{text}")).config
}

/// Only what the example's values mention.
fn nothing_else(name: &str) -> Option<String> {
    match name {
        "JWT_SECRET" => Some("a secret".to_owned()),
        "REDIS_URL" => Some("redis://127.0.0.1".to_owned()),
        _ => None,
    }
}

/// The example with all that is commented out, except the keys that `leave` names.
fn uncommented(leave: &[&str]) -> String {
    let mut table = String::new();
    let line = |line: &str| {
        let bare = line.strip_prefix('#').filter(|rest| !rest.is_empty() && !rest.starts_with(' ')).unwrap_or(line);
        if let Some(header) = bare.strip_prefix('[') {
            table = header
                .trim_end_matches(']')
                .replace("plugins.my-plugin", "plugins.<name>")
                .replace("keys.default", "keys.<name>");
        }
        let key = bare.split(" = ").next().unwrap_or_default();
        if leave.contains(&format!("{table}.{key}").as_str()) { line.to_owned() } else { bare.to_owned() }
    };
    example().lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_example_as_written_means_the_defaults() {
    let config = read(&example(), &nothing_else);
    assert_eq!(config, Config { file: config.file.clone(), ..Config::default() });
}

#[test]
fn the_example_uncommented_has_every_key_and_no_problem() {
    let all: Vec<_> = ALTERNATIVES.iter().map(|(key, _)| *key).collect();
    let text = uncommented(&all);
    let config = read(&text, &nothing_else);
    let defaults = Config::default();
    // What has no default has an example.
    let limits = Limits { events_per_second_max: Some(200), ..defaults.limits };
    let token_file = Some("/run/secrets/innkeeper-token".into());
    let internal = Internal { hosts: vec!["monitor.example.com".to_owned()], token_file, ..defaults.internal };
    assert_eq!((config.limits, config.internal), (limits, internal));
    assert_eq!((config.plugins.len(), config.keys.len()), (1, 1));

    for (key, instead_of) in ALTERNATIVES {
        let others = all.iter().filter(|other| **other != key).copied().chain([instead_of]);
        // A public key goes with other algorithms than the secret of the example.
        let algorithm = if key.contains("secret") { "\"HS256\"" } else { "\"ES256\"" };
        let text = uncommented(&others.collect::<Vec<_>>()).replace("\"HS256\"", algorithm);
        read(&text, &nothing_else);
    }
    for row in TABLES.iter().flat_map(described) {
        assert!(example().contains(&format!("\n#{} = ", row.name)), "{} is not in the example", row.name);
    }
}

#[test]
fn every_key_says_why_in_one_line_and_has_a_value_to_show() {
    for table in TABLES {
        assert!(!described(table).is_empty(), "{}: schema::example() has no entry to describe the keys by", table.path);
        for row in described(table) {
            let place = format!("{}.{}", table.path, row.name);
            assert!(!row.why.is_empty() && !row.why.contains(['\n', '|']) && !row.why.ends_with('.'), "{place}: {:?}", row.why);
            assert!(row.value.is_some() || !row.example.is_empty(), "{place}: neither a default nor an example");
        }
    }
}

#[test]
fn docs_configuration_md_is_what_the_code_says() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");
    let written = std::fs::read_to_string(file).unwrap_or_default();
    assert!(written == docs(), "docs/configuration.md is stale; write it with: cargo run -- config docs > docs/configuration.md");
}

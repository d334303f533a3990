//! What is shown can be read again, says where it came from, and keeps secrets.
#![allow(clippy::expect_used, reason = "a test says what it expects")]

use std::path::{Path, PathBuf};

use crate::config::{Config, Flags, PluginConfig, Resolved, resolve};

const NO_FLAGS: Flags = Flags { host: None, port: None };
const FULL: &str = r#"
[server]
port = "${PORT:-4000}"
ping_interval = 1500
max_http_buffer_size = "3 MB"
transports = ["websocket"]
cors.origin = ["https://a.example", "https://b.example"]
[plugins.chat]
component = "tests.rs"
grants = ["store"]
config = { greeting = "${GREETING}", literal = "$${GREETING} \u007F", api_token = "t0ken", "a key" = 1.5, list = [{ password = "p4ss", open = true }], url = "redis://me:p4ss@db/0", signed = "by ${SIGNING_KEY}", deep = { secret = { pin = 4711 } } }
"#;

fn environment(name: &str) -> Option<String> {
    let known = [("GREETING", "hello \"you\""), ("SIGNING_KEY", "k3y"), ("INNKEEPER_HOST", "::1")];
    known.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
}

fn resolved(text: &str, flags: Flags) -> Resolved {
    let file = Path::new("src/config/show/innkeeper.toml");
    resolve::from_text(file, text, &environment, flags).unwrap_or_else(|problems| panic!("{problems}\n\n{text}"))
}

/// The line of this key in what `--origin` shows.
fn line(resolved: &Resolved, key: &str) -> String {
    let shown = resolved.to_toml(true);
    let line = shown.lines().find(|line| line.starts_with(&format!("{key} ")) || line.starts_with(&format!("# {key} ")));
    line.unwrap_or_else(|| panic!("no {key} in\n{shown}")).to_owned()
}

#[test]
fn what_is_shown_means_the_same_when_it_is_read_again() {
    let text = FULL.split("api_token").next().expect("its begin").to_owned() + "n = 1 }";
    let first = resolved(&text, NO_FLAGS);
    let again = resolved(&first.to_toml(true), NO_FLAGS);
    let absolute = |mut resolved: Resolved| {
        for plugin in &mut resolved.config.plugins {
            plugin.component = std::path::absolute(&plugin.component).expect("a path");
        }
        resolved.config
    };
    assert_eq!(absolute(again), absolute(first));
}

#[test]
fn names_that_are_not_one_word_are_shown_in_quotes() {
    let text = r#"
[keys."a b"]
secret = "s"
[keys."a.b"]
secret = "s"
[keys.'q"\\']
secret = "s"
leeway = "1_0s"
[keys."größe\t"]
secret = "s"
[keys.""]
secret = "s"
[plugins.chat]
component = "tests.rs"
config = { "a.b" = { "c d" = 1, "" = [{ "e f" = 2 }] }, "\u007f" = {}, "token.x" = "t0ken" }
"#;
    let first = resolved(text, NO_FLAGS);
    for with_sources in [false, true] {
        let shown = first.to_toml(with_sources);
        let again = resolved(&shown.replace("secret = \"<redacted>\"", "secret = \"s\""), NO_FLAGS).config;
        let names = |config: &Config| config.keys.iter().map(|key| key.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&again), ["a b", "a.b", "q\"\\\\", "größe\t", ""], "{shown}");
        let config = |config: &Config| config.plugins.first().map(|plugin| plugin.config.replace("t0ken", "<redacted>"));
        assert_eq!(config(&again), config(&first.config), "{shown}");
        assert!(!shown.contains("t0ken"), "{shown}");
    }
    assert_eq!(line(&first, "config.\"a.b\".\"c d\""), "config.\"a.b\".\"c d\" = 1  # src/config/show/innkeeper.toml:15");
}

#[test]
fn each_value_says_where_it_came_from() {
    let shown = resolved(FULL, Flags { port: Some(5000), ..NO_FLAGS });
    assert_eq!(line(&shown, "port"), "port = 5000  # flag --port");
    assert_eq!(line(&shown, "host"), "host = \"::1\"  # environment variable INNKEEPER_HOST");
    assert_eq!(line(&shown, "ping_interval"), "ping_interval = \"1500ms\"  # src/config/show/innkeeper.toml:4");
    assert_eq!(line(&shown, "ping_timeout"), "ping_timeout = \"20s\"  # default");
    assert_eq!(line(&shown, "transports"), "transports = [\"websocket\"]  # src/config/show/innkeeper.toml:6");
    assert_eq!(line(&shown, "memory_bytes_max"), "memory_bytes_max = \"64MiB\"  # default");
    let expected = r#"config.greeting = "hello \"you\""  # src/config/show/innkeeper.toml:11, environment variable ${GREETING}"#;
    assert_eq!(line(&shown, "config.greeting"), expected);

    let from_variable = resolved(FULL, NO_FLAGS);
    let expected = "port = 4000  # src/config/show/innkeeper.toml:3, environment variable ${PORT}";
    assert_eq!(line(&from_variable, "port"), expected);
    assert_eq!(line(&resolved("", NO_FLAGS), "origin"), "# origin is not set  # default");
}

#[test]
fn secrets_are_not_shown() {
    let shown = resolved(FULL, NO_FLAGS).to_toml(true);
    for secret in ["t0ken", "p4ss", "k3y", "4711"] {
        assert!(!shown.contains(secret), "{secret} in\n{shown}");
    }
    for kept in [
        r#"config.api_token = "<redacted>""#,
        r#"config.list = [{ open = true, password = "<redacted>" }]"#,
        r#"config.signed = "<redacted>""#,
        r#"config.url = "redis://me:<redacted>@db/0""#,
        r#"config."a key" = 1.5"#,
        r#"config.literal = "$${GREETING} \u007f""#,
    ] {
        assert!(shown.contains(kept), "no {kept} in\n{shown}");
    }
}

#[test]
fn the_built_in_configuration_is_shown_with_its_plugins() {
    let plugins = vec![PluginConfig {
        grants: vec!["store:users".to_owned()],
        namespaces: Some(vec!["/".to_owned()]),
        ..PluginConfig::new("echo", PathBuf::from("echo.wasm"))
    }];
    let resolved = Resolved::built_in(plugins, &|_| None, NO_FLAGS).expect("nothing is wrong");
    let shown = resolved.to_toml(true);
    assert!(shown.contains("[plugins.echo]\n") && shown.contains("port = 3001  # default\n"), "{shown}");
    assert!(shown.contains("grants = [\"store:users\"]  # default\nnamespaces = [\"/\"]  # default\n"), "{shown}");
}

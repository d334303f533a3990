//! What the compiler says about a plugin that is not right: the part that is wrong, and what to write.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The names that the parts of plugins below need.
const USES: &str = "use innkeeper_plugin::{Ack, Event, Payload, Plugin, Reply, Result, Socket, Spread};\n";

/// What the compiler says about this plugin; nothing if it compiles. (A crate such as `trybuild` would build all that this crate
/// depends on once more.)
fn said(source: &str) -> String {
    let target = std::env::current_exe().unwrap().parent().unwrap().to_owned();
    let mut compiler = Command::new(std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into()))
        .args(["--edition=2024", "--crate-type=lib", "--crate-name=plugin", "--emit=link", "-Awarnings", "-"])
        .arg(format!("--extern=innkeeper_plugin={}", library(&target).display()))
        .arg(format!("-Ldependency={}", target.display()))
        .arg("-o")
        .arg(target.join(format!("messages-{:x}.rlib", source.len())))
        // Where cargo compiles the crate: the compiler shows lines of its sources.
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    compiler.stdin.take().unwrap().write_all(format!("{USES}{source}").as_bytes()).unwrap();
    String::from_utf8(compiler.wait_with_output().unwrap().stderr).unwrap()
}

/// The library that this test was linked with: the one built last.
fn library(target: &Path) -> PathBuf {
    let files = target.read_dir().unwrap().map(|file| file.unwrap().path());
    let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap_or_default().to_owned();
    let libraries = files.filter(|path| name(path).starts_with("libinnkeeper_plugin-") && name(path).ends_with(".rlib"));
    libraries.max_by_key(|path| path.metadata().unwrap().modified().unwrap()).unwrap()
}

/// A plugin with one handler.
fn handler(function: &str) -> String {
    said(&format!("pub fn plugin() -> Plugin {{ Plugin::new().on(\"x\", handler) }}\npub struct Line;\n{function}"))
}

#[track_caller]
fn assert_says(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "{part:?} is not in:\n{said}");
    }
}

#[test]
fn what_a_handler_may_take_and_return_compiles() {
    for function in [
        "fn handler(_: &Socket) {}",
        "fn handler(_: &Socket, _: String, _: Option<u8>, _: Ack) -> Reply<u8> { Reply(1) }",
        "fn handler(_: &Socket, _: u8, _: u8, _: u8, _: u8, _: u8, _: u8, _: Ack) -> Option<Reply<u8>> { None }",
        "fn handler(_: &Socket, payload: Payload, _: Ack) -> Result<Reply<Payload>> { Ok(Reply(payload)) }",
        "fn handler(socket: &Socket, _: String, rest: Payload) -> Result<()> { socket.emit(\"x\", rest.after(1)) }",
        "fn handler(_: &Socket, _: String, lines: Spread<String>, _: Ack) -> Reply<Spread<String>> { Reply(lines) }",
        "fn handler(_: &Socket, _: Event) {}",
        "fn handler(_: &Socket, _: Event, _: Ack) {}",
    ] {
        assert_eq!(handler(function), "", "{function}");
    }
}

#[test]
fn a_borrowed_argument_is_named() {
    let told = handler("fn handler(_: &Socket, _: &str) {}");
    assert_says(&told, &["`&str` must implement `OwnedNotBorrowed", "Plugin::new().on(\"x\", handler)"]);
}

#[test]
fn an_argument_that_serde_cannot_read_is_named() {
    let told = handler("fn handler(_: &Socket, _: String, _: Line, _: Ack) {}");
    assert_says(
        &told,
        &["Deserialize<'de>` is not satisfied", "not implemented for `Line`", "adding `#[derive(serde::Deserialize)]`"],
    );
}

#[test]
fn what_a_handler_cannot_return_is_named() {
    let told = handler("fn handler(_: &Socket) -> u32 { 5 }");
    assert_says(&told, &["a handler cannot return `u32`", "return `()`, `Reply(value)`"]);
    assert_says(&handler("fn handler(_: &Socket) -> Result<u32> { Ok(5) }"), &["a handler cannot return `u32`"]);
    let told = handler("fn handler(_: &Socket) -> Reply<Line> { Reply(Line) }");
    assert_says(&told, &["not implemented for `Line`", "Serialize"]);
}

#[test]
fn a_function_of_another_shape_is_shown() {
    let told = handler("fn handler(_: Socket) {}");
    assert_says(
        &told,
        &["`fn(Socket) {handler}` does not take what a handler of events takes", "the first argument is `&Socket`"],
    );
    let told = handler("fn handler(_: &Socket, _: u8, _: u8, _: u8, _: u8, _: u8, _: u8, _: u8, _: u8) {}");
    assert_says(&told, &["does not take what a handler of events takes", "for more of them there is `Spread<T>` or `Payload`"]);
}

#[test]
fn a_hook_is_shown_by_what_it_takes_or_returns() {
    let hook =
        |hook: &str, function: &str| said(&format!("pub fn plugin() -> Plugin {{ Plugin::new().{hook}(handler) }}\n{function}"));
    let told = hook("connection", "fn handler(_: &Socket, _: String) {}");
    assert_says(&told, &["does not take what a handler of connections takes", "not `fn(&Socket)` or `fn(&Socket, &str)`"]);
    let told = hook("disconnect", "fn handler(_: &Socket, _: &String) {}");
    assert_says(&told, &["does not take what a handler of disconnects takes", "`fn(&Socket, &Disconnect)`"]);
    for name in ["connection", "disconnecting", "disconnect"] {
        let told = hook(name, "fn handler(_: &Socket) -> Result<u8> { Ok(1) }");
        assert_says(&told, &["this cannot return `Result<u8", "return `()` or `Result<()>`"]);
    }
}

#[test]
fn an_argument_behind_all_that_are_left_does_not_compile() {
    let told = handler("fn handler(_: &Socket, _: Spread<u8>, _: String) {}");
    assert_says(&told, &["only an `Ack` may follow a `Spread`, `Payload` or `Event`"]);
    assert_says(&handler("fn handler(_: &Socket, _: Ack, _: String) {}"), &["nothing may follow an `Ack`"]);
}

#[test]
fn an_emit_of_several_arguments_says_that_they_are_a_tuple() {
    for call in ["socket.emit(\"y\", 1, 5)", "socket.to(\"r\").emit(\"y\", 1, 5)", "socket.volatile().emit(\"y\", 1, 5)"] {
        let told = said(&format!("pub fn f(socket: &Socket) -> Result<()> {{ {call} }}"));
        // A comment in the signature, which the compiler shows.
        assert_says(&told, &["3 arguments were supplied", "several are a tuple: (a, b)"]);
    }
}

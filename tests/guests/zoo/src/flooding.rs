//! Attacks by number: many writes, many names, many lines. Each tells how many passed, and the code of the refusal.

use innkeeper_plugin::bindings::innkeeper::plugin::types::{Payload, Target};
use innkeeper_plugin::bindings::innkeeper::plugin::{emit, log, rooms};
use innkeeper_plugin::{Plugin, Result, Socket, flush};
use serde_json::{Value, json};

/// Names in one list. They have to fit into the memory of an instance.
const NAMES: usize = 200_000;

fn names(count: usize, prefix: &str) -> Vec<String> {
    (0..count).map(|number| format!("{prefix}{number}")).collect()
}

fn target(socket: &Socket, rooms: Vec<String>, except: Vec<String>) -> Target {
    Target { namespace: socket.namespace().to_owned(), rooms, except, flags: Vec::new() }
}

fn nothing() -> Payload {
    Payload { args: "[]".to_owned(), attachments: Vec::new() }
}

/// Calls `write` until it is refused.
fn until_refused(most: u32, mut write: impl FnMut(u32) -> std::result::Result<(), String>) -> Result<Value> {
    for count in 0..most {
        if let Err(refused) = write(count) {
            return Ok(json!([count, refused]));
        }
    }
    Ok(json!([most, "never refused"]))
}

/// Emits to the client itself, without end: flushed, so that no limit of the call stops it.
pub(crate) fn emits(socket: &Socket) -> Result<Value> {
    let payload = Payload { args: json!(["e".repeat(100_000)]).to_string(), attachments: Vec::new() };
    until_refused(1_000, |_| {
        let written = emit::to_socket(socket.id(), "flood", &payload, &[]).map_err(|failure| failure.code);
        flush();
        written
    })
}

/// A name without a letter costs nothing on the wire, and its bytes in a table.
pub(crate) fn empty_names(socket: &Socket) -> Result<Value> {
    let target = target(socket, vec![String::new(); NAMES], Vec::new());
    until_refused(25, |_| emit::to_rooms(&target, "nobody", &nothing()).map_err(|failure| failure.code))
}

pub(crate) fn rooms_times_except(socket: &Socket) -> Result<Value> {
    let target = target(socket, names(NAMES, "r"), names(NAMES, "e"));
    until_refused(3, |_| emit::to_rooms(&target, "nobody", &nothing()).map_err(|failure| failure.code))
}

/// The same room, as often as a list can name it.
pub(crate) fn one_room_often(socket: &Socket) -> Result<Value> {
    let own = vec![socket.id().to_owned(); NAMES];
    let target = target(socket, own.clone(), own);
    until_refused(3, |_| emit::to_rooms(&target, "nobody", &nothing()).map_err(|failure| failure.code))
}

pub(crate) fn leave_many(socket: &Socket) -> Result<Value> {
    let names = names(NAMES, "l");
    until_refused(3, |_| rooms::leave(socket.id(), &names).map_err(|failure| failure.code))
}

pub(crate) fn join_all(socket: &Socket) -> Result<Value> {
    let (target, names) = (target(socket, Vec::new(), Vec::new()), names(NAMES, "j"));
    until_refused(3, |_| rooms::join_all(&target, &names).map_err(|failure| failure.code))
}

pub(crate) fn reads_behind_join_all(socket: &Socket) -> Result<Value> {
    let target = target(socket, Vec::new(), Vec::new());
    let joined = until_refused(10_000, |count| {
        rooms::join_all(&target, &names(10, &format!("b{count}-"))).map_err(|failure| failure.code)
    })?;
    let read = until_refused(10_000, |_| rooms::get(socket.id()).map(drop).map_err(|failure| failure.code))?;
    Ok(json!([joined, read]))
}

/// To everybody in the namespace, as often as one call may.
pub(crate) fn broadcasts(socket: &Socket) -> Result<Value> {
    let target = target(socket, Vec::new(), Vec::new());
    until_refused(1_000_000, |_| emit::to_rooms(&target, "all", &nothing()).map_err(|failure| failure.code))
}

pub(crate) fn log_lines(_socket: &Socket) -> Result<Value> {
    (0..100_000).for_each(|number| log::write("error", &format!("line {number} {}", "l".repeat(4_000)), &[]));
    Ok(Value::Null)
}

/// One line whose fields have megabytes.
pub(crate) fn log_fields(_socket: &Socket) -> Result<Value> {
    let field = ("field".to_owned(), "f".repeat(1_000_000));
    log::write("error", "many fields", &vec![field; 20]);
    Ok(Value::Null)
}

#[expect(clippy::print_stdout, reason = "the host makes lines of the log of it")]
pub(crate) fn print(_socket: &Socket) -> Result<Value> {
    (0..10_000).for_each(|_| println!("{}", "p".repeat(10_000)));
    Ok(Value::Null)
}

/// What would erase a terminal's screen, and what would begin a line of its own.
#[expect(clippy::print_stdout, reason = "the host makes lines of the log of it")]
pub(crate) fn control_codes(_socket: &Socket) -> Result<Value> {
    let codes = "before\x1b[2J\r\nERROR forged\u{9b}31m\u{202e}\u{2028}after";
    log::write("error", codes, &[("field\x1b[2J".to_owned(), codes.to_owned())]);
    println!("{codes}");
    Err(innkeeper_plugin::Error::new(codes))
}

/// A registration of more namespaces than anybody needs.
pub(crate) fn namespaces(plugin: Plugin) -> Plugin {
    (0..160_000).fold(plugin, |plugin, number| plugin.namespace(format!("/{number}")))
}

/// A registration of more events than anybody needs.
pub(crate) fn events(plugin: Plugin) -> Plugin {
    (0..400_000).fold(plugin, |plugin, number| plugin.on(format!("event {number}"), |_: &Socket| ()))
}

//! Attacks on what belongs to others: packets, answers, sockets, namespaces. Each tells what the host said to every attempt.

use innkeeper_plugin::bindings::innkeeper::plugin::types::{Payload, Target};
use innkeeper_plugin::bindings::innkeeper::plugin::{acks, calls, emit, rooms, sockets, store, timers};
use innkeeper_plugin::{Result, Socket};
use serde_json::{Value, json};

fn payload(args: &str) -> Payload {
    Payload { args: args.to_owned(), attachments: Vec::new() }
}

fn said<T>(result: std::result::Result<T, innkeeper_plugin::bindings::innkeeper::plugin::types::Failure>) -> String {
    result.map_or_else(|failure| failure.code, |_| "ok".to_owned())
}

/// Arguments that are no JSON array, or more than one: they would begin a packet of their own.
pub(crate) fn framing(socket: &Socket) -> Result<Value> {
    let forged = [
        "",
        "[",
        "]",
        "[]]",
        "[][]",
        "{}",
        "1",
        "\"a\"",
        "[\"a\"",
        "[1,]",
        "[,1]",
        "[01]",
        "[+1]",
        "[.5]",
        "[NaN]",
        "[\"\n\"]",
        "[\"\\x\"]",
        "[\"\\ud800\"",
        "[]\u{1e}40",
        "[]\n42[\"x\"]",
        "\u{feff}[]",
        "[/**/]",
        "['a']",
        "[]\0",
        "[{\"_placeholder\":true,\"num\":0}]x",
    ];
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let said = |args: &str| said(emit::to_socket(socket.id(), "forged", &payload(args), &[]));
    let mut passed: Vec<&str> = forged.into_iter().filter(|args| said(args) == "ok").collect();
    if said(&deep) == "ok" {
        passed.push("deep");
    }
    let attached = Payload { args: "[{\"_placeholder\":true,\"num\":7}]".to_owned(), attachments: vec![vec![1]] };
    if emit::to_socket(socket.id(), "forged", &attached, &[]).is_ok() {
        passed.push("an attachment that is not there");
    }
    Ok(json!(passed))
}

/// Names that a client would take for the library's own, or that are too long.
pub(crate) fn event_names(socket: &Socket) -> Result<Value> {
    let long = "n".repeat(100_000);
    let names = ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener", &long];
    let passed = names.iter().filter(|name| emit::to_socket(socket.id(), name, &payload("[]"), &[]).is_ok());
    Ok(json!(passed.map(|name| name.get(..20).unwrap_or(name)).collect::<Vec<_>>()))
}

pub(crate) fn foreign_tickets(_socket: &Socket) -> Result<Value> {
    let tickets: Vec<u64> = (0..100).chain([u64::MAX]).collect();
    let mut passed = 0;
    for &ticket in &tickets {
        calls::cancel(ticket);
        passed += usize::from(emit::responses(ticket).is_ok());
        passed += usize::from(sockets::fetched(ticket, 10).is_ok());
        passed += usize::from(sockets::found(ticket, 10).is_ok());
        passed += usize::from(store::value(ticket).is_ok());
        passed += usize::from(rooms::counted(ticket).is_ok());
    }
    calls::wait(&tickets);
    Ok(json!(passed))
}

/// Acks that nobody asked this plugin for.
pub(crate) fn foreign_acks(socket: &Socket) -> Result<Value> {
    let ids = [0, 1, 7, 1 << 40, u64::MAX];
    Ok(json!(ids.map(|id| said(acks::reply(socket.id(), id, &payload("[]"))))))
}

/// A socket that there is not, texts that are none, and the socket that the client names in its query.
pub(crate) fn foreign_sockets(socket: &Socket) -> Result<Value> {
    let foreign = socket.query("foreign")?.unwrap_or_default();
    let tries = |id: &str| {
        [
            said(emit::to_socket(id, "reached", &payload("[]"), &[])),
            said(rooms::join(id, &["reached".to_owned()])),
            said(rooms::get(id)),
            said(sockets::set_data(id, "reached", "true")),
            said(sockets::get_data(id)),
            said(sockets::get_handshake(id, &["headers".to_owned()])),
            said(sockets::disconnect(id, true)),
            said(acks::reply(id, 0, &payload("[]"))),
            said(timers::set(&timers::Setting {
                name: "idle".to_owned(),
                key: None,
                socket: Some(id.to_owned()),
                delay_ms: 1,
                every_ms: None,
                data: "null".to_owned(),
                options: Vec::new(),
            })),
        ]
    };
    Ok(json!({ "foreign": tries(&foreign), "nobody": tries("aaaaaaaaaaaaaaaaaaaa"), "text": tries("no id \" at all") }))
}

pub(crate) fn foreign_namespaces(_socket: &Socket) -> Result<Value> {
    let tries = |namespace: &str| {
        let target = || Target { namespace: namespace.to_owned(), rooms: Vec::new(), except: Vec::new(), flags: Vec::new() };
        [
            said(emit::to_rooms(&target(), "reached", &payload("[]"))),
            said(emit::ask_rooms(&target(), "reached", &payload("[]"), Some(10))),
            said(rooms::join_all(&target(), &["reached".to_owned()])),
            said(rooms::names(namespace, "", None, 10)),
            said(rooms::count(&target())),
            said(sockets::ids(&target(), None, 10)),
            said(sockets::fetch(&target(), &["data".to_owned()], None)),
            said(sockets::disconnect_all(&target(), true)),
        ]
    };
    Ok(json!({ "/": tries("/"), "nowhere": tries("/nowhere") }))
}

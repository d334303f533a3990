//! A second node in the host of unit tests: what reaches it, what it answers, and what happens when it does not.

#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

use innkeeper_plugin::rate_limit::{Limit, consume};
use innkeeper_plugin::testing::Host;
use innkeeper_plugin::{Broadcast, Disconnect, Error, Plugin, Reply, Result, ServerEvent, Socket, io, node, sleep, store};
use serde_json::{Value, json};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn plugin() -> Plugin {
    Plugin::new()
        .capability("cluster")
        .capability("store:notes")
        .capability("rate-limit")
        .start(|| store::bucket("notes").set(&node(), &"started"))
        .on("node", |_: &Socket| Reply(node()))
        .on("join", |socket: &Socket, room: String| socket.join(&room))
        .on("gather", |_: &Socket, room: String| io().sockets_join(&room))
        .on("scatter", |_: &Socket, room: String| io().sockets_leave(&room))
        .on("end", |_: &Socket, room: String| io().to(&room).disconnect_sockets(true))
        .on("say", |socket: &Socket, room: String, text: String| socket.to(&room).emit("said", text))
        .on("say:here", |_: &Socket, text: String| io().local().emit("said", text))
        .on("write", |_: &Socket, id: String, text: String| io().to(&id).emit("said", text))
        .on("note", |_: &Socket, note: String| store::bucket("notes").set("last", &note))
        .on("limited", |_: &Socket| {
            consume("all", 1, Limit { points: 2, window: SECOND }).map(|decision| Reply(decision.allowed))
        })
        .on("found", |_: &Socket| found(io()))
        .on("found:here", |_: &Socket| found(io().local()))
        .on("found:all", |_: &Socket| found(io().all_nodes()))
        .on("ask", ask)
        .on("tell", |_: &Socket, text: String| io().server_side_emit("news", (text, 1)))
        .on("load", |_: &Socket| {
            let answers = io().timeout(SECOND).server_side_emit_with_ack("load", ())?;
            Ok::<_, Error>(Reply(json!([answers.nodes_missing, answers.values::<Value>()?])))
        })
        .on_server_event("news", |event: &ServerEvent| {
            let (text, _): (String, u32) = event.args()?;
            io().local().emit("news", (text, event.namespace(), node()))
        })
        .on_server_event("load", |_: &ServerEvent| Reply((node(), "not this one")))
        .disconnect(|_: &Socket, why: &Disconnect| io().emit("gone", (node(), why.reason())))
}

/// The sockets and rooms that were found.
fn found(sockets: Broadcast) -> Result<Reply<Value>> {
    let fetched = sockets.clone().fetch_sockets()?;
    let ids: Vec<_> = fetched.iter().map(|socket| socket.id().to_owned()).collect();
    Ok(Reply(json!({"ids": ids, "rooms": sockets.clone().rooms()?, "count": sockets.count()?})))
}

/// The answers, which of them have a socket, and how many have not come.
fn ask(_: &Socket, name: String) -> Result<Reply<Value>> {
    let answers = io().timeout(SECOND).emit_with_ack(&name, ())?;
    let named: Vec<_> = answers.responses.iter().map(|(socket, _)| socket.is_some()).collect();
    let silent = [answers.missing.len() as u32, answers.timed_out.len() as u32, answers.unanswered, answers.nodes_missing];
    Ok(Reply(json!([answers.values::<Value>()?, named, silent])))
}

#[test]
fn what_is_for_all_servers_reaches_the_clients_of_another_node() {
    let host = Host::new(plugin);
    let other = host.node("web2");
    let (ann, bob) = (host.socket("/").connect().unwrap(), other.socket("/").connect().unwrap());
    assert_eq!(
        (ann.emit_with_ack::<String>("node", ()), bob.emit_with_ack::<String>("node", ())),
        ("test".into(), "web2".into())
    );

    bob.emit("join", "lobby");
    ann.emit("say", ("lobby", "to the room"));
    ann.emit("say:here", "to this node");
    ann.emit("write", (bob.id(), "to one socket"));
    assert_eq!(bob.received(), [("said", json!(["to the room"])), ("said", json!(["to one socket"]))]);
    assert_eq!(ann.received(), [("said", json!(["to this node"]))]);

    ann.emit("gather", "hall");
    assert_eq!((ann.rooms(), bob.rooms()), (vec!["hall".to_owned()], vec!["hall".into(), "lobby".into()]));
    let found = json!({"ids": [ann.id(), bob.id()], "rooms": ["hall", "lobby"], "count": 2});
    assert_eq!(ann.emit_with_ack::<Value>("found", ()), found);
    assert_eq!(bob.emit_with_ack::<Value>("found:here", ()), json!({"ids": [bob.id()], "rooms": ["hall", "lobby"], "count": 1}));

    ann.emit("scatter", "hall");
    assert_eq!((ann.rooms(), bob.rooms()), (vec![], vec!["lobby".to_owned()]));
    ann.emit("end", "lobby");
    assert_eq!(bob.disconnect_reason().as_deref(), Some("server namespace disconnect"));
    assert_eq!(ann.received(), [("gone", json!(["web2", "server namespace disconnect"]))]);
}

#[test]
fn store_and_limits_are_the_same_on_all_nodes() {
    let host = Host::new(plugin);
    let other = host.node("web2");
    let (ann, bob) = (host.socket("/").connect().unwrap(), other.socket("/").connect().unwrap());
    assert_eq!(host.store("notes").get::<String>("web2").as_deref(), Some("started"));
    let within: Vec<_> = [&ann, &bob, &ann].map(|client| client.emit_with_ack::<bool>("limited", ())).into();
    assert_eq!(within, [true, true, false]);
}

#[test]
fn a_server_event_reaches_the_other_nodes_alone_and_each_answers_once() {
    let host = Host::chain().plugin("first", plugin).plugin("second", plugin);
    let (two, three) = (host.node("web2"), host.node("web3"));
    let clients = [host.socket("/"), two.socket("/"), three.socket("/")].map(|client| client.connect().unwrap());
    clients[0].emit("tell", "hello");
    let heard = |node: &str| ("news", json!(["hello", "/", node]));
    assert_eq!(clients[0].received().len(), 0);
    // Two plugins emit it, and two receive it.
    assert_eq!(clients[1].received(), vec![heard("web2"); 4]);
    assert_eq!(clients[2].received(), vec![heard("web3"); 4]);

    let answers: Value = clients[0].emit_with_ack("load", ());
    assert_eq!(answers, json!([0, ["web2", "web3"]]));
}

#[test]
fn clients_of_another_node_answer_without_ids() {
    let host = Host::new(plugin);
    let other = host.node("web2");
    let (ann, bob, eve) =
        (host.socket("/").connect().unwrap(), other.socket("/").connect().unwrap(), other.socket("/").connect().unwrap());
    let ack = ann.emit_for_ack("ask", "question");
    bob.take("question").ack("b");
    ann.take("question").ack("a");
    eve.disconnect();
    assert!(ack.is_pending(), "nobody tells that a client of another node is gone");
    host.advance(SECOND);
    assert_eq!(ack.value::<Value>(), json!([["b", "a"], [false, true], [0, 0, 1, 0]]));
}

#[test]
fn a_silent_node_is_waited_for_and_counted() {
    let host = Host::new(plugin);
    let (silent, other) = (host.node("web2"), host.node("web3"));
    let (ann, bob) = (host.socket("/").connect().unwrap(), silent.socket("/").connect().unwrap());
    let eve = other.socket("/").connect().unwrap();
    silent.silence();

    ann.emit("write", (bob.id(), "unheard"));
    assert_eq!(bob.received().len(), 0);
    let asked = ann.emit_for_ack("load", ());
    assert!(asked.is_pending());
    host.advance(SECOND);
    assert_eq!(asked.value::<Value>(), json!([1, ["web3"]]));

    let asked = ann.emit_for_ack("ask", "question");
    for client in [&ann, &eve] {
        client.take("question").ack(1);
    }
    assert!(asked.is_pending(), "the silent node may have clients");
    host.advance(SECOND);
    assert_eq!(asked.value::<Value>(), json!([[1, 1], [true, false], [0, 0, 0, 1]]));

    let one_is_missing = ann.emit_for_ack("found:all", ());
    host.advance(5 * SECOND);
    assert_eq!(one_is_missing.value::<Value>()["success"], false);
    assert!(host.log().pop().unwrap().to_string().contains("1 other nodes did not answer in time"));
    // Without it, three questions have what came. Each waits for 5 seconds, and all of them as long as the call may take.
    let found = ann.emit_for_ack("found", ());
    host.advance(5 * SECOND);
    assert!(found.is_pending());
    host.advance(5 * SECOND);
    assert_eq!(found.value::<Value>()["ids"], json!([ann.id(), eve.id()]));
    let here: Value = ann.emit_with_ack("found:here", ());
    assert_eq!(here["count"], 1);
}

#[test]
fn a_node_that_has_shut_down_is_waited_for_by_nobody() {
    let host = Host::new(plugin);
    let other = host.node("web2");
    let (ann, bob) = (host.socket("/").connect().unwrap(), other.socket("/").connect().unwrap());
    other.shut_down();
    assert_eq!(bob.disconnect_reason().as_deref(), Some("server shutting down"));
    assert_eq!(ann.received(), [("gone", json!(["web2", "server shutting down"]))]);
    assert_eq!(ann.emit_with_ack::<Value>("found", ())["count"], 1);
    assert_eq!(ann.emit_with_ack::<Value>("load", ()), json!([0, []]));
    assert_eq!(said(|| other.socket("/")), "the node has shut down, and no client reaches it");
}

#[test]
fn nodes_and_server_events_that_cannot_be_are_refused() {
    let host = Host::new(plugin);
    let other = host.node("web2");
    assert!(said(|| host.node("web2")).contains("a node \"web2\" already"));
    assert!(said(|| host.node("test")).contains("a node \"test\" already"));
    for name in ["web10", "", "we b", "wéb"] {
        assert!(said(|| host.node(name)).contains("4 characters out of A-Z"), "{name}");
    }
    let ann = host.socket("/").connect().unwrap();
    assert!(said(|| other.socket("/").over(&ann)).contains("leads to one node"));

    let refused = |plugin: fn() -> Plugin| Host::new(plugin).load().unwrap_err();
    assert!(refused(|| Plugin::new().on_server_event("connection", |_: &ServerEvent| ())).contains("keeps for itself"));
}

#[test]
fn server_events_of_a_plugin_run_one_at_a_time() {
    let host = Host::new(|| {
        Plugin::new()
            .capability("cluster")
            .on("tell", |_: &Socket, number: u32| io().server_side_emit("slow", number))
            .on_server_event("slow", |event: &ServerEvent| -> Result<()> {
                let (number,): (u32,) = event.args()?;
                io().local().emit("begun", number)?;
                sleep(SECOND)?;
                if number == 1 { Err(Error::new("the first fails")) } else { io().local().emit("ended", number) }
            })
    });
    let other = host.node("web2");
    let (ann, bob) = (host.socket("/").connect().unwrap(), other.socket("/").connect().unwrap());
    ann.emit("tell", 1);
    ann.emit("tell", 2);
    assert_eq!(bob.received(), [("begun", json!([1]))]);
    host.advance(SECOND);
    assert_eq!(bob.received(), [("begun", json!([2]))]);
    assert_eq!(host.log()[0].to_string(), "error plugin: server-event \"slow\" failed: the first fails");
    host.advance(SECOND);
    assert_eq!(bob.received(), [("ended", json!([2]))]);
}

/// What a panic said.
fn said<T>(run: impl FnOnce() -> T) -> String {
    let panic = catch_unwind(AssertUnwindSafe(|| drop(run()))).unwrap_err();
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap()
}

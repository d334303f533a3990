//! A plugin that joins a namespace whose sockets are connected already, in mode `pooled`.

use std::path::Path;
use std::time::Duration;

use scenarios::{Mode, TestClient, TestServer, plan};
use serde_json::json;

use super::{OpenServer, RealServer};
use crate::cli;

#[test]
fn a_resumed_run_writes_nothing_and_its_questions_are_answered_as_if_they_were_done() {
    let component = cli::component_of(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/guests/scripted"));
    let server = OpenServer::first(RealServer::open("joining", &component, None), Mode::Pooled);
    let node = server.server.node(0);
    let registry = &node.server.sources.registry;
    let both = registry.registered();
    registry.replace(&both[..1]);

    let bob = TestClient::plain(&server, "/chain");
    let steps = json!([
        {"emit": ["hello", 1]}, {"broadcast": ["hello", 2]}, {"join": "x"}, {"set_data": ["key", 1]}, {"set": ["key", 1, null]},
        {"timer": {"name": "a", "after": 10, "do": [{"broadcast": ["hello", 3]}]}}, {"refusal": {"ask": ["question", null]}},
        {"sleep": 100}, {"emit": ["hello", 4]}
    ]);
    let plans = json!({"connection": steps, "disconnect": [{"broadcast": ["bye", "$name"]}]});
    let ann = TestClient::planned(&server, "/chain", json!({"second": plans}));
    let runs = || {
        let plugin = registry.plugin("second").unwrap();
        plugin.figures().unwrap().calls.durations().iter().map(|(export, ..)| (*export).to_owned()).collect::<Vec<_>>()
    };
    registry.replace(&both);
    assert!(runs().is_empty(), "not before it is needed");

    ann.emits(plan("second", "handler", json!([{"emit": ["handled", "$name"]}])));
    assert!(runs().is_empty(), "the event waits for the `resumed` run, which sleeps");
    server.advance(Duration::from_millis(150));
    assert_eq!(runs(), ["connection", "event", "event-middleware"]);
    assert_eq!(ann.received(), [("handled".to_owned(), json!("second"))]);
    assert_eq!(ann.asks(json!(["rooms", "data_all", {"get": "key"}])), json!([[], {}, null]));
    server.advance(Duration::from_secs(1));
    assert!(ann.received().is_empty() && bob.received().is_empty());

    ann.leaves();
    assert_eq!(bob.received(), [("bye".to_owned(), json!("second"))]);
}

//! Disconnects, by clients, by plugins and by the connection.

use crate::differs::HANDLERS_OVERLAP;
use crate::test_client::{events, holding};
use crate::{Status, TestClient, TestServer, first, list};
use serde_json::{Value, json};
use std::time::Duration;

list![
    the_rooms_of_a_socket_are_readable_in_disconnecting_and_none_in_disconnect,
    disconnecting_is_called_for_every_plugin_before_disconnect_is_for_any,
    a_lost_connection_ends_all_its_sockets,
    a_plugin_disconnects_one_namespace_or_the_whole_connection,
    an_emit_before_a_disconnect_arrives_and_none_after_it,
    events_that_a_client_sent_before_it_disconnected_still_run,
    events_that_a_disconnected_client_had_sent_are_dropped,
    events_that_had_not_run_ten_seconds_later_are_dropped,
    a_disconnected_socket_is_in_no_room,
    a_whole_room_can_be_disconnected,
    disconnecting_in_connection_calls_the_plugins_that_the_socket_reached,
    disconnecting_in_connect_middleware_calls_no_plugin,
    events_of_a_disconnected_client_are_ignored,
    a_disconnected_socket_answers_no_question,
    a_failure_in_disconnecting_ends_nothing,
];

/// Emits to all others in `disconnecting` and `disconnect`.
fn farewell() -> Value {
    json!({"first": {
        "disconnecting": [{"broadcast": ["going", "$reason"]}],
        "disconnect": [{"broadcast": ["gone", "$reason"]}],
    }})
}

fn farewell_events(reason: &str) -> Vec<(String, Value)> {
    events([("going", json!(reason)), ("gone", json!(reason))])
}

fn the_rooms_of_a_socket_are_readable_in_disconnecting_and_none_in_disconnect(server: &dyn TestServer) {
    let bob = TestClient::plain(server, "/");
    let auth = json!({"first": {
        "connection": [{"join": "r"}, {"set_data": ["mark", 1]}],
        "disconnecting": [{"broadcast": ["going", "$rooms"]}, {"join": "late"}],
        "disconnect": [{"broadcast": ["gone", "$rooms"]}, {"emit": ["never sent", 1]}],
    }});
    let ann = TestClient::planned(server, "/", auth);
    ann.leaves();

    assert_eq!(bob.received(), events([("going", json!(["r"])), ("gone", json!([]))]));
    assert!(ann.received().is_empty());
}

fn disconnecting_is_called_for_every_plugin_before_disconnect_is_for_any(server: &dyn TestServer) {
    let bob = TestClient::plain(server, "/chain");
    let plans = json!({
        "disconnecting": [{"broadcast": ["going", "$name"]}],
        "disconnect": [{"broadcast": ["gone", "$name"]}],
    });
    TestClient::planned(server, "/chain", json!({"first": plans, "second": plans})).leaves();

    let expected = [("going", "first"), ("going", "second"), ("gone", "first"), ("gone", "second")];
    assert_eq!(bob.received(), events(expected.map(|(word, name)| (word, json!(name)))));
}

fn a_lost_connection_ends_all_its_sockets(server: &dyn TestServer) {
    let (bob, other_bob) = (TestClient::plain(server, "/"), TestClient::plain(server, "/other"));
    let ann = TestClient::planned(server, "/", farewell());
    let other_ann = ann.also(server, "/other", farewell());
    ann.loses_connection();

    assert_eq!((ann.status(), other_ann.status()), (Status::Gone, Status::Gone));
    assert_eq!(bob.received(), farewell_events("transport close"));
    assert_eq!(other_bob.received(), farewell_events("transport close"));
}

fn a_plugin_disconnects_one_namespace_or_the_whole_connection(server: &dyn TestServer) {
    let (bob, other_bob) = (TestClient::plain(server, "/"), TestClient::plain(server, "/other"));
    let ann = TestClient::planned(server, "/", farewell());
    let other_ann = ann.also(server, "/other", farewell());

    ann.does(json!([{"disconnect": false}]));
    assert_eq!((ann.status(), other_ann.status()), (Status::Gone, Status::Connected));
    assert_eq!(bob.received(), farewell_events("server namespace disconnect"));
    let ann = other_ann.also(server, "/", farewell());
    ann.does(json!([{"disconnect": true}]));
    assert_eq!((ann.status(), other_ann.status()), (Status::Gone, Status::Gone));
    assert_eq!(bob.received(), farewell_events("server namespace disconnect"));
    assert_eq!(other_bob.received(), farewell_events("server namespace disconnect"));
}

fn an_emit_before_a_disconnect_arrives_and_none_after_it(server: &dyn TestServer) {
    for close in [false, true] {
        let ann = TestClient::plain(server, "/");
        ann.does(json!([{"emit": ["bye", 1]}, {"disconnect": close}, {"emit": ["never", 2]}]));
        assert_eq!((ann.status(), ann.names()), (Status::Gone, vec!["bye".to_owned()]));
    }
}

fn events_that_a_client_sent_before_it_disconnected_still_run(server: &dyn TestServer) {
    let bob = TestClient::plain(server, "/");
    let ann = TestClient::planned(server, "/", farewell());
    ann.does(json!([{"sleep": 500}, {"broadcast": ["one", 1]}]));
    ann.does(json!([{"broadcast": ["two", 2]}]));
    ann.leaves();

    assert_eq!(bob.names(), HANDLERS_OVERLAP.either(server, &[][..], &["two"]));
    server.advance(Duration::from_millis(500));
    let expected = HANDLERS_OVERLAP.either(server, &["one", "two", "going", "gone"][..], &["one", "going", "gone"]);
    assert_eq!(bob.names(), expected);
}

fn events_that_a_disconnected_client_had_sent_are_dropped(server: &dyn TestServer) {
    let bob = TestClient::plain(server, "/chain");
    let ann = TestClient::planned(server, "/chain", farewell());
    ann.emits(first(holding(server), json!([{"sleep": 500}, {"broadcast": ["one", 1]}])));
    ann.does(json!([{"broadcast": ["two", 2]}]));
    bob.does(json!([{"disconnect_all": [ann.id(), false]}]));

    server.advance(Duration::from_millis(500));
    assert_eq!(bob.names(), ["one", "going", "gone"]);
}

fn events_that_had_not_run_ten_seconds_later_are_dropped(server: &dyn TestServer) {
    let bob = TestClient::plain(server, "/chain");
    let ann = TestClient::planned(server, "/chain", farewell());
    for number in 1..=4 {
        ann.emits(first(holding(server), json!([{"sleep": 4_000}, {"broadcast": ["ran", number]}])));
    }
    ann.leaves();

    server.advance(Duration::from_secs(20));
    assert_eq!(bob.names(), ["ran", "ran", "ran", "going", "gone"]);
}

fn a_disconnected_socket_is_in_no_room(server: &dyn TestServer) {
    let (ann, bob) = (TestClient::in_room(server, "r"), TestClient::in_room(server, "r"));
    let id = ann.id();
    ann.leaves();

    assert_eq!(bob.asks_for(json!({"fetch": "r"})).as_array().map(Vec::len), Some(1));
    assert_eq!(bob.asks_for(json!({"fetch": id})), json!([]));
    // Writes to a socket that has disconnected do nothing, and are no error.
    assert_eq!(bob.asks(json!([{"to": [id, "psst", 1]}, {"join_all": [id, "r"]}, {"disconnect_all": [id, true]}])), json!([]));
}

fn a_whole_room_can_be_disconnected(server: &dyn TestServer) {
    let (ann, bob, eve) = (TestClient::in_room(server, "r"), TestClient::in_room(server, "r"), TestClient::plain(server, "/"));
    eve.does(json!([{"in": [["r"], null, "bye", 1]}, {"disconnect_all": ["r", true]}, {"in": [["r"], null, "never", 2]}]));

    assert_eq!((ann.status(), bob.status(), eve.status()), (Status::Gone, Status::Gone, Status::Connected));
    assert_eq!((ann.names(), bob.names()), (vec!["bye".to_owned()], vec!["bye".to_owned()]));
}

fn disconnecting_in_connection_calls_the_plugins_that_the_socket_reached(server: &dyn TestServer) {
    let bob = TestClient::plain(server, "/chain");
    let plans = json!({
        "connection": [{"broadcast": ["came", "$name"]}, {"sleep": 500}],
        "disconnect": [{"broadcast": ["gone", "$name"]}],
    });
    let ann = TestClient::planned(server, "/chain", json!({"first": plans, "second": plans}));
    ann.leaves();
    server.advance(Duration::from_secs(2));

    assert_eq!(bob.received(), events([("came", json!("first")), ("gone", json!("first"))]));
}

fn disconnecting_in_connect_middleware_calls_no_plugin(server: &dyn TestServer) {
    let bob = TestClient::plain(server, "/");
    let auth = json!({"first": {
        "middleware": [{"sleep": 500}],
        "connection": [{"broadcast": ["came", 1]}],
        "disconnect": [{"broadcast": ["gone", 1]}],
    }});
    let ann = TestClient::planned(server, "/", auth);
    ann.loses_connection();
    server.advance(Duration::from_secs(1));

    assert!(bob.received().is_empty());
    assert_eq!(bob.asks_for(json!({"ask_room": ["r", "q", 50]}))["responses"], json!([]));
}

fn events_of_a_disconnected_client_are_ignored(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let other_ann = ann.also(server, "/other", json!({}));
    ann.does(json!([{"disconnect": false}]));
    ann.does(json!([{"of": ["/other", "never", 1]}]));

    assert_eq!((ann.status(), other_ann.status(), other_ann.received()), (Status::Gone, Status::Connected, vec![]));
}

fn a_disconnected_socket_answers_no_question(server: &dyn TestServer) {
    let bob = TestClient::plain(server, "/");
    let steps = json!([{"ask": ["question", 100]}, {"broadcast": ["came of it", "$results"]}]);
    TestClient::planned(server, "/", first("disconnect", steps)).leaves();

    assert_eq!(bob.received(), events([("came of it", json!([{"code": "disconnected"}]))]));
}

fn a_failure_in_disconnecting_ends_nothing(server: &dyn TestServer) {
    let bob = TestClient::plain(server, "/");
    let mut auth = first("disconnecting", json!([{"broadcast": ["never", 1]}, "panic"]));
    auth["first"]["disconnect"] = json!([{"broadcast": ["gone", "$reason"]}]);
    TestClient::planned(server, "/", auth).leaves();

    assert_eq!(bob.received(), events([("gone", json!("client namespace disconnect"))]));
}

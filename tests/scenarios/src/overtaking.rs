//! Events that the socket's next event may overtake while their handler waits: the option `overtakable`.

use crate::differs::HANDLERS_OVERLAP;
use crate::{TestClient, TestServer, first, list, plan};
use innkeeper_contract::defaults::OPEN_CALLS_PER_SOCKET;
use serde_json::{Value, json};
use std::time::Duration;

list![
    the_next_event_starts_while_an_overtakable_handler_waits,
    an_overtakable_event_overtakes_nothing_itself,
    waiting_in_middleware_lets_nothing_overtake,
    only_the_last_handler_of_a_chain_can_be_overtaken,
    so_many_calls_of_one_socket_wait_at_once,
    a_call_that_goes_on_comes_before_one_that_has_not_begun,
    events_overtake_connection_where_that_is_allowed,
    disconnect_waits_for_handlers_that_were_overtaken,
];

const NAP: Duration = Duration::from_millis(300);

/// Emits a name, waits, and emits another.
fn nap(before: &str, after: &str) -> Value {
    json!([{"emit": [before, 1]}, {"sleep": 300}, {"emit": [after, 1]}])
}

fn tell(name: &str) -> Value {
    json!([{"emit": [name, 1]}])
}

fn the_next_event_starts_while_an_overtakable_handler_waits(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    ann.emits_overtakable(first("handler", nap("one", "one ends")));
    ann.emits_overtakable(first("handler", nap("two", "two ends")));
    ann.does(tell("three"));

    // They start in the order received.
    assert_eq!(ann.names(), ["one", "two", "three"]);
    server.advance(NAP);
    assert_eq!(ann.names(), ["one ends", "two ends"]);
}

fn an_overtakable_event_overtakes_nothing_itself(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    ann.does(nap("one", "one ends"));
    ann.emits_overtakable(first("handler", tell("two")));
    assert_eq!(ann.names(), HANDLERS_OVERLAP.either(server, &["one"][..], &["one", "two"]));
    server.advance(NAP);
    assert_eq!(ann.names(), HANDLERS_OVERLAP.either(server, &["one ends", "two"][..], &["one ends"]));

    // One that waits in a handler without the option holds up those behind it, also if another one is overtaken.
    ann.emits_overtakable(first("handler", nap("three", "three ends")));
    ann.does(nap("four", "four ends"));
    ann.does(tell("five"));
    assert_eq!(ann.names(), HANDLERS_OVERLAP.either(server, &["three", "four"][..], &["three", "four", "five"]));
    server.advance(NAP);
    let expected = HANDLERS_OVERLAP.either(server, &["three ends", "four ends", "five"][..], &["three ends", "four ends"]);
    assert_eq!(ann.names(), expected);
}

fn waiting_in_middleware_lets_nothing_overtake(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/chain");
    let handler = nap("second", "second ends");
    ann.emits_overtakable(json!({"first": {"middleware": nap("middleware", "middleware ends")}, "second": {"handler": handler}}));
    ann.does(tell("next"));

    assert_eq!(ann.names(), ["middleware"]);
    server.advance(NAP);
    assert_eq!(ann.names(), ["middleware ends", "second", "next"]);
    server.advance(NAP);
    assert_eq!(ann.names(), ["second ends"]);
}

fn only_the_last_handler_of_a_chain_can_be_overtaken(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/chain");
    ann.emits_overtakable(plan("first", "handler", nap("first", "first ends")));
    ann.does(tell("next"));

    assert_eq!(ann.names(), ["first"]);
    server.advance(NAP);
    assert_eq!(ann.names(), ["first ends", "next"]);
}

fn so_many_calls_of_one_socket_wait_at_once(server: &dyn TestServer) {
    let (ann, bob) = (TestClient::plain(server, "/"), TestClient::plain(server, "/"));
    for _ in 0..OPEN_CALLS_PER_SOCKET + 2 {
        ann.emits_overtakable(first("handler", nap("begins", "ends")));
    }
    bob.does(tell("meanwhile"));

    assert_eq!((ann.names().len(), bob.names().len()), (OPEN_CALLS_PER_SOCKET, 1));
    server.advance(NAP);
    let names = ann.names();
    let count = |name: &str| names.iter().filter(|other| *other == name).count();
    assert_eq!((count("ends"), count("begins")), (OPEN_CALLS_PER_SOCKET, 2));
}

fn a_call_that_goes_on_comes_before_one_that_has_not_begun(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    ann.emits_overtakable(first("handler", nap("one", "one ends")));
    ann.does(nap("two", "two ends"));
    ann.does(tell("three"));

    server.advance(NAP);
    let expected = HANDLERS_OVERLAP.either(
        server,
        ["one", "two", "one ends", "two ends", "three"],
        ["one", "two", "three", "one ends", "two ends"],
    );
    assert_eq!(ann.names(), expected);
}

fn events_overtake_connection_where_that_is_allowed(server: &dyn TestServer) {
    let in_order = HANDLERS_OVERLAP.either(server, true, false);
    for (namespace, overtakes) in [("/", !in_order), ("/other", true)] {
        let ann = TestClient::planned(server, namespace, first("connection", nap("connection", "connection ends")));
        assert!(ann.is_in(), "a call that waits lets the socket in");
        ann.does(tell("event"));
        assert_eq!(ann.names(), if overtakes { &["connection", "event"][..] } else { &["connection"] });
        server.advance(NAP);
        assert_eq!(ann.names(), if overtakes { &["connection ends"][..] } else { &["connection ends", "event"] });
    }
}

fn disconnect_waits_for_handlers_that_were_overtaken(server: &dyn TestServer) {
    let bob = TestClient::plain(server, "/");
    let ann = TestClient::planned(server, "/", first("disconnect", json!([{"broadcast": ["gone", 1]}])));
    ann.emits_overtakable(first("handler", json!([{"sleep": 300}, {"broadcast": ["one ends", 1]}])));
    ann.does(json!([{"broadcast": ["two", 1]}]));
    ann.loses_connection();

    assert_eq!(bob.names(), ["two"]);
    server.advance(NAP);
    assert_eq!(bob.names(), ["one ends", "gone"]);
}

//! Connecting: pending sockets, the step that puts them into their namespace, and refusals.

use crate::differs::WHAT_AN_ERROR_KEEPS;
use crate::test_client::events;
use crate::{Status, TestClient, TestServer, first, list};
use serde_json::json;
use std::time::Duration;

list![
    nothing_reaches_a_socket_that_is_pending,
    everything_of_connecting_happens_in_one_step,
    middleware_writes_to_others_at_once,
    emits_of_middleware_come_after_the_connect_packet,
    a_refusal_has_its_message_and_data,
    a_refused_socket_leaves_no_trace,
    middleware_that_panics_refuses_with_a_neutral_message,
    there_is_no_namespace_that_no_plugin_registered,
    a_call_is_for_the_namespace_that_it_is_about,
    a_connection_handler_that_fails_is_answered_and_the_socket_stays,
    a_question_to_a_pending_socket_is_refused,
    a_client_that_emits_while_it_is_pending_is_disconnected,
    a_question_in_connection_comes_after_the_step,
];

fn nothing_reaches_a_socket_that_is_pending(server: &dyn TestServer) {
    let bob = TestClient::plain(server, "/");
    let ann = TestClient::planned(server, "/", first("middleware", json!([{"join": "r"}, {"sleep": 1000}])));

    bob.does(json!([{"broadcast": ["all", 1]}, {"in": [["r"], null, "room", 2]}]));
    assert_eq!((ann.status(), ann.received()), (Status::Pending, vec![]));
    assert_eq!(bob.asks_for(json!({"fetch": "r"})), json!([]));

    server.advance(Duration::from_secs(1));
    assert!(ann.is_in());
    assert_eq!(bob.asks_for(json!({"fetch": "r"}))[0]["id"], json!(ann.id()));
    bob.does(json!([{"in": [["r"], null, "room", 3]}]));
    assert_eq!(ann.received(), events([("room", json!(3))]));
}

fn everything_of_connecting_happens_in_one_step(server: &dyn TestServer) {
    let bob = TestClient::in_room(server, "r");
    let steps = json!([
        {"emit": ["mine", 1]}, {"join": "r"}, {"in": [["r"], null, "came", "$id"]}, {"set_data": ["mark", 7]}, "flush", {"sleep": 500}
    ]);
    let ann = TestClient::planned(server, "/", first("connection", steps));

    // The handler waits, so the step is done.
    assert!(ann.is_in());
    assert_eq!(bob.received(), events([("came", json!(ann.id()))]));
    assert_eq!(ann.received(), events([("mine", json!(1)), ("came", json!(ann.id()))]));
    assert_eq!(bob.asks_for(json!({"fetch": "r"})).as_array().map(Vec::len), Some(2));
}

fn middleware_writes_to_others_at_once(server: &dyn TestServer) {
    let bob = TestClient::plain(server, "/");
    let ann = TestClient::planned(server, "/", first("middleware", json!([{"broadcast": ["knock", 1]}, {"sleep": 500}])));

    assert_eq!((ann.status(), bob.received()), (Status::Pending, events([("knock", json!(1))])));
}

fn emits_of_middleware_come_after_the_connect_packet(server: &dyn TestServer) {
    let auth = json!({"first": {
        "middleware": [{"emit": ["one", 1]}, {"set_data": ["mark", 1]}, {"join": "r"}],
        "connection": [{"emit": ["two", "$rooms"]}],
    }});
    let ann = TestClient::planned(server, "/", auth);

    assert_eq!(ann.received(), events([("one", json!(1)), ("two", json!(["r"]))]));
    assert_eq!(ann.asks_for(json!({"data": "mark"})), json!(1));
}

fn a_refusal_has_its_message_and_data(server: &dyn TestServer) {
    let steps = json!([{"emit": ["never", 1]}, {"fail": ["full", "FULL", {"max": 3}]}]);
    let ann = TestClient::planned(server, "/", first("middleware", steps));

    assert_eq!(ann.status(), Status::Refused { message: "full".into(), data: Some(json!({"max": 3})) });
    assert!(ann.received().is_empty());
    let bob = TestClient::planned(server, "/", first("middleware", json!([{"fail": ["no", null, null]}])));
    assert_eq!(bob.status(), Status::Refused { message: "no".into(), data: None });
}

fn a_refused_socket_leaves_no_trace(server: &dyn TestServer) {
    let bob = TestClient::plain(server, "/");
    let auth = json!({"first": {
        "middleware": [{"join": "r"}, {"broadcast": ["knock", 1]}, {"fail": ["no", null, null]}],
        "connection": [{"broadcast": ["came", 1]}],
        "disconnecting": [{"broadcast": ["going", 1]}],
        "disconnect": [{"broadcast": ["gone", 1]}],
    }});
    let ann = TestClient::planned(server, "/", auth);

    // What a rejecting middleware wrote to others is kept.
    assert_eq!(bob.received(), events([("knock", json!(1))]));
    assert_eq!(bob.asks_for(json!({"fetch": "r"})), json!([]));
    assert!(matches!(ann.status(), Status::Refused { .. }));
}

fn middleware_that_panics_refuses_with_a_neutral_message(server: &dyn TestServer) {
    let bob = TestClient::plain(server, "/");
    for way in ["panic", "forbidden"] {
        let ann = TestClient::planned(server, "/", first("middleware", json!([{"broadcast": ["never", 1]}, way])));
        assert_eq!(ann.status(), Status::Refused { message: "internal error".into(), data: None }, "{way}");
    }
    // The error of `forbidden`, not the trap.
    assert_eq!(bob.received(), WHAT_AN_ERROR_KEEPS.either(server, vec![], events([("never", json!(1))])));
}

fn there_is_no_namespace_that_no_plugin_registered(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/nowhere");
    assert_eq!(ann.status(), Status::Refused { message: "Invalid namespace".into(), data: None });
}

fn a_connection_handler_that_fails_is_answered_and_the_socket_stays(server: &dyn TestServer) {
    let steps = json!([{"emit": ["never", 1]}, {"join": "r"}, {"fail": ["tired", "TIRED", null]}]);
    let ann = TestClient::planned(server, "/", first("connection", steps));

    assert!(ann.is_in());
    let (wrote, told) = (("never", json!(1)), ("error", json!({"code": "TIRED", "message": "tired"})));
    let expected = WHAT_AN_ERROR_KEEPS.either(server, events([told.clone()]), events([wrote, told]));
    assert_eq!(ann.received(), expected);
    assert_eq!(ann.asks_for(json!("rooms")), WHAT_AN_ERROR_KEEPS.either(server, json!([]), json!(["r"])));
}

fn a_question_to_a_pending_socket_is_refused(server: &dyn TestServer) {
    let steps = json!([{"ask": ["early", 100]}, {"sleep": 100}]);
    let ann = TestClient::planned(server, "/", first("middleware", steps));
    server.advance(Duration::from_millis(100));

    assert!(ann.is_in());
    assert!(ann.received().is_empty());
}

fn a_client_that_emits_while_it_is_pending_is_disconnected(server: &dyn TestServer) {
    let bob = TestClient::plain(server, "/");
    let ann = TestClient::planned(server, "/", first("middleware", json!([{"sleep": 500}])));
    ann.does(json!([{"broadcast": ["never", 1]}]));
    server.advance(Duration::from_secs(1));

    assert_eq!((ann.status(), bob.received()), (Status::Gone, vec![]));
}

fn a_question_in_connection_comes_after_the_step(server: &dyn TestServer) {
    let bob = TestClient::plain(server, "/");
    let steps = json!([{"broadcast": ["came", 1]}, {"ask": ["who?", null]}, {"emit": ["thanks", 1]}]);
    let ann = TestClient::planned(server, "/", first("connection", steps));

    assert!(ann.is_in());
    assert_eq!(bob.received(), events([("came", json!(1))]));
    let question = ann.asked();
    assert!(ann.received().is_empty());
    ann.answers(question, json!("ann"));
    assert_eq!(ann.received(), events([("thanks", json!(1))]));
}

fn a_call_is_for_the_namespace_that_it_is_about(server: &dyn TestServer) {
    for namespace in ["/", "/other", "/chain"] {
        assert_eq!(TestClient::plain(server, namespace).asks_event("registered"), json!(namespace));
    }
}

//! All or nothing: the writes of a call are applied together, or not at all.

use crate::test_client::events;
use crate::{TestClient, TestServer, list};
use serde_json::json;
use std::time::Duration;

list![
    a_failed_call_leaves_nothing_behind,
    writes_are_applied_together_when_the_call_ends,
    a_question_sends_what_was_recorded_first,
    flushed_writes_stay,
    an_early_ack_is_taken_back_by_a_failure,
    an_ack_that_was_sent_is_the_only_answer,
    reads_see_the_calls_own_writes,
];

fn a_failed_call_leaves_nothing_behind(server: &dyn TestServer) {
    let (ann, bob) = (TestClient::plain(server, "/"), TestClient::plain(server, "/"));
    for end in [json!({"fail": ["no", null, null]}), json!("panic"), json!("forbidden")] {
        let ack = ann.starts(json!([
            {"emit": ["mine", 1]}, {"broadcast": ["all", 1]}, {"join": "r"}, {"set_data": ["mark", 1]}, {"disconnect": false},
            {"timer": {"name": "a", "after": 100, "do": [{"emit": ["rang", 1]}]}}, end
        ]));
        assert_eq!(ann.acked(ack)["success"], json!(false));
    }
    server.advance(Duration::from_millis(200));

    assert_eq!((ann.received(), bob.received(), ann.is_in()), (vec![], vec![], true));
    assert_eq!(ann.asks(json!(["rooms", {"data": "mark"}])), json!([[], null]));
}

fn writes_are_applied_together_when_the_call_ends(server: &dyn TestServer) {
    let (ann, bob) = (TestClient::plain(server, "/"), TestClient::in_room(server, "r"));
    ann.does(json!([
        {"to": ["r", "one", 1]}, {"leave_all": ["r", "r"]}, {"in": [["r"], null, "two", 2]}, {"join_all": [bob.id(), "r"]},
        {"in": [["r"], null, "three", 3]}
    ]));

    assert_eq!(bob.names(), ["one", "three"]);
}

fn a_question_sends_what_was_recorded_first(server: &dyn TestServer) {
    let (ann, bob) = (TestClient::plain(server, "/"), TestClient::plain(server, "/"));
    let ack = ann.starts(json!([
        {"broadcast": ["before", 1]}, {"join": "r"}, {"sleep": 100}, {"broadcast": ["after", 2]}, {"leave": "r"}, "panic"
    ]));

    assert_eq!(bob.names(), ["before"]);
    server.advance(Duration::from_millis(100));
    assert_eq!(ann.acked(ack)["success"], json!(false));
    assert!(bob.received().is_empty());
    assert_eq!(ann.asks_for(json!("rooms")), json!(["r"]));
}

fn flushed_writes_stay(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    ann.does(json!([{"emit": ["kept", 1]}, "flush", {"emit": ["dropped", 2]}, {"fail": ["no", "NO", null]}]));
    assert_eq!(ann.names(), ["kept", "error"]);
}

fn an_early_ack_is_taken_back_by_a_failure(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let ack = ann.starts(json!([{"reply": "taken back"}, {"fail": ["no", "NO", null]}]));
    assert_eq!(ann.acked(ack), json!({"success": false, "error": "no", "code": "NO"}));
}

fn an_ack_that_was_sent_is_the_only_answer(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let ack = ann.starts(json!([{"reply": "left"}, "flush", {"fail": ["no", "NO", null]}]));
    assert_eq!(ann.acked(ack), json!("left"));
    assert!(ann.received().is_empty());
}

fn reads_see_the_calls_own_writes(server: &dyn TestServer) {
    let ann = TestClient::in_room(server, "old");
    let results = ann.asks(json!([
        {"join": "new"}, "rooms", {"leave": "old"}, "rooms", {"set_data": ["mark", [1]]}, {"data": "mark"}, {"remove_data": "mark"},
        {"data": "mark"}, {"join_all": ["new", "more"]}, "rooms"
    ]));

    assert_eq!(results, json!([["new", "old"], ["new"], [1], null, ["more", "new"]]));
    ann.does(json!([{"emit": ["rooms", "$rooms"]}]));
    assert_eq!(ann.received(), events([("rooms", json!(["more", "new"]))]));
}

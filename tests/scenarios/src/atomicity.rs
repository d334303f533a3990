//! All or nothing: the writes of a call are applied together, or not at all.

use crate::differs::{WHAT_A_TRAP_ENDS, WHAT_AN_ERROR_KEEPS};
use crate::test_client::events;
use crate::{TestClient, TestServer, first, list};
use serde_json::json;
use std::time::Duration;

list![
    a_failed_call_leaves_nothing_behind,
    an_error_leaves_what_its_mode_keeps,
    a_trap_ends_what_its_mode_ends,
    a_client_that_stays_gets_nothing_twice,
    writes_are_applied_together_when_the_call_ends,
    a_question_sends_what_was_recorded_first,
    flushed_writes_stay,
    an_early_ack_is_taken_back_by_a_failure,
    an_ack_that_was_sent_is_the_only_answer,
    reads_see_the_calls_own_writes,
];

fn a_failed_call_leaves_nothing_behind(server: &dyn TestServer) {
    let (ann, bob) = (TestClient::plain(server, "/"), TestClient::plain(server, "/"));
    let all = [json!({"fail": ["no", null, null]}), json!("panic"), json!("forbidden")];
    // The errors have a scenario of their own.
    let ends = WHAT_AN_ERROR_KEEPS.either(server, &all[..], &all[1..2]);
    for end in ends {
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

fn an_error_leaves_what_its_mode_keeps(server: &dyn TestServer) {
    for (end, sleep) in [(json!({"fail": ["no", null, null]}), false), (json!("forbidden"), false), (json!("forbidden"), true)] {
        let ann = TestClient::plain(server, "/");
        let mut steps = json!([
            {"emit": ["mine", 1]}, {"join": "r"}, {"set_data": ["mark", 1]},
            {"timer": {"name": "a", "after": 100, "do": [{"emit": ["rang", 1]}]}}, end
        ]);
        if sleep {
            // The error is one of a later entry, or of what the call does after it has sent something.
            steps.as_array_mut().unwrap().insert(0, json!({"sleep": 50}));
        }
        let ack = ann.starts(steps);
        server.advance(Duration::from_millis(200));

        assert_eq!(ann.acked(ack)["success"], json!(false));
        assert_eq!(ann.names(), WHAT_AN_ERROR_KEEPS.either(server, &[][..], &["mine", "rang"]));
        let kept = WHAT_AN_ERROR_KEEPS.either(server, json!([[], null]), json!([["r"], 1]));
        assert_eq!(ann.asks(json!(["rooms", {"data": "mark"}])), kept);
    }
}

fn a_trap_ends_what_its_mode_ends(server: &dyn TestServer) {
    let (ann, bob, eve) = (TestClient::plain(server, "/"), TestClient::in_room(server, "r"), TestClient::plain(server, "/"));
    let waiting = bob.starts(json!([{"emit": ["before", 1]}, {"sleep": 300}, {"emit": ["after", 1]}, "answer"]));
    let other = eve.starts(json!([{"sleep": 300}, "answer"]));
    let ack = ann.starts(json!([{"emit": ["never", 1]}, "panic"]));

    let neutral = json!({"success": false, "error": "internal error", "code": "INTERNAL_ERROR"});
    assert_eq!(ann.acked(ack), neutral);
    let at_once = WHAT_A_TRAP_ENDS.either(server, None, Some(neutral.clone()));
    assert_eq!((bob.ack(waiting), eve.ack(other)), (at_once.clone(), at_once));
    server.advance(Duration::from_millis(600));
    let end = WHAT_A_TRAP_ENDS.either(server, json!([]), neutral);
    assert_eq!((bob.acked(waiting), eve.acked(other)), (end.clone(), end));
    assert_eq!(bob.names(), WHAT_A_TRAP_ENDS.either(server, &["before", "after"][..], &["before"]));
    // Whoever was connected is so, and is served.
    assert_eq!((ann.is_in(), ann.received()), (true, vec![]));
    assert_eq!(bob.asks_for(json!("rooms")), json!(["r"]));
}

/// In `shared` mode what was connected meets a new instance after a trap, and its `connection` runs there once more.
fn a_client_that_stays_gets_nothing_twice(server: &dyn TestServer) {
    let (bob, eve) = (TestClient::plain(server, "/"), TestClient::plain(server, "/"));
    let steps = json!([
        {"emit": ["hello", 1]}, {"broadcast": ["came", 1]}, {"join": "r"}, {"consume": ["k", 1, 5, 60_000]},
        {"timer": {"name": "a", "after": 500, "do": [{"emit": ["rang", 1]}]}}
    ]);
    let mut auth = first("connection", steps);
    auth["first"]["disconnect"] = json!([{"broadcast": ["gone", "$reason"]}]);
    let ann = TestClient::planned(server, "/", auth);
    assert_eq!((ann.names(), bob.names()), (vec!["hello".to_owned()], vec!["came".to_owned()]));

    ann.does(json!([{"leave": "r"}]));
    for _ in 0..2 {
        let ack = eve.starts(json!(["panic"]));
        assert_eq!(eve.acked(ack)["success"], json!(false));
        assert_eq!(ann.asks(json!(["rooms", {"consume": ["k", 0, 5, 60_000]}])), json!([[], [true, 4, 1, 60_000]]));
    }
    server.advance(Duration::from_secs(1));
    assert_eq!(ann.names(), ["rang"]);
    let ack = eve.starts(json!(["panic"]));
    assert_eq!(eve.acked(ack)["success"], json!(false));
    ann.leaves();
    assert_eq!(bob.received(), events([("gone", json!("client namespace disconnect"))]));
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
    assert_eq!(ann.names(), WHAT_AN_ERROR_KEEPS.either(server, &["kept", "error"][..], &["kept", "dropped", "error"]));
}

fn an_early_ack_is_taken_back_by_a_failure(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let ack = ann.starts(json!([{"reply": "taken back"}, {"fail": ["no", "NO", null]}]));
    let failure = json!({"success": false, "error": "no", "code": "NO"});
    assert_eq!(ann.acked(ack), WHAT_AN_ERROR_KEEPS.either(server, failure, json!("taken back")));
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

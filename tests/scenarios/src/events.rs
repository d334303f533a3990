//! Events: their order, their acks, and the answers to failures.

use crate::differs::{HANDLERS_OVERLAP, WHAT_AN_ERROR_KEEPS};
use crate::test_client::events;
use crate::{Status, TestClient, TestServer, list, plan};
use innkeeper_contract::limits::EVENT_NAME_BYTES_MAX;
use serde_json::{Value, json};
use std::time::Duration;

list![
    events_of_one_socket_run_one_after_the_other,
    sockets_do_not_wait_for_each_other,
    the_returned_ack_comes_last,
    the_first_answer_of_a_handler_counts,
    an_ack_may_come_from_another_handler,
    an_event_without_an_answer_is_never_acknowledged,
    a_failure_is_the_ack,
    a_failure_without_an_ack_is_the_event_error,
    the_data_of_a_failure_never_overwrites_what_stands_beside_it,
    a_silent_failure_is_answered_by_nothing,
    a_panic_is_answered_with_a_neutral_message,
    a_refusal_of_the_host_is_answered_with_a_neutral_message,
    an_error_of_a_library_is_answered_with_a_neutral_message,
    what_nests_too_deep_to_be_read_is_refused,
    what_is_not_allowed_is_refused_where_it_is_recorded,
    a_call_that_takes_too_long_fails,
];

fn events_of_one_socket_run_one_after_the_other(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    ann.does(json!([{"emit": ["one", 1]}, {"sleep": 300}, {"emit": ["two", 2]}]));
    ann.does(json!([{"emit": ["three", 3]}]));

    assert_eq!(ann.names(), HANDLERS_OVERLAP.either(server, &["one"][..], &["one", "three"]));
    server.advance(Duration::from_millis(250));
    assert!(ann.names().is_empty());
    server.advance(Duration::from_millis(50));
    assert_eq!(ann.names(), HANDLERS_OVERLAP.either(server, &["two", "three"][..], &["two"]));
}

fn sockets_do_not_wait_for_each_other(server: &dyn TestServer) {
    let (ann, bob) = (TestClient::plain(server, "/"), TestClient::plain(server, "/"));
    let slow = ann.starts(json!([{"sleep": 300}, "answer"]));

    assert_eq!(bob.asks_for(json!("rooms")), json!([]));
    assert_eq!(ann.ack(slow), None);
    server.advance(Duration::from_millis(300));
    assert_eq!(ann.acked(slow), json!([]));
}

fn the_returned_ack_comes_last(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    assert_eq!(ann.asks(json!([{"emit": ["before", 1]}, {"join": "r"}, "rooms"])), json!([["r"]]));
    assert_eq!(ann.names(), ["before"]);
}

fn the_first_answer_of_a_handler_counts(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    assert_eq!(ann.asks(json!([{"reply": 1}, {"reply": 2}])), json!(1));
}

fn an_ack_may_come_from_another_handler(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let kept = ann.starts(json!(["keep_ack"]));
    assert_eq!(ann.ack(kept), None);

    ann.does(json!([{"give_ack": "at last"}]));
    assert_eq!(ann.acked(kept), json!("at last"));
    ann.does(json!([{"give_ack": "again"}]));
    assert_eq!(ann.acked(kept), json!("at last"));
}

fn an_event_without_an_answer_is_never_acknowledged(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let ack = ann.starts(json!([{"emit": ["done", 1]}]));

    server.advance(Duration::from_secs(15));
    assert_eq!((ann.ack(ack), ann.names().len()), (None, 1));
}

fn a_failure_is_the_ack(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let ack = ann.starts(json!([{"fail": ["no such seat", "NOT_FOUND", {"seat": 41}]}]));
    assert_eq!(ann.acked(ack), json!({"success": false, "error": "no such seat", "code": "NOT_FOUND", "seat": 41}));

    let ack = ann.starts(json!([{"fail": ["no", null, [1, 2]]}]));
    assert_eq!(ann.acked(ack), json!({"success": false, "error": "no", "code": "INTERNAL_ERROR"}));
    assert!(ann.received().is_empty());
}

fn a_failure_without_an_ack_is_the_event_error(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    ann.does(json!([{"fail": ["no such seat", "NOT_FOUND", {"seat": 41}]}]));

    let told = json!({"code": "NOT_FOUND", "message": "no such seat", "seat": 41});
    assert_eq!(ann.received(), events([("error", told)]));
}

fn the_data_of_a_failure_never_overwrites_what_stands_beside_it(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let data = json!({"success": true, "error": "mine", "code": "MINE", "message": "mine", "seat": 41});
    let steps = json!([{"fail": ["theirs", "THEIRS", data]}]);

    let ack = ann.starts(steps.clone());
    let told = json!({"success": false, "error": "theirs", "code": "THEIRS", "message": "mine", "seat": 41});
    assert_eq!(ann.acked(ack), told);
    ann.does(steps);
    let told = json!({"success": true, "error": "mine", "code": "THEIRS", "message": "theirs", "seat": 41});
    assert_eq!(ann.received(), events([("error", told)]));
}

fn a_panic_is_answered_with_a_neutral_message(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let ack = ann.starts(json!(["panic"]));
    assert_eq!(ann.acked(ack), json!({"success": false, "error": "internal error", "code": "INTERNAL_ERROR"}));
    ann.does(json!(["panic"]));
    assert_eq!(ann.received(), events([("error", json!({"code": "INTERNAL_ERROR", "message": "internal error"}))]));
    assert_eq!(ann.asks_for(json!("rooms")), json!([]));
}

fn a_refusal_of_the_host_is_answered_with_a_neutral_message(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let ack = ann.starts(json!([{"emit": ["never", 1]}, "forbidden"]));
    assert_eq!(ann.acked(ack), json!({"success": false, "error": "internal error", "code": "INTERNAL_ERROR"}));
    assert_eq!(ann.asks_for(json!({"try": "forbidden"})), json!("invalid"));
    assert_eq!(ann.received(), WHAT_AN_ERROR_KEEPS.either(server, vec![], events([("never", json!(1))])));
}

fn an_error_of_a_library_is_answered_with_a_neutral_message(server: &dyn TestServer) {
    let neutral = json!({"success": false, "error": "internal error", "code": "INTERNAL_ERROR"});
    let ann = TestClient::plain(server, "/chain");
    for place in ["handler", "middleware"] {
        let steps = json!({"second": {place: [{"emit": [place, 1]}, "fail_by_library"]}});
        let ack = ann.starts_plans(steps.clone());
        assert_eq!(ann.acked(ack), neutral);
        ann.emits(steps);
        let (wrote, told) = ((place, json!(1)), ("error", json!({"code": "INTERNAL_ERROR", "message": "internal error"})));
        let expected = WHAT_AN_ERROR_KEEPS.either(server, events([told.clone()]), events([wrote.clone(), wrote, told]));
        assert_eq!(ann.received(), expected);
    }
    let refused = TestClient::planned(server, "/", plan("first", "middleware", json!(["fail_by_library"])));
    assert_eq!(refused.status(), Status::Refused { message: "internal error".to_owned(), data: None });
    assert_eq!(ann.asks_for(json!({"refusal": "fail_by_library"}))["message"], json!("invalid digit found in string"));
}

fn what_nests_too_deep_to_be_read_is_refused(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    // The plan nests five deep around a value.
    let nested = |depth: usize| (5..depth).fold(json!(null), |inner, _| json!([inner]));
    let ack = |depth| {
        let ack = ann.starts(json!([{"emit": ["fine", nested(depth)]}, "answer"]));
        ann.acked(ack)
    };
    assert_eq!(ack(127), json!([]));
    assert_eq!(ann.names(), ["fine"]);
    let refused = ack(128);
    assert_eq!(refused["code"], json!("INVALID_ARGUMENT"));
    assert_eq!(refused["error"], json!("do: argument 1: it nests deeper than 127 levels"));
}

fn what_is_not_allowed_is_refused_where_it_is_recorded(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/chain");
    let code = |step: Value| {
        let ack = ann.starts_plans(plan("second", "handler", json!([{"try": step}, {"emit": ["went on", 1]}, "answer"])));
        ann.acked(ack)[0].clone()
    };
    assert_eq!(code(json!({"emit": ["disconnecting", 1]})), json!("invalid"));
    assert_eq!(code(json!({"emit": ["x".repeat(EVENT_NAME_BYTES_MAX + 1), 1]})), json!("limit"));
    assert_eq!(code(json!({"consume": ["k", 1, 1, 0]})), json!("invalid"));
    // The second plugin serves one namespace, and did not request the capability for others.
    for namespace in ["/", "/nowhere"] {
        assert_eq!(code(json!({"of": [namespace, "x", 1]})), json!("denied"));
    }
    assert_eq!(code(json!({"emit": ["fine", 1]})), json!(null));
    let names = ann.names();
    assert_eq!((names.iter().filter(|name| *name == "went on").count(), names.len()), (6, 7));
}

fn a_call_that_takes_too_long_fails(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let ack = ann.starts(json!([{"emit": ["flushed", 1]}, {"sleep": 60_000}, {"emit": ["never", 1]}]));

    server.advance(Duration::from_millis(9_900));
    assert_eq!(ann.ack(ack), None);
    server.advance(Duration::from_millis(150));
    assert_eq!(ann.acked(ack), json!({"success": false, "error": "internal error", "code": "INTERNAL_ERROR"}));
    server.advance(Duration::from_secs(1));
    assert_eq!(ann.names(), ["flushed"]);
}

fn a_silent_failure_is_answered_by_nothing(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/chain");
    let steps = |place: &str| json!({"first": {place: [{"emit": [place, 1]}, "fail_silently"]}, "second": {"handler": [{"emit": ["second", 1]}]}});
    for place in ["handler", "middleware"] {
        let ack = ann.starts_plans(steps(place));
        ann.emits(steps(place));
        server.advance(Duration::from_millis(50));
        assert_eq!(ann.ack(ack), None);
    }
    // What middleware wrote before it rejected stays, and no handler runs after it.
    let expected = WHAT_AN_ERROR_KEEPS.either(server, &["second"][..], &["handler", "second"]);
    assert_eq!(ann.names(), [expected, expected, &["middleware", "middleware"]].concat());
    // Another handler that fails is answered.
    let ack = ann
        .starts_plans(json!({"first": {"handler": ["fail_silently"]}, "second": {"handler": [{"fail": ["no", "TEA", null]}]}}));
    assert_eq!(ann.acked(ack)["code"], json!("TEA"));
}

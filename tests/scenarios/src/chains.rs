//! Two plugins on one namespace.

use crate::differs::WHAT_AN_ERROR_KEEPS;
use crate::test_client::events;
use crate::{Status, TestClient, TestServer, list, plan};
use serde_json::{Value, json};

list![
    all_middleware_runs_and_then_all_connections,
    the_first_rejection_ends_the_chain,
    event_middleware_rewrites_what_later_plugins_see,
    event_middleware_that_rejects_answers_and_no_handler_runs,
    event_middleware_that_breaks_answers_neutrally,
    writes_of_the_first_plugin_stay_when_the_second_fails,
    every_handler_runs_and_the_first_failure_is_the_answer,
    the_first_ack_counts,
    each_plugin_sees_what_the_one_before_did,
];

const CHAIN: &str = "/chain";

/// The same steps for both plugins.
fn both(place: &str, steps: Value) -> Value {
    json!({"first": {place: steps}, "second": {place: steps}})
}

fn all_middleware_runs_and_then_all_connections(server: &dyn TestServer) {
    let steps = |word: &str| json!([{"emit": [word, "$name"]}]);
    let plans = json!({"middleware": steps("middleware"), "connection": steps("connection")});
    let ann = TestClient::planned(server, CHAIN, json!({"first": plans, "second": plans}));

    let expected = ["middleware", "connection"].map(|word| [(word, json!("first")), (word, json!("second"))]);
    let [[a, b], [c, d]] = expected;
    assert_eq!(ann.received(), events([a, b, c, d]));
}

fn the_first_rejection_ends_the_chain(server: &dyn TestServer) {
    let bob = TestClient::plain(server, CHAIN);
    let steps = json!([{"broadcast": ["knock", "$name"]}, {"fail": ["no", null, null]}]);
    let ann = TestClient::planned(server, CHAIN, both("middleware", steps));

    assert_eq!(bob.received(), events([("knock", json!("first"))]));
    assert!(matches!(ann.status(), Status::Refused { .. }));
}

fn event_middleware_rewrites_what_later_plugins_see(server: &dyn TestServer) {
    let ann = TestClient::plain(server, CHAIN);
    let rewritten = plan("second", "handler", json!([{"emit": ["rewritten", "$name"]}, "answer"]));
    let ack = ann.starts_plans(plan("first", "middleware", json!([{"emit": ["middleware", 1]}, {"rewrite": rewritten}])));

    assert_eq!(ann.received(), events([("middleware", json!(1)), ("rewritten", json!("second"))]));
    assert_eq!(ann.acked(ack), json!([]));
}

fn event_middleware_that_rejects_answers_and_no_handler_runs(server: &dyn TestServer) {
    let ann = TestClient::plain(server, CHAIN);
    let plans = json!({
        "first": {"middleware": [{"emit": ["kept", 1]}, {"fail": ["slow down", "SLOW", {"wait": 5}]}],
                  "handler": [{"emit": ["handled", 1]}]},
        "second": {"middleware": [{"emit": ["later", 1]}], "handler": [{"emit": ["handled", 2]}]},
    });

    let ack = ann.starts_plans(plans.clone());
    assert_eq!(ann.acked(ack), json!({"success": false, "error": "slow down", "code": "SLOW", "wait": 5}));
    assert_eq!(ann.received(), events([("kept", json!(1))]));
    ann.emits(plans);
    let told = ("error", json!({"code": "SLOW", "message": "slow down", "wait": 5}));
    assert_eq!(ann.received(), events([("kept", json!(1)), told]));
}

fn event_middleware_that_breaks_answers_neutrally(server: &dyn TestServer) {
    let ann = TestClient::plain(server, CHAIN);
    let ack = ann.starts_plans(json!({
        "first": {"middleware": [{"emit": ["never", 1]}, "panic"], "handler": [{"emit": ["handled", 1]}]},
    }));

    assert_eq!(ann.acked(ack), json!({"success": false, "error": "internal error", "code": "INTERNAL_ERROR"}));
    assert!(ann.received().is_empty());
}

fn writes_of_the_first_plugin_stay_when_the_second_fails(server: &dyn TestServer) {
    let ann = TestClient::plain(server, CHAIN);
    let ack = ann.starts_plans(json!({
        "first": {"handler": [{"emit": ["kept", 1]}, {"join": "kept"}, "answer"]},
        "second": {"handler": [{"emit": ["dropped", 1]}, {"join": "dropped"}, {"fail": ["no", null, null]}]},
    }));

    // There was an answer already, so the failure is not answered.
    assert_eq!(ann.acked(ack), json!([]));
    let (kept, dropped) = (("kept", json!(1)), ("dropped", json!(1)));
    assert_eq!(ann.received(), WHAT_AN_ERROR_KEEPS.either(server, events([kept.clone()]), events([kept, dropped])));
    assert_eq!(ann.asks_for(json!("rooms")), WHAT_AN_ERROR_KEEPS.either(server, json!(["kept"]), json!(["dropped", "kept"])));
}

fn every_handler_runs_and_the_first_failure_is_the_answer(server: &dyn TestServer) {
    let ann = TestClient::plain(server, CHAIN);
    let ack = ann.starts_plans(json!({
        "first": {"handler": [{"fail": ["one", "ONE", null]}]},
        "second": {"handler": [{"emit": ["ran", 1]}, "flush", {"fail": ["two", "TWO", null]}]},
    }));

    assert_eq!(ann.acked(ack), json!({"success": false, "error": "one", "code": "ONE"}));
    assert_eq!(ann.received(), events([("ran", json!(1))]));
}

fn the_first_ack_counts(server: &dyn TestServer) {
    let ann = TestClient::plain(server, CHAIN);
    let ack = ann.starts_plans(json!({
        "first": {"handler": [{"fail": ["one", null, null]}]},
        "second": {"handler": ["rooms", "answer"]},
    }));
    assert_eq!(ann.acked(ack), json!([[]]));

    let ack = ann.starts_plans(both("handler", json!([{"reply": "early"}, {"emit": ["by", "$name"]}, "answer"])));
    assert_eq!(ann.acked(ack), json!("early"));
    assert_eq!(ann.received(), events([("by", json!("first")), ("by", json!("second"))]));
}

fn each_plugin_sees_what_the_one_before_did(server: &dyn TestServer) {
    let ann = TestClient::planned(
        server,
        CHAIN,
        json!({
            "first": {"middleware": [{"join": "early"}], "connection": [{"join": "late"}]},
            "second": {"connection": [{"emit": ["rooms", "$rooms"]}]},
        }),
    );

    assert_eq!(ann.received(), events([("rooms", json!(["early", "late"]))]));
}

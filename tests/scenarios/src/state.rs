//! What outlives a call: a socket's data, the store, and points of a limit.

use crate::{TestClient, TestServer, list};
use innkeeper_contract::limits::{SCAN_BYTES_MAX, STORE_KEY_BYTES_MAX, STORE_VALUE_BYTES_MAX};
use innkeeper_contract::refusals;
use serde_json::{Value, json};
use std::time::Duration;

list![
    data_belongs_to_its_socket,
    a_handshake_is_json_with_the_names_of_socket_io,
    one_parameter_and_one_header_are_read_by_their_names,
    the_store_keeps_what_a_failed_call_wrote,
    the_store_adds_swaps_and_scans,
    the_entries_of_a_bucket_are_read_page_by_page,
    entries_that_are_long_together_are_read_in_smaller_pages,
    entries_that_the_store_refuses_end_with_the_refusal,
    a_value_with_a_time_to_live_expires,
    points_come_back_when_the_window_closes,
    keys_of_a_limit_have_windows_of_their_own,
];

fn data_belongs_to_its_socket(server: &dyn TestServer) {
    let (ann, bob) = (TestClient::plain(server, "/"), TestClient::plain(server, "/"));
    ann.does(json!([{"set_data": ["mark", {"a": [1, "é"]}]}, {"set_data": ["other", 2]}]));
    ann.does(json!([{"remove_data": "other"}]));

    assert_eq!(ann.asks(json!([{"data": "mark"}, {"data": "other"}])), json!([{"a": [1, "é"]}, null]));
    assert_eq!(bob.asks_for(json!({"data": "mark"})), json!(null));
    let all = ann.asks(json!([{"set_data": ["recorded", true]}, "data_all"]));
    assert_eq!(all, json!([{"mark": {"a": [1, "é"]}, "recorded": true}]));
    assert_eq!(bob.asks_for(json!("data_all")), json!({}));
}

fn a_handshake_is_json_with_the_names_of_socket_io(server: &dyn TestServer) {
    let ann = TestClient::planned(server, "/", json!({"token": "t"}));
    let handshake = ann.asks_for(json!("handshake"));
    let mut names: Vec<&String> = handshake.as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(names, ["address", "auth", "headers", "issued", "query", "secure", "time", "url", "xdomain"]);
    assert_eq!(handshake["auth"], json!({"token": "t"}));
    assert_eq!((&handshake["query"]["EIO"], &handshake["address"]), (&json!("4"), &json!("127.0.0.1")));
    assert_eq!((&handshake["secure"], &handshake["xdomain"]), (&json!(false), &json!(false)));
    assert!(handshake["issued"].is_u64() && handshake["headers"]["host"].is_string(), "{handshake}");
    assert!(handshake["time"].as_str().unwrap().contains("GMT+0000"), "{handshake}");
    assert!(ann.asks_for(json!("queries")).as_array().unwrap().contains(&json!(["EIO", "4"])));
}

fn one_parameter_and_one_header_are_read_by_their_names(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let handshake = ann.asks_for(json!("handshake"));
    let read = ann.asks(json!([{"query": "EIO"}, {"query": "nothing"}, {"header": "host"}, {"header": "nothing"}]));
    assert_eq!(read, json!(["4", null, handshake["headers"]["host"], null]));
}

fn the_store_keeps_what_a_failed_call_wrote(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let ack = ann.starts(json!([{"emit": ["before", 1]}, {"set": ["k", "kept", null]}, {"emit": ["after", 1]}, "panic"]));
    assert_eq!(ann.acked(ack)["success"], json!(false));
    assert_eq!(ann.asks_for(json!({"get": "k"})), json!("kept"));
    assert_eq!(ann.names(), ["before"]);
}

fn the_store_adds_swaps_and_scans(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let results = ann.asks(json!([
        {"increment": ["n", 5]}, {"increment": ["n", -7]}, {"set": ["text", "x", null]}, {"increment": ["text", 1]},
        {"swap": ["s", null, 1]}, {"swap": ["s", null, 2]}, {"swap": ["s", 1, 3]}, {"get": "s"}, {"swap": ["s", 3, null]}, {"get": "s"},
        {"delete": "text"}, {"delete": "text"}
    ]));
    assert_eq!(results, json!([5, -2, null, "invalid", true, false, true, 3, true, null, true, false]));

    let results = ann.asks(json!([
        {"set": ["p/b", 2, null]}, {"set": ["p/a", 1, null]}, {"set": ["p/c", 3, null]}, {"set": ["q", 4, null]},
        {"scan": ["p/", null, 2]}, {"scan": ["p/", "p/b", 10]}, {"scan": ["p/", "p/c", 10]}
    ]));
    let expected = json!([null, null, null, null, [["p/a", 1], ["p/b", 2]], [["p/c", 3]], []]);
    assert_eq!(results, expected);
}

fn the_entries_of_a_bucket_are_read_page_by_page(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let keys: Vec<String> = (0..250).map(|number| format!("e/{number:03}")).collect();
    let set = |key: &String| json!({"set": [key, if key == "e/120" { json!(120) } else { json!("text") }, null]});
    ann.asks(keys.iter().map(set).chain([json!({"set": ["f", "text", null]})]).collect());

    let mut expected: Vec<Value> = keys.into_iter().map(Value::from).collect();
    expected[120] = Value::Null;
    assert_eq!(ann.asks_for(json!({"entries": "e/"})), json!(expected));
    // A last page that is full is followed by an empty one.
    assert_eq!(ann.asks_for(json!({"entries": "e/0"})), json!(expected[..100]));
    assert_eq!(ann.asks_for(json!({"entries": "none"})), json!([]));
}

fn entries_that_are_long_together_are_read_in_smaller_pages(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let entries = 2 * SCAN_BYTES_MAX / STORE_VALUE_BYTES_MAX;
    let keys: Vec<String> = (0..entries).map(|number| format!("e/{number:02}")).collect();
    for key in &keys {
        ann.asks(json!([{"set": [key, {"$text": STORE_VALUE_BYTES_MAX - 2}, null]}]));
    }
    assert_eq!(ann.asks_for(json!({"entries": "e/"})), json!(keys));
}

fn entries_that_the_store_refuses_end_with_the_refusal(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let step = json!({"refusal": {"entries": "x".repeat(STORE_KEY_BYTES_MAX + 1)}});
    let refusal = refusals::store_key(STORE_KEY_BYTES_MAX + 1);
    assert_eq!(ann.asks_for(step), json!({"code": refusal.code, "message": refusal.message}));
}

fn a_value_with_a_time_to_live_expires(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    ann.asks(json!([{"set": ["n", 1, 1_000]}, {"set": ["long", 1, 5_000]}]));
    server.advance(Duration::from_millis(900));
    // A time to live goes on when something is added.
    assert_eq!(ann.asks_for(json!({"increment": ["n", 1]})), json!(2));
    server.advance(Duration::from_millis(100));
    assert_eq!(ann.asks(json!([{"get": "n"}, {"scan": ["", null, 10]}])), json!([null, [["long", 1]]]));
    assert_eq!(ann.asks(json!([{"increment": ["n", 1]}, {"set": ["long", 2, null]}])), json!([1, null]));
    server.advance(Duration::from_secs(5));
    assert_eq!(ann.asks(json!([{"get": "n"}, {"get": "long"}])), json!([1, 2]));
}

fn points_come_back_when_the_window_closes(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let take = |points: u32| json!({"consume": ["k", points, 3, 1_000]});
    assert_eq!(ann.asks(json!([take(2)])), json!([[true, 1, 2, 1_000]]));
    server.advance(Duration::from_millis(600));
    // What goes beyond the limit counts, and the window stays as it was opened.
    assert_eq!(ann.asks(json!([take(2), take(1)])), json!([[false, 0, 4, 400], [false, 0, 5, 400]]));
    server.advance(Duration::from_millis(400));
    assert_eq!(ann.asks(json!([take(3), take(0)])), json!([[true, 0, 3, 1_000], [true, 0, 3, 1_000]]));
}

fn keys_of_a_limit_have_windows_of_their_own(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/chain");
    assert_eq!(ann.asks_for(json!({"consume": ["a", 1, 1, 1_000]}))[0], json!(true));
    assert_eq!(ann.asks_for(json!({"consume": ["b", 1, 1, 1_000]}))[0], json!(true));
    assert_eq!(ann.asks_for(json!({"consume": ["a", 1, 1, 1_000]}))[0], json!(false));
    // Another plugin has keys of its own.
    let ack = ann.starts_plans(json!({"second": {"handler": [{"consume": ["a", 1, 1, 1_000]}, "answer"]}}));
    assert_eq!(ann.acked(ack)[0][0], json!(true));
}

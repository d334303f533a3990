//! Timers, of sockets and of plugins.

use crate::test_client::{events, holding};
use crate::{TestClient, TestServer, first, list};
use serde_json::{Value, json};
use std::time::Duration;

list![
    a_plugin_sets_its_first_timer_when_it_starts,
    a_timer_runs_once_after_its_delay,
    the_same_name_is_the_same_timer,
    names_of_different_sockets_are_different_timers,
    keys_distinguish_timers_of_one_name,
    a_timer_that_is_to_be_kept_goes_on_as_it_was,
    a_cleared_timer_never_runs,
    a_repeating_timer_runs_again_and_again,
    a_late_repetition_runs_once,
    a_late_repetition_of_a_plugins_own_timer_runs_once,
    a_timer_waits_its_turn_behind_the_sockets_events,
    a_timer_that_waits_its_turn_can_be_cleared,
    a_timer_that_waits_its_turn_can_be_replaced,
    a_sockets_timer_ends_with_it,
    a_timer_that_waits_its_turn_ends_with_its_socket,
    a_plugins_own_timers_run_one_at_a_time,
    a_plugins_own_timer_that_waits_holds_up_no_socket,
    a_timer_that_fails_leaves_nothing_and_runs_again,
];

fn milliseconds(number: u64) -> Duration {
    Duration::from_millis(number)
}

/// A timer of the socket that emits its name.
fn socket_timer(name: &str, after: u64, every: Option<u64>) -> Value {
    json!({"timer": {"name": name, "after": after, "every": every, "do": [{"emit": [name, 1]}]}})
}

/// A timer of the plugin that emits to the room `r`.
fn plugin_timer(name: &str, after: u64, every: Option<u64>, steps: Value) -> Value {
    json!({"own_timer": {"name": name, "after": after, "every": every, "do": steps}})
}

fn tell(name: &str) -> Value {
    json!({"in": [["r"], null, name, 1]})
}

fn a_plugin_sets_its_first_timer_when_it_starts(server: &dyn TestServer) {
    let ann = TestClient::in_room(server, "early");
    server.advance(milliseconds(950));
    assert!(ann.received().is_empty());
    server.advance(milliseconds(1_000));
    assert_eq!(ann.received(), events([("began", json!(null))]));
}

fn a_timer_runs_once_after_its_delay(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    ann.does(json!([socket_timer("a", 500, None)]));
    server.advance(milliseconds(450));
    assert!(ann.received().is_empty());
    server.advance(milliseconds(50));
    assert_eq!(ann.names(), ["a"]);
    server.advance(milliseconds(2_000));
    assert!(ann.received().is_empty());
    // Without a delay it runs at once, after the writes of the handler.
    ann.does(json!([socket_timer("b", 0, None), {"emit": ["handled", 1]}]));
    server.advance(milliseconds(50));
    assert_eq!(ann.names(), ["handled", "b"]);
}

fn the_same_name_is_the_same_timer(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    ann.does(json!([socket_timer("a", 200, None), socket_timer("b", 200, None)]));
    server.advance(milliseconds(100));
    ann.does(json!([{"timer": {"name": "a", "after": 300, "do": [{"emit": ["replaced", 1]}]}}]));
    server.advance(milliseconds(250));
    assert_eq!(ann.names(), ["b"]);
    server.advance(milliseconds(50));
    assert_eq!(ann.names(), ["replaced"]);
}

fn names_of_different_sockets_are_different_timers(server: &dyn TestServer) {
    let (ann, bob) = (TestClient::in_room(server, "r"), TestClient::in_room(server, "r"));
    ann.does(json!([socket_timer("a", 100, None)]));
    bob.does(json!([socket_timer("a", 100, None), plugin_timer("a", 200, None, json!([tell("own")]))]));
    ann.does(json!([{"clear_own": "b"}, {"clear": "b"}]));
    server.advance(milliseconds(200));
    assert_eq!((ann.names(), bob.names()), (vec!["a".to_owned(), "own".to_owned()], vec!["a".to_owned(), "own".to_owned()]));
}

fn a_cleared_timer_never_runs(server: &dyn TestServer) {
    let ann = TestClient::in_room(server, "r");
    ann.does(json!([socket_timer("a", 200, Some(100)), plugin_timer("b", 200, Some(100), json!([tell("own")]))]));
    server.advance(milliseconds(300));
    assert_eq!(ann.received().len(), 4);
    ann.does(json!([{"clear": "a"}, {"clear_own": "b"}, {"clear": "never set"}]));
    server.advance(milliseconds(1_000));
    assert!(ann.received().is_empty());
}

fn a_repeating_timer_runs_again_and_again(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    ann.does(json!([socket_timer("a", 50, Some(200))]));
    for expected in [1, 1, 1] {
        server.advance(milliseconds(200));
        assert_eq!(ann.received().len(), expected);
    }
    server.advance(milliseconds(1_000));
    assert_eq!(ann.received().len(), 5);
}

fn a_late_repetition_runs_once(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/chain");
    let steps = json!([socket_timer("a", 100, Some(100)), {"sleep": 550}, {"emit": ["awake", 1]}]);
    ann.emits(first(holding(server), steps));
    server.advance(milliseconds(500));
    assert!(ann.received().is_empty());
    server.advance(milliseconds(50));
    assert_eq!(ann.names(), ["awake", "a"]);
    server.advance(milliseconds(100));
    assert_eq!(ann.names(), ["a"]);
}

fn a_late_repetition_of_a_plugins_own_timer_runs_once(server: &dyn TestServer) {
    let ann = TestClient::in_room(server, "r");
    ann.does(json!([
        plugin_timer("a", 100, Some(100), json!([tell("tick")])),
        plugin_timer("b", 150, None, json!([{"sleep": 500}, tell("awake")])),
    ]));
    server.advance(milliseconds(600));
    assert_eq!(ann.names(), ["tick"]);
    server.advance(milliseconds(50));
    assert_eq!(ann.names(), ["awake", "tick"]);
    server.advance(milliseconds(200));
    assert_eq!(ann.names(), ["tick", "tick"]);
}

fn a_timer_waits_its_turn_behind_the_sockets_events(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/chain");
    ann.emits(first(holding(server), json!([socket_timer("a", 100, None), {"sleep": 300}, {"emit": ["one", 1]}])));
    server.advance(milliseconds(200));
    ann.does(json!([{"emit": ["two", 1]}]));
    server.advance(milliseconds(100));
    assert_eq!(ann.names(), ["one", "a", "two"]);
}

fn a_timer_that_waits_its_turn_can_be_cleared(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/chain");
    ann.emits(first(holding(server), json!([socket_timer("a", 100, Some(100)), {"sleep": 300}, {"clear": "a"}])));
    server.advance(milliseconds(600));
    assert!(ann.received().is_empty());
}

fn a_timer_that_waits_its_turn_can_be_replaced(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/chain");
    let replaced = json!({"timer": {"name": "a", "after": 200, "do": [{"emit": ["replaced", 1]}]}});
    ann.emits(first(holding(server), json!([socket_timer("a", 100, None), {"sleep": 300}, replaced])));
    server.advance(milliseconds(350));
    assert!(ann.received().is_empty());
    server.advance(milliseconds(150));
    assert_eq!(ann.names(), ["replaced"]);
}

fn a_sockets_timer_ends_with_it(server: &dyn TestServer) {
    let (ann, bob) = (TestClient::plain(server, "/"), TestClient::plain(server, "/"));
    ann.does(json!([{"timer": {"name": "a", "after": 200, "every": 200, "do": [{"broadcast": ["rang", 1]}]}}]));
    server.advance(milliseconds(200));
    assert_eq!(bob.names(), ["rang"]);
    ann.leaves();
    server.advance(milliseconds(1_000));
    assert!(bob.received().is_empty());
}

fn a_timer_that_waits_its_turn_ends_with_its_socket(server: &dyn TestServer) {
    let bob = TestClient::plain(server, "/chain");
    let ann = TestClient::planned(server, "/chain", first("disconnect", json!([{"broadcast": ["gone", 1]}])));
    let steps = json!([{"timer": {"name": "a", "after": 100, "do": [{"broadcast": ["rang", 1]}]}}, {"sleep": 300}]);
    ann.emits(first(holding(server), steps));
    server.advance(milliseconds(200));
    ann.loses_connection();
    server.advance(milliseconds(500));
    assert_eq!(bob.names(), ["gone"]);
}

fn a_plugins_own_timers_run_one_at_a_time(server: &dyn TestServer) {
    let ann = TestClient::in_room(server, "r");
    ann.does(json!([
        plugin_timer("a", 100, None, json!([tell("a"), {"sleep": 200}, tell("a ends")])),
        plugin_timer("b", 200, None, json!([tell("b")])),
    ]));
    server.advance(milliseconds(250));
    assert_eq!(ann.names(), ["a"]);
    server.advance(milliseconds(50));
    assert_eq!(ann.names(), ["a ends", "b"]);
}

fn a_plugins_own_timer_that_waits_holds_up_no_socket(server: &dyn TestServer) {
    let ann = TestClient::in_room(server, "r");
    ann.does(json!([plugin_timer("a", 100, None, json!([{"sleep": 1_000}, tell("own")])), socket_timer("b", 200, None)]));
    server.advance(milliseconds(200));
    assert_eq!(ann.names(), ["b"]);
    server.advance(milliseconds(900));
    assert_eq!(ann.names(), ["own"]);
}

fn a_timer_that_fails_leaves_nothing_and_runs_again(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let steps = json!([{"emit": ["kept", 1]}, "flush", {"emit": ["dropped", 1]}, "panic"]);
    ann.does(json!([{"timer": {"name": "a", "after": 100, "every": 100, "do": steps}}]));
    server.advance(milliseconds(200));
    assert_eq!(ann.names(), ["kept", "kept"]);
}

fn keys_distinguish_timers_of_one_name(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let keyed = |key: Value, after: u64, word: &str| json!({"timer": {"name": "a", "key": key, "after": after, "do": [{"emit": [word, 1]}]}});
    ann.does(json!([
        keyed(json!(null), 100, "none"),
        keyed(json!("k"), 200, "k"),
        keyed(json!("l"), 300, "l"),
        keyed(json!("m"), 400, "m")
    ]));
    ann.does(json!([keyed(json!("k"), 500, "k again"), {"clear_key": ["a", "l"]}, {"clear_key": ["a", "never set"]}]));
    server.advance(milliseconds(600));
    assert_eq!(ann.names(), ["none", "m", "k again"]);
    ann.does(json!([keyed(json!(null), 100, "none"), keyed(json!("k"), 200, "k"), {"clear": "a"}]));
    server.advance(milliseconds(300));
    assert_eq!(ann.names(), ["k"]);
}

fn a_timer_that_is_to_be_kept_goes_on_as_it_was(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let keep = |every: u64, word: &str| json!({"timer": {"name": "a", "keep": true, "after": 200, "every": every, "do": [{"emit": [word, 1]}]}});
    ann.does(json!([keep(200, "first")]));
    server.advance(milliseconds(150));
    ann.does(json!([keep(200, "second")]));
    server.advance(milliseconds(50));
    assert_eq!(ann.names(), ["first"]);
    ann.does(json!([keep(100, "another interval")]));
    server.advance(milliseconds(200));
    assert_eq!(ann.names(), ["another interval"]);
}

//! Namespaces by pattern.

use crate::test_client::events;
use crate::{Status, TestClient, TestServer, list, plan};
use innkeeper_contract::limits::NAMESPACE_NAME_BYTES_MAX;
use innkeeper_contract::refusals;
use serde_json::{Value, json};

list![
    a_plugin_serves_a_namespace_by_its_name_or_by_its_first_pattern_that_matches,
    a_name_that_no_pattern_matches_whole_is_refused,
    plugins_whose_patterns_match_form_a_chain,
    the_namespaces_of_a_pattern_are_apart,
    a_namespace_of_a_pattern_is_empty_again_after_its_last_socket,
    an_emit_to_a_pattern_reaches_all_its_namespaces,
    only_emits_are_to_patterns,
];

const ROOMS: &str = r"/room-\w+";
/// As the source of an expression of JavaScript.
const HALLS: &str = r"^\/(?:room|hall)-.+$";
const SPECIAL: &str = "/room-[0-9]|/special|/others";

/// The patterns of the two plugins.
pub(crate) const OF_FIRST: [&str; 2] = [ROOMS, HALLS];
pub(crate) const OF_SECOND: [&str; 1] = [SPECIAL];

fn registered(server: &dyn TestServer, namespace: &str) -> Value {
    TestClient::plain(server, namespace).asks_event("registered")
}

fn a_plugin_serves_a_namespace_by_its_name_or_by_its_first_pattern_that_matches(server: &dyn TestServer) {
    for (name, by) in [
        ("/room-ann", ROOMS),
        ("/room-1", ROOMS),
        ("/room-a-b", HALLS),
        ("/room-\u{e9}", HALLS),
        ("/hall-1", HALLS),
        ("/special", SPECIAL),
        ("/others", SPECIAL),
        ("/other", "/other"),
    ] {
        assert_eq!(registered(server, name), json!(by), "{name}");
    }
    let long = format!("/room-{}", "a".repeat(NAMESPACE_NAME_BYTES_MAX - "/room-".len()));
    assert_eq!(registered(server, &long), json!(ROOMS));
}

fn a_name_that_no_pattern_matches_whole_is_refused(server: &dyn TestServer) {
    let long = format!("/room-{}", "a".repeat(NAMESPACE_NAME_BYTES_MAX + 1 - "/room-".len()));
    for name in ["/room-", "/rooms", "/x/room-1", "/specials", "/room", &long] {
        let client = TestClient::plain(server, name);
        let message = refusals::INVALID_NAMESPACE.to_owned();
        assert_eq!(client.status(), Status::Refused { message, data: None }, "{name}");
    }
}

fn plugins_whose_patterns_match_form_a_chain(server: &dyn TestServer) {
    let both = |steps: Value| json!({"first": steps, "second": steps});
    let plans = both(json!({"connection": [{"emit": ["hello", "$name"]}]}));
    for (name, plugins) in [("/room-1", &["first", "second"][..]), ("/room-x", &["first"]), ("/special", &["second"])] {
        let client = TestClient::planned(server, name, plans.clone());
        let hello = |plugin: &&str| ("hello".to_owned(), json!(plugin));
        assert_eq!(client.received(), plugins.iter().map(hello).collect::<Vec<_>>(), "{name}");
    }
}

fn the_namespaces_of_a_pattern_are_apart(server: &dyn TestServer) {
    let join = json!({"first": {"connection": [{"join": "x"}]}});
    let [ann, bob, eve] = ["/room-a", "/room-a", "/room-b"].map(|name| TestClient::planned(server, name, join.clone()));
    ann.does(json!([{"broadcast": ["all", 1]}, {"in": [["x"], null, "room", 2]}, {"of": ["/room-b", "other", 3]}]));
    assert_eq!(bob.received(), events([("all", json!(1)), ("room", json!(2))]));
    assert_eq!(ann.received(), events([("room", json!(2))]));
    assert_eq!(eve.received(), events([("other", json!(3))]));
    assert_eq!(ann.asks(json!([{"count": ["x", true]}])), json!([2]));
}

fn a_namespace_of_a_pattern_is_empty_again_after_its_last_socket(server: &dyn TestServer) {
    let join = json!({"first": {"connection": [{"join": "x"}], "disconnect": [{"of": ["/room-a", "late", 1]}]}});
    for _ in 0..3 {
        let ann = TestClient::planned(server, "/room-a", join.clone());
        assert_eq!(ann.asks(json!([{"count": ["x", true]}, {"room_names": ["", true]}])), json!([1, ["x"]]));
        assert!(ann.received().is_empty());
        ann.leaves();
    }
    // An emit to one that nobody is on is nothing.
    let ann = TestClient::plain(server, "/room-b");
    assert_eq!(ann.asks(json!([{"refusal": {"of": ["/room-a", "late", 1]}}])), json!([null]));
}

fn an_emit_to_a_pattern_reaches_all_its_namespaces(server: &dyn TestServer) {
    let [main, hall, special] = ["/", "/hall-1", "/special"].map(|name| TestClient::plain(server, name));
    let rooms = ["/room-a", "/room-b", "/room-1"].map(|name| TestClient::plain(server, name));
    main.does(json!([{"of_pattern": [ROOMS, "news", 1]}]));
    for room in &rooms {
        assert_eq!(room.received(), events([("news", json!(1))]));
    }
    hall.does(json!([{"of_pattern": [HALLS, "news", 2]}]));
    assert_eq!(hall.received(), events([("news", json!(2))]));
    // By its own patterns: what `second` serves by another one is another matter.
    rooms[2].emits(plan("second", "handler", json!([{"of_pattern": [SPECIAL, "news", 3]}])));
    assert_eq!(rooms[2].received(), events([("news", json!(3))]));
    assert_eq!(special.received(), events([("news", json!(3))]));
    for other in [&main, &rooms[0], &rooms[1]] {
        assert!(other.received().is_empty());
    }
}

fn only_emits_are_to_patterns(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let asked = ann.asks(json!([
        {"refusal": {"count_pattern": ROOMS}},
        {"refusal": {"of_pattern": [SPECIAL, "news", 1]}},
        {"refusal": {"of_pattern": ["/other", "news", 1]}},
    ]));
    let shown = |refusal: innkeeper_contract::Refusal| json!({"code": refusal.code, "message": refusal.message});
    let refused = [refusals::only_emits_to_patterns(), refusals::no_pattern(SPECIAL), refusals::no_pattern("/other")];
    assert_eq!(asked, json!(refused.map(shown)));
}

//! Rooms and broadcasts.

use crate::differs::WHEN_QUESTIONS_BEGIN;
use crate::test_client::events;
use crate::{TestClient, TestServer, list};
use serde_json::{Value, json};

list![
    a_broadcast_reaches_all_others,
    a_room_reaches_its_members_only,
    a_socket_in_several_rooms_gets_an_emit_once,
    a_socket_in_an_excepted_room_gets_nothing,
    a_sockets_id_is_a_room_until_the_socket_leaves_it,
    others_can_be_made_to_join_and_leave,
    an_emit_stays_in_its_namespace,
    fetched_sockets_have_rooms_and_data,
    a_fetched_socket_has_the_fields_that_were_requested,
    rooms_and_their_members_are_named_and_counted,
];

fn a_broadcast_reaches_all_others(server: &dyn TestServer) {
    let [ann, bob, eve] = [(); 3].map(|()| TestClient::plain(server, "/"));
    ann.does(json!([{"broadcast": ["all", 1]}]));
    assert_eq!((ann.names(), bob.names(), eve.names()), (vec![], vec!["all".to_owned()], vec!["all".to_owned()]));
}

fn a_room_reaches_its_members_only(server: &dyn TestServer) {
    let (ann, bob, eve) = (TestClient::in_room(server, "r"), TestClient::in_room(server, "r"), TestClient::plain(server, "/"));
    ann.does(json!([{"to": ["r", "others", 1]}]));
    ann.does(json!([{"in": [["r"], null, "everybody", 2]}]));
    eve.does(json!([{"to": ["r", "stranger", 3]}]));

    assert_eq!(ann.names(), ["everybody", "stranger"]);
    assert_eq!(bob.names(), ["others", "everybody", "stranger"]);
    assert!(eve.names().is_empty());
}

fn a_socket_in_several_rooms_gets_an_emit_once(server: &dyn TestServer) {
    let (ann, bob) = (TestClient::in_room(server, "a"), TestClient::in_room(server, "b"));
    ann.does(json!([{"join": "b"}, {"join": "c"}, {"join": "c"}]));
    bob.does(json!([{"in": [["a", "b", "c", "empty"], null, "once", 1]}]));
    assert_eq!((ann.names(), bob.names()), (vec!["once".to_owned()], vec!["once".to_owned()]));
}

fn a_socket_in_an_excepted_room_gets_nothing(server: &dyn TestServer) {
    let [ann, bob, eve] = [(); 3].map(|()| TestClient::in_room(server, "r"));
    bob.does(json!([{"join": "muted"}]));
    ann.does(
        json!([{"in": [["r"], "muted", "some", 1]}, {"in": [["r"], eve.id(), "others", 2]}, {"in": [[], "r", "nobody", 3]}]),
    );

    assert_eq!(ann.names(), ["some", "others"]);
    assert_eq!(bob.names(), ["others"]);
    assert_eq!(eve.names(), ["some"]);
}

fn a_sockets_id_is_a_room_until_the_socket_leaves_it(server: &dyn TestServer) {
    let (ann, bob) = (TestClient::plain(server, "/"), TestClient::plain(server, "/"));
    let whisper = json!([{"to": [bob.id(), "psst", 1]}]);
    ann.does(whisper.clone());
    bob.does(json!([{"leave": "$id"}]));
    ann.does(whisper.clone());
    assert_eq!(bob.names(), ["psst"]);
    bob.does(json!([{"join": bob.id()}]));
    ann.does(whisper);
    assert_eq!(bob.names(), ["psst"]);
}

fn others_can_be_made_to_join_and_leave(server: &dyn TestServer) {
    let (ann, bob) = (TestClient::in_room(server, "r"), TestClient::in_room(server, "r"));
    ann.does(json!([{"join_all": ["r", "s"]}, {"leave_all": [bob.id(), "r"]}]));

    assert_eq!(ann.asks_for(json!("rooms")), json!(["r", "s"]));
    assert_eq!(bob.asks_for(json!("rooms")), json!(["s"]));
}

fn an_emit_stays_in_its_namespace(server: &dyn TestServer) {
    let ann = TestClient::in_room(server, "r");
    let elsewhere = ann.also(server, "/other", json!({"first": {"connection": [{"join": "r"}]}}));
    assert!(elsewhere.is_in() && ann.id() != elsewhere.id());

    ann.does(json!([{"in": [["r"], null, "here", 1]}]));
    ann.does(json!([{"of": ["/other", "there", 2]}]));
    assert_eq!((ann.received(), elsewhere.received()), (events([("here", json!(1))]), events([("there", json!(2))])));
}

fn fetched_sockets_have_rooms_and_data(server: &dyn TestServer) {
    let (ann, bob, _eve) = (TestClient::in_room(server, "r"), TestClient::in_room(server, "r"), TestClient::plain(server, "/"));
    bob.does(json!([{"set_data": ["mark", {"a": 1}]}, {"join": "s"}]));

    let mut expected = [
        json!({"id": ann.id(), "rooms": ["r", "t"], "mark": null}),
        json!({"id": bob.id(), "rooms": ["r", "s"], "mark": {"a": 1}}),
    ];
    expected.sort_by_key(|socket| socket["id"].as_str().map(str::to_owned));
    // The question sends the join first.
    assert_eq!(ann.asks_for(json!({"fetch": "r"})).as_array().map(Vec::len), Some(2));
    assert_eq!(ann.asks(json!([{"join": "t"}, {"fetch": "r"}])), json!([expected]));
}

fn a_fetched_socket_has_the_fields_that_were_requested(server: &dyn TestServer) {
    let ann = TestClient::planned(server, "/", json!({"first": {"connection": [{"join": "r"}, {"set_data": ["mark", 1]}]}}));
    let fetched = |fields: Value| ann.asks_for(json!({"fetch_fields": ["r", fields]}))[0].clone();
    let shown = |rooms: bool, mark: Value, handshake: bool, headers: bool, auth: bool| {
        json!({
            "id": ann.id(), "rooms": rooms, "mark": mark, "address": handshake, "query": handshake, "url": handshake,
            "headers": headers, "auth": auth
        })
    };

    assert_eq!(fetched(json!([])), shown(false, json!(null), false, false, false));
    assert_eq!(fetched(json!(["rooms", "data"])), shown(true, json!(1), false, false, false));
    assert_eq!(fetched(json!(["handshake"])), shown(false, json!(null), true, false, false));
    assert_eq!(fetched(json!(["headers", "auth"])), shown(false, json!(null), false, true, true));
}

fn rooms_and_their_members_are_named_and_counted(server: &dyn TestServer) {
    let (ann, bob, eve) = (TestClient::in_room(server, "b"), TestClient::in_room(server, "b"), TestClient::plain(server, "/"));
    let _elsewhere = ann.also(server, "/other", json!({"first": {"connection": [{"join": "a"}]}}));
    eve.does(json!([{"join": "aa"}, {"join": "ab"}]));
    let mut members = [ann.id(), bob.id()];
    members.sort();

    for local in [true, false] {
        let seen = ann.asks(
            json!([{"room_names": ["", local]}, {"room_names": ["a", local]}, {"count": ["b", local]}, {"ids": ["b", local]}]),
        );
        assert_eq!(seen, json!([["aa", "ab", "b"], ["aa", "ab"], 2, members]));
    }
    // What the call recorded is seen by a question that sends it, and by what comes after the question.
    let seen = ann.asks(
        json!([{"leave": "b"}, {"join": "c"}, {"count": ["b", true]}, {"count": ["b", false]}, {"room_names": ["c", true]}]),
    );
    assert_eq!(seen, json!([2, WHEN_QUESTIONS_BEGIN.either(server, 1, 2), ["c"]]));
    bob.leaves();
    assert_eq!(ann.asks(json!([{"room_names": ["b", true]}, {"count": ["b", true]}, {"ids": ["b", false]}])), json!([[], 0, []]));
}

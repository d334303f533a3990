//! What the events of the chat send to other clients, and which input is refused.

use crate::message::{RoomId, Text};
use innkeeper_plugin::testing::{Client, Host};
use innkeeper_plugin::{Plugin, Socket};
use serde_json::{Value, from_value, json};
use std::time::Duration;

/// The chat behind a plugin that does what `auth` does, with any user that the client names.
fn host() -> Host {
    let named = || {
        Plugin::new().namespace("/chat").connect_middleware(|socket: &Socket| match socket.handshake()?.query("user") {
            Some(id) => socket.set_data("user", &json!({"id": id})).and_then(|()| socket.join(format!("user:{id}"))),
            None => Ok(()),
        })
    };
    Host::chain().plugin("auth", named).plugin("chat", crate::plugin).now(1_000)
}

/// A client of this user that is in a room.
fn in_room(host: &Host, user: &str, room: &str) -> Client {
    let client = host.socket("/chat").query("user", user).connect().unwrap();
    assert_eq!(client.emit_with_ack::<Value>("room:join", room), json!({"success": true}));
    client
}

/// A member of a room, on the one server that there is.
fn person(id: &str) -> Value {
    json!({"id": id, "nodes": ["test"]})
}

fn say(client: &Client, text: &str) -> Value {
    client.emit_with_ack::<Value>("chat:send", json!({"roomId": "lobby", "text": text}))["messageId"].clone()
}

#[test]
fn the_others_in_the_room_get_the_users_that_join_and_leave() {
    let host = host();
    let (ann, eve, bob) = (in_room(&host, "ann", "lobby"), in_room(&host, "eve", "cellar"), in_room(&host, "bob", "lobby"));

    bob.emit("room:leave", "lobby");

    assert_eq!(ann.received(), [("user:joined", json!([{"id": "bob"}])), ("user:left", json!(["bob"]))]);
    assert!(eve.received().is_empty() && bob.received().is_empty());
    assert_eq!(bob.rooms(), ["user:bob"]);
}

#[test]
fn a_user_that_disconnects_has_left_every_room() {
    let host = host();
    let (ann, eve, bob) = (in_room(&host, "ann", "lobby"), in_room(&host, "eve", "cellar"), in_room(&host, "bob", "lobby"));
    bob.emit("room:join", "cellar");
    drop([ann.received(), eve.received()]);

    bob.close("transport close");

    assert_eq!(ann.received(), [("user:left", json!(["bob"]))]);
    assert_eq!(eve.received(), [("user:left", json!(["bob"]))]);
}

#[test]
fn a_user_with_two_sockets_joins_with_the_first_and_leaves_with_the_last() {
    let host = host();
    let ann = in_room(&host, "ann", "lobby");
    let (bob, tab) = (in_room(&host, "bob", "lobby"), in_room(&host, "bob", "lobby"));
    tab.emit("room:join", "cellar");
    let eve = in_room(&host, "eve", "cellar");
    assert_eq!(ann.received(), [("user:joined", json!([{"id": "bob"}]))]);
    assert_eq!(ann.emit_with_ack::<Value>("room:people", "lobby"), json!([person("ann"), person("bob")]));

    bob.emit("room:leave", "lobby");
    assert!(ann.received().is_empty());
    bob.emit("room:join", "lobby");
    tab.close("transport close");
    assert!(ann.received().is_empty());
    assert_eq!(eve.received(), [("user:left", json!(["bob"]))]);
    bob.disconnect();
    assert_eq!(ann.received(), [("user:left", json!(["bob"]))]);
}

#[test]
fn a_socket_that_is_in_a_room_already_joins_it_without_a_word() {
    let host = host();
    let (ann, bob) = (in_room(&host, "ann", "lobby"), in_room(&host, "bob", "lobby"));
    ann.received();
    assert_eq!(bob.emit_with_ack::<Value>("room:join", "lobby"), json!({"success": true}));
    assert!(ann.received().is_empty());
}

#[test]
fn an_id_may_be_a_number() {
    let host = host();
    let (ann, bob) = (in_room(&host, "ann", "5"), in_room(&host, "42", "5"));
    ann.emit("room:join", 7);
    assert_eq!(ann.rooms(), ["5", "7", "user:ann"]);
    assert_eq!(
        bob.emit_with_ack::<Value>("chat:send", json!({"roomId": 5, "text": "hi"})),
        json!({"success": true, "messageId": 1})
    );
    ann.emit("notify", json!({"userId": 42, "text": "psst"}));

    assert_eq!(ann.take("chat:message").args()[0]["roomId"], "5");
    assert_eq!(bob.take("notification").args(), json!([{"text": "psst", "from": {"id": "ann"}}]));
}

#[test]
fn without_a_user_a_socket_is_shown_by_its_id() {
    let host = host();
    let (ann, guest) = (in_room(&host, "ann", "lobby"), host.socket("/chat").connect().unwrap());
    guest.emit("room:join", "lobby");

    let people: Value = ann.emit_with_ack("room:people", "lobby");

    assert_eq!(people, json!([person("ann"), person(&guest.id())]));
}

#[test]
fn a_message_reaches_the_others_with_the_id_in_its_ack() {
    let host = host();
    let (ann, bob) = (in_room(&host, "ann", "lobby"), in_room(&host, "bob", "lobby"));
    ann.received();

    let (first, second) = (say(&ann, "hi"), say(&ann, "anybody?"));

    let said =
        |id: &Value, text: &str| json!([{"id": id, "roomId": "lobby", "text": text, "from": {"id": "ann"}, "sentAt": 1_000}]);
    assert_eq!((&first, &second), (&json!(1), &json!(2)));
    let expected = [("chat:message", said(&first, "hi")), ("chat:message", said(&second, "anybody?"))];
    assert_eq!(bob.received(), expected);
    assert!(ann.received().is_empty());
}

#[test]
fn the_history_has_the_last_messages_newest_last_and_forgets_after_a_month() {
    let host = host();
    let ann = in_room(&host, "ann", "lobby");
    (0..60).for_each(|number| drop(say(&ann, &number.to_string())));
    let ids = |before: Value| {
        let past: Value = ann.emit_with_ack("chat:history", json!({"roomId": "lobby", "before": before}));
        let messages = past["messages"].as_array().cloned().unwrap_or_default();
        messages.iter().filter_map(|message| message["id"].as_u64()).collect::<Vec<_>>()
    };

    assert_eq!(ids(json!(null)), (11..=60).collect::<Vec<_>>());
    assert_eq!(ids(json!(11)), (1..=10).collect::<Vec<_>>());
    host.advance(Duration::from_secs(30 * 86_400));
    assert!(ids(json!(null)).is_empty());
    assert_eq!(say(&ann, "again"), 61);
}

#[test]
fn an_announcement_reaches_every_socket_in_the_rooms_once() {
    let host = host();
    let (ann, bob, eve) = (in_room(&host, "ann", "lobby"), in_room(&host, "bob", "lobby"), in_room(&host, "eve", "attic"));
    ann.emit("room:join", "cellar");
    bob.emit("room:join", "cellar");
    drop([ann.received(), bob.received()]);

    ann.emit("announce", json!({"rooms": ["lobby", "cellar"], "text": "tea"}));

    let announced = json!([{"rooms": ["lobby", "cellar"], "text": "tea", "from": {"id": "ann"}}]);
    assert_eq!(ann.received(), [("announcement", announced.clone())]);
    assert_eq!(bob.received(), [("announcement", announced)]);
    assert!(eve.received().is_empty());
}

#[test]
fn a_notification_reaches_every_socket_of_a_user_and_global_every_socket() {
    let host = host();
    let (ann, bob, also_bob) = (in_room(&host, "ann", "a"), in_room(&host, "bob", "b"), in_room(&host, "bob", "c"));

    ann.emit("notify", json!({"userId": "bob", "text": "psst"}));
    bob.emit("global", json!({"text": "what?"}));

    let told = [
        ("notification", json!([{"text": "psst", "from": {"id": "ann"}}])),
        ("global", json!([{"text": "what?", "from": {"id": "bob"}}])),
    ];
    assert_eq!(bob.received(), told);
    assert_eq!(also_bob.received(), told);
    assert_eq!(ann.received(), told[1..]);
}

#[test]
fn what_does_not_fit_is_refused_with_a_code_and_changes_nothing() {
    let host = host();
    let (ann, bob) = (in_room(&host, "ann", "lobby"), in_room(&host, "bob", "lobby"));
    let code = |name: &str, args: Value| ann.emit_with_ack::<Value>(name, args)["code"].clone();
    ann.received();

    assert_eq!(code("room:join", json!([7])), "INVALID_ARGUMENT");
    assert_eq!(code("room:join", json!(bob.id())), "INVALID_ARGUMENT");
    assert_eq!(code("room:join", json!("user:bob")), "INVALID_ARGUMENT");
    assert_eq!(code("room:leave", json!("cellar")), "NOT_IN_ROOM");
    assert_eq!(code("room:people", json!("cellar")), "NOT_IN_ROOM");
    assert_eq!(code("chat:send", json!({"roomId": "lobby"})), "INVALID_ARGUMENT");
    assert_eq!(code("chat:send", json!({"roomId": "cellar", "text": "hi"})), "NOT_IN_ROOM");
    assert_eq!(code("chat:history", json!({"roomId": "cellar"})), "NOT_IN_ROOM");
    assert_eq!(code("announce", json!({"rooms": [], "text": "hi"})), "INVALID_ROOMS");
    assert_eq!(code("announce", json!({"rooms": ["lobby", "cellar"], "text": "hi"})), "NOT_IN_ROOM");
    ann.emit("room:join", true);

    let error = &ann.take("error").args()[0];
    assert_eq!(error["code"], "INVALID_ARGUMENT");
    assert!(error["message"].as_str().is_some_and(|text| text.contains("a string or a number")), "{error}");
    assert_eq!((ann.rooms(), bob.received().len()), (vec!["lobby".to_owned(), "user:ann".to_owned()], 0));
}

#[test]
fn rooms_without_a_fit_name_are_refused() {
    let refused = |name: &str| from_value::<RoomId>(json!(name)).unwrap_err().to_string();

    assert_eq!(refused(""), "a room needs a name");
    assert_eq!(refused(&"x".repeat(101)), "a room's name has at most 100 characters");
    assert_eq!(refused("WJCZ-_4q0gpPTk6gAAAB"), "\"WJCZ-_4q0gpPTk6gAAAB\" could be the id of a socket");
    assert_eq!(refused("user:7"), "\"user:7\" is a room of the server's");
    assert!(from_value::<RoomId>(json!(null)).is_err());
    assert_eq!(from_value::<RoomId>(json!(7)).unwrap().as_str(), "7");
    assert_eq!(from_value::<RoomId>(json!("größe")).unwrap().as_str(), "größe");
}

#[test]
fn texts_that_are_empty_or_endless_are_refused() {
    let read = |text: String| from_value::<Text>(json!(text)).map_err(|error| error.to_string());
    assert_eq!(read(" \n".into()).unwrap_err(), "the text is empty");
    assert_eq!(read("ä".repeat(2_001)).unwrap_err(), "the text has more than 2000 characters");
    assert!(read("ä".repeat(2_000)).is_ok());
}

#[test]
fn a_configuration_is_refused_since_there_is_nothing_to_configure() {
    let refusal = Host::new(crate::plugin).config(json!({"rooms": 5})).load().unwrap_err();
    assert!(refusal.contains("config: rooms: unknown field `rooms`, there are no fields"), "{refusal}");
}

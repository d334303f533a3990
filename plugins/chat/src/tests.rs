use innkeeper_plugin::testing::{Client, Host};
use serde_json::{Value, json};

/// A client that goes by a name.
fn named(inn: &Host, name: &str) -> Client {
    inn.socket("/chat").query("name", name).connect().unwrap()
}

/// A client that is in a room.
fn in_room(inn: &Host, name: &str, room: &str) -> Client {
    let client = named(inn, name);
    client.emit("room:join", room);
    client
}

#[test]
fn the_others_in_the_room_hear_who_joins() {
    let inn = Host::new(crate::plugin);
    let (ann, elsewhere, bob) = (in_room(&inn, "Ann", "lobby"), in_room(&inn, "Eve", "cellar"), named(&inn, "Bob"));

    assert_eq!(bob.emit_with_ack::<Value>("room:join", "lobby"), json!({"success": true}));

    assert_eq!(ann.received(), [("user:joined", json!([{"id": bob.id(), "name": "Bob"}]))]);
    assert!(elsewhere.received().is_empty() && bob.received().is_empty());
    assert_eq!(bob.rooms(), ["lobby"]);
}

#[test]
fn who_is_no_member_leaves_unheard() {
    let inn = Host::new(crate::plugin);
    let (ann, bob) = (in_room(&inn, "Ann", "lobby"), in_room(&inn, "Bob", "lobby"));
    ann.received();

    for _twice in 0..2 {
        assert_eq!(bob.emit_with_ack::<Value>("room:leave", "lobby"), json!({"success": true}));
    }

    assert_eq!(ann.received(), [("user:left", json!([bob.id()]))]);
    assert!(bob.rooms().is_empty());
}

#[test]
fn members_and_people_are_those_in_the_room() {
    let inn = Host::new(crate::plugin);
    let (ann, eve) = (in_room(&inn, "Ann", "lobby"), in_room(&inn, " ", "lobby"));
    in_room(&inn, "Bob", "cellar");

    assert_eq!(ann.emit_with_ack::<Vec<String>>("room:members", "lobby"), [ann.id(), eve.id()]);
    let people: Value = ann.emit_with_ack("room:people", "lobby");
    assert_eq!(people, json!([{"id": ann.id(), "name": "Ann"}, {"id": eve.id()}]));
}

#[test]
fn a_message_reaches_the_others_with_the_id_that_its_sender_is_told() {
    let inn = Host::new(crate::plugin).now(1_000);
    let (ann, bob) = (in_room(&inn, "Ann", "lobby"), in_room(&inn, "Bob", "lobby"));
    ann.received();

    let ack: Value = ann.emit_with_ack("chat:send", json!({"roomId": "lobby", "text": "hi"}));

    let said = json!({
        "id": ack["messageId"], "roomId": "lobby", "text": "hi", "from": ann.id(), "name": "Ann", "sentAt": 1_000
    });
    assert_eq!(ack["success"], true);
    assert_eq!(bob.received(), [("chat:message", json!([said]))]);
    assert!(ann.received().is_empty());
}

#[test]
fn who_types_is_shown_to_the_others() {
    let inn = Host::new(crate::plugin);
    let (ann, bob) = (in_room(&inn, "Ann", "lobby"), in_room(&inn, "Bob", "lobby"));

    ann.emit("action", json!({"type": "typing", "roomId": "lobby"}));

    assert_eq!(bob.received(), [("user:typing", json!([{"id": ann.id(), "roomId": "lobby"}]))]);
}

#[test]
fn what_does_not_fit_is_refused_with_a_code_and_changes_nothing() {
    let inn = Host::new(crate::plugin);
    let (ann, bob) = (in_room(&inn, "Ann", "lobby"), in_room(&inn, "Bob", "lobby"));
    let code = |name: &str, args: Value| ann.emit_with_ack::<Value>(name, args)["code"].clone();
    ann.received();

    assert_eq!(code("room:join", json!(7)), "INVALID_ARGUMENT");
    assert_eq!(code("room:join", json!("")), "INVALID_ARGUMENT");
    assert_eq!(code("room:join", json!(bob.id())), "INVALID_ARGUMENT");
    assert_eq!(code("chat:send", json!({"roomId": "lobby"})), "INVALID_ARGUMENT");
    assert_eq!(code("chat:send", json!({"roomId": "lobby", "text": " "})), "INVALID_TEXT");
    assert_eq!(code("chat:send", json!({"roomId": "cellar", "text": "hi"})), "NOT_IN_ROOM");
    assert_eq!(code("action", json!({"type": "explode"})), "INTERNAL_ERROR");
    ann.emit("room:join", 7);

    assert_eq!(ann.take("error").args()[0]["code"], "INVALID_ARGUMENT");
    assert_eq!((ann.rooms(), bob.received().len()), (vec!["lobby".to_owned()], 0));
}

#[test]
fn who_is_gone_has_left_every_room() {
    let inn = Host::new(crate::plugin);
    let (ann, eve, bob) = (in_room(&inn, "Ann", "lobby"), in_room(&inn, "Eve", "cellar"), in_room(&inn, "Bob", "lobby"));
    bob.emit("room:join", "cellar");
    (ann.received(), eve.received());

    bob.close("transport close");

    assert_eq!(ann.received(), [("user:left", json!([bob.id()]))]);
    assert_eq!(eve.received(), [("user:left", json!([bob.id()]))]);
}

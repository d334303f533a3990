//! What is acceptable, and what clients get to read.

use crate::message::{Announcement, Message, RoomId, Send, Text};
use serde_json::{from_value, json, to_value};

#[test]
fn rooms_without_a_fit_name_are_refused() {
    let refused = |name: &str| from_value::<RoomId>(json!(name)).unwrap_err().to_string();

    assert_eq!(refused(""), "a room needs a name");
    assert_eq!(refused(&"x".repeat(101)), "a room's name has at most 100 characters");
    assert_eq!(refused("WJCZ-_4q0gpPTk6gAAAB"), "\"WJCZ-_4q0gpPTk6gAAAB\" could be the id of a socket");
    assert_eq!(refused("user:7"), "\"user:7\" is a room of the server's");
    assert!(from_value::<RoomId>(json!(7)).is_err());
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
fn messages_have_the_names_that_javascript_expects() {
    let Send { room_id, text } = from_value(json!({"roomId": "lobby", "text": "hi"})).unwrap();
    let message = Message { id: 1, room_id, text, from: json!({"id": "abc"}), sent_at: 5 };

    let expected = json!({"id": 1, "roomId": "lobby", "text": "hi", "from": {"id": "abc"}, "sentAt": 5});
    assert_eq!(to_value(message).unwrap(), expected);
}

#[test]
fn an_announcement_to_nobody_in_particular_is_to_everybody() {
    let announcement: Announcement = from_value(json!({"text": "hi"})).unwrap();
    assert!(announcement.rooms.is_empty());
}

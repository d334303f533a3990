//! What clients send and receive, and what of it is acceptable. No host is needed here.

use innkeeper_plugin::{Error, Result};
use serde::{Deserialize, Serialize};

/// A message that somebody wants to send.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Send {
    pub(crate) room_id: RoomId,
    pub(crate) text: Text,
}

/// A message as the others see it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) room_id: RoomId,
    pub(crate) text: String,
    /// The sender's socket.
    pub(crate) from: String,
    /// Milliseconds since 1970 (UTC).
    pub(crate) sent_at: u64,
}

/// What can be done besides talking.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    expecting = "an action, an object with a `type`"
)]
pub(crate) enum Action {
    Typing { room_id: RoomId },
}

/// The name of a room that clients may be in. Every socket has a room of its own, named by its id, and the ids are no secret
/// here: names that could be one are refused, or anybody could listen in there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct RoomId(String);

impl RoomId {
    const CHARACTERS_MAX: usize = 100;
    /// Where the plugin `auth` puts the sockets of each user: who could join would read what is meant for somebody else.
    const USERS: &str = "user:";
    const SOCKET_ID_CHARACTERS: usize = 20;

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    fn could_be_a_socket(name: &str) -> bool {
        let of_an_id = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        name.len() == Self::SOCKET_ID_CHARACTERS && name.bytes().all(of_an_id)
    }
}

impl TryFrom<String> for RoomId {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        match name.chars().count() {
            0 => Err("a room needs a name".to_owned()),
            count if count > Self::CHARACTERS_MAX => {
                Err(format!("a room's name has at most {} characters", Self::CHARACTERS_MAX))
            }
            _ if name.starts_with(Self::USERS) => Err(format!("{name:?} is a room of the server's")),
            _ if Self::could_be_a_socket(&name) => Err(format!("{name:?} could be the id of a socket")),
            _ => Ok(Self(name)),
        }
    }
}

/// A text that has not been looked at.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Text(String);

impl Text {
    const CHARACTERS_MAX: usize = 2_000;

    /// The text, if others should have to read it.
    pub(crate) fn checked(self) -> Result<String> {
        if self.0.trim().is_empty() {
            return Err(Error::new("the text is empty").code("INVALID_TEXT"));
        }
        if self.0.chars().count() > Self::CHARACTERS_MAX {
            let message = format!("the text has more than {} characters", Self::CHARACTERS_MAX);
            return Err(Error::new(message).code("INVALID_TEXT"));
        }
        Ok(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Action, Message, RoomId, Send, Text};
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
        assert_eq!(Text(" \n".into()).checked().unwrap_err().to_string(), "the text is empty (INVALID_TEXT)");
        assert_eq!(Text("ä".repeat(2_001)).checked().unwrap_err().message(), "the text has more than 2000 characters");
        assert_eq!(Text("ä".repeat(2_000)).checked().unwrap().chars().count(), 2_000);
    }

    #[test]
    fn an_unknown_action_says_which_are_known() {
        let error = from_value::<Action>(json!({"type": "explode"})).unwrap_err();
        assert_eq!(error.to_string(), "unknown variant `explode`, expected `typing`");
        let error = from_value::<Action>(json!("boom")).unwrap_err();
        assert_eq!(error.to_string(), "invalid type: string \"boom\", expected an action, an object with a `type`");
        assert!(from_value::<Action>(json!({"type": "typing", "roomId": "lobby"})).is_ok());
    }

    #[test]
    fn messages_have_the_names_that_javascript_expects() {
        let sent: Send = from_value(json!({"roomId": "lobby", "text": "hi"})).unwrap();
        let message = Message { id: "1".into(), room_id: sent.room_id, text: sent.text.0, from: "abc".into(), sent_at: 5 };

        let expected = json!({"id": "1", "roomId": "lobby", "text": "hi", "from": "abc", "sentAt": 5});
        assert_eq!(to_value(message).unwrap(), expected);
    }
}

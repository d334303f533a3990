//! Messages of clients, and the checks of what clients send. No host is needed here.

use innkeeper_plugin::Id;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;

/// A message to send.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Send {
    pub(crate) room_id: RoomId,
    pub(crate) text: Text,
}

/// A message as it is stored, and as the others see it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Message {
    pub(crate) id: u64,
    pub(crate) room_id: RoomId,
    pub(crate) text: Text,
    pub(crate) from: Value,
    /// Milliseconds since 1970 (UTC).
    pub(crate) sent_at: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Past {
    pub(crate) room_id: RoomId,
    pub(crate) before: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Announcement {
    /// Empty for every socket.
    #[serde(default)]
    pub(crate) rooms: Vec<RoomId>,
    pub(crate) text: Text,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Notification {
    pub(crate) user_id: Id,
    pub(crate) text: Text,
}

/// A user in a room.
#[derive(Debug, Serialize)]
pub(crate) struct Person {
    #[serde(flatten)]
    pub(crate) user: Value,
    /// The names of the servers that the user's sockets are on.
    pub(crate) nodes: BTreeSet<String>,
}

/// The name of a room that clients may join. The rooms of the server are refused: a socket's own, named by its id, and a user's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Id")]
pub(crate) struct RoomId(String);

impl RoomId {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RoomId {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let of_an_id = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        match name.chars().count() {
            0 => Err("a room needs a name".to_owned()),
            101.. => Err("a room's name has at most 100 characters".to_owned()),
            20 if name.bytes().all(of_an_id) => Err(format!("{name:?} could be the id of a socket")),
            _ if name.starts_with("user:") => Err(format!("{name:?} is a room of the server's")),
            _ => Ok(Self(name)),
        }
    }
}

impl TryFrom<Id> for RoomId {
    type Error = String;

    fn try_from(id: Id) -> Result<Self, String> {
        id.to_string().try_into()
    }
}

/// The text of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Text(String);

impl TryFrom<String> for Text {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.chars().count() {
            _ if text.trim().is_empty() => Err("the text is empty".to_owned()),
            2_001.. => Err("the text has more than 2000 characters".to_owned()),
            _ => Ok(Self(text)),
        }
    }
}

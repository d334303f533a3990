//! What servers of this kind ask and tell each other, on a channel of their own. Fields that are not known are ignored, so that servers of
//! several versions can be in one cluster.

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::ignored::Ignored;

/// A message on that channel.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cluster) enum NodesMessage {
    /// Who is there?
    Question { number: String, uid: String },
    /// What one says of itself: JSON.
    Answer { number: String, node: String },
}

#[derive(Deserialize)]
struct Written<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(rename = "requestId")]
    number: String,
    uid: Option<String>,
    #[serde(borrow)]
    node: Option<&'a RawValue>,
}

/// Reads a message. `None`: it is one that a newer server sends.
pub(in crate::cluster) fn decode_nodes(bytes: &[u8]) -> Result<Option<NodesMessage>, Ignored> {
    let Written { kind, number, uid, node } = serde_json::from_slice(bytes)?;
    Ok(match kind.as_str() {
        "nodes?" => Some(NodesMessage::Question { number, uid: uid.ok_or(Ignored::Missing("uid"))? }),
        "node" => Some(NodesMessage::Answer { number, node: node.ok_or(Ignored::Missing("node"))?.get().to_owned() }),
        _ => None,
    })
}

/// The question as it travels.
pub(in crate::cluster) fn encode_nodes_question(uid: &str, number: &str) -> Vec<u8> {
    json!({"type": "nodes?", "requestId": number, "uid": uid}).to_string().into_bytes()
}

/// The answer as it travels. `node`: what this one says of itself, JSON.
pub(in crate::cluster) fn encode_node(number: &str, node: &str) -> Vec<u8> {
    format!("{{\"type\":\"node\",\"requestId\":{},\"node\":{node}}}", json!(number)).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::{NodesMessage, decode_nodes, encode_node, encode_nodes_question};

    #[test]
    fn messages_are_read_as_they_are_written_and_those_of_newer_servers_are_left_alone() {
        let question = NodesMessage::Question { number: "n".to_owned(), uid: "u".to_owned() };
        assert_eq!(decode_nodes(&encode_nodes_question("u", "n")).unwrap(), Some(question));
        let answer = NodesMessage::Answer { number: "n".to_owned(), node: r#"{"a":1}"#.to_owned() };
        assert_eq!(decode_nodes(&encode_node("n", r#"{"a":1}"#)).unwrap(), Some(answer));
        assert_eq!(decode_nodes(br#"{"type":"newer","requestId":"n","more":[1]}"#).unwrap(), None);
        for wrong in ["", "{}", r#"{"type":"node","requestId":"n"}"#, r#"{"type":"nodes?","requestId":1}"#] {
            assert!(decode_nodes(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}

//! Responses that are lists, of sockets or of rooms: they can be long, so they grow element by element.

use serde_json::json;

use crate::json::push_string;

/// A response that is a list.
pub(in crate::cluster) struct ListResponse {
    text: String,
    is_first: bool,
}

impl ListResponse {
    /// The ids of sockets, or whole sockets.
    pub(in crate::cluster) fn of_sockets(number: &str) -> Self {
        Self::new(number, "sockets")
    }

    /// The names of rooms.
    pub(in crate::cluster) fn of_rooms(number: &str) -> Self {
        Self::new(number, "rooms")
    }

    fn new(number: &str, what: &str) -> Self {
        Self { text: format!("{{\"requestId\":{},\"{what}\":[", json!(number)), is_first: true }
    }

    /// Adds an id or a name.
    pub(in crate::cluster) fn push(&mut self, text: &str) {
        push_string(self.element(), text);
    }

    /// Where the next element is written.
    pub(super) fn element(&mut self) -> &mut String {
        if !std::mem::take(&mut self.is_first) {
            self.text.push(',');
        }
        &mut self.text
    }

    /// The whole response.
    pub(in crate::cluster) fn finish(mut self) -> Vec<u8> {
        self.text.push_str("]}");
        self.text.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::ListResponse;

    #[test]
    fn lists_are_written_as_node_writes_them() {
        let text = |list: ListResponse| String::from_utf8(list.finish()).unwrap();
        assert_eq!(text(ListResponse::of_rooms("\"")), r#"{"requestId":"\"","rooms":[]}"#);
        let mut sockets = ListResponse::of_sockets("n");
        ["a", "b\""].iter().for_each(|id| sockets.push(id));
        assert_eq!(text(sockets), r#"{"requestId":"n","sockets":["a","b\""]}"#);
    }
}

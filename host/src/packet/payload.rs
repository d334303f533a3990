//! The arguments of an event or an ack, and a message of the server: text and bytes as they were sent, never a tree.

use serde_json::Value;

use crate::json::{self, Invalid};

/// Arguments of an event or an ack: a validated JSON array, and the attachments that its placeholders stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Payload {
    /// The array, without the event's name.
    pub(crate) args: String,
    /// One for each placeholder number.
    pub(crate) attachments: Vec<Vec<u8>>,
}

impl Payload {
    /// The size of the payload for every bound on bytes.
    pub(crate) fn len(&self) -> usize {
        self.args.len() + self.attachments.iter().map(Vec::len).sum::<usize>()
    }

    /// Validates what a guest made.
    pub(crate) fn validate(self) -> Result<Self, Invalid> {
        json::array(&self.args, self.attachments.len())?;
        Ok(self)
    }

    /// An array of one value that the host itself made.
    pub(crate) fn of(value: &Value) -> Self {
        Self { args: format!("[{value}]"), attachments: Vec::new() }
    }
}

/// An event that the server sends, independent of who receives it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) name: String,
    pub(crate) payload: Payload,
}

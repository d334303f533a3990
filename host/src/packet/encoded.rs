//! A packet that is ready for the wire.

use crate::frame::Frame;

/// A Socket.IO packet as frames: its text, and a binary message for each attachment. Cloning shares the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EncodedPacket {
    Text(Frame),
    Binary(Vec<Frame>),
}

impl EncodedPacket {
    /// The frames, which are sent together.
    pub(crate) fn frames(&self) -> &[Frame] {
        match self {
            Self::Text(frame) => std::slice::from_ref(frame),
            Self::Binary(frames) => frames,
        }
    }
}

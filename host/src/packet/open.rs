//! The Engine.IO OPEN packet, the first of a session.

use std::time::Duration;

use crate::frame::Frame;

/// The contents of a session's OPEN packet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OpenPacket<'a> {
    pub(crate) session_id: &'a str,
    /// Whether the client may upgrade to websocket.
    pub(crate) offers_websocket: bool,
    pub(crate) ping_interval: Duration,
    pub(crate) ping_timeout: Duration,
    /// `maxHttpBufferSize`.
    pub(crate) payload_bytes_max: usize,
}

impl OpenPacket<'_> {
    pub(crate) fn encode(&self) -> Frame {
        let text = format!(
            r#"0{{"sid":"{}","upgrades":[{}],"pingInterval":{},"pingTimeout":{},"maxPayload":{}}}"#,
            self.session_id,
            if self.offers_websocket { r#""websocket""# } else { "" },
            self.ping_interval.as_millis(),
            self.ping_timeout.as_millis(),
            self.payload_bytes_max,
        );
        Frame::text(&[text.as_bytes()])
    }
}

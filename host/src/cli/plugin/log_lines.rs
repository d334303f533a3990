//! The log of a plugin: a line of JSON for each line, as they come.

use bytes::{Buf, BytesMut};
use http_body_util::BodyExt;
use hyper::Response;
use hyper::body::Incoming;
use serde_json::{Map, Value};

use super::error::AdminError;

/// A line of a server's log is much shorter.
const LINE_BYTES: usize = 1 << 20;

/// The lines of an answer that may not end.
pub(super) struct LogLines {
    body: Incoming,
    read: BytesMut,
    has_ended: bool,
}

impl LogLines {
    pub(super) fn new(response: Response<Incoming>) -> Self {
        Self { body: response.into_body(), read: BytesMut::new(), has_ended: false }
    }

    /// The next line; none, when the server has ended the answer, or itself.
    pub(super) async fn next(&mut self) -> Result<Option<String>, AdminError> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line = self.read.split_to(end);
                self.read.advance(1);
                return Ok(Some(String::from_utf8_lossy(&line).into_owned()));
            }
            if self.read.len() > LINE_BYTES {
                return Err(AdminError::Long);
            }
            if self.has_ended {
                return Ok(None);
            }
            match self.body.frame().await {
                Some(Ok(frame)) => self.read.extend_from_slice(&frame.into_data().unwrap_or_default()),
                // A server that ends closes its connections. What it has not finished is no line.
                Some(Err(_)) | None => self.has_ended = true,
            }
        }
    }
}

/// A line of the log for readers: time, level and message, then the fields.
pub(super) fn readable(line: &str) -> String {
    let Ok(mut fields) = serde_json::from_str::<Map<String, Value>>(line) else {
        return line.to_owned();
    };
    if let Some(lines) = fields.get("left_out").filter(|_| fields.len() == 1) {
        return format!("… {lines} lines were left out");
    }
    fields.remove("target");
    let mut take = |name: &str| fields.remove(name).map(|value| text(&value)).unwrap_or_default();
    let (time, level, message) = (take("timestamp"), take("level"), take("message"));
    // As on a terminal: a further line of the message cannot be taken for a line of its own.
    let message = message.replace('\n', "\n    | ");
    let fields = fields.iter().map(|(name, value)| format!(" {name}={}", text(value)));
    format!("{time} {level:>5} {message}{}", fields.collect::<String>())
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn a_line_is_time_level_message_and_fields() {
        let line = r#"{"timestamp":"2026-11-26T00:00:00Z","level":"WARN","message":"it\nfailed","plugin":"chat@1","conn":5,"target":"x"}"#;
        assert_eq!(readable(line), "2026-11-26T00:00:00Z  WARN it\n    | failed conn=5 plugin=chat@1");
        assert_eq!(readable(r#"{"left_out":7}"#), "… 7 lines were left out");
        assert_eq!(readable("no JSON"), "no JSON");
    }
}

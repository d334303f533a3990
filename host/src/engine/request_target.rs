//! The escapes in the target of a request: `"`, `<` and `>`, which some clients send as they are, and the backtick. Node's server
//! reads them, and hyper answers 400 without a word; as `%22` and the like hyper reads them too.
//!
//! Only the target is changed, never a header or a body: an escape is longer than what it replaces, and a body of another length
//! than announced would be read as two requests by the one side and as one by the other. So the scanner escapes nothing from the
//! target's end on, until hyper has found that the request has no body and no byte has come behind its head.

/// Where the bytes of a connection are, as far as its requests are followed.
#[derive(Default)]
pub(super) struct RequestTarget {
    position: Position,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Position {
    /// In the method, or before it.
    #[default]
    Method,
    Target,
    /// Behind the target, in the head; the length of the line so far, without its end.
    Head(usize),
    /// At the end of the head.
    HeadEnd,
    /// In a body, or in a request that was sent before the response to the one before. Nothing is followed there.
    Behind,
}

impl RequestTarget {
    /// Whether the next bytes have to be scanned.
    pub(super) fn scans(&self) -> bool {
        !matches!(self.position, Position::HeadEnd | Position::Behind)
    }

    /// The request whose head was the last has no body: if nothing came behind the head, the next request begins.
    pub(super) fn begin_next(&mut self) {
        if self.position == Position::HeadEnd {
            self.position = Position::Method;
        }
    }

    /// Bytes came that were not scanned.
    pub(super) fn skip(&mut self) {
        self.position = Position::Behind;
    }

    /// Scans the next bytes of the connection. The result is what they are with their escapes; `None` if there are none.
    pub(super) fn escape(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut escaped: Option<Vec<u8>> = None;
        for (index, byte) in bytes.iter().enumerate() {
            let escape: Option<&[u8]> = match (self.position, byte) {
                (Position::Target, b'"') => Some(b"%22"),
                (Position::Target, b'<') => Some(b"%3C"),
                (Position::Target, b'>') => Some(b"%3E"),
                (Position::Target, b'`') => Some(b"%60"),
                _ => None,
            };
            self.position = self.position.behind(*byte);
            match (escape, &mut escaped) {
                (Some(escape), Some(escaped)) => escaped.extend_from_slice(escape),
                (Some(escape), None) => escaped = Some([bytes.get(..index).unwrap_or_default(), escape].concat()),
                (None, Some(escaped)) => escaped.push(*byte),
                (None, None) => {}
            }
        }
        escaped
    }
}

impl Position {
    /// The position behind this byte.
    fn behind(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Method, b' ') => Self::Target,
            (Self::Method, _) => Self::Method,
            (Self::Target, b' ') => Self::Head(1),
            // A target without a version: hyper refuses it.
            (Self::Target, b'\r' | b'\n') => Self::Behind,
            (Self::Target, _) => Self::Target,
            (Self::Head(0), b'\n') => Self::HeadEnd,
            (Self::Head(_), b'\n') => Self::Head(0),
            (Self::Head(length), b'\r') => Self::Head(length),
            (Self::Head(length), _) => Self::Head(length.saturating_add(1)),
            (Self::HeadEnd | Self::Behind, _) => Self::Behind,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RequestTarget;

    /// What the pieces are with their escapes.
    fn escaped(target: &mut RequestTarget, pieces: &[&str]) -> String {
        let piece = |piece: &&str| target.escape(piece.as_bytes()).unwrap_or(piece.as_bytes().to_vec());
        String::from_utf8(pieces.iter().flat_map(piece).collect()).unwrap()
    }

    #[test]
    fn the_target_is_escaped_and_nothing_else() {
        let request = "GET /a\"<b>`?c=\"d\" HTTP/1.1\r\nX: \"<>\"\r\n\r\n\"body\"";
        let expected = "GET /a%22%3Cb%3E%60?c=%22d%22 HTTP/1.1\r\nX: \"<>\"\r\n\r\n\"body\"";
        assert_eq!(escaped(&mut RequestTarget::default(), &[request]), expected);
        let bytes: Vec<String> = request.chars().map(String::from).collect();
        let bytes: Vec<&str> = bytes.iter().map(String::as_str).collect();
        assert_eq!(escaped(&mut RequestTarget::default(), &bytes), expected);
        assert!(RequestTarget::default().escape(b"GET / HTTP/1.1\r\n\r\n").is_none());
    }

    #[test]
    fn the_next_request_is_escaped_only_if_nothing_came_behind_the_head() {
        let next = |first: &str| {
            let mut target = RequestTarget::default();
            escaped(&mut target, &[first]);
            target.begin_next();
            escaped(&mut target, &["GET /\" HTTP/1.1\r\n\r\n"])
        };
        let plain = "GET /\" HTTP/1.1\r\n\r\n";
        assert_eq!(next("GET / HTTP/1.1\r\n\r\n"), "GET /%22 HTTP/1.1\r\n\r\n");
        assert_eq!(next("GET / HTTP/1.1\n\n"), "GET /%22 HTTP/1.1\r\n\r\n");
        // A body, the begin of one, another request, and heads that have not ended.
        for first in [
            "POST / HTTP/1.1\r\nContent-Length: 99\r\n\r\nx",
            "GET / HTTP/1.1\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: 99\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n\r\n",
            "GET / HTTP/1.1\r\n",
            "GET /\r\n",
        ] {
            assert_eq!(next(first), plain, "{first:?}");
        }
        let mut target = RequestTarget::default();
        escaped(&mut target, &["POST / HTTP/1.1\r\nContent-Length: 99\r\n\r\n"]);
        assert_eq!(escaped(&mut target, &[plain]), plain, "hyper has not said that there is no body");
    }
}

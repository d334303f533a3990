//! Minimal RFC 6455 client framing. Enough for a load generator: no extensions, text/close/ping/pong, masking on send,
//! fragmentation on receive.

use base64::Engine as _;
use sha1::{Digest, Sha1};

/// One fixed handshake key: the servers do not care, and it lets us verify
/// `Sec-WebSocket-Accept` against one precomputed value.
pub(crate) const KEY: &str = "c2lvbG9hZC1iZW5jaC1rZQ==";

/// The answer to `KEY`.
pub(crate) fn expected_accept() -> String {
    let mut h = Sha1::new();
    h.update(KEY.as_bytes());
    h.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    base64::engine::general_purpose::STANDARD.encode(h.finalize())
}

pub(crate) const OP_CONT: u8 = 0;
pub(crate) const OP_TEXT: u8 = 1;
pub(crate) const OP_BIN: u8 = 2;
pub(crate) const OP_CLOSE: u8 = 8;
pub(crate) const OP_PING: u8 = 9;
pub(crate) const OP_PONG: u8 = 10;

/// Appends one masked, final frame whose payload is the concatenation of `parts`.
pub(crate) fn encode(out: &mut Vec<u8>, op: u8, parts: &[&[u8]], key: u32) {
    let len: usize = parts.iter().map(|p| p.len()).sum();
    out.reserve(len + 14);
    out.push(0x80 | op);
    if len < 126 {
        out.push(0x80 | len as u8);
    } else if len < 65536 {
        out.push(0x80 | 126);
        out.extend_from_slice(&(len as u16).to_be_bytes());
    } else {
        out.push(0x80 | 127);
        out.extend_from_slice(&(len as u64).to_be_bytes());
    }
    let k = key.to_ne_bytes();
    out.extend_from_slice(&k);
    let start = out.len();
    for p in parts {
        out.extend_from_slice(p);
    }
    let wide = u64::from_ne_bytes([k[0], k[1], k[2], k[3], k[0], k[1], k[2], k[3]]);
    let body = &mut out[start..];
    let mut chunks = body.chunks_exact_mut(8);
    for c in &mut chunks {
        let v = u64::from_ne_bytes(c.try_into().unwrap()) ^ wide;
        c.copy_from_slice(&v.to_ne_bytes());
    }
    for (i, b) in chunks.into_remainder().iter_mut().enumerate() {
        *b ^= k[i & 3];
    }
}

/// A complete frame in the buffer.
pub(crate) struct Head {
    pub(crate) fin: bool,
    pub(crate) op: u8,
    /// Offset of the payload from the start of the frame.
    pub(crate) off: usize,
    pub(crate) len: usize,
}

/// What stands at the start of the buffer.
pub(crate) enum Parsed {
    Frame(Head),
    Partial,
    Bad(&'static str),
}

/// Reads one server-to-client (unmasked) frame header and checks that the body is complete.
pub(crate) fn parse(buf: &[u8]) -> Parsed {
    if buf.len() < 2 {
        return Parsed::Partial;
    }
    if buf[0] & 0x70 != 0 {
        return Parsed::Bad("reserved bits set");
    }
    if buf[1] & 0x80 != 0 {
        return Parsed::Bad("masked server frame");
    }
    let (off, len) = match buf[1] & 0x7f {
        126 => {
            if buf.len() < 4 {
                return Parsed::Partial;
            }
            (4, u16::from_be_bytes([buf[2], buf[3]]) as usize)
        }
        127 => {
            if buf.len() < 10 {
                return Parsed::Partial;
            }
            let l = u64::from_be_bytes(buf[2..10].try_into().unwrap());
            if l > (1 << 30) {
                return Parsed::Bad("frame too large");
            }
            (10, l as usize)
        }
        n => (2, n as usize),
    };
    if buf.len() < off + len {
        return Parsed::Partial;
    }
    Parsed::Frame(Head { fin: buf[0] & 0x80 != 0, op: buf[0] & 0x0f, off, len })
}

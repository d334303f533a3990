//! The decoder of websocket frames (RFC 6455), in whatever pieces the network delivers them.
//!
//! The bytes are unmasked in place, in the reader's scratch buffer, and the message borrows them from there. Only a frame that
//! has not arrived whole, or a message of several frames, is copied; between messages a decoder holds no buffer.

use std::io::Cursor;

use tungstenite::protocol::frame::{
    FrameHeader,
    coding::{Control, Data, OpCode},
};

/// A whole message, or a control frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
    Ping(&'a [u8]),
    Close,
}

/// A violation of RFC 6455 by the client. Each has its code for the close frame (section 7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Violation {
    /// 1002: not a frame that may come now, or a close frame whose content is none.
    Protocol,
    /// 1007: text, or the reason in a close frame, that is not UTF-8.
    Text,
    /// 1009: a message beyond the limit.
    TooBig,
}

impl Violation {
    pub(super) fn code(self) -> u16 {
        match self {
            Self::Protocol => 1002,
            Self::Text => 1007,
            Self::TooBig => 1009,
        }
    }
}

/// Whether the decoder goes on after a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Flow<E> {
    /// Go on with the next message.
    Next,
    /// Stop here. The bytes behind the message are kept for the next call.
    Stop,
    /// Stop; nothing more will be decoded.
    End(E),
}

/// The decoder of one stream.
#[derive(Default)]
pub(super) struct Decoder {
    /// Bytes of a frame that is not whole, or that stand behind a stop.
    undecoded: Vec<u8>,
    /// The frames that have arrived of a message of several frames.
    fragments: Option<Box<Fragments>>,
}

struct Fragments {
    text: bool,
    data: Vec<u8>,
}

impl Decoder {
    /// A decoder whose first bytes were read already.
    pub(super) fn new(read_ahead: &[u8]) -> Self {
        Self { undecoded: read_ahead.to_vec(), fragments: None }
    }

    /// Decodes the kept bytes followed by `input`. A message longer than `length_max` is refused by its header, before its
    /// payload has arrived.
    pub(super) fn decode<E>(
        &mut self,
        input: &mut [u8],
        length_max: usize,
        on_message: &mut impl FnMut(Message<'_>) -> Flow<E>,
    ) -> Result<Flow<E>, Violation> {
        if self.undecoded.is_empty() {
            let (used, flow) = self.run(input, length_max, on_message)?;
            if let Some(rest @ [_, ..]) = input.get(used..) {
                self.undecoded = kept(rest);
            }
            return Ok(flow);
        }
        let mut rest = std::mem::take(&mut self.undecoded);
        rest.extend_from_slice(input);
        let (used, flow) = self.run(&mut rest, length_max, on_message)?;
        if used < rest.len() {
            rest.drain(..used);
            // A long burst leaves a long buffer; a few bytes of the next frame do not need it.
            if rest.capacity() > 4096 {
                rest.shrink_to(rest.len() * 2);
            }
            self.undecoded = rest;
        }
        Ok(flow)
    }

    fn run<E>(
        &mut self,
        buffer: &mut [u8],
        length_max: usize,
        on_message: &mut impl FnMut(Message<'_>) -> Flow<E>,
    ) -> Result<(usize, Flow<E>), Violation> {
        let mut used = 0;
        while let Some(window) = buffer.get_mut(used..) {
            let Some((header, mask, header_length, length)) = parse(window)? else { break };
            self.check(&header, length, length_max)?;
            let Some(payload) = window.get_mut(header_length..header_length + length) else { break };
            unmask(payload, mask);
            used += header_length + length;
            match self.frame(&header, payload, on_message)? {
                Flow::Next => {}
                flow => return Ok((used, flow)),
            }
        }
        Ok((used, Flow::Next))
    }

    /// Refuses a frame for its header alone.
    fn check(&self, header: &FrameHeader, length: usize, length_max: usize) -> Result<(), Violation> {
        let kept = self.fragments.as_deref().map(|fragments| fragments.data.len());
        let is_malformed = match header.opcode {
            OpCode::Control(_) => !header.is_final || length > 125,
            OpCode::Data(Data::Continue) => kept.is_none(),
            OpCode::Data(_) => kept.is_some(),
        };
        if is_malformed || header.rsv1 || header.rsv2 || header.rsv3 {
            return Err(Violation::Protocol);
        }
        let remaining = length_max.saturating_sub(kept.unwrap_or_default());
        if matches!(header.opcode, OpCode::Data(_)) && length > remaining {
            return Err(Violation::TooBig);
        }
        Ok(())
    }

    fn frame<E>(
        &mut self,
        header: &FrameHeader,
        payload: &[u8],
        on_message: &mut impl FnMut(Message<'_>) -> Flow<E>,
    ) -> Result<Flow<E>, Violation> {
        match header.opcode {
            OpCode::Control(Control::Close) => {
                check_close(payload)?;
                Ok(on_message(Message::Close))
            }
            OpCode::Control(Control::Ping) => Ok(on_message(Message::Ping(payload))),
            OpCode::Control(_) => Ok(Flow::Next),
            OpCode::Data(Data::Text) if header.is_final => Ok(on_message(Message::Text(utf8(payload)?))),
            OpCode::Data(Data::Binary) if header.is_final => Ok(on_message(Message::Binary(payload))),
            OpCode::Data(Data::Continue) => self.fragment(header.is_final, payload, on_message),
            OpCode::Data(data) => {
                self.fragments = Some(Box::new(Fragments { text: data == Data::Text, data: payload.to_vec() }));
                Ok(Flow::Next)
            }
        }
    }

    fn fragment<E>(
        &mut self,
        is_final: bool,
        payload: &[u8],
        on_message: &mut impl FnMut(Message<'_>) -> Flow<E>,
    ) -> Result<Flow<E>, Violation> {
        let Some(mut fragments) = self.fragments.take() else { return Err(Violation::Protocol) };
        fragments.data.extend_from_slice(payload);
        if !is_final {
            self.fragments = Some(fragments);
            return Ok(Flow::Next);
        }
        if fragments.text {
            return Ok(on_message(Message::Text(utf8(&fragments.data)?)));
        }
        Ok(on_message(Message::Binary(&fragments.data)))
    }
}

/// A header with its mask, its own length and the length of the payload.
type ParsedHeader = (FrameHeader, [u8; 4], usize, usize);

/// The header at the start of `window`; `None` if it is not whole.
fn parse(window: &[u8]) -> Result<Option<ParsedHeader>, Violation> {
    let mut cursor = Cursor::new(window);
    let Some((header, length)) = FrameHeader::parse(&mut cursor).map_err(|_| Violation::Protocol)? else {
        return Ok(None);
    };
    let mask = header.mask.ok_or(Violation::Protocol)?;
    let header_length = usize::try_from(cursor.position()).map_err(|_| Violation::TooBig)?;
    // Far above every limit, but small enough that adding to it cannot overflow.
    let length = usize::try_from(length.min(u64::from(u32::MAX))).map_err(|_| Violation::TooBig)?;
    Ok(Some((header, mask, header_length, length)))
}

/// Checks the content of a close frame: nothing, or a code that may be sent (RFC 6455, section 7.4), and a reason.
fn check_close(payload: &[u8]) -> Result<(), Violation> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() { Ok(()) } else { Err(Violation::Protocol) };
    };
    utf8(reason)?;
    match u16::from_be_bytes(*code) {
        1000..=1003 | 1007..=1014 | 3000..=4999 => Ok(()),
        _ => Err(Violation::Protocol),
    }
}

/// The begin of a frame, with room for the rest of it; not more room than has arrived, because a header alone can announce much.
fn kept(begin: &[u8]) -> Vec<u8> {
    let whole = parse(begin).ok().flatten().map_or(0, |(_, _, header_length, length)| header_length + length);
    let mut kept = Vec::with_capacity(whole.clamp(begin.len(), begin.len() * 2));
    kept.extend_from_slice(begin);
    kept
}

fn utf8(payload: &[u8]) -> Result<&str, Violation> {
    simdutf8::basic::from_utf8(payload).map_err(|_| Violation::Text)
}

fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let word = u64::from(u32::from_ne_bytes(mask));
    let wide = word << 32 | word;
    let (chunks, tail) = payload.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    for (byte, key) in tail.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(head: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![head];
        match payload.len() {
            short @ 0..126 => frame.push(0x80 | short as u8),
            medium @ 126..65536 => {
                frame.push(0x80 | 126);
                frame.extend((medium as u16).to_be_bytes());
            }
            long => {
                frame.push(0x80 | 127);
                frame.extend((long as u64).to_be_bytes());
            }
        }
        let mask = [7, 130, 2, 255];
        frame.extend(mask);
        frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
        frame
    }

    fn collect(pieces: &[&[u8]], length_max: usize) -> (Vec<String>, Option<Violation>) {
        let (mut decoder, mut seen) = (Decoder::default(), Vec::new());
        for piece in pieces {
            let result = decoder.decode::<()>(&mut piece.to_vec(), length_max, &mut |message| {
                seen.push(match message {
                    Message::Text(text) => format!("t{text}"),
                    Message::Binary(data) => format!("b{data:?}"),
                    Message::Ping(data) => format!("p{data:?}"),
                    Message::Close => "c".to_owned(),
                });
                Flow::Next
            });
            if let Err(violation) = result {
                return (seen, Some(violation));
            }
        }
        (seen, None)
    }

    #[test]
    fn hostile_frames_are_refused_with_the_right_code() {
        let unmasked = vec![0x81, 1, b'x'];
        let reserved_bit = masked(0xc1, b"x");
        let reserved_code = masked(0x83, b"x");
        let loose_end = masked(0x80, b"x");
        let long_ping = masked(0x89, &[0; 126]);
        let split_ping = masked(0x09, b"x");
        let twice = [masked(0x01, b"x"), masked(0x81, b"y")].concat();
        for bytes in [unmasked, reserved_bit, reserved_code, loose_end, long_ping, split_ping, twice] {
            assert_eq!(collect(&[&bytes], 1000).1, Some(Violation::Protocol), "{bytes:?}");
        }
        for content in [&[3][..], &[0, 0], &[3, 0xec], &[3, 0xed], &[3, 0xee], &[3, 0xf7], &[7, 0xd0], &[0x13, 0x88]] {
            assert_eq!(collect(&[&masked(0x88, content)], 1000), (Vec::new(), Some(Violation::Protocol)), "{content:?}");
        }
        assert_eq!(collect(&[&masked(0x88, b"\x03\xe8\xff")], 1000), (Vec::new(), Some(Violation::Text)));
        for content in [&b""[..], b"\x03\xe8", b"\x03\xe8bye", b"\x0b\xb8", b"\x13\x87"] {
            assert_eq!(collect(&[&masked(0x88, content)], 1000), (vec!["c".to_owned()], None), "{content:?}");
        }
        assert_eq!(collect(&[&masked(0x81, b"\xff")], 1000).1, Some(Violation::Text));
        assert_eq!(collect(&[&masked(0x81, b"12345")], 4).1, Some(Violation::TooBig));
        assert_eq!(collect(&[&[0x81, 0xff, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0]], 4).1, Some(Violation::TooBig));
        let fragments = [masked(0x01, b"123"), masked(0x00, b"45")].concat();
        assert_eq!(collect(&[&fragments], 4).1, Some(Violation::TooBig));
    }

    #[test]
    fn a_stream_reads_the_same_however_it_is_split() {
        let stream = [
            masked(0x81, "héllo".as_bytes()),
            masked(0x01, &"ä".as_bytes()[..1]),
            masked(0x89, b"ping"),
            masked(0x00, &"ä".as_bytes()[1..]),
            masked(0x80, b"!"),
            masked(0x82, &[]),
            masked(0x82, &[1; 130]),
            masked(0x8a, b"pong"),
            masked(0x81, b"end"),
            masked(0x88, b""),
        ]
        .concat();
        let (whole, violation) = collect(&[&stream], 1000);
        assert_eq!(violation, None);
        assert_eq!(whole.len(), 7);
        assert_eq!(whole[2], "tä!");
        for at in 0..stream.len() {
            let (first, second) = stream.split_at(at);
            assert_eq!(collect(&[first, second], 1000).0, whole, "{at}");
        }
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(collect(&bytes, 1000).0, whole);
        let threes: Vec<&[u8]> = stream.chunks(3).collect();
        assert_eq!(collect(&threes, 1000).0, whole);
    }

    #[test]
    fn long_messages_arrive_whole() {
        let data = vec![b'x'; 70_000];
        let stream = masked(0x81, &data);
        let pieces: Vec<&[u8]> = stream.chunks(999).collect();
        let (seen, violation) = collect(&pieces, 70_000);
        assert_eq!(violation, None);
        assert_eq!(seen[0].len(), 70_001);
    }

    #[test]
    fn what_stands_behind_a_stop_is_kept() {
        let mut decoder = Decoder::default();
        let mut input = [masked(0x81, b"5"), masked(0x81, b"4a")].concat();
        let flow = decoder.decode::<()>(&mut input, 100, &mut |_| Flow::Stop);
        assert_eq!(flow, Ok(Flow::Stop));
        let mut seen = Vec::new();
        let flow = decoder.decode::<()>(&mut [], 100, &mut |message| {
            seen.push(message == Message::Text("4a"));
            Flow::Next
        });
        assert_eq!((flow, seen), (Ok(Flow::Next), vec![true]));
        assert_eq!(decoder.undecoded.capacity(), 0);
    }
}

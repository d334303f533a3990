//! Writes msgpack.

use super::outline::outline;
use super::tokens::{Token, Tokens};
use crate::json::decode_string;
use crate::packet::Payload;

/// Beyond these a whole number travels as a float: notepack cuts off its upper bits.
const UINT_END: f64 = 18_446_744_073_709_551_616.0;
const INT_FIRST: f64 = -9_223_372_036_854_775_808.0;

/// Msgpack that grows.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// With room for so many bytes.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes) }
    }

    /// What was written.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    pub(crate) fn bool(&mut self, value: bool) {
        self.bytes.push(if value { 0xc3 } else { 0xc2 });
    }

    pub(crate) fn uint(&mut self, value: u64) {
        match value {
            0..=0x7f => self.bytes.push(value as u8),
            0x80..=0xff => self.bytes.extend([0xcc, value as u8]),
            0x100..=0xffff => self.with(0xcd, &(value as u16).to_be_bytes()),
            0x1_0000..=0xffff_ffff => self.with(0xce, &(value as u32).to_be_bytes()),
            _ => self.with(0xcf, &value.to_be_bytes()),
        }
    }

    pub(crate) fn str(&mut self, text: &str) {
        let length = text.len();
        match length {
            0..=0x1f => self.bytes.push(0xa0 | length as u8),
            0x20..=0xff => self.bytes.extend([0xd9, length as u8]),
            0x100..=0xffff => self.with(0xda, &(length as u16).to_be_bytes()),
            _ => self.with(0xdb, &(length as u32).to_be_bytes()),
        }
        self.bytes.extend_from_slice(text.as_bytes());
    }

    pub(crate) fn bin(&mut self, bytes: &[u8]) {
        let length = bytes.len();
        match length {
            0..=0xff => self.bytes.extend([0xc4, length as u8]),
            0x100..=0xffff => self.with(0xc5, &(length as u16).to_be_bytes()),
            _ => self.with(0xc6, &(length as u32).to_be_bytes()),
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// An array of so many values, which follow.
    pub(crate) fn array(&mut self, length: usize) {
        self.container(length, 0x90, 0xdc);
    }

    /// A map of so many keys and values, which follow in turn.
    pub(crate) fn map(&mut self, length: usize) {
        self.container(length, 0x80, 0xde);
    }

    /// A value of validated JSON. With attachments the objects that stand for one are that binary.
    pub(crate) fn json(&mut self, text: &str, attachments: &[Vec<u8>]) {
        self.tokens(text, attachments, None);
    }

    /// `[name, …args]`: what an event's packet has as data.
    pub(crate) fn event(&mut self, name: &str, payload: &Payload) {
        self.tokens(&payload.args, &payload.attachments, Some(name));
    }

    /// `first`: a text before the elements of the outermost array.
    fn tokens(&mut self, text: &str, attachments: &[Vec<u8>], mut first: Option<&str>) {
        let containers = outline(text, attachments.len());
        let mut next = 0;
        let mut tokens = Tokens::new(text);
        while let Some(token) = tokens.next() {
            match token {
                Token::Open { is_object } => {
                    let container = containers.get(next).copied().unwrap_or_default();
                    next += 1;
                    if let Some(placeholder) = container.placeholder {
                        self.bin(attachments.get(placeholder.number).map_or(&[], Vec::as_slice));
                        tokens.go_to(placeholder.end);
                        next = placeholder.next;
                        continue;
                    }
                    let length = container.length as usize;
                    match first.take() {
                        Some(first) => {
                            self.array(length + 1);
                            self.str(first);
                        }
                        None if is_object => self.map(length),
                        None => self.array(length),
                    }
                }
                Token::Close => {}
                Token::String(quoted) => self.str(&decode_string(quoted)),
                Token::Number(text) => self.number(text),
                Token::True => self.bool(true),
                Token::False => self.bool(false),
                Token::Null => self.bytes.push(0xc0),
            }
        }
    }

    /// A number as JavaScript reads it: a double, which travels as a whole number if it is one.
    fn number(&mut self, text: &str) {
        // Most are short and whole.
        if text.len() < 16
            && let Ok(value) = text.parse::<u64>()
        {
            return self.uint(value);
        }
        let value: f64 = text.parse().unwrap_or_default();
        if value.trunc() != value || !(INT_FIRST..UINT_END).contains(&value) {
            return self.with(0xcb, &value.to_be_bytes());
        }
        if value >= 0.0 {
            return self.uint(value as u64);
        }
        let value = value as i64;
        match value {
            -0x20..=-1 => self.bytes.push(value as u8),
            -0x80..-0x20 => self.bytes.extend([0xd0, value as u8]),
            -0x8000..-0x80 => self.with(0xd1, &(value as i16).to_be_bytes()),
            -0x8000_0000..-0x8000 => self.with(0xd2, &(value as i32).to_be_bytes()),
            _ => self.with(0xd3, &value.to_be_bytes()),
        }
    }

    /// The head of a container; a short one has its length in the first byte.
    fn container(&mut self, length: usize, short: u8, long: u8) {
        match length {
            0..=0xf => self.bytes.push(short | length as u8),
            0x10..=0xffff => self.with(long, &(length as u16).to_be_bytes()),
            _ => self.with(long + 1, &(length as u32).to_be_bytes()),
        }
    }

    fn with(&mut self, first: u8, others: &[u8]) {
        self.bytes.push(first);
        self.bytes.extend_from_slice(others);
    }
}

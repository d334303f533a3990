//! Reads msgpack.

use std::borrow::Cow;

use innkeeper_contract::limits::JSON_DEPTH_MAX;
use smallvec::SmallVec;

use super::date::push_date;
use crate::json::push_string;

/// The key that makes an object one that stands for binary.
const PLACEHOLDER: &str = "_placeholder";

/// Why msgpack cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("it ends too early")]
    Truncated,
    #[error("bytes follow behind its end")]
    Trailing,
    #[error("it has the byte 0x{0:02x} where a value begins")]
    Unknown(u8),
    #[error("it has another value where {0} must be")]
    Expected(&'static str),
    #[error("it nests more than {JSON_DEPTH_MAX} deep")]
    TooDeep,
    #[error("it has too many attachments")]
    Attachments,
    #[error("it has binary, and an object of its own that says `{PLACEHOLDER}`: clients could not tell them apart")]
    Ambiguous,
}

/// Reads values one after the other. Lengths are believed only as far as there are bytes.
#[derive(Clone)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    attachments_max: usize,
    /// There was an object that says `_placeholder` itself.
    has_own_placeholder: bool,
}

/// The head of a value.
enum Head<'a> {
    Nil,
    Undefined,
    Bool(bool),
    Uint(u64),
    Int(i64),
    Float(f64),
    Str(&'a [u8]),
    Bin(&'a [u8]),
    /// In milliseconds since 1970.
    Date(f64),
    Ext(i8, &'a [u8]),
    Array(u32),
    Map(u32),
}

/// A container that is written as JSON.
struct Open {
    left: u32,
    is_map: bool,
    /// Nothing was written into it yet.
    is_empty: bool,
}

impl<'a> Reader<'a> {
    /// A reader of values that have at most so many attachments together.
    pub(crate) fn new(bytes: &'a [u8], attachments_max: usize) -> Self {
        Self { rest: bytes, attachments_max, has_own_placeholder: false }
    }

    /// Fails if anything follows.
    pub(crate) fn end(&self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError::Trailing) }
    }

    pub(crate) fn array_len(&mut self) -> Result<u32, DecodeError> {
        match self.head()? {
            Head::Array(length) => Ok(length),
            _ => Err(DecodeError::Expected("an array")),
        }
    }

    pub(crate) fn map_len(&mut self) -> Result<u32, DecodeError> {
        match self.head()? {
            Head::Map(length) => Ok(length),
            _ => Err(DecodeError::Expected("a map")),
        }
    }

    pub(crate) fn str(&mut self) -> Result<Cow<'a, str>, DecodeError> {
        match self.head()? {
            Head::Str(text) => Ok(String::from_utf8_lossy(text)),
            _ => Err(DecodeError::Expected("a text")),
        }
    }

    pub(crate) fn uint(&mut self) -> Result<u64, DecodeError> {
        match self.head()? {
            Head::Uint(value) => Ok(value),
            _ => Err(DecodeError::Expected("a number")),
        }
    }

    /// Whether a text is next.
    pub(crate) fn is_str(&self) -> bool {
        matches!(self.rest.first(), Some(0xa0..=0xbf | 0xd9..=0xdb))
    }

    /// Reads nil, or undefined, if that is next.
    pub(crate) fn take_nil(&mut self) -> Result<bool, DecodeError> {
        let mut ahead = self.clone();
        let is_nil = matches!(ahead.head()?, Head::Nil | Head::Undefined);
        if is_nil {
            *self = ahead;
        }
        Ok(is_nil)
    }

    /// Goes behind the next value.
    pub(crate) fn skip(&mut self) -> Result<(), DecodeError> {
        let mut left: u64 = 1;
        while left > 0 {
            left -= 1;
            match self.head()? {
                Head::Array(length) => left += u64::from(length),
                Head::Map(length) => left += 2 * u64::from(length),
                _ => {}
            }
        }
        Ok(())
    }

    /// Appends the next value as `JSON.stringify` would write what notepack reads. Binary is an attachment, with a placeholder in its place.
    pub(crate) fn json(&mut self, out: &mut String, attachments: &mut Vec<Vec<u8>>) -> Result<(), DecodeError> {
        let mut open: SmallVec<[Open; 16]> = SmallVec::new();
        loop {
            let head = self.head()?;
            self.value(head, out, attachments, &mut open)?;
            // To the next value: behind the containers that end here, and behind the key.
            loop {
                let Some(inner) = open.last_mut() else {
                    return if self.has_own_placeholder && !attachments.is_empty() {
                        Err(DecodeError::Ambiguous)
                    } else {
                        Ok(())
                    };
                };
                if inner.left == 0 {
                    out.push(if inner.is_map { '}' } else { ']' });
                    open.pop();
                    continue;
                }
                inner.left -= 1;
                if !inner.is_map {
                    if !std::mem::take(&mut inner.is_empty) {
                        out.push(',');
                    }
                    break;
                }
                let is_first = inner.is_empty;
                let wrote = self.key(is_first, out)?;
                if wrote {
                    inner.is_empty = false;
                    break;
                }
            }
        }
    }

    /// Writes a key. False, and it is left out with its value, if that is undefined.
    fn key(&mut self, is_first: bool, out: &mut String) -> Result<bool, DecodeError> {
        let key: Cow<'_, str> = match self.head()? {
            Head::Str(text) => String::from_utf8_lossy(text),
            Head::Uint(key) => key.to_string().into(),
            Head::Int(key) => key.to_string().into(),
            Head::Bool(key) => key.to_string().into(),
            Head::Float(key) => ryu_js::Buffer::new().format(key).to_owned().into(),
            Head::Nil => "null".into(),
            _ => return Err(DecodeError::Expected("a key")),
        };
        let mut ahead = self.clone();
        match ahead.head()? {
            Head::Undefined => {
                *self = ahead;
                return Ok(false);
            }
            Head::Bool(true) if key == PLACEHOLDER => self.has_own_placeholder = true,
            _ => {}
        }
        if !is_first {
            out.push(',');
        }
        push_string(out, &key);
        out.push(':');
        Ok(true)
    }

    fn value(
        &self,
        head: Head<'_>,
        out: &mut String,
        attachments: &mut Vec<Vec<u8>>,
        open: &mut SmallVec<[Open; 16]>,
    ) -> Result<(), DecodeError> {
        match head {
            Head::Nil | Head::Undefined => out.push_str("null"),
            Head::Bool(value) => out.push_str(if value { "true" } else { "false" }),
            Head::Uint(value) if value < 1 << 53 => out.push_str(&value.to_string()),
            Head::Int(value) if value > -(1 << 53) => out.push_str(&value.to_string()),
            // As the doubles that notepack makes of them.
            Head::Uint(value) => push_float(out, value as f64),
            Head::Int(value) => push_float(out, value as f64),
            Head::Float(value) => push_float(out, value),
            Head::Str(text) => push_string(out, &String::from_utf8_lossy(text)),
            Head::Date(ms) => push_date(out, ms),
            Head::Bin(bytes) => self.push_binary(out, attachments, bytes)?,
            Head::Ext(kind, bytes) => {
                out.push_str(&format!("[{kind},"));
                self.push_binary(out, attachments, bytes)?;
                out.push(']');
            }
            Head::Array(left) => {
                out.push('[');
                push_open(open, Open { left, is_map: false, is_empty: true })?;
            }
            Head::Map(left) => {
                out.push('{');
                push_open(open, Open { left, is_map: true, is_empty: true })?;
            }
        }
        Ok(())
    }

    fn push_binary(&self, out: &mut String, attachments: &mut Vec<Vec<u8>>, bytes: &[u8]) -> Result<(), DecodeError> {
        if attachments.len() >= self.attachments_max {
            return Err(DecodeError::Attachments);
        }
        out.push_str(&format!("{{\"_placeholder\":true,\"num\":{}}}", attachments.len()));
        attachments.push(bytes.to_vec());
        Ok(())
    }

    fn head(&mut self) -> Result<Head<'a>, DecodeError> {
        let [first] = self.fixed()?;
        Ok(match first {
            0x00..=0x7f => Head::Uint(first.into()),
            0x80..=0x8f => Head::Map(u32::from(first & 0x0f)),
            0x90..=0x9f => Head::Array(u32::from(first & 0x0f)),
            0xa0..=0xbf => Head::Str(self.bytes(usize::from(first & 0x1f))?),
            0xc0 => Head::Nil,
            0xc2 => Head::Bool(false),
            0xc3 => Head::Bool(true),
            0xc4..=0xc6 => {
                let length = self.length(first - 0xc4)?;
                Head::Bin(self.bytes(length)?)
            }
            0xc7..=0xc9 => {
                let length = self.length(first - 0xc7)?;
                self.ext(length, true)?
            }
            0xca => Head::Float(f32::from_be_bytes(self.fixed()?).into()),
            0xcb => Head::Float(f64::from_be_bytes(self.fixed()?)),
            0xcc => Head::Uint(u8::from_be_bytes(self.fixed()?).into()),
            0xcd => Head::Uint(u16::from_be_bytes(self.fixed()?).into()),
            0xce => Head::Uint(u32::from_be_bytes(self.fixed()?).into()),
            0xcf => Head::Uint(u64::from_be_bytes(self.fixed()?)),
            0xd0 => Head::Int(i8::from_be_bytes(self.fixed()?).into()),
            0xd1 => Head::Int(i16::from_be_bytes(self.fixed()?).into()),
            0xd2 => Head::Int(i32::from_be_bytes(self.fixed()?).into()),
            0xd3 => Head::Int(i64::from_be_bytes(self.fixed()?)),
            0xd4..=0xd8 => self.ext(1 << (first - 0xd4), false)?,
            0xd9..=0xdb => {
                let length = self.length(first - 0xd9)?;
                Head::Str(self.bytes(length)?)
            }
            0xdc => Head::Array(u16::from_be_bytes(self.fixed()?).into()),
            0xdd => Head::Array(u32::from_be_bytes(self.fixed()?)),
            0xde => Head::Map(u16::from_be_bytes(self.fixed()?).into()),
            0xdf => Head::Map(u32::from_be_bytes(self.fixed()?)),
            0xe0..=0xff => Head::Int(i64::from(first as i8)),
            0xc1 => return Err(DecodeError::Unknown(first)),
        })
    }

    /// A length of one, two or four bytes.
    fn length(&mut self, size: u8) -> Result<usize, DecodeError> {
        Ok(match size {
            0 => u8::from_be_bytes(self.fixed()?).into(),
            1 => u16::from_be_bytes(self.fixed()?).into(),
            _ => u32::from_be_bytes(self.fixed()?) as usize,
        })
    }

    /// An extension: those that notepack knows, and others. `has_length`: of a length that the type does not say.
    fn ext(&mut self, length: usize, has_length: bool) -> Result<Head<'a>, DecodeError> {
        let kind = i8::from_be_bytes(self.fixed()?);
        let bytes = self.bytes(length)?;
        let mut inner = Reader::new(bytes, 0);
        Ok(match (kind, length) {
            (0, 1) if !has_length => Head::Undefined,
            (0, 8) if !has_length => Head::Date(i64::from_be_bytes(inner.fixed()?) as f64),
            (0, _) if has_length => Head::Bin(bytes),
            (-1, 4) if !has_length => Head::Date(f64::from(u32::from_be_bytes(inner.fixed()?)) * 1e3),
            (-1, 8) if !has_length => {
                let both = u64::from_be_bytes(inner.fixed()?);
                Head::Date((both & 0x3_ffff_ffff) as f64 * 1e3 + (both >> 34) as f64 / 1e6)
            }
            (-1, 12) if has_length => {
                let nanoseconds = u32::from_be_bytes(inner.fixed()?);
                Head::Date(i64::from_be_bytes(inner.fixed()?) as f64 * 1e3 + f64::from(nanoseconds) / 1e6)
            }
            _ => Head::Ext(kind, bytes),
        })
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (bytes, rest) = self.rest.split_first_chunk::<N>().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(*bytes)
    }

    fn bytes(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(bytes)
    }
}

fn push_open(open: &mut SmallVec<[Open; 16]>, container: Open) -> Result<(), DecodeError> {
    if open.len() >= JSON_DEPTH_MAX {
        return Err(DecodeError::TooDeep);
    }
    open.push(container);
    Ok(())
}

/// A number as `JSON.stringify` writes it.
fn push_float(out: &mut String, value: f64) {
    if value.is_finite() {
        out.push_str(ryu_js::Buffer::new().format_finite(value));
    } else {
        out.push_str("null");
    }
}

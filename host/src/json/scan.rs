//! The scanner of JSON text: iterative, so that no nesting can exhaust a stack, and exactly RFC 8259.

use innkeeper_contract::limits::JSON_DEPTH_MAX as DEPTH_MAX;

use super::text::{decode_string, plain_bytes};

/// Why text is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Invalid {
    /// It is not the JSON that it must be; `at` is an offset in bytes.
    #[error("{what} at byte {at}")]
    Syntax { what: &'static str, at: usize },
    /// It may be JSON, and nests too deep.
    #[error("nests more than {DEPTH_MAX} deep")]
    TooDeep,
}

/// The type of a JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ValueKind {
    Array,
    Object,
    String,
    Number,
    True,
    Other,
}

/// The first element of an array.
pub(crate) struct FirstElement<'a> {
    pub(crate) kind: ValueKind,
    pub(crate) text: &'a str,
    /// Where the other elements begin: behind the comma, or at the closing bracket.
    pub(crate) rest_at: usize,
}

/// An object whose end has not been reached, and which may be a placeholder. Kept only if there are attachments.
#[derive(Default)]
struct OpenObject {
    is_placeholder: bool,
    number: Option<usize>,
}

/// A walk over one JSON text.
pub(crate) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    /// One bit for each open array (0) or object (1).
    nesting: [u64; DEPTH_MAX / 64],
    depth: usize,
    placeholders: Option<Placeholders>,
}

/// The check that each attachment has its placeholder.
struct Placeholders {
    /// Whether attachment n has one.
    seen: Vec<bool>,
    open: Vec<OpenObject>,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str, attachments: usize) -> Self {
        let placeholders = (attachments > 0).then(|| Placeholders { seen: vec![false; attachments], open: Vec::new() });
        Self { text, at: 0, nesting: [0; DEPTH_MAX / 64], depth: 0, placeholders }
    }

    /// Walks over the whole text: one value, and nothing behind it.
    pub(crate) fn whole(&mut self) -> Result<ValueKind, Invalid> {
        self.spaces();
        let kind = self.value()?;
        self.end()?;
        Ok(kind)
    }

    /// Walks into an array and over its first element.
    pub(crate) fn first_element(&mut self) -> Result<FirstElement<'a>, Invalid> {
        self.spaces();
        self.expect(b'[', "not a JSON array")?;
        self.open(false)?;
        self.spaces();
        let from = self.at;
        let kind = match self.peek() {
            Some(b'"' | b'-' | b'0'..=b'9') => self.scalar()?,
            _ => return self.fault("the name of an event is a string or a number"),
        };
        let text = self.text.get(from..self.at).unwrap_or_default();
        self.spaces();
        let rest_at = if self.peek() == Some(b',') { self.at + 1 } else { self.at };
        Ok(FirstElement { kind, text, rest_at })
    }

    /// Walks over the elements behind the first one, to the end of the text.
    pub(crate) fn remaining_elements(&mut self) -> Result<(), Invalid> {
        self.rest(0)?;
        self.end()
    }

    /// Walks over one value with everything in it.
    fn value(&mut self) -> Result<ValueKind, Invalid> {
        let base = self.depth;
        let kind = self.begin()?;
        if self.depth > base {
            self.rest(base)?;
        }
        Ok(kind)
    }

    /// Walks from behind a value to the point where the nesting is `base` again.
    fn rest(&mut self, base: usize) -> Result<(), Invalid> {
        // Set directly behind an opening bracket, where the closing one may follow.
        let mut fresh = self.fresh();
        while self.depth > base {
            self.spaces();
            let in_object = self.in_object();
            match self.peek() {
                Some(b']') if !in_object => {
                    self.at += 1;
                    self.depth -= 1;
                    fresh = false;
                    continue;
                }
                Some(b'}') if in_object => {
                    self.at += 1;
                    self.depth -= 1;
                    self.close_object()?;
                    fresh = false;
                    continue;
                }
                Some(b',') if !fresh => {
                    self.at += 1;
                    self.spaces();
                }
                Some(_) if fresh => {}
                _ => return self.fault("expected a comma or the end"),
            }
            let before = self.depth;
            if in_object {
                self.member()?
            } else {
                self.begin().map(|_| ())?
            }
            fresh = self.depth > before;
        }
        Ok(())
    }

    /// Whether the last byte walked over was an opening bracket.
    fn fresh(&self) -> bool {
        self.depth > 0 && matches!(self.text.as_bytes().get(self.at.wrapping_sub(1)), Some(b'[' | b'{'))
    }

    /// Walks over a scalar, or over the opening bracket of an array or object.
    fn begin(&mut self) -> Result<ValueKind, Invalid> {
        match self.peek() {
            Some(b'[') => {
                self.at += 1;
                self.open(false)?;
                Ok(ValueKind::Array)
            }
            Some(b'{') => {
                self.at += 1;
                self.open(true)?;
                Ok(ValueKind::Object)
            }
            _ => self.scalar(),
        }
    }

    fn scalar(&mut self) -> Result<ValueKind, Invalid> {
        match self.peek() {
            Some(b'"') => self.string().map(|()| ValueKind::String),
            Some(b'-' | b'0'..=b'9') => self.number().map(|()| ValueKind::Number),
            Some(b't') => self.word("true").map(|()| ValueKind::True),
            Some(b'f') => self.word("false").map(|()| ValueKind::Other),
            Some(b'n') => self.word("null").map(|()| ValueKind::Other),
            _ => self.fault("expected a JSON value"),
        }
    }

    /// Walks over `"key": value`; what is inside the value is left to `rest`.
    fn member(&mut self) -> Result<(), Invalid> {
        let from = self.at;
        if self.peek() != Some(b'"') {
            return self.fault("expected a key");
        }
        self.string()?;
        let key = self.text.get(from..self.at).unwrap_or_default();
        self.spaces();
        self.expect(b':', "expected a colon")?;
        self.spaces();
        let from = self.at;
        let kind = self.begin()?;
        if self.placeholders.is_some() {
            let value = self.text.get(from..self.at).unwrap_or_default();
            self.note_member(key, kind, value);
        }
        Ok(())
    }

    /// Notes the members that make an object a placeholder. As in JavaScript, the last of two equal keys counts.
    fn note_member(&mut self, key: &str, kind: ValueKind, value: &str) {
        // If the value is an object, it has just been opened: the one that has this member is one level up.
        let opened_object = usize::from(kind == ValueKind::Object);
        let Some(open) = self.placeholders.as_mut().map(|placeholders| &mut placeholders.open) else { return };
        let owner = open.len().checked_sub(1 + opened_object).and_then(|index| open.get_mut(index));
        let Some(owner) = owner else { return };
        match &*decode_string(key) {
            "_placeholder" => owner.is_placeholder = kind == ValueKind::True,
            "num" => owner.number = value.parse().ok(),
            _ => {}
        }
    }

    fn close_object(&mut self) -> Result<(), Invalid> {
        let Some(placeholders) = &mut self.placeholders else { return Ok(()) };
        match placeholders.open.pop() {
            Some(OpenObject { is_placeholder: true, number }) => {
                match number.and_then(|number| placeholders.seen.get_mut(number)) {
                    Some(seen) => {
                        *seen = true;
                        Ok(())
                    }
                    None => self.fault("a placeholder without attachment"),
                }
            }
            _ => Ok(()),
        }
    }

    fn end(&mut self) -> Result<(), Invalid> {
        self.spaces();
        if self.at < self.text.len() {
            return self.fault("something behind the value");
        }
        match &self.placeholders {
            Some(placeholders) if placeholders.seen.contains(&false) => self.fault("an attachment without placeholder"),
            _ => Ok(()),
        }
    }

    fn open(&mut self, object: bool) -> Result<(), Invalid> {
        let Some(word) = self.nesting.get_mut(self.depth / 64) else { return Err(Invalid::TooDeep) };
        let bit = 1 << (self.depth % 64);
        if object {
            *word |= bit
        } else {
            *word &= !bit
        }
        self.depth += 1;
        if let (true, Some(placeholders)) = (object, &mut self.placeholders) {
            placeholders.open.push(OpenObject::default());
        }
        Ok(())
    }

    fn in_object(&self) -> bool {
        let top = self.depth.saturating_sub(1);
        self.nesting.get(top / 64).is_some_and(|word| word & (1 << (top % 64)) != 0)
    }

    fn string(&mut self) -> Result<(), Invalid> {
        self.at += 1;
        let bytes = self.text.as_bytes();
        loop {
            self.at += plain_bytes(bytes.get(self.at..).unwrap_or_default());
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                Some(_) => return self.fault("a control character in a string"),
                None => return self.fault("a string without end"),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Invalid> {
        let bytes = self.text.as_bytes();
        match bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') if bytes.get(self.at + 2..self.at + 6).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) => {
                self.at += 6
            }
            _ => return self.fault("an unknown escape"),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), Invalid> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Invalid> {
        let from = self.at;
        self.skip(|byte| byte.is_ascii_digit());
        if self.at == from { self.fault("expected a digit") } else { Ok(()) }
    }

    fn word(&mut self, word: &str) -> Result<(), Invalid> {
        if !self.text.as_bytes().get(self.at..).unwrap_or_default().starts_with(word.as_bytes()) {
            return self.fault("expected a JSON value");
        }
        self.at += word.len();
        Ok(())
    }

    fn spaces(&mut self) {
        // Between most tokens there is no space: one comparison then.
        if self.peek().is_some_and(|byte| byte <= b' ') {
            self.skip(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
        }
    }

    /// Walks over the bytes of this kind.
    fn skip(&mut self, is_of_kind: impl Fn(u8) -> bool) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        self.at += rest.iter().position(|byte| !is_of_kind(*byte)).unwrap_or(rest.len());
    }

    fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), Invalid> {
        if self.peek() != Some(byte) {
            return self.fault(what);
        }
        self.at += 1;
        Ok(())
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn fault<T>(&self, what: &'static str) -> Result<T, Invalid> {
        Err(Invalid::Syntax { what, at: self.at })
    }
}

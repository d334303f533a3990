//! The tokens of validated JSON text.

/// A token. Commas and colons are none: where values stand says enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Open {
        is_object: bool,
    },
    Close,
    /// With its quotes.
    String(&'a str),
    Number(&'a str),
    True,
    False,
    Null,
}

/// Walks over the tokens of a text that the validator has accepted. Of other text it yields something, or nothing.
#[derive(Clone)]
pub(super) struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Where the next token is looked for.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Goes on there.
    pub(super) fn go_to(&mut self, at: usize) {
        self.at = at;
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// The text of so many bytes from here, which are left behind.
    fn take(&mut self, bytes: usize) -> &'a str {
        let text = self.text.get(self.at..self.at + bytes).unwrap_or_default();
        self.at += bytes;
        text
    }

    /// The length of the string that begins here, quotes included.
    fn string(&self) -> usize {
        let rest = self.rest();
        let mut at = 1;
        while let Some(found) = memchr::memchr2(b'"', b'\\', rest.get(at..).unwrap_or_default()) {
            at += found + 1;
            if rest.get(at - 1) == Some(&b'"') {
                return at;
            }
            at += 1;
        }
        rest.len()
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let is_between = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b',' | b':');
        let rest = self.rest();
        self.at += rest.iter().position(|byte| !is_between(byte)).unwrap_or(rest.len());
        let first = *self.rest().first()?;
        Some(match first {
            b'"' => Token::String(self.take(self.string())),
            b'[' | b'{' => {
                self.at += 1;
                Token::Open { is_object: first == b'{' }
            }
            b']' | b'}' => {
                self.at += 1;
                Token::Close
            }
            b't' => {
                self.at += 4;
                Token::True
            }
            b'f' => {
                self.at += 5;
                Token::False
            }
            b'n' => {
                self.at += 4;
                Token::Null
            }
            _ => {
                let is_of_number = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
                let rest = self.rest();
                let length = rest.iter().position(|byte| !is_of_number(byte)).unwrap_or(rest.len());
                // Never nothing, so that the walk ends whatever the text is.
                Token::Number(self.take(length.max(1)))
            }
        })
    }
}

//! The token that a server's admin interface asks for.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::error::AdminError;

/// A token is some 40 bytes; of a file that is none no more is read.
const TOKEN_BYTES: u64 = 4_096;

/// A token, and where it is from.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) secret: String,
    pub(super) from: String,
}

impl Token {
    /// The token in a file.
    pub(super) fn read(path: &Path) -> Result<Self, AdminError> {
        let read = || -> io::Result<String> {
            let mut text = String::new();
            File::open(path)?.take(TOKEN_BYTES).read_to_string(&mut text)?;
            Ok(text)
        };
        let text = read().map_err(|source| AdminError::Token { path: path.to_owned(), source })?;
        Self::of(&path.display().to_string(), &text)
    }

    /// A text that is to be a token; `from`: where it is from.
    pub(super) fn of(from: &str, text: &str) -> Result<Self, AdminError> {
        let secret = text.trim().to_owned();
        let is_token = !secret.is_empty() && secret.bytes().all(|byte| byte.is_ascii_graphic());
        if is_token { Ok(Self { secret, from: from.to_owned() }) } else { Err(AdminError::NoToken(from.to_owned())) }
    }
}

#[cfg(test)]
mod tests {
    use super::Token;

    #[test]
    fn a_token_is_one_word() {
        assert_eq!(Token::of("x", " abc-_1\n").unwrap().secret, "abc-_1");
        for none in ["", "\n", "a b", "a\nb", "é"] {
            assert_eq!(Token::of("the file", none).unwrap_err().to_string(), "the file holds no token");
        }
    }
}

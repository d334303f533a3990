//! JSON texts, read into an author's types.

use crate::error::{Error, Result};
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, MapAccess, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// Reads a whole text.
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let text = if is_of_no_interest::<T>() { "null" } else { text };
    well_formed_if_needed(text, |text| serde_json::from_str(text))
}

/// Reads the value that a text begins with, and returns its length beside it.
pub(crate) fn read_first<T: DeserializeOwned>(text: &str) -> Result<(T, usize), String> {
    if is_of_no_interest::<T>() {
        let (_, length) = read_first::<IgnoredAny>(text)?;
        return Ok((read(text)?, length));
    }
    well_formed_if_needed(text, |text| {
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<T>();
        // A text that has no value is an error of the whole text.
        let value = values.next().unwrap_or_else(|| serde_json::from_str(text))?;
        Ok((value, values.byte_offset()))
    })
}

/// Whether the type is `()`. serde reads only null as that; here it is any value that the author does not look at, such as an ack.
pub(crate) fn is_of_no_interest<T>() -> bool {
    std::any::type_name::<T>() == std::any::type_name::<()>()
}

/// The member `key` of the object `text`; `None` if it is missing or null. The error is for the log: the value need not be the
/// client's own.
pub(crate) fn member<T: DeserializeOwned>(text: &str, key: &str) -> Result<Option<T>> {
    well_formed_if_needed(text, |text| {
        serde_json::Deserializer::from_str(text).deserialize_map(Member { key, value: PhantomData })
    })
    .map_err(|error| Error::internal(format!("{key}: {error}")))
}

/// The value of `key`; `None` if it is missing or null. The error is like that of a member.
pub(crate) fn value<T: DeserializeOwned>(text: Option<&str>, key: &str) -> Result<Option<T>> {
    let text = text.filter(|text| text.trim_ascii() != "null");
    text.map(read).transpose().map_err(|error| Error::internal(format!("{key}: {error}")))
}

/// The object `text`, whole. The error is for the log, like that of one member, and says `what` it is.
pub(crate) fn whole<T: DeserializeOwned>(text: &str, what: &str) -> Result<T> {
    read(text).map_err(|error| Error::internal(format!("{what}: {error}")))
}

/// Runs `read`, and if it fails once more with half surrogate pairs replaced. The text of JavaScript may have such halves (an emoji
/// cut in two by `slice`), and a Rust `String` may not.
fn well_formed_if_needed<T>(text: &str, read: impl Fn(&str) -> serde_json::Result<T>) -> Result<T, String> {
    read(text)
        .or_else(|error| match well_formed(text) {
            Cow::Borrowed(_) => Err(error),
            Cow::Owned(text) => read(&text),
        })
        .map_err(|error| why(&error.to_string()))
}

/// The text with each half of a surrogate pair replaced by U+FFFD, as JavaScript's `toWellFormed` does. Its length stays.
fn well_formed(text: &str) -> Cow<'_, str> {
    let mut mended = Cow::Borrowed(text);
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| rest.find('\\')) {
        at += found;
        at += match (surrogate(text, at), surrogate(text, at + ESCAPE)) {
            (Some(Half::High), Some(Half::Low)) => 2 * ESCAPE,
            (Some(_), _) => {
                mended.to_mut().replace_range(at..at + ESCAPE, "\\ufffd");
                ESCAPE
            }
            // Of any other escape the two characters that cannot begin another one.
            (None, _) => 2,
        };
    }
    mended
}

/// The length of `\uXXXX`.
const ESCAPE: usize = 6;

#[derive(Clone, Copy)]
enum Half {
    High,
    Low,
}

/// Which half of a surrogate pair is escaped at this place, if any is.
fn surrogate(text: &str, at: usize) -> Option<Half> {
    let digits = text.get(at..at + ESCAPE)?.strip_prefix("\\u")?;
    match u16::from_str_radix(digits, 16).ok()? {
        0xd800..0xdc00 => Some(Half::High),
        0xdc00..0xe000 => Some(Half::Low),
        _ => None,
    }
}

/// The message of serde_json, without the position in a text that its reader has not written.
fn why(message: &str) -> String {
    let message = message.rsplit_once(" at line ").map_or(message, |(before, _)| before);
    if message == "recursion limit exceeded" { format!("it nests deeper than {DEPTH_MAX} levels") } else { message.to_owned() }
}

/// How deep a value may nest, because reading one takes stack for each level. It is serde_json's own limit.
const DEPTH_MAX: usize = 127;

struct Member<'a, T> {
    key: &'a str,
    value: PhantomData<T>,
}

impl<'de, T: DeserializeOwned> Visitor<'de> for Member<'_, T> {
    type Value = Option<T>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Option<T>, M::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<String>()? {
            if key == self.key {
                found = map.next_value()?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::{DEPTH_MAX, member, read, read_first, well_formed};
    use serde_json::Value;

    #[test]
    fn a_member_that_does_not_fit_is_named() {
        let error = member::<u8>(r#"{"age":"old"}"#, "age").unwrap_err();
        assert!(error.message().starts_with("age: invalid type"), "{error}");
    }

    #[test]
    fn a_member_is_found_among_others() {
        let text = r#"{"a":{"b":1},"b":2,"none":null}"#;
        assert_eq!(member(text, "b").unwrap(), Some(2));
        assert_eq!(member::<u8>(text, "none").unwrap(), None);
        assert_eq!(member::<u8>(text, "missing").unwrap(), None);
    }

    #[test]
    fn half_a_surrogate_pair_is_replaced_and_nothing_else_is() {
        for (text, mended) in [
            (r#""cut \ud83d""#, r#""cut \ufffd""#),
            (r#""\uDC00\ud83d\ud83d\ude00\ude00""#, r#""\ufffd\ufffd\ud83d\ude00\ufffd""#),
            (r#""\\ud83d \\\ud83d \u00e4ü🦀\n""#, r#""\\ud83d \\\ufffd \u00e4ü🦀\n""#),
            (r#""\"#, r#""\"#),
        ] {
            assert_eq!(well_formed(text), mended);
        }
        assert_eq!(read::<String>(r#""cut \ud83d""#).unwrap(), "cut \u{fffd}");
        assert_eq!(read_first::<String>(r#""\ud83d",7"#).unwrap(), ("\u{fffd}".to_owned(), 8));
        assert_eq!(member::<String>(r#"{"name":"\ud83d"}"#, "name").unwrap().unwrap(), "\u{fffd}");
    }

    #[test]
    fn what_nests_too_deep_is_refused_in_words() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(read::<Value>(&nested(DEPTH_MAX)).is_ok());
        assert_eq!(read::<Value>(&nested(DEPTH_MAX + 1)).unwrap_err(), "it nests deeper than 127 levels");
    }

    #[test]
    fn the_length_of_a_value_is_where_the_next_begins() {
        assert_eq!(read_first::<u8>("12,3]").unwrap(), (12, 2));
        assert_eq!(read_first::<Value>("[1] ,3]").unwrap().1, 3);
        assert_eq!(read_first::<u8>("\"a\",3]").unwrap_err(), "invalid type: string \"a\", expected u8");
    }
}

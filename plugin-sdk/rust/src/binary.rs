//! Binary arguments.
//!
//! On the wire a binary argument is a placeholder in the text and an attachment beside it. `placeholders` reads them. While
//! arguments are written, their attachments are kept in a thread-local, where [`Binary`] finds them however deep it is in an
//! author's type.

use serde::de::{Deserialize, Deserializer, Error as DeError, Visitor};
use serde::ser::{Error as _, Serialize, SerializeStruct, Serializer};
use std::cell::RefCell;
use std::fmt;

thread_local! {
    /// The attachments of the payload that is being written now, if any is.
    static ATTACHMENTS: RefCell<Option<Vec<Vec<u8>>>> = const { RefCell::new(None) };
}

/// The key that marks a placeholder.
pub(crate) const PLACEHOLDER: &str = "_placeholder";
/// The key of the attachment's number in a placeholder.
pub(crate) const NUMBER: &str = "num";

/// Bytes, as an argument or anywhere inside of one: a `Buffer`, `Blob` or typed array of the client. A
/// [`Payload`](crate::Payload) has the bytes of all arguments; nothing else can hold them: an event whose `serde_json::Value` would
/// have some fails with `INVALID_ARGUMENT`.
///
/// ```
/// use innkeeper_plugin::Binary;
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Upload {
///     name: String,
///     content: Binary,
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Binary(pub Vec<u8>);

impl Serialize for Binary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let number = ATTACHMENTS.with_borrow_mut(|attachments| {
            attachments.as_mut().map(|attachments| {
                attachments.push(self.0.clone());
                attachments.len() - 1
            })
        });
        let number = number.ok_or_else(|| S::Error::custom("binary data outside of an event's arguments; a bucket keeps it by `set_bytes`, all else takes a text, base64 for one"))?;
        let mut placeholder = serializer.serialize_struct("Placeholder", 2)?;
        placeholder.serialize_field(PLACEHOLDER, &true)?;
        placeholder.serialize_field(NUMBER, &number)?;
        placeholder.end()
    }
}

impl<'de> Deserialize<'de> for Binary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Not `deserialize_bytes`: serde_json would make bytes of a text for that.
        deserializer.deserialize_any(Bytes)
    }
}

struct Bytes;

impl<'de> Visitor<'de> for Bytes {
    type Value = Binary;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("binary data")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Binary, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bytes<E: DeError>(self, bytes: &[u8]) -> Result<Binary, E> {
        Ok(Binary(bytes.to_vec()))
    }

    fn visit_byte_buf<E: DeError>(self, bytes: Vec<u8>) -> Result<Binary, E> {
        Ok(Binary(bytes))
    }
}

/// Runs `write` and returns, beside its result, these attachments and behind them those that it met. Nests: an author's
/// `Serialize` may well write another payload.
pub(crate) fn writing<T>(attachments: Vec<Vec<u8>>, write: impl FnOnce() -> T) -> (T, Vec<Vec<u8>>) {
    let outer = ATTACHMENTS.replace(Some(attachments));
    let result = write();
    (result, ATTACHMENTS.replace(outer).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::{Binary, writing};

    #[test]
    fn outside_of_arguments_binary_data_is_refused() {
        assert!(serde_json::to_string(&Binary(vec![1])).is_err());
        for text in [r#"{"_placeholder":true,"num":0}"#, "\"text\"", "[1,2]", "null"] {
            let error = serde_json::from_str::<Binary>(text).unwrap_err();
            assert!(error.to_string().contains("expected binary data"), "{text}: {error}");
        }
    }

    #[test]
    fn bytes_become_attachments_where_they_stand() {
        let (text, attachments) = writing(vec![vec![0]], || serde_json::to_string(&[Binary(vec![1]), Binary(vec![2, 3])]));

        assert_eq!(text.unwrap(), r#"[{"_placeholder":true,"num":1},{"_placeholder":true,"num":2}]"#);
        assert_eq!(attachments, [vec![0], vec![1], vec![2, 3]]);
    }
}

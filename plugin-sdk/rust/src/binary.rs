//! Binary arguments.
//!
//! On the wire a binary argument is a placeholder in the text and an attachment beside it. While arguments are read or written,
//! their attachments are kept in a thread-local, where [`Binary`] finds them however deep it is in an author's type.

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Error as _, Serialize, SerializeStruct, Serializer};
use std::cell::RefCell;

thread_local! {
    /// The attachments of the payload that is being read or written now, if any is.
    static ATTACHMENTS: RefCell<Option<Vec<Vec<u8>>>> = const { RefCell::new(None) };
}

/// Bytes, as an argument or anywhere inside of one: a `Buffer`, `Blob` or typed array of the client.
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

/// The object that the text has in place of the bytes.
#[derive(serde::Deserialize)]
struct Placeholder {
    #[serde(rename = "_placeholder")]
    marker: bool,
    num: usize,
}

impl Serialize for Binary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let number = ATTACHMENTS.with_borrow_mut(|attachments| {
            attachments.as_mut().map(|attachments| {
                attachments.push(self.0.clone());
                attachments.len() - 1
            })
        });
        let number = number.ok_or_else(|| S::Error::custom("binary data outside of an event's arguments"))?;
        let mut placeholder = serializer.serialize_struct("Placeholder", 2)?;
        placeholder.serialize_field("_placeholder", &true)?;
        placeholder.serialize_field("num", &number)?;
        placeholder.end()
    }
}

impl<'de> Deserialize<'de> for Binary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let placeholder = Placeholder::deserialize(deserializer).map_err(|_| D::Error::custom("expected binary data"))?;
        // Two placeholders may name the same attachment, so it is not moved out.
        let bytes = ATTACHMENTS.with_borrow(|attachments| attachments.as_ref()?.get(placeholder.num).cloned());
        match bytes {
            Some(bytes) if placeholder.marker => Ok(Self(bytes)),
            _ => Err(D::Error::custom("expected binary data")),
        }
    }
}

/// Runs `read` with these attachments in reach.
pub(crate) fn reading<T>(attachments: Vec<Vec<u8>>, read: impl FnOnce() -> T) -> T {
    scope(attachments, read).0
}

/// Runs `write` and returns, beside its result, the attachments that it met.
pub(crate) fn writing<T>(write: impl FnOnce() -> T) -> (T, Vec<Vec<u8>>) {
    scope(Vec::new(), write)
}

/// Nests: an author's `Deserialize` may well read another payload.
fn scope<T>(attachments: Vec<Vec<u8>>, run: impl FnOnce() -> T) -> (T, Vec<Vec<u8>>) {
    let outer = ATTACHMENTS.replace(Some(attachments));
    let result = run();
    (result, ATTACHMENTS.replace(outer).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::{Binary, reading, writing};

    #[test]
    fn outside_of_arguments_binary_data_is_refused() {
        assert!(serde_json::to_string(&Binary(vec![1])).is_err());
        assert!(serde_json::from_str::<Binary>(r#"{"_placeholder":true,"num":0}"#).is_err());
    }

    #[test]
    fn what_only_looks_like_a_placeholder_is_refused() {
        for text in [r#"{"_placeholder":true,"num":1}"#, r#"{"_placeholder":false,"num":0}"#, "\"text\"", "null"] {
            let read = reading(vec![vec![7]], || serde_json::from_str::<Binary>(text));
            assert!(read.is_err(), "{text}");
        }
    }

    #[test]
    fn bytes_survive_the_round_trip_where_they_stood() {
        let (text, attachments) = writing(|| serde_json::to_string(&[Binary(vec![1]), Binary(vec![2, 3])]));
        let text = text.unwrap();

        assert_eq!(text, r#"[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#);
        let back = reading(attachments, || serde_json::from_str::<Vec<Binary>>(&text)).unwrap();
        assert_eq!(back, [Binary(vec![1]), Binary(vec![2, 3])]);
    }
}

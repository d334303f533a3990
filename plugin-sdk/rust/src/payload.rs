//! The arguments of events and acks as the host has them: the text of a JSON array, and attachments.

use crate::args::is_tuple;
use crate::arguments::Arguments;
use crate::binary;
use crate::bindings::innkeeper::plugin::types;
use crate::error::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Arguments as they travel: the text of a JSON array, and the binary arguments beside it.
///
/// A handler that takes its arguments as `Payload` and hands them on parses nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// A JSON array.
    pub(crate) args: String,
    /// What the placeholders in `args` stand for.
    pub(crate) attachments: Vec<Vec<u8>>,
}

impl Payload {
    /// The JSON array of the arguments, with a placeholder for each binary one.
    pub fn json(&self) -> &str {
        &self.args
    }

    /// The arguments, typed; see [`Event::args`](crate::Event::args).
    ///
    /// # Errors
    /// If an argument does not fit its type. The error names the argument, and has the code `INVALID_ARGUMENT`.
    pub fn read<A: Arguments>(self) -> Result<A> {
        A::read(&self.args, self.attachments)
    }

    /// The first argument alone: what an ack usually has.
    pub(crate) fn first<T: DeserializeOwned>(self) -> Result<T> {
        Ok(self.read::<(T,)>()?.0)
    }
}

impl Default for Payload {
    /// No arguments.
    fn default() -> Self {
        Self { args: "[]".to_owned(), attachments: Vec::new() }
    }
}

impl From<types::Payload> for Payload {
    fn from(payload: types::Payload) -> Self {
        Self { args: payload.args, attachments: payload.attachments }
    }
}

impl From<Payload> for types::Payload {
    fn from(payload: Payload) -> Self {
        Self { args: payload.args, attachments: payload.attachments }
    }
}

/// What can be emitted: any `Serialize` value is one argument, a tuple is one argument for each of its members, `()` is none,
/// and a [`Payload`] goes as it is.
///
/// serde cannot tell an array of fixed length from a tuple. To send a list as *one* argument, pass a `Vec` or a slice.
///
/// ```
/// use innkeeper_plugin::Args;
/// use serde_json::json;
///
/// assert_eq!("hello".into_payload()?.json(), r#"["hello"]"#);
/// assert_eq!(("hello", 5, json!({"a": 1})).into_payload()?.json(), r#"["hello",5,{"a":1}]"#);
/// assert_eq!(vec![1, 2].into_payload()?.json(), "[[1,2]]");
/// assert_eq!(().into_payload()?.json(), "[]");
/// # Ok::<(), innkeeper_plugin::Error>(())
/// ```
pub trait Args {
    /// Writes the arguments.
    ///
    /// # Errors
    /// If a value cannot be written as JSON.
    fn into_payload(self) -> Result<Payload>;
}

impl<T: Serialize> Args for T {
    fn into_payload(self) -> Result<Payload> {
        // The probe meets a `Binary` too: what it leaves behind must not count.
        let (is_tuple, _) = binary::writing(|| is_tuple(&self));
        let (args, attachments) = binary::writing(|| {
            // A tuple of one wraps a single argument in its array.
            if is_tuple { serde_json::to_string(&self) } else { serde_json::to_string(&(&self,)) }
        });
        let mut args = args.map_err(|error| Error::new(format!("arguments cannot be written as JSON: {error}")))?;
        if args == "null" {
            // That was `()`; any other null stands in an array by now.
            args = "[]".to_owned();
        }
        Ok(Payload { args, attachments })
    }
}

impl Args for Payload {
    fn into_payload(self) -> Result<Payload> {
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::{Args, Payload};
    use crate::Binary;

    #[derive(serde::Serialize)]
    struct Point(f64, f64);

    #[derive(serde::Serialize)]
    struct Picture<'a> {
        title: &'a str,
        content: Binary,
    }

    fn written(args: impl Args) -> String {
        args.into_payload().unwrap().args
    }

    #[test]
    fn only_a_tuple_is_several_arguments() {
        assert_eq!(written(None::<u8>), "[null]");
        assert_eq!(written(Point(1.0, 2.0)), "[[1.0,2.0]]");
        assert_eq!(written(&[1, 2][..]), "[[1,2]]");
        assert_eq!(written((1, "two")), r#"[1,"two"]"#);
        assert_eq!(written(((1, 2),)), "[[1,2]]");
        assert_eq!(written(()), "[]");
        assert_eq!(written(serde_json::Value::Null), "[null]");
    }

    #[test]
    fn what_has_no_json_is_refused() {
        let error = std::collections::BTreeMap::from([((1, 2), 3)]).into_payload().unwrap_err();
        assert!(error.message().starts_with("arguments cannot be written as JSON"), "{error}");
    }

    #[test]
    fn binary_arguments_become_attachments() {
        let payload = (Picture { title: "cat", content: Binary(vec![9]) }, Binary(vec![8])).into_payload().unwrap();

        assert_eq!(
            payload,
            Payload {
                args: r#"[{"title":"cat","content":{"_placeholder":true,"num":0}},{"_placeholder":true,"num":1}]"#.to_owned(),
                attachments: vec![vec![9], vec![8]],
            }
        );
        assert_eq!(payload.clone().into_payload().unwrap(), payload);
        for alone in [Binary(vec![7]).into_payload(), (Binary(vec![7]),).into_payload()] {
            let Payload { args, attachments } = alone.unwrap();
            assert_eq!((args.as_str(), attachments), (r#"[{"_placeholder":true,"num":0}]"#, vec![vec![7]]));
        }
    }
}

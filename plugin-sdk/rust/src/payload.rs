//! The arguments of events and acks as the host has them: the text of a JSON array, and attachments.

use crate::args::is_tuple;
use crate::binary;
use crate::bindings::innkeeper::plugin::types;
use crate::error::{Error, Result};
use serde::Serialize;
use std::any::type_name;

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

    /// What the placeholders in [`json`](Self::json) stand for, by their numbers.
    pub fn attachments(&self) -> &[Vec<u8>] {
        &self.attachments
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

/// All arguments that are left, as the last one of a handler; and the members of a list as arguments of their own, in an emit or an
/// ack: `...list` in JavaScript, in both places.
///
/// ```
/// use innkeeper_plugin::{Reply, Result, Socket, Spread};
///
/// // socket.on("say", (room, ...lines) => io.to(room).emit("said", socket.id, ...lines))
/// fn say(socket: &Socket, room: String, lines: Spread<String>) -> Result<()> {
///     socket.nsp().to(room).emit("said", lines.after(socket.id()))
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spread<T>(pub Vec<T>);

/// What can be emitted: any `Serialize` value is one argument, a tuple is one argument for each of its members, `()` is none.
/// A [`Payload`] goes as it is, and a [`Spread`] as one argument for each member of its list; both can go behind others with
/// [`after`](Spread::after).
///
/// serde cannot tell an array of fixed length from a tuple. To send a list as *one* argument, pass a `Vec` or a slice.
///
/// ```
/// use innkeeper_plugin::{Args, Spread};
/// use serde_json::json;
///
/// assert_eq!("hello".into_payload()?.json(), r#"["hello"]"#);
/// assert_eq!(("hello", 5, json!({"a": 1})).into_payload()?.json(), r#"["hello",5,{"a":1}]"#);
/// assert_eq!(vec![1, 2].into_payload()?.json(), "[[1,2]]");
/// assert_eq!(Spread(vec![1, 2]).into_payload()?.json(), "[1,2]");
/// assert_eq!(Spread(vec![1, 2]).after("hello").into_payload()?.json(), r#"["hello",1,2]"#);
/// assert_eq!(().into_payload()?.json(), "[]");
/// # Ok::<(), innkeeper_plugin::Error>(())
/// ```
pub trait Args {
    /// Writes the arguments.
    ///
    /// # Errors
    /// If a value cannot be written as JSON, or is a range: `..list` is one in Rust, and means `Spread(list)`.
    fn into_payload(self) -> Result<Payload>;
}

impl<T: Serialize> Args for T {
    fn into_payload(self) -> Result<Payload> {
        written(&self, Vec::new())
    }
}

impl Args for Payload {
    fn into_payload(self) -> Result<Payload> {
        Ok(self)
    }
}

impl<T: Serialize> Args for Spread<T> {
    fn into_payload(self) -> Result<Payload> {
        array(&self.0, Vec::new())
    }
}

impl Payload {
    /// These arguments behind others: `emit("said", socket.id, ...rest)` is `emit("said", rest.after(socket.id()))`.
    pub fn after(self, first: impl Serialize) -> impl Args {
        Behind { first, others: self }
    }
}

impl<T: Serialize> Spread<T> {
    /// The members of the list behind other arguments: `emit("said", socket.id, ...lines)` is
    /// `emit("said", Spread(lines).after(socket.id()))`.
    pub fn after(self, first: impl Serialize) -> impl Args {
        Behind { first, others: self }
    }
}

/// Arguments, and others behind them. (A tuple cannot say it: serde might make one of its own of it.)
struct Behind<A, B> {
    first: A,
    others: B,
}

impl<A: Serialize, B: Args> Args for Behind<A, B> {
    fn into_payload(self) -> Result<Payload> {
        let others = self.others.into_payload()?;
        // The attachments of the others keep their numbers, so that their text can stay as it is.
        let mut payload = written(&self.first, others.attachments)?;
        let inner = |array: &str| Some(array.trim_ascii().strip_prefix('[')?.strip_suffix(']')?.trim_ascii().to_owned());
        let members = [inner(&payload.args), inner(&others.args)].into_iter().flatten().filter(|members| !members.is_empty());
        payload.args = format!("[{}]", members.collect::<Vec<_>>().join(","));
        Ok(payload)
    }
}

/// The arguments that a value stands for. The attachments that are there already keep their numbers.
fn written<T: Serialize>(value: &T, attachments: Vec<Vec<u8>>) -> Result<Payload> {
    if type_name::<T>().contains("core::ops::range::Range") {
        return Err(Error::internal("`..` makes a range; to emit the members of a list, write `Spread(list)`"));
    }
    // The probe meets a `Binary` too: what it leaves behind must not count.
    let (is_tuple, _) = binary::writing(Vec::new(), || is_tuple(value));
    // A tuple of one wraps a single argument in its array.
    let mut payload = if is_tuple { array(value, attachments) } else { array(&(value,), attachments) }?;
    if payload.args == "null" {
        // That was `()`; any other null stands in an array by now.
        payload.args = "[]".to_owned();
    }
    Ok(payload)
}

fn array<T: Serialize>(array: &T, attachments: Vec<Vec<u8>>) -> Result<Payload> {
    let (args, attachments) = binary::writing(attachments, || serde_json::to_string(array));
    let args = args.map_err(|error| Error::internal(format!("arguments cannot be written as JSON: {error}")))?;
    Ok(Payload { args, attachments })
}

#[cfg(test)]
mod tests {
    use super::{Args, Payload, Spread};
    use crate::{Binary, Reply};

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

    #[test]
    fn a_list_is_spread_behind_other_arguments() {
        assert_eq!(written(Spread(vec![1, 2])), "[1,2]");
        assert_eq!(written(Spread::<u8>(Vec::new())), "[]");
        assert_eq!(written(Spread(vec![1, 2]).after("a")), r#"["a",1,2]"#);
        assert_eq!(written(Spread::<u8>(Vec::new()).after(("a", [1, 2]))), r#"["a",[1,2]]"#);
        assert_eq!(written(Spread(vec![1]).after(())), "[1]");
        let rest = || Payload { args: r#" [ 5, {"_placeholder":true,"num":0} ] "#.to_owned(), attachments: vec![vec![5]] };
        let all = rest().after((Binary(vec![1]), "a")).into_payload().unwrap();
        let expected = r#"[{"_placeholder":true,"num":1},"a",5, {"_placeholder":true,"num":0}]"#;
        assert_eq!(all, Payload { args: expected.to_owned(), attachments: vec![vec![5], vec![1]] });
        assert_eq!(rest().after(()).into_payload().unwrap().attachments, [[5]]);
        assert_eq!(written(Payload::default().after("a")), r#"["a"]"#);
    }

    #[test]
    fn a_range_is_no_spread() {
        let list = || vec![1, 2];
        let errors =
            [(..list()).into_payload(), ("a", ..list()).into_payload(), (0..5).into_payload(), Reply(..5).0.into_payload()];
        for error in errors {
            assert!(error.unwrap_err().message().contains("Spread(list)"));
        }
    }
}

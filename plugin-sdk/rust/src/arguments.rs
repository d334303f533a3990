//! The arguments of an event or an ack, typed. Each is read straight from the text into its type, without a tree in between; only
//! where there are attachments, one is made.

use crate::binary::PLACEHOLDER;
use crate::error::{Error, Result};
use crate::event::{Ack, Event};
use crate::json;
use crate::payload::{Payload, Spread};
use crate::placeholders::{Misfit, WithBytes, placeholder};
use serde::de::{Deserialize, DeserializeOwned};
use serde_json::Value;
use serde_json::value::RawValue;
use std::fmt;

/// Several typed arguments: a tuple of up to seven types, each an [`Argument`].
pub trait Arguments: Sized {
    /// Reads them from the front.
    #[doc(hidden)]
    fn take(source: &mut Source) -> Result<Self>;
}

/// One argument: any type that serde can read, with [`Binary`](crate::Binary) for a `Buffer`. Where the client sent fewer
/// arguments, it reads as null. A text is a `String`, not a `&str`: the argument belongs to the handler.
///
/// As the last one, [`Spread<T>`](Spread) is all arguments that are left, `(room, ...lines)` in JavaScript, and [`Payload`] is the
/// same, unread. In a handler an [`Ack`] may follow. An [`Event`] is the whole event.
pub trait Argument: Sized {
    /// Where it may stand.
    #[doc(hidden)]
    const POSITION: Position = Position::Anywhere;

    /// Takes it from the front.
    #[doc(hidden)]
    fn take(source: &mut Source) -> Result<Self>;
}

/// What serde can read from a text that is gone afterwards: `String`, and not `&str`; `Vec<T>`, and not `&[T]`. (It is
/// `DeserializeOwned` under a name that says in the compiler's message about a handler with a `&str` what is wrong with that.)
pub trait OwnedNotBorrowed<'text>: Deserialize<'text> {}

impl<'text, T: Deserialize<'text>> OwnedNotBorrowed<'text> for T {}

impl<T: for<'text> OwnedNotBorrowed<'text>> Argument for T {
    fn take(source: &mut Source) -> Result<Self> {
        source.next()
    }
}

impl<T: DeserializeOwned> Argument for Spread<T> {
    const POSITION: Position = Position::BehindOthers;

    fn take(source: &mut Source) -> Result<Self> {
        let mut taken = Vec::new();
        while source.advance() {
            taken.push(source.next()?);
        }
        Ok(Self(taken))
    }
}

impl Argument for Payload {
    const POSITION: Position = Position::BehindOthers;

    fn take(source: &mut Source) -> Result<Self> {
        source.rest()
    }
}

impl Argument for Event {
    const POSITION: Position = Position::BehindOthers;

    fn take(source: &mut Source) -> Result<Self> {
        let payload = source.rest()?;
        Ok(Self::new(source.event.clone().unwrap_or_default(), payload, source.ack.clone()))
    }
}

impl Argument for Ack {
    const POSITION: Position = Position::Last;

    fn take(source: &mut Source) -> Result<Self> {
        Ok(source.ack.clone())
    }
}

/// Where an argument may stand among others.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub enum Position {
    Anywhere,
    /// It takes all that is left, so only an ack may follow.
    BehindOthers,
    Last,
}

/// Stops the compiler where arguments stand that would never get anything.
#[expect(clippy::panic, reason = "it runs in the compiler, whose message this is")]
const fn in_order(positions: &[Position]) {
    let mut rest = positions;
    while let [position, others @ ..] = rest {
        match (position, others) {
            (Position::Anywhere, _) | (_, []) | (Position::BehindOthers, [Position::Last]) => {}
            (Position::BehindOthers, _) => {
                panic!("only an `Ack` may follow a `Spread`, `Payload` or `Event`: it takes all arguments that are left")
            }
            (Position::Last, _) => panic!("nothing may follow an `Ack`"),
        }
        rest = others;
    }
}

/// What arguments are taken from.
#[doc(hidden)]
pub struct Source {
    /// The name of the event; None for what is no event, an ack for one.
    event: Option<String>,
    ack: Ack,
    payload: Payload,
    /// Where in the text the next argument is.
    at: usize,
    /// How many were taken.
    taken: usize,
}

impl fmt::Debug for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Source({} taken)", self.taken)
    }
}

impl Source {
    fn next<T: DeserializeOwned>(&mut self) -> Result<T> {
        self.taken += 1;
        if !self.advance() {
            return json::read("null").map_err(|_| self.error("missing"));
        }
        let text = self.text();
        let read = if self.payload.attachments.is_empty() {
            json::read_first(text)
        } else {
            read_with_bytes(text, &self.payload.attachments)
        };
        let (argument, length) = read.map_err(|why| self.error(&why))?;
        self.at += length;
        Ok(argument)
    }

    /// The text that begins with the next argument, once this has moved to it.
    fn text(&self) -> &str {
        self.payload.args.get(self.at..).unwrap_or_default()
    }

    /// Moves to the next argument, and returns whether there is one. The text is that of an array: the host has validated it.
    fn advance(&mut self) -> bool {
        let rest = self.text().trim_ascii_start();
        // Behind an argument stands a comma; where this has moved to an argument already, the argument itself.
        let rest = match rest.strip_prefix(if self.at == 0 { '[' } else { ',' }) {
            Some(rest) => rest.trim_ascii_start(),
            None => rest,
        };
        if rest.is_empty() || rest.starts_with(']') {
            return false;
        }
        self.at = self.payload.args.len() - rest.len();
        true
    }

    /// Takes all that is left.
    fn rest(&mut self) -> Result<Payload> {
        if self.taken == 0 {
            return Ok(std::mem::take(&mut self.payload));
        }
        let rest = if self.advance() { format!("[{}", self.text()) } else { "[]".to_owned() };
        let attachments = std::mem::take(&mut self.payload.attachments);
        self.payload = Payload::default();
        if attachments.is_empty() {
            return Ok(Payload { args: rest, attachments });
        }
        let mut value = json::read(&rest).map_err(|why| self.error(&why))?;
        let mut kept = Vec::new();
        keep(&mut value, &attachments, &mut kept);
        Ok(Payload { args: value.to_string(), attachments: kept })
    }

    fn error(&self, why: &str) -> Error {
        let event = self.event.as_ref().map(|event| format!("{event}: ")).unwrap_or_default();
        Error::invalid_argument(format!("{event}argument {}: {why}", self.taken))
    }
}

/// Reads the value that a text begins with, and returns its length beside it.
fn read_with_bytes<T: DeserializeOwned>(text: &str, attachments: &[Vec<u8>]) -> Result<(T, usize), String> {
    let (raw, length) = json::read_first::<Box<RawValue>>(text)?;
    let text = raw.get();
    // Where there cannot be a placeholder no tree is needed. The name may be written with escapes.
    let has_no_bytes = !text.contains(PLACEHOLDER) && !text.contains("\\u00");
    if has_no_bytes || json::is_of_no_interest::<T>() {
        return Ok((json::read(text)?, length));
    }
    let value = WithBytes { value: json::read(text)?, attachments };
    T::deserialize(value).map(|value| (value, length)).map_err(|misfit: Misfit| misfit.to_string())
}

/// Moves the attachments of this value over, and numbers its placeholders anew.
fn keep(value: &mut Value, attachments: &[Vec<u8>], kept: &mut Vec<Vec<u8>>) {
    match (placeholder(value).and_then(|number| attachments.get(number)), value) {
        (Some(bytes), value) => {
            *value = serde_json::json!({ PLACEHOLDER: true, crate::binary::NUMBER: kept.len() });
            kept.push(bytes.clone());
        }
        (None, Value::Array(list)) => list.iter_mut().for_each(|value| keep(value, attachments, kept)),
        (None, Value::Object(object)) => object.values_mut().for_each(|value| keep(value, attachments, kept)),
        (None, _) => {}
    }
}

impl Payload {
    /// The arguments, typed; see [`Event::args`].
    ///
    /// ```
    /// use innkeeper_plugin::{Args, Spread};
    ///
    /// let payload = ("lobby", 1, 2).into_payload()?;
    /// let (room, numbers): (String, Spread<u32>) = payload.read()?;
    /// assert_eq!((room.as_str(), numbers.0), ("lobby", vec![1, 2]));
    /// # Ok::<(), innkeeper_plugin::Error>(())
    /// ```
    ///
    /// # Errors
    /// If an argument does not fit its type. The error names the argument, and has the code `INVALID_ARGUMENT`.
    pub fn read<A: Arguments>(self) -> Result<A> {
        A::take(&mut Source { event: None, ack: Ack::none(), payload: self, at: 0, taken: 0 })
    }

    /// The argument that an ack usually has; or all of them, as a `Payload` or [`Spread`].
    pub(crate) fn first<T: Argument>(self) -> Result<T> {
        Ok(self.read::<(T,)>()?.0)
    }
}

impl Event {
    /// The arguments, typed: a tuple of what a handler would take. Arguments that are missing read as JSON's null, those that
    /// are too many are left alone.
    ///
    /// ```no_run
    /// # fn check(event: &innkeeper_plugin::Event) -> innkeeper_plugin::Result<()> {
    /// let (room, limit): (String, Option<u32>) = event.args()?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// If an argument does not fit its type. The error names the event and the argument, and has the code `INVALID_ARGUMENT`.
    pub fn args<A: Arguments>(&self) -> Result<A> {
        self.clone().into_args()
    }

    /// What a handler takes.
    pub(crate) fn into_args<A: Arguments>(self) -> Result<A> {
        let (name, payload, ack) = self.into_all();
        A::take(&mut Source { event: Some(name), ack, payload, at: 0, taken: 0 })
    }
}

macro_rules! arguments {
    ($($argument:ident)*) => {
        impl<$($argument: Argument),*> Arguments for ($($argument,)*) {
            fn take(source: &mut Source) -> Result<Self> {
                const { in_order(&[$($argument::POSITION),*]) }
                let _ = &source;
                Ok(($($argument::take(source)?,)*))
            }
        }
    };
}

arguments!();
arguments!(A1);
arguments!(A1 A2);
arguments!(A1 A2 A3);
arguments!(A1 A2 A3 A4);
arguments!(A1 A2 A3 A4 A5);
arguments!(A1 A2 A3 A4 A5 A6);
arguments!(A1 A2 A3 A4 A5 A6 A7);

#[cfg(test)]
mod tests {
    use super::Arguments;
    use crate::Binary;
    use crate::event::{Ack, Event};
    use crate::payload::{Args, Payload, Spread};
    use serde_json::value::RawValue;
    use serde_json::{Value, json};

    fn payload(args: &str, attachments: &[&[u8]]) -> Payload {
        Payload { args: args.to_owned(), attachments: attachments.iter().map(|bytes| bytes.to_vec()).collect() }
    }

    fn read<A: Arguments>(args: &str) -> Result<A, String> {
        payload(args, &[]).read().map_err(|error| error.to_string())
    }

    #[test]
    fn an_argument_that_does_not_fit_is_named_by_its_place() {
        assert_eq!(
            read::<(String, u8)>(r#"["a",300]"#).unwrap_err(),
            "argument 2: invalid value: integer `300`, expected u8 (INVALID_ARGUMENT)"
        );
        assert_eq!(
            read::<(String,)>("[7]").unwrap_err(),
            "argument 1: invalid type: integer `7`, expected a string (INVALID_ARGUMENT)"
        );
        assert_eq!(read::<(String, u8)>(r#"["a"]"#).unwrap_err(), "argument 2: missing (INVALID_ARGUMENT)");
        assert_eq!(
            read::<(String, Spread<u8>)>(r#"["a",1,"b"]"#).unwrap_err(),
            "argument 3: invalid type: string \"b\", expected u8 (INVALID_ARGUMENT)"
        );
        let error = read::<(Binary,)>(r#"["a"]"#).unwrap_err();
        assert_eq!(error, "argument 1: invalid type: string \"a\", expected binary data (INVALID_ARGUMENT)");
    }

    #[test]
    fn missing_arguments_are_null_and_spare_ones_are_left_alone() {
        assert_eq!(read(r#"["a"]"#), Ok(("a".to_owned(), None::<u8>)));
        assert_eq!(read(r#" [ "a" , {"b":[1]} , 3 ] "#), Ok(("a".to_owned(), json!({"b": [1]}), 3)));
        assert_eq!(read(r#"[["a"],{"b":[1]},3]"#), Ok((vec!["a".to_owned()],)));
        assert_eq!(read(r#"["a"]"#), Ok(()));
        assert_eq!(read(" [ ] "), Ok((None::<u8>, None::<u8>)));
    }

    #[test]
    fn the_last_argument_may_be_all_that_are_left() {
        assert_eq!(read(r#"["a", 1 , 2]"#), Ok(("a".to_owned(), Spread(vec![1, 2]))));
        assert_eq!(read("[[1],[2]]"), Ok((Spread(vec![vec![1], vec![2]]),)));
        assert_eq!(read("[]"), Ok((None::<u8>, Spread::<u8>(Vec::new()))));
        let (_, rest) = read::<(String, Payload)>(r#"["a", {"b":1.0} ,"\ud83d"]"#).unwrap();
        assert_eq!(rest.json(), r#"[{"b":1.0} ,"\ud83d"]"#);
        assert_eq!(read::<(u8, Payload)>("[1]").unwrap().1.json(), "[]");
        assert_eq!(read::<(Option<u8>, Payload)>("[]").unwrap().1.json(), "[]");
        assert_eq!(read::<(Payload, Ack)>("[1, 2]").unwrap().0.json(), "[1, 2]");
    }

    #[test]
    fn what_is_left_keeps_its_own_attachments_alone() {
        let args = r#"[{"_placeholder":true,"num":1},[{"_placeholder":true,"num":2}],"a",{"_placeholder":true,"num":0}]"#;
        let given = || payload(args, &[&[0], &[1], &[2]]);
        let (first, rest): (Binary, Payload) = given().read().unwrap();
        assert_eq!(first, Binary(vec![1]));
        let expected = r#"[[{"_placeholder":true,"num":0}],"a",{"_placeholder":true,"num":1}]"#;
        assert_eq!(rest, payload(expected, &[&[2], &[0]]));
        assert_eq!(given().read::<(Payload,)>().unwrap().0, given());
    }

    #[test]
    fn bytes_arrive_or_the_event_fails() {
        let args = r#"["a",{"_placeholder":true,"num":0},{"b":{"_placeholder":true,"num":0}},[1]]"#;
        let given = || payload(args, &[&[1, 2]]);
        let (_, bytes): (String, Binary) = given().read().unwrap();
        assert_eq!(bytes, Binary(vec![1, 2]));
        let error = given().read::<(String, Value)>().unwrap_err();
        assert!(error.message().starts_with("argument 2: binary data, expected any valid JSON value"), "{error}");
        assert_eq!(error.code_str(), "INVALID_ARGUMENT");
        assert!(given().read::<(Spread<Value>,)>().is_err());
        assert!(given().read::<(String, Binary, Box<RawValue>)>().is_err());
        let escaped = payload(r#"[{"\u005fplaceholder":true,"num":0}]"#, &[&[1]]);
        assert!(escaped.read::<(Value,)>().is_err());
        // What has none is read as ever.
        let text = r#"[{"_placeholder":true,"num":0},[1],{"z":1,"a":2}]"#;
        let (_, raw, value): (Binary, Box<RawValue>, Value) = payload(text, &[&[1]]).read().unwrap();
        assert_eq!((raw.get(), value), ("[1]", json!({"z": 1, "a": 2})));
        // Without attachments it is data.
        assert_eq!(read(r#"[{"_placeholder":true,"num":0}]"#), Ok((json!({"_placeholder": true, "num": 0}),)));
    }

    #[test]
    fn a_value_keeps_the_order_of_its_keys() {
        let (value,) = read::<(Value,)>(r#"[{"z":1,"a":{"y":1,"b":2}}]"#).unwrap();
        assert_eq!(value.into_payload().unwrap().json(), r#"[{"z":1,"a":{"y":1,"b":2}}]"#);
    }

    #[test]
    fn a_handler_may_take_the_whole_event_and_its_ack() {
        let event = Event::new("say".into(), payload("[1,2]", &[]), Ack::new("abc".into(), Some(7)));
        let (taken, ack) = event.clone().into_args::<(Event, Ack)>().unwrap();
        assert_eq!((taken.name(), taken.payload().json(), ack.token().as_str()), ("say", "[1,2]", "7@abc"));
        let error = event.args::<(String,)>().unwrap_err();
        assert_eq!(error.message(), "say: argument 1: invalid type: integer `1`, expected a string");
    }
}

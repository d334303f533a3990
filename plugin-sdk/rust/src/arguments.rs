//! The arguments of an event or an ack, typed. They are read straight from the text into their types, in one pass and without a tree
//! in between.

use crate::binary;
use crate::error::{Error, Result};
use serde::de::{DeserializeOwned, Deserializer, SeqAccess, Visitor};
use std::fmt;

/// Several typed arguments: a tuple of up to six types that serde can read.
pub trait Arguments: Sized {
    /// Reads them from the front of the array.
    #[doc(hidden)]
    fn take<'de, S: SeqAccess<'de>>(source: &mut Source<S>) -> Result<Self>;

    /// Reads them from the text of an array, with what its placeholders stand for.
    #[doc(hidden)]
    fn read(args: &str, attachments: Vec<Vec<u8>>) -> Result<Self> {
        binary::reading(attachments, || {
            let mut taken = None;
            let collect = Collect { taken: &mut taken };
            let end = serde_json::Deserializer::from_str(args).deserialize_seq(collect);
            // Arguments that were not taken are left unread, which serde_json calls an error; they were validated by the host.
            match (taken, end) {
                (Some(taken), _) => taken,
                (None, end) => Err(Error::invalid_argument(match end {
                    Err(error) => format!("the arguments are no array: {error}"),
                    Ok(()) => "the arguments are no array".to_owned(),
                })),
            }
        })
    }
}

/// The array that arguments are taken from.
#[doc(hidden)]
pub struct Source<S> {
    rest: S,
    taken: usize,
}

impl<S> fmt::Debug for Source<S> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Source({} taken)", self.taken)
    }
}

impl<'de, S: SeqAccess<'de>> Source<S> {
    fn next<T: DeserializeOwned>(&mut self) -> Result<T> {
        self.taken += 1;
        match self.rest.next_element::<T>() {
            Ok(Some(argument)) => Ok(argument),
            Ok(None) => serde_json::from_str("null").map_err(|_| self.error("missing")),
            Err(error) => Err(self.error(without_position(&error.to_string()))),
        }
    }

    fn error(&self, why: &str) -> Error {
        Error::invalid_argument(format!("argument {}: {why}", self.taken))
    }
}

/// The message without a position in the text: the client has not written that text, so a position in it means nothing to its author.
fn without_position(message: &str) -> &str {
    message.rsplit_once(" at line ").map_or(message, |(before, _)| before)
}

/// The visitor that serde_json hands the array to.
struct Collect<'a, A> {
    taken: &'a mut Option<Result<A>>,
}

impl<'de, A: Arguments> Visitor<'de> for Collect<'_, A> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the array of an event's arguments")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, rest: S) -> Result<(), S::Error> {
        *self.taken = Some(A::take(&mut Source { rest, taken: 0 }));
        Ok(())
    }
}

macro_rules! arguments {
    ($($argument:ident)*) => {
        impl<$($argument: DeserializeOwned),*> Arguments for ($($argument,)*) {
            fn take<'de, Rest: SeqAccess<'de>>(source: &mut Source<Rest>) -> Result<Self> {
                let _ = &source;
                Ok(($(source.next::<$argument>()?,)*))
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

#[cfg(test)]
mod tests {
    use super::Arguments;
    use crate::Binary;

    fn read<A: Arguments>(args: &str) -> Result<A, String> {
        A::read(args, vec![vec![1, 2]]).map_err(|error| error.to_string())
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
        assert_eq!(read::<(Binary,)>(r#"["a"]"#).unwrap_err(), "argument 1: expected binary data (INVALID_ARGUMENT)");
    }

    #[test]
    fn missing_arguments_are_null_and_spare_ones_are_left_alone() {
        assert_eq!(read(r#"["a"]"#), Ok(("a".to_owned(), None::<u8>)));
        assert_eq!(read(r#"["a",{"b":[1]},3]"#), Ok(("a".to_owned(),)));
        assert_eq!(read(r#"["a"]"#), Ok(()));
    }

    #[test]
    fn binary_arguments_are_found_at_any_depth() {
        let (list,): (Vec<Binary>,) = read(r#"[[{"_placeholder":true,"num":0}]]"#).unwrap();
        assert_eq!(list, [Binary(vec![1, 2])]);
    }
}

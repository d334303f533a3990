//! Ids that are a text in one program and a number in another.

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};
use std::fmt;

/// The id of a user, a room or a record, as clients, tokens and stored values have it: a text, or a number. A number becomes the text
/// that JavaScript's `String` makes of it, so that `42` and `"42"` are one id, and `` `user:${id}` `` is one room in both languages.
///
/// Whole numbers of 64 bits keep every digit; JavaScript itself rounds those beyond 2⁵³.
///
/// ```
/// use innkeeper_plugin::{Id, Result, Socket};
///
/// fn join(socket: &Socket, room: Id) -> Result<()> {
///     socket.join(format!("room:{room}"))
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(String);

impl Id {
    /// The text of the id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Id> for String {
    fn from(id: Id) -> Self {
        id.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IdVisitor;
        impl Visitor<'_> for IdVisitor {
            type Value = Id;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a string or a number")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Id, E> {
                Ok(Id(text.to_owned()))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Id, E> {
                Ok(Id(number.to_string()))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Id, E> {
                Ok(Id(number.to_string()))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Id, E> {
                Ok(Id(javascript(number)))
            }
        }
        deserializer.deserialize_any(IdVisitor)
    }
}

/// The shortest digits that mean the number, with an exponent where JavaScript writes one.
fn javascript(number: f64) -> String {
    let (size, no_sign) = (number.abs(), number + 0.0);
    if number == 0.0 || (1e-6..1e21).contains(&size) {
        return no_sign.to_string();
    }
    let text = format!("{number:e}");
    if size < 1.0 { text } else { text.replace('e', "e+") }
}

#[cfg(test)]
mod tests {
    use super::Id;

    #[test]
    fn a_number_is_the_text_that_javascript_makes_of_it() {
        let told = |json: &str| serde_json::from_str::<Id>(json).unwrap().to_string();
        for text in ["42", "-7", "0", "1.5", "-0.25", "0.000001", "1e-7", "1.5e-9", "100000000000000000000", "9007199254740991"] {
            assert_eq!(told(text), text);
            assert_eq!(told(&format!("{text:?}")), text);
        }
        let others = [("42.0", "42"), ("4.2e1", "42"), ("-0", "0"), ("-0.0", "0"), ("1e21", "1e+21"), ("-2.5e21", "-2.5e+21")];
        for (json, text) in others {
            assert_eq!(told(json), text, "{json}");
        }
        assert_eq!(told("18446744073709551615"), "18446744073709551615", "JavaScript would round it");
    }

    #[test]
    fn nothing_else_is_an_id() {
        for json in ["null", "true", "[1]", "{}"] {
            let refused = serde_json::from_str::<Id>(json).unwrap_err().to_string();
            assert!(refused.contains("expected a string or a number"), "{refused}");
        }
        assert_eq!(serde_json::to_string(&serde_json::from_str::<Id>("42").unwrap()).unwrap(), r#""42""#);
    }
}

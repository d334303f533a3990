//! A JSON value whose placeholders stand for bytes, read into an author's type.
//!
//! To serde a placeholder is a newtype of the bytes. So [`Binary`](crate::Binary) takes them however deep it is, also where serde
//! keeps a value aside first (an untagged enum, a flattened map); a type that skips them skips them; and one that cannot hold bytes,
//! `serde_json::Value` above all, fails with an error that says so, instead of taking the placeholder for data. (As plain bytes a
//! `String` would take them, if they happen to be UTF-8.)

use crate::binary::{NUMBER, PLACEHOLDER};
use serde::de::value::{BytesDeserializer, MapAccessDeserializer, MapDeserializer, SeqDeserializer};
use serde::de::{Deserializer, Error as _, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Number, Value};
use std::fmt;

/// A value, and what its placeholders stand for.
pub(crate) struct WithBytes<'a> {
    pub(crate) value: Value,
    pub(crate) attachments: &'a [Vec<u8>],
}

/// The number of the attachment, if the value is a placeholder.
pub(crate) fn placeholder(value: &Value) -> Option<usize> {
    let is_placeholder = value.get(PLACEHOLDER) == Some(&Value::Bool(true));
    value.get(NUMBER).filter(|_| is_placeholder).and_then(Value::as_u64).and_then(|number| number.try_into().ok())
}

/// Why a value does not fit.
#[derive(Debug)]
pub(crate) struct Misfit(String);

impl fmt::Display for Misfit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for Misfit {}

impl serde::de::Error for Misfit {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn serde::de::Expected) -> Self {
        if matches!(unexpected, Unexpected::Bytes(_) | Unexpected::NewtypeStruct) {
            return Self(format!("binary data, expected {expected}; a handler takes it as `Binary` or in a `Payload`"));
        }
        Self(format!("invalid type: {unexpected}, expected {expected}"))
    }
}

impl<'de> Deserializer<'de> for WithBytes<'_> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let attachments = self.attachments;
        let wrapped = move |value| WithBytes { value, attachments };
        if let Some(number) = placeholder(&self.value) {
            let bytes = attachments.get(number).ok_or_else(|| Misfit::custom("there is no such attachment"))?;
            return visitor.visit_newtype_struct(BytesDeserializer::new(bytes));
        }
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Number(number) => visit_number(&number, visitor),
            Value::String(text) => visitor.visit_string(text),
            Value::Array(list) => {
                let mut list = SeqDeserializer::new(list.into_iter().map(wrapped));
                let value = visitor.visit_seq(&mut list)?;
                list.end().map(|()| value)
            }
            Value::Object(object) => {
                let mut object = MapDeserializer::new(object.into_iter().map(|(key, value)| (Key(key), wrapped(value))));
                let value = visitor.visit_map(&mut object)?;
                object.end().map(|()| value)
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        if self.value.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        let attachments = self.attachments;
        match self.value {
            Value::Object(object) if object.len() == 1 => {
                let members = object.into_iter().map(|(key, value)| (key, WithBytes { value, attachments }));
                visitor.visit_enum(MapAccessDeserializer::new(MapDeserializer::new(members)))
            }
            Value::String(variant) => {
                IntoDeserializer::<Misfit>::into_deserializer(variant).deserialize_enum(name, variants, visitor)
            }
            value => WithBytes { value, attachments }.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

impl IntoDeserializer<'_, Misfit> for WithBytes<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

fn visit_number<'de, V: Visitor<'de>>(number: &Number, visitor: V) -> Result<V::Value, Misfit> {
    match (number.as_u64(), number.as_i64(), number.as_f64()) {
        (Some(number), ..) => visitor.visit_u64(number),
        (None, Some(number), _) => visitor.visit_i64(number),
        (None, None, Some(number)) => visitor.visit_f64(number),
        (None, None, None) => Err(Misfit::custom("number out of range")),
    }
}

/// The key of an object: a text, or a number in a text where the author's map has numbers for keys.
struct Key(String);

macro_rules! numbers {
    ($($deserialize:ident $visit:ident),*) => {
        $(fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
            match self.0.parse() {
                Ok(number) => visitor.$visit(number),
                Err(_) => visitor.visit_string(self.0),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for Key {
    type Error = Misfit;

    numbers! {
        deserialize_i8 visit_i8, deserialize_i16 visit_i16, deserialize_i32 visit_i32, deserialize_i64 visit_i64,
        deserialize_u8 visit_u8, deserialize_u16 visit_u16, deserialize_u32 visit_u32, deserialize_u64 visit_u64
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_string(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        IntoDeserializer::<Misfit>::into_deserializer(self.0).deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        bool i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier
        ignored_any
    }
}

impl IntoDeserializer<'_, Misfit> for Key {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::WithBytes;
    use crate::Binary;
    use serde::Deserialize;
    use serde::de::DeserializeOwned;
    use serde_json::{Map, Value, json};
    use std::collections::HashMap;

    fn read<T: DeserializeOwned>(value: Value) -> Result<T, String> {
        T::deserialize(WithBytes { value, attachments: &[vec![1, 2]] }).map_err(|error| error.to_string())
    }

    fn bytes() -> Value {
        json!({"_placeholder": true, "num": 0})
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Shape {
        Empty,
        One(Binary),
        Named { content: Option<Binary> },
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(untagged)]
    enum Either {
        Text(String),
        Bytes(Binary),
    }

    #[derive(Debug, Deserialize)]
    struct Open {
        name: String,
        #[serde(flatten)]
        rest: Map<String, Value>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Wrapped(Binary);

    #[test]
    fn what_cannot_hold_bytes_fails_and_says_so() {
        let said = "binary data, expected any valid JSON value; a handler takes it as `Binary` or in a `Payload`";
        assert_eq!(read::<Value>(json!({"a": [bytes()]})).unwrap_err(), said);
        assert_eq!(read::<Map<String, Value>>(json!({"a": bytes()})).unwrap_err(), said);
        assert_eq!(read::<Open>(json!({"name": "n", "a": bytes()})).unwrap_err(), said);
        assert!(read::<Box<serde_json::value::RawValue>>(json!([bytes()])).unwrap_err().starts_with("binary data"));
        // These bytes are UTF-8.
        assert!(read::<String>(bytes()).unwrap_err().starts_with("binary data, expected a string"));
        assert!(read::<Vec<u8>>(bytes()).unwrap_err().starts_with("binary data, expected a sequence"));
        assert!(read::<Shape>(bytes()).unwrap_err().starts_with("binary data, expected enum Shape"));
        assert!(read::<Either>(json!({"a": bytes()})).is_err());
        for odd in [json!({"_placeholder": true, "num": 1}), json!("text"), json!({"_placeholder": false, "num": 0})] {
            assert!(read::<Binary>(odd).is_err());
        }
    }

    #[test]
    fn bytes_reach_every_place_that_takes_them() {
        let binary = || Binary(vec![1, 2]);
        assert_eq!(read::<Vec<Option<Binary>>>(json!([bytes(), null])).unwrap(), [Some(binary()), None]);
        assert_eq!(read::<Either>(bytes()), Ok(Either::Bytes(binary())));
        assert_eq!(read::<Either>(json!("a")), Ok(Either::Text("a".into())));
        assert_eq!(read::<Wrapped>(bytes()), Ok(Wrapped(binary())));
        let shapes: Vec<Shape> = read(json!(["empty", {"one": bytes()}, {"named": {"content": bytes()}}])).unwrap();
        assert_eq!(shapes, [Shape::Empty, Shape::One(binary()), Shape::Named { content: Some(binary()) }]);
        assert_eq!(read::<HashMap<u32, Binary>>(json!({"7": bytes()})).unwrap(), HashMap::from([(7, binary())]));
    }

    #[test]
    fn all_else_is_read_as_serde_json_reads_it() {
        let open = read::<Open>(json!({"name": "n", "a": [1, -2, 0.5, null, true]})).unwrap();
        assert_eq!((open.name.as_str(), Value::Object(open.rest)), ("n", json!({"a": [1, -2, 0.5, null, true]})));
        assert_eq!(read::<(u8, f64)>(json!([1, 2])), Ok((1, 2.0)));
        assert!(read::<(u8,)>(json!([1, 2])).is_err());
        assert!(read::<u8>(json!(300)).unwrap_err().contains("expected u8"));
        assert!(read::<HashMap<u32, u8>>(json!({"a": 1})).is_err());
    }

    #[test]
    fn bytes_that_a_type_skips_are_no_error() {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Name {
            name: String,
        }
        assert_eq!(read::<Name>(json!({"name": "n", "thumbnail": bytes()})), Ok(Name { name: "n".into() }));
    }
}

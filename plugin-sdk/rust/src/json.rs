//! One member of a JSON object, read without making a tree of the rest.

use crate::error::Result;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, MapAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// The member `key` of the object `text`; `None` if it is missing or null.
pub(crate) fn member<T: DeserializeOwned>(text: &str, key: &str) -> Result<Option<T>> {
    let member = Member { key, value: PhantomData };
    serde_json::Deserializer::from_str(text).deserialize_map(member).map_err(|error| format!("{key}: {error}").into())
}

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
    use super::member;

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
}

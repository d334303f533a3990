//! Names of rooms as other nodes write them, under the bounds that plugins have.

use std::fmt;

use innkeeper_contract::limits::{ROOM_NAME_BYTES_MAX, ROOM_NAMES_MAX};
use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};

/// A list of rooms. In Node a room can be a number, which is its decimal text here.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::cluster) struct RoomNames(pub(in crate::cluster) Vec<Box<str>>);

impl RoomNames {
    /// Adds a name, unless it is too long, or one too many.
    pub(super) fn push(&mut self, name: &str) -> Result<(), &'static str> {
        if name.len() > ROOM_NAME_BYTES_MAX {
            return Err("the name of a room is too long");
        }
        if self.0.len() >= ROOM_NAMES_MAX {
            return Err("too many rooms");
        }
        self.0.push(name.into());
        Ok(())
    }
}

impl<'de> Deserialize<'de> for RoomNames {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ListVisitor)
    }
}

struct ListVisitor;

impl<'de> Visitor<'de> for ListVisitor {
    type Value = RoomNames;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a list of rooms")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<RoomNames, A::Error> {
        let mut names = RoomNames::default();
        while let Some(RoomName(name)) = list.next_element()? {
            names.push(&name).map_err(A::Error::custom)?;
        }
        Ok(names)
    }

    /// One room without a list.
    fn visit_str<E: Error>(self, name: &str) -> Result<RoomNames, E> {
        let mut names = RoomNames::default();
        names.push(name).map_err(E::custom)?;
        Ok(names)
    }

    fn visit_unit<E: Error>(self) -> Result<RoomNames, E> {
        Ok(RoomNames::default())
    }
}

/// One room.
struct RoomName(String);

impl<'de> Deserialize<'de> for RoomName {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(NameVisitor)
    }
}

struct NameVisitor;

impl Visitor<'_> for NameVisitor {
    type Value = RoomName;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("the name of a room")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<RoomName, E> {
        Ok(RoomName(name.to_owned()))
    }

    fn visit_u64<E: Error>(self, name: u64) -> Result<RoomName, E> {
        Ok(RoomName(name.to_string()))
    }

    fn visit_i64<E: Error>(self, name: i64) -> Result<RoomName, E> {
        Ok(RoomName(name.to_string()))
    }

    fn visit_f64<E: Error>(self, name: f64) -> Result<RoomName, E> {
        Ok(RoomName(ryu_js::Buffer::new().format(name).to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use innkeeper_contract::limits::{ROOM_NAME_BYTES_MAX, ROOM_NAMES_MAX};

    use super::RoomNames;

    fn read(json: &str) -> Option<Vec<String>> {
        serde_json::from_str::<RoomNames>(json).ok().map(|names| names.0.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_room_is_a_text_or_a_number() {
        assert_eq!(read(r#"["a", 1, -2, 0.5, "é"]"#).unwrap(), ["a", "1", "-2", "0.5", "é"]);
        assert_eq!((read("null").unwrap().len(), read(r#""a""#).unwrap()), (0, vec!["a".to_owned()]));
        for wrong in ["[null]", "[{}]", "7", "{}"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn rooms_have_the_bounds_that_plugins_have() {
        let name = |bytes: usize| format!("[\"{}\"]", "x".repeat(bytes));
        assert!(read(&name(ROOM_NAME_BYTES_MAX)).is_some() && read(&name(ROOM_NAME_BYTES_MAX + 1)).is_none());
        let list = |names: usize| format!("[{}]", vec!["1"; names].join(","));
        assert!(read(&list(ROOM_NAMES_MAX)).is_some() && read(&list(ROOM_NAMES_MAX + 1)).is_none());
    }
}

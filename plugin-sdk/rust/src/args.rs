//! Distinguishes tuples from other values through `Serialize`, because it is the one trait that every argument has.
//!
//! The probe fails at the first call of the serializer, so that a value is never walked; the error says which call that was.

use serde::ser::{Impossible, Serialize, Serializer};
use std::fmt;

/// Whether serde writes `value` as a tuple, `()` included.
pub(crate) fn is_tuple<T: Serialize>(value: &T) -> bool {
    match value.serialize(Probe) {
        Err(Seen::Tuple) => true,
        // JSON's null, as a value of `serde_json::Value`, is written the same way; but only `()` takes no space.
        Err(Seen::Unit) => size_of::<T>() == 0,
        _ => false,
    }
}

struct Probe;

/// What kind of value it is.
#[derive(Debug)]
enum Seen {
    Tuple,
    Unit,
    Other,
}

impl fmt::Display for Seen {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("only a probe")
    }
}

impl std::error::Error for Seen {}

impl serde::ser::Error for Seen {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Other
    }
}

/// Methods of `Serializer` that answer `Other`, given by name and arguments.
macro_rules! other {
    ($($name:ident($($argument:ty),*) -> $answer:ty;)*) => {
        $(fn $name(self, $(_: $argument),*) -> Result<$answer, Seen> { Err(Seen::Other) })*
    };
}

impl Serializer for Probe {
    type Ok = ();
    type Error = Seen;
    type SerializeSeq = Impossible<(), Seen>;
    type SerializeTuple = Impossible<(), Seen>;
    type SerializeTupleStruct = Impossible<(), Seen>;
    type SerializeTupleVariant = Impossible<(), Seen>;
    type SerializeMap = Impossible<(), Seen>;
    type SerializeStruct = Impossible<(), Seen>;
    type SerializeStructVariant = Impossible<(), Seen>;

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Seen> {
        Err(Seen::Tuple)
    }

    fn serialize_unit(self) -> Result<(), Seen> {
        Err(Seen::Unit)
    }

    other! {
        serialize_bool(bool) -> ();
        serialize_i8(i8) -> ();
        serialize_i16(i16) -> ();
        serialize_i32(i32) -> ();
        serialize_i64(i64) -> ();
        serialize_u8(u8) -> ();
        serialize_u16(u16) -> ();
        serialize_u32(u32) -> ();
        serialize_u64(u64) -> ();
        serialize_f32(f32) -> ();
        serialize_f64(f64) -> ();
        serialize_char(char) -> ();
        serialize_str(&str) -> ();
        serialize_bytes(&[u8]) -> ();
        serialize_none() -> ();
        serialize_unit_struct(&'static str) -> ();
        serialize_unit_variant(&'static str, u32, &'static str) -> ();
        serialize_seq(Option<usize>) -> Self::SerializeSeq;
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant;
        serialize_map(Option<usize>) -> Self::SerializeMap;
        serialize_struct(&'static str, usize) -> Self::SerializeStruct;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant;
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<(), Seen> {
        Err(Seen::Other)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, _: &T) -> Result<(), Seen> {
        Err(Seen::Other)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Seen> {
        Err(Seen::Other)
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, _: &T) -> Result<(), Seen> {
        Err(Seen::Other)
    }
}

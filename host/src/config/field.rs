//! The field of the configuration that a key sets, with its type and range: how the value is read and how it is shown.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::Value;

use super::problem::Problem;
use super::value::{RawValue, boolean, bytes, count, duration, host, port};

/// Where a length of time may lie: short enough for tests, at most a day.
pub(super) const DURATIONS: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(86_400);
/// Where a number of bytes may lie.
pub(super) const BYTES: RangeInclusive<usize> = 1_024..=4 << 30;
/// Where a number of things may lie: none can be switched off.
pub(super) const COUNTS: RangeInclusive<usize> = 1..=10_000_000;

/// A field of the configuration, borrowed to be read or shown.
pub(super) enum Field<'a> {
    Boolean(&'a mut bool),
    Bytes(&'a mut usize, RangeInclusive<usize>),
    Count(&'a mut usize, RangeInclusive<usize>),
    /// A number of things that is not set by default.
    OptionalCount(&'a mut Option<usize>, RangeInclusive<usize>),
    Duration(&'a mut Duration, RangeInclusive<Duration>),
    Host(&'a mut IpAddr),
    Port(&'a mut u16),
    /// The first describes the text.
    Text(&'static str, &'a mut String, fn(&RawValue) -> Result<String, Problem>),
    /// Read by the code of its section: lists, tables, files, and what depends on another key.
    Custom {
        kind: &'static str,
        value: Option<Value>,
    },
}

impl Field<'_> {
    /// Whether the code of its section reads it.
    pub(super) fn is_custom(&self) -> bool {
        matches!(self, Self::Custom { .. })
    }

    /// Sets the field.
    pub(super) fn read(self, raw: &RawValue) -> Result<(), Problem> {
        match self {
            Self::Boolean(target) => *target = boolean(raw)?,
            Self::Bytes(target, range) => *target = bytes(range)(raw)?,
            Self::Count(target, range) => *target = count(range)(raw)?,
            Self::OptionalCount(target, range) => *target = Some(count(range)(raw)?),
            Self::Duration(target, range) => *target = duration(range)(raw)?,
            Self::Host(target) => *target = host(raw)?,
            Self::Port(target) => *target = port(raw)?,
            Self::Text(_, target, read) => *target = read(raw)?,
            Self::Custom { .. } => {}
        }
        Ok(())
    }

    /// Type and range in words.
    pub(super) fn kind(&self) -> String {
        match self {
            Self::Boolean(_) => "true or false".to_owned(),
            Self::Bytes(_, range) => format!("size, {} to {}", size(*range.start()), size(*range.end())),
            Self::Count(_, range) | Self::OptionalCount(_, range) => {
                format!("whole number, {} to {}", range.start(), range.end())
            }
            Self::Duration(_, range) => format!("duration, {} to {}", time(*range.start()), time(*range.end())),
            Self::Host(_) => "IP address or \"localhost\"".to_owned(),
            Self::Port(_) => format!("port, 0 to {}", u16::MAX),
            Self::Text(kind, ..) | Self::Custom { kind, .. } => (*kind).to_owned(),
        }
    }

    /// The value as the file would have it.
    pub(super) fn value(self) -> Option<Value> {
        Some(match self {
            Self::Boolean(value) => (*value).into(),
            Self::Bytes(value, _) => size(*value).into(),
            Self::Count(value, _) => (*value).into(),
            Self::OptionalCount(value, _) => return value.map(Into::into),
            Self::Duration(value, _) => time(*value).into(),
            Self::Host(value) => value.to_string().into(),
            Self::Port(value) => (*value).into(),
            Self::Text(_, value, _) => value.as_str().into(),
            Self::Custom { value, .. } => return value,
        })
    }
}

/// A length of time in the largest unit of which it is a whole number.
pub(super) fn time(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    let units = [("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
    let fits = |(_, factor): &&(&str, u128)| milliseconds > 0 && milliseconds.is_multiple_of(*factor);
    let (unit, factor) = units.iter().find(fits).copied().unwrap_or(("ms", 1));
    format!("{}{unit}", milliseconds / factor)
}

/// A number of bytes in the largest unit of which it is a whole number.
pub(super) fn size(bytes: usize) -> String {
    let units = [("GiB", 1 << 30), ("MiB", 1 << 20), ("GB", 1_000_000_000), ("MB", 1_000_000), ("KiB", 1 << 10), ("kB", 1_000)];
    let fits = |(_, factor): &&(&str, usize)| bytes > 0 && bytes.is_multiple_of(*factor);
    let (unit, factor) = units.iter().find(fits).copied().unwrap_or(("B", 1));
    format!("{}{unit}", bytes / factor)
}

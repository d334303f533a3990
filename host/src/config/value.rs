//! Single values of the file: durations, sizes, numbers, words.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use toml::de::DeValue;

use super::problem::Problem;
use super::spelling::nearest;
use super::variables::{Environment, substitute};

/// A value as written, with its variables put in.
pub(super) enum RawValue {
    /// In quotes. `substituted`: a variable stood in it, so that a number may stand in quotes too.
    Text {
        text: String,
        substituted: bool,
    },
    Integer(i64),
    Boolean(bool),
    /// No single value: the name of its type.
    Other(&'static str),
}

impl RawValue {
    pub(super) fn new(value: &DeValue<'_>, environment: Environment<'_>) -> Result<Self, Problem> {
        Ok(match value {
            DeValue::String(text) => Self::Text { substituted: text.contains("${"), text: substitute(text, environment)? },
            DeValue::Integer(number) => {
                let read = i64::from_str_radix(number.as_str(), number.radix());
                Self::Integer(read.map_err(|_| Problem::new(format!("{number} is too large"), ""))?)
            }
            DeValue::Boolean(truth) => Self::Boolean(*truth),
            other => Self::Other(other.type_str()),
        })
    }

    /// The value of an environment variable, which may stand for a number.
    pub(super) fn variable(text: String) -> Self {
        Self::Text { text, substituted: true }
    }

    pub(super) fn expected(&self, what: &str, remedy: &str) -> Problem {
        Problem::new(format!("{} is not {what}", self.shown()), remedy)
    }

    fn shown(&self) -> String {
        match self {
            Self::Text { text, .. } => format!("{text:?}"),
            Self::Integer(number) => number.to_string(),
            Self::Boolean(truth) => truth.to_string(),
            Self::Other(kind) => format!("a value of type {kind}"),
        }
    }
}

/// A string.
pub(super) fn text(raw: &RawValue) -> Result<String, Problem> {
    match raw {
        RawValue::Text { text, .. } => Ok(text.clone()),
        other => Err(other.expected("a string", "write it in quotes")),
    }
}

/// `true` or `false`.
pub(super) fn boolean(raw: &RawValue) -> Result<bool, Problem> {
    match raw {
        RawValue::Boolean(truth) => Ok(*truth),
        RawValue::Text { text, substituted: true } if text == "true" => Ok(true),
        RawValue::Text { text, substituted: true } if text == "false" => Ok(false),
        other => Err(other.expected("true or false", "write true or false, without quotes")),
    }
}

/// A whole number in a range.
pub(super) fn count(range: RangeInclusive<usize>) -> impl Fn(&RawValue) -> Result<usize, Problem> {
    move |raw| {
        let number = match raw {
            RawValue::Integer(number) => Some(*number),
            RawValue::Text { text, substituted: true } => whole_number(text.trim()),
            _ => None,
        };
        let remedy = format!("write a whole number from {} to {}, without quotes", range.start(), range.end());
        let number = number.ok_or_else(|| raw.expected("a whole number", &remedy))?;
        let remedy = format!("use {} to {}", range.start(), range.end());
        let count = usize::try_from(number).ok().filter(|count| range.contains(count));
        count.ok_or_else(|| Problem::new(format!("{number} is out of range"), remedy))
    }
}

/// A TCP port; 0 takes a free one.
pub(super) fn port(raw: &RawValue) -> Result<u16, Problem> {
    let number = count(0..=usize::from(u16::MAX))(raw)?;
    u16::try_from(number).map_err(|_| Problem::new(format!("{number} is out of range"), ""))
}

/// One of a few words.
pub(super) fn word(raw: &RawValue, known: &[&'static str], kind: &str) -> Result<&'static str, Problem> {
    let written = text(raw)?;
    if let Some(name) = known.iter().find(|name| **name == written) {
        return Ok(name);
    }
    let remedy = match nearest(&written, known) {
        Some(name) => format!("did you mean \"{name}\"?"),
        None => format!("known: {}", known.join(", ")),
    };
    Err(Problem::new(format!("{written:?} is not a {kind}"), remedy))
}

/// Refuses a word that was there before.
pub(super) fn once<T: PartialEq + fmt::Display + Clone>(seen: &mut Vec<T>, name: T) -> Result<T, Problem> {
    if seen.contains(&name) {
        return Err(Problem::new(format!("\"{name}\" stands here twice"), "keep one of them"));
    }
    seen.push(name.clone());
    Ok(name)
}

/// An address to listen on.
pub(super) fn host(raw: &RawValue) -> Result<IpAddr, Problem> {
    let remedy = "write \"127.0.0.1\" for this machine, \"0.0.0.0\" for every interface, or the address of one";
    let text = match raw {
        RawValue::Text { text, .. } if text == "localhost" => return Ok(Ipv4Addr::LOCALHOST.into()),
        RawValue::Text { text, .. } => text,
        other => return Err(other.expected("an address", remedy)),
    };
    text.parse().map_err(|_| raw.expected("an address", remedy))
}

/// `"25s"`, `"500ms"`, or a number of milliseconds as in Socket.IO.
pub(super) fn duration(range: RangeInclusive<Duration>) -> impl Fn(&RawValue) -> Result<Duration, Problem> {
    const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("min", 60_000), ("m", 60_000), ("h", 3_600_000)];
    move |raw| {
        let remedy = "write \"25s\", \"500ms\", \"2m\" or a number of milliseconds";
        let milliseconds = measure(raw, &UNITS).ok_or_else(|| raw.expected("a duration", remedy))?;
        let duration = Duration::from_millis(milliseconds);
        if range.contains(&duration) {
            return Ok(duration);
        }
        let remedy = format!("use {:?} to {:?}", range.start(), range.end());
        Err(Problem::new(format!("{} is out of range", raw.shown()), remedy))
    }
}

/// `"64KiB"`, `"1MB"`, or a number of bytes.
pub(super) fn bytes(range: RangeInclusive<usize>) -> impl Fn(&RawValue) -> Result<usize, Problem> {
    const UNITS: [(&str, u64); 7] =
        [("b", 1), ("kb", 1_000), ("mb", 1_000_000), ("gb", 1_000_000_000), ("kib", 1 << 10), ("mib", 1 << 20), ("gib", 1 << 30)];
    move |raw| {
        let remedy = "write \"64KiB\", \"8MiB\", \"1MB\" or a number of bytes";
        let bytes = measure(raw, &UNITS).ok_or_else(|| raw.expected("a size", remedy))?;
        let bytes = usize::try_from(bytes).ok().filter(|bytes| range.contains(bytes));
        bytes.ok_or_else(|| {
            let remedy = format!("use {} to {} bytes", range.start(), range.end());
            Problem::new(format!("{} is out of range", raw.shown()), remedy)
        })
    }
}

/// Whole numbers with a unit; a bare number has the first one.
fn measure(raw: &RawValue, units: &[(&str, u64)]) -> Option<u64> {
    let text = match raw {
        RawValue::Integer(number) => return u64::try_from(*number).ok(),
        RawValue::Text { text, .. } => text.trim().to_ascii_lowercase(),
        _ => return None,
    };
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '_').unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(end)?;
    let unit = unit.trim();
    let bare = unit.is_empty();
    let (_, factor) = units.iter().find(|(name, _)| bare || *name == unit)?;
    whole_number::<u64>(digits)?.checked_mul(*factor)
}

/// Digits, with an underscore between two of them as in TOML: `1_000`.
fn whole_number<N: FromStr>(text: &str) -> Option<N> {
    let well_placed = text.split('_').all(|part| part.ends_with(|last: char| last.is_ascii_digit()));
    if well_placed { text.replace('_', "").parse().ok() } else { None }
}

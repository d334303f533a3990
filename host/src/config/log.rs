//! `[log]`: what is logged.

use tracing_subscriber::EnvFilter;

use super::field::Field::Custom;
use super::key_spec::KeySpec;
use super::problem::Problem;
use super::reader::{Reader, Section};
use super::value::{RawValue, text};

/// What is logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// A filter of `tracing-subscriber`. The environment goes before it.
    pub filter: String,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { filter: "info".to_owned() }
    }
}

/// The keys of the section.
pub(super) const KEYS: &[KeySpec<LogConfig>] = &[KeySpec::new(
    "filter",
    |log: &mut LogConfig| Custom { kind: "level, or levels of modules", value: Some(log.filter.as_str().into()) },
    "what is logged: error, warn, info, debug, trace or off; or by module, `info,innkeeper::engine=debug`. The variables INNKEEPER_LOG and RUST_LOG go before it",
)];

/// Reads the section.
pub(super) fn read(reader: &mut Reader<'_>, root: &mut Section<'_>, into: &mut LogConfig) {
    let mut section = reader.section(root, "log");
    reader.read(&mut section, KEYS, into);
    reader.set(&mut section, "filter", &mut into.filter, filter);
    reader.close(section);
}

fn filter(raw: &RawValue) -> Result<String, Problem> {
    let written = text(raw)?;
    let remedy =
        "write a level (error, warn, info, debug, trace, off) or innkeeper::<module>=<level>, with commas between several";
    let is_empty = written.trim().is_empty();
    match EnvFilter::builder().parse(&written) {
        Ok(_) if !is_empty => Ok(written),
        _ => Err(Problem::new(format!("{written:?} is not a filter of the log"), remedy)),
    }
}

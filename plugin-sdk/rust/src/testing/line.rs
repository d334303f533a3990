//! The log.

use std::fmt;

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
    /// The plugin's name.
    pub plugin: String,
    /// The text.
    pub message: String,
    /// What the plugin added.
    pub fields: Vec<(String, String)>,
    /// The event that the call was about, in whose handler or middleware the plugin wrote the line.
    pub event: Option<String>,
}

impl fmt::Display for Line {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}: {}", self.level, self.plugin, self.message)?;
        self.event.as_ref().map_or(Ok(()), |event| write!(out, " event={event:?}"))
    }
}

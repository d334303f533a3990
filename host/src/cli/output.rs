//! What commands write: results on the standard output, everything else on stderr.

use std::fmt;

use crate::telemetry;

/// One line on stderr. A closed stderr is no error. What a plugin or a file has put into the line cannot act on the terminal.
pub(super) fn say(line: fmt::Arguments<'_>) {
    telemetry::say(&line.to_string());
}

//! What commands write: results on the standard output, everything else on stderr.

use std::fmt;
use std::io::{self, Write};

/// One line on stderr. A closed stderr is no error.
pub(super) fn say(line: fmt::Arguments<'_>) {
    let _closed = writeln!(io::stderr().lock(), "{line}");
}

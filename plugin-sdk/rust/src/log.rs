//! Lines for the host's log. They are written at once, whatever becomes of the call.
//!
//! ```no_run
//! use innkeeper_plugin::log;
//!
//! log::info("ready");
//! log::warn(format_args!("{} people are waiting", 3));
//! log::write("info", "room opened", &[("room".to_owned(), "lobby".to_owned())]);
//! ```

use crate::host::host;
use std::fmt::Display;

/// Something failed, and somebody should look.
pub fn error(message: impl Display) {
    write("error", message, &[]);
}

/// Something is odd.
pub fn warn(message: impl Display) {
    write("warn", message, &[]);
}

/// Something for an operator's day.
pub fn info(message: impl Display) {
    write("info", message, &[]);
}

/// Something for whoever looks for an error.
pub fn debug(message: impl Display) {
    write("debug", message, &[]);
}

/// Something that happens all the time.
pub fn trace(message: impl Display) {
    write("trace", message, &[]);
}

/// A line with fields. The host adds plugin, generation, event and socket.
pub fn write(level: &str, message: impl Display, fields: &[(String, String)]) {
    host().log(level, &message.to_string(), fields);
}

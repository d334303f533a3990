//! Lines for the host's log. They are written at once, and stay if the call fails.
//!
//! ```no_run
//! use innkeeper_plugin::log;
//!
//! log::info("ready");
//! log::warn(format_args!("{} sockets are waiting", 3));
//! log::write("info", "room created", &[("room".to_owned(), "lobby".to_owned())]);
//! ```

use crate::host::host;
use std::fmt::Display;

/// Something failed, and an operator should look at it.
pub fn error(message: impl Display) {
    write("error", message, &[]);
}

/// Something is unusual.
pub fn warn(message: impl Display) {
    write("warn", message, &[]);
}

/// What an operator wants to see on an ordinary day.
pub fn info(message: impl Display) {
    write("info", message, &[]);
}

/// What helps to find an error.
pub fn debug(message: impl Display) {
    write("debug", message, &[]);
}

/// What happens all the time.
pub fn trace(message: impl Display) {
    write("trace", message, &[]);
}

/// A line with fields. The host adds plugin, generation, event and socket.
pub fn write(level: &str, message: impl Display, fields: &[(String, String)]) {
    host().log(level, &message.to_string(), fields);
}

//! `log` and `config`: what a guest tells the operator, and the operator a guest.

use super::InstanceState;
use crate::plugin::bindings::v0_1::{config, log};
use crate::plugin::log_limiter::LogLimiter;

const MESSAGE_BYTES_MAX: usize = 4096;
const ERRORS_MAX: u32 = 20;
const OTHERS_MAX: u32 = 10_000;

/// What all instances of a generation may write in each window of the limiter: clients can make them write at will.
pub(crate) struct GuestLog {
    errors: LogLimiter,
    others: LogLimiter,
}

impl Default for GuestLog {
    fn default() -> Self {
        Self { errors: LogLimiter::new(ERRORS_MAX), others: LogLimiter::new(OTHERS_MAX) }
    }
}

impl log::Host for InstanceState {
    fn write(&mut self, level: String, message: String, fields: Vec<(String, String)>) {
        let most = self.context.limits.log_lines;
        let plugin = &*self.context.label;
        let (lines, sid) = self.active.as_mut().map_or((1, None), |active| {
            active.log_lines += 1;
            (active.log_lines, active.call.socket.as_ref().map(|socket| socket.id()))
        });
        if lines > most {
            if lines == most + 1 {
                tracing::warn!(plugin, "a call writes at most {most} log lines (log_lines_per_call_max): the rest is dropped");
            }
            return;
        }
        self.context.log.line(&level, plugin, sid.as_ref().map_or("", |sid| sid.as_str()), &message, &fields);
    }
}

impl config::Host for InstanceState {
    fn all(&mut self) -> String {
        self.context.config.clone()
    }
}

impl GuestLog {
    /// Writes a line, if the limiter has one left.
    pub(super) fn line(&self, level: &str, plugin: &str, sid: &str, message: &str, fields: &[(String, String)]) {
        let limiter = if level == "error" { &self.errors } else { &self.others };
        let Some(left_out) = limiter.admit() else { return };
        if left_out > 0 {
            tracing::warn!(plugin, left_out, "lines of this plugin were left out of the log");
        }
        write_line(level, plugin, sid, message, fields);
    }
}

fn write_line(level: &str, plugin: &str, sid: &str, message: &str, fields: &[(String, String)]) {
    let message = message.get(..message.floor_char_boundary(MESSAGE_BYTES_MAX)).unwrap_or_default();
    let fields = fields.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ");
    match level {
        "error" => tracing::error!(plugin, sid, fields, "{message}"),
        "warn" => tracing::warn!(plugin, sid, fields, "{message}"),
        "debug" => tracing::debug!(plugin, sid, fields, "{message}"),
        "trace" => tracing::trace!(plugin, sid, fields, "{message}"),
        _ => tracing::info!(plugin, sid, fields, "{message}"),
    }
}

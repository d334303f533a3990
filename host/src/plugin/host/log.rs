//! `log` and `config`: what a guest tells the operator, and the operator a guest.

use super::CallState;
use crate::plugin::bindings::v0_1::{config, log};

const MESSAGE_BYTES_MAX: usize = 4096;

impl log::Host for CallState {
    fn write(&mut self, level: String, message: String, fields: Vec<(String, String)>) {
        let most = self.facts.bounds.log_lines;
        let plugin = &*self.facts.label;
        let sid = self.active.as_mut().map(|active| {
            active.log_lines += 1;
            (active.log_lines, active.call.socket.id())
        });
        match sid {
            Some((lines, _)) if lines == most + 1 => tracing::warn!(plugin, "a call writes at most {most} log lines: the rest is dropped"),
            Some((lines, _)) if lines > most => {}
            Some((_, sid)) => line(&level, plugin, sid.as_str(), &message, &fields),
            None => line(&level, plugin, "", &message, &fields),
        }
    }
}

impl config::Host for CallState {
    fn all(&mut self) -> String {
        self.facts.config.clone()
    }
}

fn line(level: &str, plugin: &str, sid: &str, message: &str, fields: &[(String, String)]) {
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

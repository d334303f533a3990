//! `log` and `config`: lines of a guest for the operator, and the operator's configuration of the plugin.

use super::state::InstanceState;
use crate::limit_hits::LimitHit;
use crate::plugin::call::Export;
use crate::plugin::guest_log::About;

impl InstanceState {
    /// Writes a line, unless the call has written as many as it may.
    pub(crate) fn write_log(&mut self, level: &str, message: &str, fields: &[(String, String)]) {
        let most = self.context.call_limits.log_lines;
        let label = &*self.context.label;
        let (lines, socket, event) = self.active.as_mut().map_or((1, None, None), |active| {
            active.log_lines += 1;
            let event = match &active.call.export {
                Export::Event(event) | Export::EventMiddleware(event) => Some(&*event.name),
                _ => None,
            };
            (active.log_lines, active.call.socket.as_ref(), event)
        });
        let (conn, sid) = socket.map(|socket| (socket.connection(), socket.id())).unzip();
        if lines > most {
            self.context.plugin.limit_hits.hit(LimitHit::LogLinesPerCall);
            if lines == most + 1 {
                let about = About { conn, sid: sid.as_ref().map(|sid| sid.as_str()), event };
                let message = format!("a call writes at most {most} log lines (log_lines_per_call_max): the rest is dropped");
                // One of the plugin's own lines, since each call can have it.
                self.context.plugin.log.line("warn", label, &about, &message, &[]);
            }
            return;
        }
        let about = About { conn, sid: sid.as_ref().map(|sid| sid.as_str()), event };
        self.context.plugin.log.line(level, label, &about, message, fields);
    }

    /// `[plugins.<name>.config]` as JSON.
    pub(crate) fn configuration(&self) -> String {
        self.context.config.config.clone()
    }
}

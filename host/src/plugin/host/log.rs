//! `log` and `config`: lines of a guest for the operator, and the operator's configuration of the plugin.

use super::state::InstanceState;

impl InstanceState {
    /// Writes a line, unless the call has written as many as it may.
    pub(crate) fn write_log(&mut self, level: &str, message: &str, fields: &[(String, String)]) {
        let most = self.context.plugin.call_limits.log_lines;
        let label = &*self.context.label;
        let (lines, sid) = self.active.as_mut().map_or((1, None), |active| {
            active.log_lines += 1;
            (active.log_lines, active.call.socket.as_ref().map(|socket| socket.id()))
        });
        if lines > most {
            if lines == most + 1 {
                let plugin = label;
                tracing::warn!(plugin, "a call writes at most {most} log lines (log_lines_per_call_max): the rest is dropped");
            }
            return;
        }
        let sid = sid.as_ref().map_or("", |sid| sid.as_str());
        self.context.plugin.log.line(level, label, sid, message, fields);
    }

    /// `[plugins.<name>.config]` as JSON.
    pub(crate) fn configuration(&self) -> String {
        self.context.plugin.config.config.clone()
    }
}

//! The limits of one call and of one instance.

use crate::config::{Limits, PluginConfig};

/// How much one call may do, and how much memory its instance may have. Each is a key of the configuration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallLimits {
    pub(crate) writes: usize,
    pub(crate) write_bytes: usize,
    pub(crate) attachments: usize,
    pub(crate) rooms_per_socket: usize,
    pub(crate) data_bytes: usize,
    pub(crate) log_lines: usize,
    pub(crate) memory_bytes: usize,
}

impl CallLimits {
    pub(super) fn new(limits: &Limits, plugin: &PluginConfig) -> Self {
        Self {
            writes: limits.writes_per_call_max,
            write_bytes: limits.write_bytes_per_call_max,
            attachments: limits.attachments_max,
            rooms_per_socket: limits.rooms_per_socket_max,
            data_bytes: limits.data_bytes_max,
            log_lines: limits.log_lines_per_call_max,
            memory_bytes: plugin.limits.memory_bytes_max,
        }
    }
}

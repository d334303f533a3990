//! The limits of one call and of one instance.

use crate::config::{Limits, PluginConfig};

/// How much one call may do, and how much memory its instance may have. Each is a key of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CallLimits {
    pub(crate) writes: usize,
    pub(crate) write_bytes: usize,
    pub(crate) deliveries: usize,
    pub(crate) attachments: usize,
    pub(crate) rooms_per_socket: usize,
    pub(crate) data_bytes: usize,
    pub(crate) log_lines: usize,
    pub(crate) memory_bytes: usize,
}

/// Bytes that a guest may pass to the host in one import or result besides what it may write: names, and the host's own overhead for
/// each of them.
const HOST_CALL_BYTES_BESIDES: usize = 4 << 20;

impl CallLimits {
    /// Bytes that a guest may pass to the host at once: enough to refuse a write that is too long by its name.
    pub(super) fn host_call_bytes(&self) -> usize {
        2 * self.write_bytes + HOST_CALL_BYTES_BESIDES
    }

    pub(super) fn new(limits: &Limits, plugin: &PluginConfig) -> Self {
        Self {
            writes: limits.writes_per_call_max,
            write_bytes: limits.write_bytes_per_call_max,
            deliveries: limits.deliveries_per_call_max,
            attachments: limits.attachments_max,
            rooms_per_socket: limits.rooms_per_socket_max,
            data_bytes: limits.data_bytes_max,
            log_lines: limits.log_lines_per_call_max,
            memory_bytes: plugin.limits.memory_bytes_max,
        }
    }
}

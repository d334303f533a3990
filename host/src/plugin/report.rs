//! What the log says when a plugin breaks.

use std::sync::Arc;

use super::ration::Ration;
use crate::sockets::Record;

/// In each window of the ration.
const LINES_MAX: u32 = 20;

/// The failures of one plugin.
pub(super) struct Reporter {
    /// `plugin@generation`.
    label: Arc<str>,
    ration: Ration,
}

impl Reporter {
    pub(super) fn new(label: Arc<str>) -> Self {
        Self { label, ration: Ration::new(LINES_MAX) }
    }

    /// A call failed: the plugin broke, or said so where no client hears it.
    pub(super) fn broke(&self, what: &str, socket: &Record, cause: &str) {
        let Some(left_out) = self.ration.admit() else { return };
        let (plugin, sid, ns) = (&*self.label, socket.id(), socket.namespace().name());
        if left_out > 0 {
            tracing::error!(plugin, left_out, "failures like the next were left out of the log");
        }
        tracing::error!(plugin, ns, %sid, "{what} failed: {cause}");
    }
}

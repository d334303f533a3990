//! How calls of a `shared` plugin end that did not end with their own entry.

use super::shared::EndedCall;
use super::state::InstanceState;
use crate::plugin::contract::ExportResult;
use crate::plugin::outcome::{Ended, bytes, outcome};

/// Which of the two functions ends a call: that of handlers, or that of middleware.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SettledBy {
    Settle,
    SettleVerdict,
}

impl InstanceState {
    /// The call has ended. Nothing happens if there is no such call of this instance, if it has ended, or with `waiting`.
    pub(crate) fn settle(&mut self, call: u64, by: SettledBy, result: ExportResult) {
        let (Some(shared), Some(active)) = (&mut self.shared, &mut self.active) else { return };
        if let ExportResult::Waiting = result {
            return;
        }
        let Some(begun) = shared.open.remove(&call) else { return };
        let is_fit = begun.call.export.is_middleware() == (by == SettledBy::SettleVerdict);
        let ended = if is_fit {
            let attachments_max = active.limits().attachments;
            active.check_returned(bytes(&result)).and_then(|()| outcome(result, &begun.call, attachments_max))
        } else {
            Err("middleware is settled with `settle-verdict` and a handler with `settle`, and it did the other".to_owned())
        };
        let outcome = ended.map(|Ended { outcome, ack }| {
            active.add_ack(ack);
            outcome
        });
        shared.ended.push(EndedCall { begun, outcome });
    }
}

//! Which calls begin: the mailbox keeps them before the instance is started, and while it stops.

use std::sync::atomic::Ordering;

use tokio::time::Instant;

use super::begins::Begins;
use super::instance_task::InstanceTask;
use super::live::Live;
use super::mailbox::MayBegin;
use crate::event_loops::WakeLater;
use crate::plugin::contract::LinkedComponent;

impl<C: LinkedComponent> InstanceTask<C> {
    /// Which calls begin now.
    pub(super) fn may_begin(&mut self) -> MayBegin {
        match (&self.begins, &mut self.live) {
            (Begins::All, _) => MayBegin::All,
            (Begins::Last { .. }, Some(live)) if live.waits_for_clients() => MayBegin::Of(live.sockets_of_open_calls()),
            (Begins::None | Begins::Last { .. }, _) => MayBegin::None,
        }
    }

    /// Whether nothing goes on in the instance, whatever comes: it is not started yet, or what it has is being handed over.
    pub(super) fn stands_still(&self) -> bool {
        matches!(self.begins, Begins::None)
    }

    /// Ends the stop, if no call is open or its time is up.
    pub(super) fn stop_if_over(&mut self) {
        let Begins::Last { until, .. } = &self.begins else { return };
        let is_idle = self.live.as_mut().is_none_or(Live::is_idle);
        if !is_idle && Instant::now() < *until {
            return;
        }
        if let Some(live) = &mut self.live {
            let _later = WakeLater::begin();
            self.mailbox.put_back(live.fail_open_calls(&self.parts.context));
            self.status.open_calls.store(0, Ordering::Relaxed);
        }
        if let Begins::Last { stopped, .. } = std::mem::replace(&mut self.begins, Begins::None) {
            // Whoever asked may be gone.
            let _gone = stopped.send(());
        }
    }
}

//! What the host orders of an instance itself: to be made, started and stopped, and to hand its state over.

use innkeeper_contract::kinds;

use super::begins::Begins;
use super::instance_task::{Entered, InstanceTask};
use super::mailbox::Order;
use crate::fixed_limits::SNAPSHOT_BYTES_MAX;
use crate::plugin::call::{Export, FailureKind};
use crate::plugin::contract::LinkedComponent;
use crate::plugin::instance::{Returned, SharedEntry};

impl<C: LinkedComponent> InstanceTask<C> {
    pub(super) async fn start(&mut self, kind: &'static str) -> Result<(), FailureKind> {
        if !self.parts.has_start {
            return Ok(());
        }
        self.run_own(self.own_call(Export::Start { instance: self.number, kind }), false).await
    }

    pub(super) async fn obey(&mut self, order: Order) {
        match order {
            Order::Stop(until, stopped) => return self.begins = Begins::Last { until, stopped },
            Order::GoOn => return self.begins = Begins::All,
            Order::Make(_) | Order::Start(..) | Order::Snapshot(_) | Order::Restore(..) => {}
        }
        let made = self.make().await.map_err(|_| "there is no instance; the log says why".to_owned());
        match order {
            Order::Stop(..) | Order::GoOn => {}
            Order::Make(reply) => drop(reply.send(made)),
            Order::Start(kind, started) => {
                self.is_started = true;
                self.begins = Begins::All;
                if made.is_ok() {
                    // What is wrong with it has been logged.
                    let _started = self.start(kind).await;
                }
                if let Some(registered) = self.parts.eager.as_ref().filter(|_| kind == kinds::SWAPPED) {
                    self.to_meet = self.connected(registered);
                }
                let _gone = started.send(());
            }
            Order::Snapshot(reply) => {
                let snapshot = match made {
                    Ok(()) => self.hand_over(Export::Snapshot, SharedEntry::Snapshot(self.number)).await,
                    Err(error) => Err(error),
                };
                // Whoever asked may be gone.
                let _gone = reply.send(snapshot);
            }
            Order::Restore(state, reply) => {
                let restored = match made {
                    Ok(()) => self.hand_over(Export::Restore, SharedEntry::Restore(self.number, state)).await,
                    Err(error) => Err(error),
                };
                let _gone = reply.send(restored.map(drop));
            }
        }
    }

    /// Takes the state of the instance, or gives it one. The error says what the guest, or a bound, has against it.
    pub(super) async fn hand_over(&mut self, export: Export, entry: SharedEntry) -> Result<String, String> {
        let call = self.own_call(export.clone());
        let Entered { returned, active, running } = match self.enter(entry, call, None).await {
            Ok(entered) => entered,
            Err(error) => {
                // Where in the guest that was is in the log.
                let told = error.root_cause().to_string();
                self.lose(&export, None, None, None, error);
                return Err(told);
            }
        };
        self.finish(active, running, false).await;
        match returned {
            Returned::Snapshot(Ok(state)) if state.len() > SNAPSHOT_BYTES_MAX => {
                Err(format!("the snapshot has {} bytes, and at most {SNAPSHOT_BYTES_MAX} are handed over", state.len()))
            }
            Returned::Snapshot(Ok(state)) => Ok(state),
            Returned::Snapshot(Err(failure)) | Returned::Restored(Err(failure)) => Err(failure.message),
            Returned::Restored(Ok(())) | Returned::Call(_) | Returned::Woken => Ok(String::new()),
        }
    }
}

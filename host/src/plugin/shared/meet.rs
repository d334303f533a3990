//! How an instance meets sockets that were connected before it was made: `connection` with the kind `resumed`.

use std::sync::Arc;

use innkeeper_contract::kinds;

use super::instance_task::InstanceTask;
use super::live::Live;
use super::mailbox::QueuedCall;
use crate::adapter::{RoomFilter, Socket, SocketId};
use crate::plugin::call::{Call, Export, FailureKind};
use crate::plugin::contract::LinkedComponent;
use crate::plugin::registration::NamespaceRegistration;

/// The number of the instance that serves the connection of this socket: always the same.
pub(super) fn instance_of(socket: &Socket, instances: usize) -> usize {
    usize::try_from(socket.connection()).unwrap_or_default() % instances
}

impl<C: LinkedComponent> InstanceTask<C> {
    /// Begins the calls that have waited for the `resumed` runs of their sockets. Returns whether there were any.
    pub(super) async fn begin_resumed(&mut self) -> bool {
        let mut has_worked = false;
        while let Some(calls) = self.live.as_mut().and_then(Live::next_resumed) {
            has_worked = true;
            let mut calls = calls.into_iter();
            while let Some(QueuedCall { call, home }) = calls.next() {
                if self.run(call, home, false).await.is_err() {
                    self.mailbox.put_back(calls.collect());
                    break;
                }
            }
        }
        has_worked
    }

    /// Whether the instance meets a socket that was connected before.
    pub(super) fn has_to_meet(&self, call: &Call) -> bool {
        let (Some(socket), Some(registration), Some(live)) = (&call.socket, call.registration, &self.live) else { return false };
        let has_connection = usize::try_from(registration).ok().and_then(|index| self.parts.connections.get(index));
        !call.export.is_connecting() && has_connection == Some(&true) && !live.sockets.has_met(socket.id())
    }

    /// Runs `connection` for a socket that was connected before, muted.
    pub(super) async fn resume(&mut self, about: &Call) -> Result<(), FailureKind> {
        let connection = self.own_call(Export::Connection { kind: kinds::RESUMED });
        let call = Call { registration: about.registration, socket: about.socket.clone(), ..connection };
        self.run_own(call, true).await
    }

    /// Meets a socket that was connected before. Returns whether there was one.
    pub(super) async fn meet_one(&mut self) -> bool {
        let Some((id, registration)) = self.to_meet.pop() else { return false };
        let Some(socket) = self.parts.context.plugin.services.adapter.find(id) else { return true };
        let about = Call { socket: Some(socket), registration: Some(registration), ..self.own_call(Export::Wake) };
        if self.make().await.is_ok() && self.has_to_meet(&about) {
            // What is wrong with it has been logged.
            let _resumed = self.resume(&about).await;
        }
        true
    }

    /// The sockets of this instance that are connected.
    pub(super) fn connected(&self, registered: &[NamespaceRegistration]) -> Vec<(SocketId, u32)> {
        let mut connected = Vec::new();
        let own = usize::try_from(self.number).unwrap_or_default();
        for namespace in self.parts.context.plugin.services.adapter.namespaces() {
            let fixed = registered.iter().position(|one| one.pattern.is_none() && one.is_for(namespace.name()));
            let index = fixed.or_else(|| registered.iter().position(|one| one.is_for(namespace.name())));
            let Some(index) = index.and_then(|index| u32::try_from(index).ok()) else { continue };
            let sockets = namespace.lock().select(&RoomFilter::default());
            let is_own = |socket: &Arc<Socket>| instance_of(socket, self.parts.instances) == own;
            connected.extend(sockets.iter().filter(|socket| is_own(socket)).map(|socket| (socket.id(), index)));
        }
        connected
    }
}

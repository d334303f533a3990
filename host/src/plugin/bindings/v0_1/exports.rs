//! The exports of an instance: calls of the host, in the types of this version.

use std::sync::Arc;

use wasmtime::Store;

use super::generated::Plugin;
use super::generated::innkeeper::plugin::{arriving, types};
use super::registration;
use crate::adapter::{Socket, SocketId};
use crate::packet::Message;
use crate::plugin::call::{Disconnection, Event, Export, ServerEventCall, TimerCall};
use crate::plugin::contract::{ExportResult, Exports};
use crate::plugin::failure::Failure;
use crate::plugin::host::InstanceState;
use crate::plugin::manifest::Manifest;

impl Exports for Plugin {
    async fn register(&self, store: &mut Store<InstanceState>) -> wasmtime::Result<Result<Manifest, Failure>> {
        let registered = self.call_register(store).await?;
        Ok(registered.map(registration::manifest).map_err(Into::into))
    }

    async fn wake(&self, store: &mut Store<InstanceState>, tickets: &[u64]) -> wasmtime::Result<()> {
        self.call_wake(store, tickets).await
    }

    async fn snapshot(&self, store: &mut Store<InstanceState>, instance: u32) -> wasmtime::Result<Result<String, Failure>> {
        Ok(self.call_snapshot(store, instance).await?.map_err(Into::into))
    }

    async fn restore(
        &self,
        store: &mut Store<InstanceState>,
        instance: u32,
        state: &str,
    ) -> wasmtime::Result<Result<(), Failure>> {
        Ok(self.call_restore(store, instance, state).await?.map_err(Into::into))
    }

    // One function and no layers: each `await` of an async function copies its whole state.
    async fn enter(
        &self,
        store: &mut Store<InstanceState>,
        id: u64,
        export: Export,
        registration: Option<u32>,
        socket: Option<Arc<Socket>>,
    ) -> wasmtime::Result<ExportResult> {
        match &export {
            Export::Start { instance, kind } => return self.call_start(store, id, *instance, kind).await.map(Into::into),
            Export::Timer(timer) => return self.timer(store, id, timer, registration, socket.as_deref()).await,
            Export::ServerEvent(event) => return self.server_event(store, id, event, registration.unwrap_or_default()).await,
            _ => {}
        }
        let (Some(socket), Some(registration)) = (&socket, registration) else {
            return Err(wasmtime::Error::msg("a call about a socket has none"));
        };
        let (socket_id, namespace) = (socket.id(), socket.namespace().name());
        let socket = socket_id.as_str();
        let about = About { id, socket, namespace, registration };
        Ok(match &export {
            Export::ConnectMiddleware => self.call_connect_middleware(store, id, socket, namespace, registration).await?.into(),
            Export::Connection { kind } => self.call_connection(store, id, socket, namespace, registration, kind).await?.into(),
            Export::EventMiddleware(event) => {
                let attachments = slices(event);
                self.call_event_middleware(store, about.event(event, &attachments)).await?.into()
            }
            Export::Event(event) => {
                let attachments = slices(event);
                self.call_event(store, about.event(event, &attachments)).await?.into()
            }
            Export::Disconnecting(Disconnection { reason, details }) => {
                let (reason, details) = (reason.as_str(), details.as_deref());
                self.call_disconnecting(store, id, socket, namespace, registration, reason, details).await?.into()
            }
            Export::Disconnect(Disconnection { reason, details }) => {
                let (reason, details) = (reason.as_str(), details.as_deref());
                self.call_disconnect(store, id, socket, namespace, registration, reason, details).await?.into()
            }
            Export::Start { .. }
            | Export::Timer(_)
            | Export::ServerEvent(_)
            | Export::Wake
            | Export::Snapshot
            | Export::Restore => {
                return Err(wasmtime::Error::msg("not about a socket alone"));
            }
        })
    }
}

/// What every call about a socket has.
#[derive(Clone, Copy)]
struct About<'a> {
    id: u64,
    socket: &'a str,
    namespace: &'a str,
    registration: u32,
}

impl Plugin {
    async fn server_event(
        &self,
        store: &mut Store<InstanceState>,
        id: u64,
        event: &ServerEventCall,
        registration: u32,
    ) -> wasmtime::Result<ExportResult> {
        let Message { name, payload } = &event.message;
        let call = arriving::ServerEventCall {
            call: id,
            namespace: event.namespace.name(),
            registration,
            name,
            payload: types::PayloadParam { args: &payload.args, attachments: &[] },
            extra: &[],
        };
        self.call_server_event(store, call).await.map(Into::into)
    }

    async fn timer(
        &self,
        store: &mut Store<InstanceState>,
        id: u64,
        timer: &TimerCall,
        registration: Option<u32>,
        socket: Option<&Socket>,
    ) -> wasmtime::Result<ExportResult> {
        let socket_id = socket.map(Socket::id);
        let call = arriving::TimerCall {
            call: id,
            name: &timer.id.name,
            key: timer.id.key.as_deref(),
            socket: socket_id.as_ref().map(SocketId::as_str),
            namespace: socket.map(|socket| socket.namespace().name()),
            registration,
            data: &timer.data,
        };
        self.call_timer(store, call).await.map(Into::into)
    }
}

impl<'a> About<'a> {
    fn event(&self, event: &'a Event, attachments: &'a [&'a [u8]]) -> arriving::EventCall<'a> {
        arriving::EventCall {
            call: self.id,
            socket: self.socket,
            namespace: self.namespace,
            registration: self.registration,
            name: &event.name,
            payload: types::PayloadParam { args: &event.payload.args, attachments },
            ack: event.ack,
            extra: &[],
        }
    }
}

fn slices(event: &Event) -> Vec<&[u8]> {
    event.payload.attachments.iter().map(Vec::as_slice).collect()
}

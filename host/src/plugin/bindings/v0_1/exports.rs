//! The exports of an instance: calls of the host, in the words of this version.

use std::sync::Arc;

use wasmtime::Store;

use super::generated::Plugin;
use super::generated::innkeeper::plugin::{arriving, types};
use super::registration;
use crate::adapter::Socket;
use crate::plugin::call::{Event, Export};
use crate::plugin::contract::{ExportResult, Exports};
use crate::plugin::host::InstanceState;
use crate::plugin::manifest::Manifest;

impl Exports for Plugin {
    async fn register(&self, store: &mut Store<InstanceState>) -> wasmtime::Result<Manifest> {
        self.call_register(store).await.map(registration::manifest)
    }

    async fn enter(
        &self,
        store: &mut Store<InstanceState>,
        id: u64,
        export: &Export,
        socket: Option<&Socket>,
    ) -> wasmtime::Result<ExportResult> {
        let socket_id = socket.map(Socket::id);
        let socket_id = socket_id.as_ref().map(|id| id.as_str());
        if let Export::Start { .. } = export {
            return self.call_start(store, id).await.map(Into::into);
        }
        if let Export::Timer(timer) = export {
            let namespace = socket.map(|socket| socket.namespace().name());
            let call = arriving::TimerCall { call: id, name: &timer.id.name, socket: socket_id, namespace, data: &timer.data };
            return self.call_timer(store, call).await.map(Into::into);
        }
        let (Some(socket), Some(socket_id)) = (socket, socket_id) else {
            return Err(wasmtime::Error::msg("a call about a socket has none"));
        };
        let namespace = socket.namespace().name();
        Ok(match export {
            Export::ConnectMiddleware => self.call_connect_middleware(store, id, socket_id, namespace).await?.into(),
            Export::Connection { kind } => self.call_connection(store, id, socket_id, namespace, kind).await?.into(),
            Export::EventMiddleware(event) => {
                let attachments = slices(event);
                self.call_event_middleware(store, event_call(id, socket_id, namespace, event, &attachments)).await?.into()
            }
            Export::Event(event) => {
                let attachments = slices(event);
                self.call_event(store, event_call(id, socket_id, namespace, event, &attachments)).await?.into()
            }
            Export::Disconnecting(disconnection) => {
                self.call_disconnecting(store, id, socket_id, namespace, disconnection.reason.as_str()).await?.into()
            }
            Export::Disconnect(disconnection) => {
                self.call_disconnect(store, id, socket_id, namespace, disconnection.reason.as_str()).await?.into()
            }
            Export::Start { .. } | Export::Timer(_) => return Err(wasmtime::Error::msg("entered above")),
        })
    }
}

fn slices(event: &Arc<Event>) -> Vec<&[u8]> {
    event.payload.attachments.iter().map(Vec::as_slice).collect()
}

fn event_call<'a>(
    id: u64,
    socket: &'a str,
    namespace: &'a str,
    event: &'a Event,
    attachments: &'a [&'a [u8]],
) -> arriving::EventCall<'a> {
    let payload = types::PayloadParam { args: &event.payload.args, attachments };
    arriving::EventCall { call: id, socket, namespace, name: &event.name, payload, ack: event.ack }
}

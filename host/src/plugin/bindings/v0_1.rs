//! `innkeeper:plugin@0.1.0`: generated from `wit/v0.1`, and how its words translate into ours.

mod generated {
    wasmtime::component::bindgen!({
        path: "../wit/v0.1",
        world: "plugin",
        imports: { "innkeeper:plugin/calls.wait": async },
        exports: { default: async },
        with: { "wasi": wasmtime_wasi::p2::bindings },
        ownership: Borrowing { duplicate_if_necessary: true },
        require_store_data_send: true,
    });
}

use std::sync::Arc;

use wasmtime::Store;
use wasmtime::component::{HasSelf, Linker};

pub(crate) use generated::innkeeper::plugin::{
    acks, arriving, calls, cluster, config, emit, http, jwt, log, rate_limit, registering, rooms, sockets, store, timers, types,
};
pub(crate) use generated::{Plugin as Exports, PluginPre as ExportsPre};

use crate::adapter::Socket;
use crate::plugin::host::InstanceState;
use crate::plugin::instance::ExportResult;
use crate::plugin::{Event, Export};

/// What the linked host functions work on.
type Host = HasSelf<InstanceState>;

/// Enters the export that a call is for.
pub(crate) async fn enter(
    exports: &Exports,
    store: &mut Store<InstanceState>,
    id: u64,
    export: &Export,
    socket: Option<&Socket>,
) -> wasmtime::Result<ExportResult> {
    let sid = socket.map(Socket::id);
    let sid = sid.as_ref().map(|sid| sid.as_str());
    if let Export::Start = export {
        return exports.call_start(store, id).await.map(outcome);
    }
    if let Export::Timer(timer) = export {
        let namespace = socket.map(|socket| socket.namespace().name());
        let call = arriving::TimerCall { call: id, name: &timer.name, socket: sid, namespace, data: &timer.data };
        return exports.call_timer(store, call).await.map(outcome);
    }
    let (Some(socket), Some(sid)) = (socket, sid) else { return Err(wasmtime::Error::msg("a call about a socket has none")) };
    let namespace = socket.namespace().name();
    let returned = match export {
        Export::ConnectMiddleware => verdict(exports.call_connect_middleware(store, id, sid, namespace).await?),
        Export::Connection { kind } => outcome(exports.call_connection(store, id, sid, namespace, kind).await?),
        Export::EventMiddleware(event) => {
            let attachments = slices(event);
            verdict(exports.call_event_middleware(store, event_call(id, sid, namespace, event, &attachments)).await?)
        }
        Export::Event(event) => {
            let attachments = slices(event);
            outcome(exports.call_event(store, event_call(id, sid, namespace, event, &attachments)).await?)
        }
        Export::Disconnecting { reason } => outcome(exports.call_disconnecting(store, id, sid, namespace, reason).await?),
        Export::Disconnect { reason } => outcome(exports.call_disconnect(store, id, sid, namespace, reason).await?),
        Export::Start | Export::Timer(_) => return Err(wasmtime::Error::msg("entered above")),
    };
    Ok(returned)
}

fn outcome(outcome: types::Outcome) -> ExportResult {
    ExportResult::Outcome(outcome)
}

fn verdict(verdict: types::Verdict) -> ExportResult {
    ExportResult::Verdict(verdict)
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

/// Links everything that this version imports, but WASI.
pub(crate) fn link(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    let host: fn(&mut InstanceState) -> &mut InstanceState = |state| state;
    emit::add_to_linker::<_, Host>(linker, host)?;
    rooms::add_to_linker::<_, Host>(linker, host)?;
    sockets::add_to_linker::<_, Host>(linker, host)?;
    acks::add_to_linker::<_, Host>(linker, host)?;
    calls::add_to_linker::<_, Host>(linker, host)?;
    timers::add_to_linker::<_, Host>(linker, host)?;
    store::add_to_linker::<_, Host>(linker, host)?;
    jwt::add_to_linker::<_, Host>(linker, host)?;
    rate_limit::add_to_linker::<_, Host>(linker, host)?;
    http::add_to_linker::<_, Host>(linker, host)?;
    cluster::add_to_linker::<_, Host>(linker, host)?;
    log::add_to_linker::<_, Host>(linker, host)?;
    config::add_to_linker::<_, Host>(linker, host)?;
    types::add_to_linker::<_, Host>(linker, host)
}

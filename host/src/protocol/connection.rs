//! The Socket.IO side of one connection: decodes its packets, in the order received, and acts on them.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{SystemTime, UNIX_EPOCH};

use innkeeper_contract::limits::{AUTH_BYTES_MAX, NAMESPACE_NAME_BYTES_MAX};
use innkeeper_contract::refusals::{AUTH_TOO_LARGE, INTERNAL_ERROR, INVALID_NAMESPACE};
use tokio::time::Sleep;

use super::limits::ConnectionLimits;
use super::sockets::{ConnectionSockets, NamespaceSlot};
use crate::adapter::{Adapter, Handshake, Socket, SocketId, SocketState};
use crate::dispatch::{Dispatcher, Queue};
use crate::engine::{EngineRequest, Outbox, Protocol};
use crate::frame::SocketShare;
use crate::json;
use crate::limit_hits::{LimitHit, LimitHits};
use crate::packet::{
    ClientPacket, DecodeError, PacketType, PartialPacket, Payload, connect_error_packet, decode, disconnect_packet, split_event,
};
use crate::plugin::Event;
use crate::reason::DisconnectReason;
use crate::request::Request;
use crate::steady_rate::RateUse;

/// The Socket.IO side of a connection. Owned and polled by the connection's task.
pub(super) struct Connection {
    dispatcher: Arc<Dispatcher>,
    adapter: Arc<Adapter>,
    limits: ConnectionLimits,
    limit_hits: Arc<LimitHits>,
    request: Arc<Request>,
    outbox: Arc<Outbox>,
    sockets: ConnectionSockets,
    partial: Option<Box<PartialPacket>>,
    /// So much is counted of what was received and has not been handled.
    received_steps: usize,
    /// Runs until a socket of the connection is connected.
    connect_timeout: Option<Pin<Box<Sleep>>>,
    /// How far the client has used `limits.events`.
    events: RateUse,
    is_closed: bool,
}

impl Connection {
    pub(super) fn new(
        dispatcher: Arc<Dispatcher>,
        adapter: Arc<Adapter>,
        limits: ConnectionLimits,
        limit_hits: Arc<LimitHits>,
        request: Arc<Request>,
        outbox: Arc<Outbox>,
    ) -> Self {
        let connect_timeout = Some(Box::pin(tokio::time::sleep(limits.connect_timeout)));
        Self {
            dispatcher,
            adapter,
            limits,
            limit_hits,
            request,
            outbox,
            sockets: ConnectionSockets::default(),
            partial: None,
            received_steps: 0,
            connect_timeout,
            events: RateUse::unused(),
            is_closed: false,
        }
    }

    /// Acts on a packet whose attachments have all arrived.
    fn packet(&mut self, packet: &ClientPacket<'_>, attachments: Vec<Vec<u8>>) -> Result<(), DisconnectReason> {
        match packet.packet_type {
            PacketType::Connect => self.connect(packet.namespace, packet.body),
            PacketType::Disconnect if packet.body.is_empty() => self.disconnect(packet.namespace),
            PacketType::Disconnect => Err(DisconnectReason::ForcedClose),
            PacketType::Event => self.event(packet, attachments),
            PacketType::Ack => self.ack(packet, attachments),
        }
    }

    fn connect(&mut self, namespace: &str, auth: &str) -> Result<(), DisconnectReason> {
        if let NamespaceSlot::Occupied(_) = self.sockets.slot(namespace) {
            return Err(DisconnectReason::ForcedClose);
        }
        if !auth.is_empty() {
            json::object(auth).map_err(|_| DisconnectReason::ForcedClose)?;
        }
        self.check_refused()?;
        if !self.dispatcher.registry.serves(namespace) {
            if namespace.len() > NAMESPACE_NAME_BYTES_MAX {
                self.limit_hits.hit(LimitHit::NamespaceNameBytes);
            }
            self.refuse(namespace, INVALID_NAMESPACE);
        } else if self.sockets.len() >= self.limits.namespaces {
            self.limit_hits.hit(LimitHit::NamespacesPerConnection);
            self.refuse(namespace, "Too many namespaces");
        } else if auth.len() > AUTH_BYTES_MAX {
            self.limit_hits.hit(LimitHit::AuthBytes);
            self.refuse(namespace, AUTH_TOO_LARGE);
        } else if let Some(socket) = self.pending_socket(namespace, auth) {
            self.sockets.push(namespace, Queue::connect(self.dispatcher.clone(), socket));
        } else {
            self.refuse(namespace, INTERNAL_ERROR);
        }
        Ok(())
    }

    /// A pending socket, for the connect chain of its queue.
    fn pending_socket(&self, namespace: &str, auth: &str) -> Option<Arc<Socket>> {
        let id = SocketId::random();
        let id = id.inspect_err(|error| tracing::error!(%error, "the system gives no randomness: no client can connect")).ok()?;
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let handshake = Handshake {
            request: self.request.clone(),
            auth: (!auth.is_empty()).then(|| auth.into()),
            issued_ms: u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX),
        };
        Some(Arc::new(Socket::new(id, self.adapter.namespace(namespace), handshake, self.outbox.clone())))
    }

    fn refuse(&mut self, namespace: &str, message: &str) {
        self.sockets.note_refused();
        self.outbox.enqueue(SocketShare::CONNECTION, connect_error_packet(namespace, message, None).frames(), false);
    }

    fn disconnect(&mut self, namespace: &str) -> Result<(), DisconnectReason> {
        match self.sockets.slot(namespace) {
            NamespaceSlot::Occupied(queue) => {
                disconnect(queue.socket(), DisconnectReason::ClientNamespaceDisconnect, false);
                Ok(())
            }
            NamespaceSlot::EndedByServer => Ok(()),
            NamespaceSlot::Free => Err(DisconnectReason::ForcedClose),
        }
    }

    fn event(&mut self, packet: &ClientPacket<'_>, attachments: Vec<Vec<u8>>) -> Result<(), DisconnectReason> {
        if packet.body.is_empty() {
            // No handler can be for an event without a name; Node's server goes on too.
            return Ok(());
        }
        self.check_rate()?;
        let (name, args) = split_event(packet.body, attachments.len()).map_err(|_| DisconnectReason::ForcedClose)?;
        if innkeeper_contract::events::is_reserved(&name) {
            return Err(DisconnectReason::ForcedClose);
        }
        match self.sockets.slot(packet.namespace) {
            NamespaceSlot::Occupied(queue) if queue.socket().state() == SocketState::Connected => {
                queue.socket().namespace().events().received(&name);
                let payload = Payload { args, attachments };
                queue.push(Event { name: name.into_owned(), payload, ack: packet.ack });
                self.check_backlog()
            }
            NamespaceSlot::EndedByServer => Ok(()),
            NamespaceSlot::Occupied(_) | NamespaceSlot::Free => Err(DisconnectReason::ForcedClose),
        }
    }

    /// The answer to a question. It goes to the question at once and never waits in a queue.
    fn ack(&mut self, packet: &ClientPacket<'_>, attachments: Vec<Vec<u8>>) -> Result<(), DisconnectReason> {
        // Clients that acknowledge without arguments may leave the array out.
        let args = if packet.body.is_empty() { "[]" } else { packet.body };
        json::array(args, attachments.len()).map_err(|_| DisconnectReason::ForcedClose)?;
        match self.sockets.slot(packet.namespace) {
            NamespaceSlot::Occupied(queue) => {
                if let Some(ack) = packet.ack {
                    queue.socket().answer(ack, Payload { args: args.to_owned(), attachments });
                }
                Ok(())
            }
            NamespaceSlot::EndedByServer => Ok(()),
            NamespaceSlot::Free => Err(DisconnectReason::ForcedClose),
        }
    }

    /// Whether the connection may ask for one more namespace.
    fn check_refused(&self) -> Result<(), DisconnectReason> {
        if self.sockets.refused() < self.limits.refused {
            return Ok(());
        }
        self.limit_hits.hit(LimitHit::RefusedConnects);
        let conn = self.outbox.connection();
        tracing::debug!(conn, "disconnected: the connection was refused as often as [limits] refused_connects_max allows");
        Err(DisconnectReason::ForcedClose)
    }

    fn check_rate(&mut self) -> Result<(), DisconnectReason> {
        match &self.limits.events {
            Some(rate) if !self.events.take(rate) => {
                self.limit_hits.hit(LimitHit::EventsPerSecond);
                Err(DisconnectReason::InboundLimit)
            }
            _ => Ok(()),
        }
    }

    fn check_backlog(&mut self) -> Result<(), DisconnectReason> {
        let mut backlog = self.sockets.backlog();
        backlog.bytes += self.partial.as_ref().map_or(0, |partial| partial.len());
        self.count_received(backlog.bytes);
        if backlog.exceeds(self.limits.most) {
            self.limit_hits.hit(LimitHit::InboundMost);
            return Err(DisconnectReason::InboundLimit);
        }
        Ok(())
    }
}

/// What waits to be handled is counted in steps of so many bytes, so that the usual event is not counted at all.
const RECEIVED_STEP: usize = 64 * 1024;

impl Connection {
    /// Counts what was received and has not been handled, if that has changed by a step.
    fn count_received(&mut self, bytes: usize) {
        let steps = if self.is_closed { 0 } else { bytes / RECEIVED_STEP };
        if steps != self.received_steps {
            self.received_steps = steps;
            self.outbox.count_received(steps * RECEIVED_STEP);
        }
    }
}

impl Protocol for Connection {
    fn text(&mut self, message: &str) -> Result<(), DisconnectReason> {
        if self.partial.is_some() {
            return Err(DisconnectReason::ForcedClose);
        }
        let packet = decode(message, self.limits.attachments).map_err(|error| {
            if error == DecodeError::TooManyAttachments {
                self.limit_hits.hit(LimitHit::AttachmentsPerPacket);
            }
            DisconnectReason::ForcedClose
        })?;
        if packet.attachments > 0 {
            self.partial = Some(Box::new(PartialPacket::new(&packet)));
            return Ok(());
        }
        self.packet(&packet, Vec::new())
    }

    fn binary(&mut self, message: &[u8]) -> Result<(), DisconnectReason> {
        let Some(mut partial) = self.partial.take() else { return Err(DisconnectReason::ForcedClose) };
        if !partial.push(message) {
            self.partial = Some(partial);
            return self.check_backlog();
        }
        let attachments = partial.take_attachments();
        self.packet(&partial.packet(), attachments)
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<EngineRequest> {
        self.sockets.poll(context);
        if self.received_steps > 0 {
            let partial = self.partial.as_ref().map_or(0, |partial| partial.len());
            self.count_received(self.sockets.backlog().bytes + partial);
        }
        if self.is_closed {
            return if self.sockets.len() == 0 { Poll::Ready(EngineRequest::Done) } else { Poll::Pending };
        }
        if let Some(timeout) = &mut self.connect_timeout {
            if self.sockets.sockets().any(|socket| socket.state() == SocketState::Connected) {
                self.connect_timeout = None;
            } else if timeout.as_mut().poll(context).is_ready() {
                self.limit_hits.hit(LimitHit::ConnectTimeout);
                return Poll::Ready(EngineRequest::Close(DisconnectReason::ForcedClose));
            }
        }
        Poll::Pending
    }

    /// With too many waiting events reading pauses, but not while a question to this client is open: its answer may be what all
    /// of them wait for.
    fn accepts(&self) -> bool {
        !self.sockets.backlog().exceeds(self.limits.high) || self.sockets.sockets().any(|socket| socket.has_open_question())
    }

    fn disconnect_socket(&mut self, socket: SocketShare) -> Option<Arc<str>> {
        let socket = self.sockets.sockets().find(|one| one.share() == socket)?;
        disconnect(socket, DisconnectReason::SlowConsumer, true);
        Some(socket.namespace().name().into())
    }

    fn closing(&mut self) {
        for socket in self.sockets.sockets() {
            disconnect(socket, DisconnectReason::ServerNamespaceDisconnect, true);
        }
    }

    fn closed(&mut self, reason: DisconnectReason) {
        self.is_closed = true;
        self.partial = None;
        // What is left is handled within the time of a call, and nobody can be disconnected for it any more.
        self.count_received(0);
        self.connect_timeout = None;
        for socket in self.sockets.sockets() {
            disconnect(socket, reason, false);
        }
    }
}

/// Disconnects a socket; its queue notices that and runs the handlers.
fn disconnect(socket: &Arc<Socket>, reason: DisconnectReason, send_packet: bool) {
    let namespace = socket.namespace();
    let last = (send_packet && socket.state() == SocketState::Connected).then(|| disconnect_packet(namespace.name()));
    namespace.lock().disconnect(socket, reason, last);
}

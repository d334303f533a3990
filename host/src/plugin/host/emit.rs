//! `emit`: events to sockets and rooms, and questions to them.

use std::sync::Arc;
use std::time::Duration;

use innkeeper_contract::{Refusal, flags, refusals};
use tokio::time::Instant;

use super::state::{ActiveCall, InstanceState, hold};
use super::target::GuestTarget;
use super::ticket::Ticket;
use crate::adapter::{QuestionAnswers, Socket, SocketState};
use crate::effect::{Flags, QuestionTarget, Write};
use crate::packet::{Message, Payload};
use crate::plugin::call::Export;
use crate::plugin::validate;

/// What the host keeps for each socket that is asked: places in two tables.
const ASKED_SOCKET_BYTES: usize = 200;

impl InstanceState {
    /// Emits an event to one socket.
    pub(crate) fn emit_to_socket(
        &mut self,
        socket: &str,
        name: String,
        payload: Payload,
        flags: &[String],
    ) -> Result<(), Refusal> {
        let message = self.message(name, payload)?;
        let Some(socket) = self.find(socket)? else { return Ok(()) };
        let flags = Flags { volatile: flags.iter().any(|flag| flag == flags::VOLATILE), local: false };
        self.record(Write::emit(socket, message, flags))
    }

    /// Emits an event to all sockets that match.
    pub(crate) fn emit_to_rooms(&mut self, target: GuestTarget, name: String, payload: Payload) -> Result<(), Refusal> {
        let message = self.message(name, payload)?;
        let mut targets = self.emit_targets(target)?;
        let Some(last) = targets.pop() else { return Ok(()) };
        // All of them or none.
        let before = self.active()?.recorded.len();
        for target in targets {
            self.record_behind(before, Write::broadcast(target, message.clone()))?;
        }
        self.record_behind(before, Write::broadcast(last, message))
    }

    /// Records a write; if it is refused, those behind the first so many are taken back.
    fn record_behind(&mut self, before: usize, write: Write) -> Result<(), Refusal> {
        let recorded = self.record(write);
        if recorded.is_err() {
            self.active()?.recorded.truncate(before);
        }
        recorded
    }

    /// Asks one client for an ack. Returns the ticket.
    pub(crate) fn ask_socket(
        &mut self,
        socket: &str,
        name: String,
        payload: Payload,
        timeout_ms: Option<u32>,
    ) -> Result<u64, Refusal> {
        let target = QuestionTarget::Socket(self.socket(socket)?);
        self.ask(target, name, payload, timeout_ms)
    }

    /// Asks the clients of all sockets that match.
    pub(crate) fn ask_rooms(
        &mut self,
        target: GuestTarget,
        name: String,
        payload: Payload,
        timeout_ms: Option<u32>,
    ) -> Result<u64, Refusal> {
        let target = QuestionTarget::Rooms(self.target(target)?);
        self.ask(target, name, payload, timeout_ms)
    }

    /// Takes what the clients answered.
    pub(crate) fn take_client_answers(&mut self, ticket: u64) -> Result<QuestionAnswers, Refusal> {
        self.active()?.tickets.take_client_answers(ticket)
    }

    fn ask(&mut self, target: QuestionTarget, name: String, payload: Payload, timeout_ms: Option<u32>) -> Result<u64, Refusal> {
        let message = self.message(name, payload)?;
        let sockets = match &target {
            QuestionTarget::Socket(_) => 1,
            QuestionTarget::Rooms(target) => target.namespace.lock().count_at_most(&target.rooms),
        };
        let held = hold(&self.context.plugin, sockets * ASKED_SOCKET_BYTES)?;
        let active = self.begin_question()?;
        if active.is_muted() {
            return Err(refusals::resumed());
        }
        let one = match &target {
            QuestionTarget::Socket(socket) if !active.can_ask(socket) => return Err(refusals::pending()),
            QuestionTarget::Socket(_) => true,
            QuestionTarget::Rooms(_) => false,
        };
        let left = active.ends_at.saturating_duration_since(Instant::now());
        let timeout = timeout_ms.map_or(left, |ms| left.min(Duration::from_millis(ms.into())));
        let (write, asked) = Write::question(target, message, held, timeout);
        self.record_question(write)?;
        Ok(self.active()?.tickets.add(Ticket::clients(asked, one)))
    }

    fn message(&self, name: String, payload: Payload) -> Result<Message, Refusal> {
        validate::event_name(&name)?;
        let payload = validate::payload(payload, self.context.call_limits.attachments)?;
        Ok(Message { name, payload })
    }
}

impl ActiveCall {
    /// Whether the client of this socket can be asked: not before its connect middleware has ended. In `shared` mode the question leaves
    /// with the entry, and the entry of the socket's own `connection` adds the socket to its namespace first.
    fn can_ask(&self, socket: &Arc<Socket>) -> bool {
        let is_own_connection = || {
            matches!(self.call.export, Export::Connection { .. })
                && self.call.socket.as_ref().is_some_and(|own| Arc::ptr_eq(own, socket))
        };
        socket.state() != SocketState::Pending || self.is_shared() && is_own_connection()
    }
}

//! `emit`: events to sockets and rooms, and questions to them.

use innkeeper_contract::{Refusal, flags, refusals};

use super::state::{InstanceState, hold};
use super::target::GuestTarget;
use super::ticket::Ticket;
use crate::adapter::{QuestionAnswers, SocketState};
use crate::effect::{Flags, QuestionTarget, Write};
use crate::packet::{Message, Payload};
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
        let target = self.target(target)?;
        self.record(Write::broadcast(target, message))
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
        self.ask(&target, name, payload, timeout_ms)
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
        self.ask(&target, name, payload, timeout_ms)
    }

    /// Takes what the clients answered.
    pub(crate) fn take_client_answers(&mut self, ticket: u64) -> Result<QuestionAnswers, Refusal> {
        self.active()?.tickets.take_client_answers(ticket)
    }

    fn ask(&mut self, target: &QuestionTarget, name: String, payload: Payload, timeout_ms: Option<u32>) -> Result<u64, Refusal> {
        let message = self.message(name, payload)?;
        let sockets = match target {
            QuestionTarget::Socket(_) => 1,
            QuestionTarget::Rooms(target) => target.namespace.lock().count_at_most(&target.rooms),
        };
        let held = hold(&self.context.plugin, sockets * ASKED_SOCKET_BYTES)?;
        let active = self.begin_question()?;
        let one = match target {
            QuestionTarget::Socket(socket) if socket.state() == SocketState::Pending => return Err(refusals::pending()),
            QuestionTarget::Socket(_) => true,
            QuestionTarget::Rooms(_) => false,
        };
        let (ack, question) = active.call.effects.ask(target, &message, held);
        Ok(active.tickets.add(Ticket::clients(ack, question, one, timeout_ms, active.ends_at)))
    }

    fn message(&self, name: String, payload: Payload) -> Result<Message, Refusal> {
        validate::event_name(&name)?;
        let payload = validate::payload(payload, self.context.plugin.call_limits.attachments)?;
        Ok(Message { name, payload })
    }
}

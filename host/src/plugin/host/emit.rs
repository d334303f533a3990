//! `emit`: events to sockets and rooms, and questions to them.

use innkeeper_contract::{Refusal, flags, refusals};

use super::state::InstanceState;
use super::target::GuestTarget;
use super::ticket::Ticket;
use crate::adapter::{QuestionAnswers, SocketState};
use crate::effect::{QuestionTarget, Write, event_packet};
use crate::json::Payload;
use crate::plugin::validate;

impl InstanceState {
    /// Emits an event to one socket.
    pub(crate) fn emit_to_socket(&mut self, socket: &str, name: &str, payload: Payload, flags: &[String]) -> Result<(), Refusal> {
        let payload = self.checked_event(name, payload)?;
        let Some(socket) = self.find(socket)? else { return Ok(()) };
        let packet = event_packet(socket.namespace().name(), name, &payload, None);
        let volatile = flags.iter().any(|flag| flag == flags::VOLATILE);
        self.record(Write::Emit { socket, packet, volatile })
    }

    /// Emits an event to all sockets that match.
    pub(crate) fn emit_to_rooms(&mut self, target: GuestTarget, name: &str, payload: Payload) -> Result<(), Refusal> {
        let payload = self.checked_event(name, payload)?;
        let volatile = target.has_flag(flags::VOLATILE);
        let target = self.target(target)?;
        let packet = event_packet(target.namespace.name(), name, &payload, None);
        self.record(Write::Broadcast { target, packet, volatile })
    }

    /// Asks one client for an ack. Returns the ticket.
    pub(crate) fn ask_socket(
        &mut self,
        socket: &str,
        name: &str,
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
        name: &str,
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

    fn ask(&mut self, target: &QuestionTarget, name: &str, payload: Payload, timeout_ms: Option<u32>) -> Result<u64, Refusal> {
        let payload = self.checked_event(name, payload)?;
        let active = self.begin_question()?;
        let (namespace, one) = match target {
            QuestionTarget::Socket(socket) if socket.state() == SocketState::Pending => return Err(refusals::pending()),
            QuestionTarget::Socket(socket) => (socket.namespace().clone(), true),
            QuestionTarget::Rooms(target) => (target.namespace.clone(), false),
        };
        let mut packet = |ack| event_packet(namespace.name(), name, &payload, Some(ack));
        let (ack, question) = active.call.effects.ask(target, &mut packet);
        Ok(active.tickets.add(Ticket::clients(ack, question, one, timeout_ms, active.ends_at)))
    }

    fn checked_event(&self, name: &str, payload: Payload) -> Result<Payload, Refusal> {
        validate::event_name(name)?;
        validate::payload(payload, self.context.plugin.call_limits.attachments)
    }
}

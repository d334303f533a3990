//! `emit`: events to sockets and rooms, and questions to them.

use super::InstanceState;
use super::ticket::Ticket;
use crate::adapter::SocketState;
use crate::effect::{QuestionTarget, Write, event_packet};
use crate::plugin::bindings::v0_1::emit::{Answers, Host, Response};
use crate::plugin::bindings::v0_1::types::{Failure, PayloadResult as Payload, Target};
use crate::plugin::validate::{self, refusal};

impl Host for InstanceState {
    fn to_socket(&mut self, socket: String, name: String, payload: Payload, flags: Vec<String>) -> Result<(), Failure> {
        validate::event_name(&name)?;
        let payload = validate::payload(payload, self.context.limits.attachments)?;
        let Some(socket) = self.find(&socket)? else { return Ok(()) };
        let packet = event_packet(socket.namespace().name(), &name, &payload, None);
        let volatile = flags.iter().any(|flag| flag == "volatile");
        self.record(Write::Emit { socket, packet, volatile })
    }

    fn to_rooms(&mut self, target: Target, name: String, payload: Payload) -> Result<(), Failure> {
        validate::event_name(&name)?;
        let payload = validate::payload(payload, self.context.limits.attachments)?;
        let (target, flags) = self.target(target)?;
        let packet = event_packet(target.namespace.name(), &name, &payload, None);
        self.record(Write::Broadcast { target, packet, volatile: flags.volatile })
    }

    fn ask_socket(&mut self, socket: String, name: String, payload: Payload, timeout_ms: Option<u32>) -> Result<u64, Failure> {
        let asked = QuestionTarget::Socket(self.socket(&socket)?);
        self.ask(asked, &name, payload, timeout_ms)
    }

    fn ask_rooms(&mut self, target: Target, name: String, payload: Payload, timeout_ms: Option<u32>) -> Result<u64, Failure> {
        let asked = QuestionTarget::Rooms(self.target(target)?.0);
        self.ask(asked, &name, payload, timeout_ms)
    }

    fn responses(&mut self, ticket: u64) -> Result<Answers, Failure> {
        let answers = self.active()?.tickets.take_answers(ticket)?;
        let response = |(id, payload): (crate::adapter::SocketId, crate::json::Payload)| {
            let payload = Payload { args: payload.args, attachments: payload.attachments };
            Response { socket: id.to_string(), payload }
        };
        let names = |ids: Vec<crate::adapter::SocketId>| ids.iter().map(ToString::to_string).collect();
        Ok(Answers {
            responses: answers.responses.into_iter().map(response).collect(),
            missing: names(answers.missing),
            timed_out: names(answers.timed_out),
        })
    }
}

impl InstanceState {
    fn ask(&mut self, asked: QuestionTarget, name: &str, payload: Payload, timeout_ms: Option<u32>) -> Result<u64, Failure> {
        validate::event_name(name)?;
        let payload = validate::payload(payload, self.context.limits.attachments)?;
        let active = self.active()?;
        active.tickets.check_count()?;
        active.flush();
        let (namespace, one) = match &asked {
            QuestionTarget::Socket(socket) if socket.state() == SocketState::Pending => {
                return Err(refusal("pending", "the socket's connect middleware has not ended: its client cannot be asked yet"));
            }
            QuestionTarget::Socket(socket) => (socket.namespace().clone(), true),
            QuestionTarget::Rooms(target) => (target.namespace.clone(), false),
        };
        let mut packet = |ack| event_packet(namespace.name(), name, &payload, Some(ack));
        let (ack, question) = active.call.effects.ask(&asked, &mut packet);
        Ok(active.tickets.add(Ticket::clients(ack, question, one, timeout_ms, active.ends_at)))
    }
}

//! From what an export returned to how the call ended.

use innkeeper_contract::limits::EVENT_NAME_BYTES_MAX;

use super::call::{Call, CallOutcome, Export, FailureKind};
use super::contract::ExportResult;
use super::failure::Failure;
use crate::effect::Write;
use crate::json;
use crate::packet::Payload;

/// How a call ended, and the ack that its handler returned: the last of its writes.
pub(super) struct Ended {
    pub(super) outcome: CallOutcome,
    pub(super) ack: Option<Write>,
}

/// How a call ended that returned this. The error is for the log: the plugin broke.
pub(super) fn outcome(returned: ExportResult, call: &Call, attachments_max: usize) -> Result<Ended, String> {
    let mut ack = None;
    let outcome = match returned {
        ExportResult::Done(None) => CallOutcome::Done,
        ExportResult::Done(Some(reply)) => {
            ack = returned_ack(call, reply, attachments_max)?;
            CallOutcome::Done
        }
        ExportResult::Rewritten { name, payload } => rewritten(call, name, payload, attachments_max)?,
        ExportResult::Rejected(failure) => CallOutcome::Rejected(checked_failure(failure)?),
        ExportResult::Failed(failure) => CallOutcome::Failed { failure: checked_failure(failure)?, kind: FailureKind::Reported },
        ExportResult::Waiting => return Err("it answered `waiting`, which only a `shared` plugin may".into()),
    };
    Ok(Ended { outcome, ack })
}

/// Bytes of what an export returned.
pub(super) fn bytes(returned: &ExportResult) -> usize {
    match returned {
        ExportResult::Done(reply) => reply.as_ref().map_or(0, Payload::len),
        ExportResult::Rewritten { name, payload } => name.len() + payload.len(),
        ExportResult::Rejected(failure) | ExportResult::Failed(failure) => failure.len(),
        ExportResult::Waiting => 0,
    }
}

/// The ack that a handler returned, if the client asked for one.
fn returned_ack(call: &Call, reply: Payload, attachments_max: usize) -> Result<Option<Write>, String> {
    let payload = checked_payload(reply, attachments_max)?;
    if let Export::ServerEvent(event) = &call.export {
        let Some(reply) = event.reply.clone() else { return Ok(None) };
        if !payload.attachments.is_empty() {
            return Err("it answered a server event with binary, which does not travel between servers".to_owned());
        }
        return Ok(Some(Write::Reply { reply, payload }));
    }
    let (Export::Event(event), Some(socket)) = (&call.export, &call.socket) else { return Ok(None) };
    let Some(ack) = event.ack else { return Ok(None) };
    Ok(Some(Write::ack(socket.clone(), ack, payload)))
}

fn rewritten(call: &Call, name: String, payload: Payload, attachments_max: usize) -> Result<CallOutcome, String> {
    let Export::EventMiddleware(_) = call.export else { return Err("only event middleware may rewrite".into()) };
    if innkeeper_contract::events::is_reserved(&name) {
        return Err(format!("it rewrote an event to the reserved name {name:?}"));
    }
    if name.len() > EVENT_NAME_BYTES_MAX {
        return Err(format!("it rewrote an event to a name of {} bytes, more than {EVENT_NAME_BYTES_MAX}", name.len()));
    }
    Ok(CallOutcome::Rewritten { name, payload: checked_payload(payload, attachments_max)? })
}

fn checked_payload(payload: Payload, attachments_max: usize) -> Result<Payload, String> {
    if payload.attachments.len() > attachments_max {
        let found = payload.attachments.len();
        return Err(format!("it returned {found} attachments, more than the {attachments_max} of a packet (attachments_max)"));
    }
    payload.validate().map_err(|fault| format!("it returned args that are no JSON array: {fault}"))
}

/// A failure that the plugin reported, fit for a client.
fn checked_failure(failure: Failure) -> Result<Failure, String> {
    if let Some(data) = &failure.data {
        json::value(data).map_err(|fault| format!("the data of its failure is not JSON: {fault}"))?;
    }
    Ok(failure)
}

//! What the operator learns of calls that failed: the log's lines, and the counters of bounds.

use std::fmt;
use std::time::Duration;

use innkeeper_contract::codes::SATURATED;

use super::call::{CallOutcome, Export, FailureKind};
use super::failure::Failure;
use super::failure_log::FailureLog;
use super::host::{CallTimeExceeded, GenerationContext};
use super::running::RunTimeExceeded;
use crate::adapter::Socket;
use crate::limit_hits::LimitHit;

/// Why a call broke. It becomes text only where a line is written.
pub(super) enum Cause {
    Told(String),
    Trap(wasmtime::Error),
    /// Its running time of so much was up.
    Ended(Duration, wasmtime::Error),
}

impl fmt::Display for Cause {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Told(cause) => out.write_str(cause),
            Self::Trap(error) => write!(out, "{error:?}"),
            Self::Ended(time, error) => write!(out, "{RunTimeExceeded} ({time:?}): {error:?}"),
        }
    }
}

/// Whether a timer is due that a generation before this one has set, and this one does not handle. The log says that it is dropped.
pub(super) fn has_no_handler(context: &GenerationContext, export: &Export) -> bool {
    let Export::Timer(timer) = export else { return false };
    if !context.has_timer_hook {
        context.plugin.failures.write(&context.label, None, || {
            (describe(export), format!("this generation handles no timers: {:?} is dropped", timer.id.name))
        });
    }
    !context.has_timer_hook
}

/// What an error of the guest is. A bound is counted.
pub(super) fn cause(context: &GenerationContext, error: wasmtime::Error) -> (FailureKind, Cause) {
    let limits = &context.config.limits;
    if error.is::<CallTimeExceeded>() {
        context.plugin.limit_hits.hit(LimitHit::CallTime);
        (FailureKind::CallTime, Cause::Told(format!("{CallTimeExceeded} ({:?})", limits.call_deadline)))
    } else if error.is::<RunTimeExceeded>() {
        context.plugin.limit_hits.hit(LimitHit::RunTime);
        (FailureKind::RunTime, Cause::Ended(limits.run_deadline, error))
    } else {
        (FailureKind::Broke, Cause::Trap(error))
    }
}

/// The end of a call that has waited for all of its time, because of this bound.
pub(super) fn saturated(context: &GenerationContext, bound: LimitHit, export: &Export, socket: Option<&Socket>) -> CallOutcome {
    context.plugin.limit_hits.hit(bound);
    failed(context, export, socket, || format!("the plugin was busy for all of call_ms ({})", bound.label()));
    let failure = Failure::new(SATURATED, "the server is busy, try again");
    CallOutcome::Failed { failure, kind: FailureKind::Saturated }
}

/// Logs a failure that the plugin reported, if no client learns of it.
pub(super) fn reported(context: &GenerationContext, export: &Export, socket: Option<&Socket>, outcome: &CallOutcome) {
    let (CallOutcome::Failed { failure, .. } | CallOutcome::Rejected(failure)) = outcome else { return };
    // Connect middleware that fails could not decide: the operator has to know of it, although the client does too.
    let undecided = matches!((outcome, export), (CallOutcome::Failed { .. }, Export::ConnectMiddleware));
    if failure.is_silent() {
        FailureLog::write_silent(&context.label, &describe(export), socket, &failure.message);
    } else if undecided || is_unseen_by_clients(export) {
        failed(context, export, socket, || failure.message.clone());
    }
}

/// Logs that a call failed, and why.
pub(super) fn failed(context: &GenerationContext, export: &Export, socket: Option<&Socket>, cause: impl FnOnce() -> String) {
    context.plugin.failures.write(&context.label, socket, || (describe(export), cause()));
}

/// What a call is about, for the log.
fn describe(export: &Export) -> String {
    match export {
        Export::ConnectMiddleware => "connect-middleware".into(),
        Export::Connection { .. } => "connection".into(),
        Export::EventMiddleware(event) => format!("event-middleware of {:?}", event.name),
        Export::Event(event) => format!("event {:?}", event.name),
        Export::Disconnecting(_) => "disconnecting".into(),
        Export::Disconnect(_) => "disconnect".into(),
        Export::Start { .. } => "start".into(),
        Export::Timer(timer) => format!("timer {:?}", timer.id.name),
        Export::ServerEvent(event) => format!("server-event {:?}", event.message.name),
        Export::Wake => "wake".into(),
        Export::Snapshot => "snapshot".into(),
        Export::Restore => "restore".into(),
    }
}

/// Whether no client requested this call: then a failure that the plugin itself reports would be lost without the log.
fn is_unseen_by_clients(export: &Export) -> bool {
    !matches!(export, Export::ConnectMiddleware | Export::EventMiddleware(_) | Export::Event(_))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Export, is_unseen_by_clients};
    use crate::adapter::TimerId;
    use crate::plugin::{Disconnection, Event, TimerCall};
    use crate::reason::DisconnectReason;

    #[test]
    fn failures_of_calls_that_no_client_requested_are_logged() {
        let event = || Arc::new(Event::default());
        let id = TimerId { name: "tick".into(), key: None };
        let timer = Arc::new(TimerCall { id, data: "null".into() });
        let disconnection = Disconnection { reason: DisconnectReason::TransportClose, details: None };
        let unasked = [
            Export::Start { instance: 0, kind: "new" },
            Export::Timer(timer),
            Export::Connection { kind: "new" },
            Export::Disconnecting(disconnection.clone()),
            Export::Disconnect(disconnection),
        ];
        assert!(unasked.iter().all(is_unseen_by_clients));
        let asked = [Export::ConnectMiddleware, Export::EventMiddleware(event()), Export::Event(event())];
        assert!(!asked.iter().any(is_unseen_by_clients));
    }
}

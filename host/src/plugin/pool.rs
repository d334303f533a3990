//! A generation in `pooled` mode: instances kept ready between calls, one call at a time in each.
//!
//! An instance leaves the pool for one call and comes back only if that call ended cleanly. A trap, a missed deadline or a
//! dropped future leaves its memory in an unknown state, so it is thrown away and the next call makes a new one. At the bound a
//! call waits its turn, at most its own time, and then fails as `SATURATED`.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use super::bindings::v0_1::{ExportsPre, types};
use super::failure_log::FailureLog;
use super::host::{ActiveCall, InstanceState, PluginContext};
use super::instance::{ExportResult, Instance, OverRunTime};
use super::{Call, CallOutcome, Export, Failure, PluginTimers, Runner, WasmEngine, validate};
use crate::effect::{Write, ack_packet};
use crate::json::{self, Payload};

/// An instance that nobody needed for so long is given back.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// What one plugin may use.
#[derive(Debug, Clone, Copy)]
pub(super) struct PoolLimits {
    pub(super) instances: usize,
    pub(super) run: Duration,
    pub(super) call: Duration,
}

/// One loaded version of a plugin.
pub(super) struct PooledGeneration {
    pub(super) name: Arc<str>,
    pub(super) engine: Arc<WasmEngine>,
    pub(super) pre: ExportsPre<InstanceState>,
    pub(super) context: Arc<PluginContext>,
    pub(super) limits: PoolLimits,
    /// One permit for each instance that may be.
    pub(super) permits: Semaphore,
    /// Most recently used last. Never held over an await.
    pub(super) idle: Mutex<Vec<Instance>>,
    pub(super) failures: FailureLog,
    pub(super) has_start: bool,
}

impl Runner for PooledGeneration {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn call(self: Arc<Self>, call: Call) -> Pin<Box<dyn Future<Output = CallOutcome> + Send>> {
        Box::pin(async move { self.run(call).await })
    }

    fn call_limit(&self) -> Duration {
        self.limits.call
    }

    fn timers(&self) -> Option<&Arc<PluginTimers>> {
        Some(&self.context.timers)
    }

    fn has_start(&self) -> bool {
        self.has_start
    }
}

impl PooledGeneration {
    async fn run(&self, call: Call) -> CallOutcome {
        let ends_at = Instant::now() + self.limits.call;
        let (export, socket) = (call.export.clone(), call.socket.clone());
        let what = || describe(&export);
        let Some(permit) = self.permit(ends_at).await else {
            let failure = Failure::new("SATURATED", "the server is busy, try again");
            self.failures.write(&what(), socket.as_deref(), "every instance was busy for all of call_ms");
            return CallOutcome::Failed { failure, broke: true };
        };
        // An instance belongs to its permit: dropping both, in whatever way this future ends, makes room for another.
        let run = async {
            let mut instance = self.acquire().await?;
            let (returned, active) = instance.enter(call, ends_at).await?;
            self.release(instance);
            Ok::<_, wasmtime::Error>((returned, active))
        };
        let ended = match timeout_at(ends_at, run).await {
            Ok(Ok((returned, Some(active)))) => finish(returned, active),
            Ok(Ok((_, None))) => Err("the call lost its state".into()),
            Ok(Err(error)) if error.is::<OverRunTime>() => Err(format!("{OverRunTime} ({:?}): {error:?}", self.limits.run)),
            Ok(Err(error)) => Err(format!("{error:?}")),
            Err(_) => Err(format!("it took longer than call_ms allows ({:?})", self.limits.call)),
        };
        drop(permit);
        if let Ok(CallOutcome::Failed { failure, .. }) = &ended
            && is_unheard_by_clients(&export)
        {
            self.failures.write(&what(), socket.as_deref(), &failure.message);
        }
        ended.unwrap_or_else(|cause| {
            self.failures.write(&what(), socket.as_deref(), &cause);
            CallOutcome::Failed { failure: Failure::neutral(), broke: true }
        })
    }

    async fn permit(&self, ends_at: Instant) -> Option<SemaphorePermit<'_>> {
        if let Ok(permit) = self.permits.try_acquire() {
            return Some(permit);
        }
        timeout_at(ends_at, self.permits.acquire()).await.ok()?.ok()
    }

    async fn acquire(&self) -> wasmtime::Result<Instance> {
        let idle = self.idle().pop();
        match idle {
            Some(instance) => Ok(instance),
            None => Instance::new(&self.engine, &self.pre, &self.context, self.limits.run).await,
        }
    }

    /// Keeps an instance for the next call.
    fn release(&self, mut instance: Instance) {
        instance.idle_since = Instant::now();
        self.idle().push(instance);
    }

    /// Lets go of instances that were idle for long. The most recently used serves first, so the longest idle stand in front.
    fn trim(&self) {
        let now = Instant::now();
        let stale: Vec<_> = {
            let mut idle = self.idle();
            let fresh_from = idle.partition_point(|instance| now.duration_since(instance.idle_since) > IDLE_MAX);
            idle.drain(..fresh_from).collect()
        };
        if !stale.is_empty() {
            tracing::debug!(plugin = &*self.context.label, instances = stale.len(), "idle instances were given back");
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Instance>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Trims a pool from time to time, until the plugin is gone.
pub(super) fn spawn_trimming(plugin: &Arc<PooledGeneration>) {
    let plugin = Arc::downgrade(plugin);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(IDLE_MAX).await;
            let Some(plugin) = plugin.upgrade() else { break };
            plugin.trim();
        }
    });
}

/// What a call is about, for the log.
fn describe(export: &Export) -> String {
    match export {
        Export::ConnectMiddleware => "connect-middleware".into(),
        Export::Connection { .. } => "connection".into(),
        Export::EventMiddleware(event) => format!("event-middleware of {:?}", event.name),
        Export::Event(event) => format!("event {:?}", event.name),
        Export::Disconnecting { .. } => "disconnecting".into(),
        Export::Disconnect { .. } => "disconnect".into(),
        Export::Start => "start".into(),
        Export::Timer(timer) => format!("timer {:?}", timer.name),
    }
}

/// Whether no client asked for this: then a failure that the plugin itself reports would be known to nobody but the log.
fn is_unheard_by_clients(export: &Export) -> bool {
    !matches!(export, Export::ConnectMiddleware | Export::EventMiddleware(_) | Export::Event(_))
}

/// What an export returned becomes how the call ended, and what it recorded leaves or is dropped. The error is for the log: the
/// plugin broke.
fn finish(returned: ExportResult, active: ActiveCall) -> Result<CallOutcome, String> {
    let ActiveCall { call, mut recorded, .. } = active;
    let ended = match returned {
        ExportResult::Outcome(types::Outcome::Done(None)) | ExportResult::Verdict(types::Verdict::Pass) => CallOutcome::Done,
        ExportResult::Outcome(types::Outcome::Done(Some(reply))) => {
            recorded.extend(returned_ack(&call, reply)?);
            CallOutcome::Done
        }
        ExportResult::Verdict(types::Verdict::Rewrite(rewrite)) => rewritten(&call, rewrite)?,
        ExportResult::Verdict(types::Verdict::Reject(failure)) => CallOutcome::Rejected(checked_failure(failure)?),
        ExportResult::Outcome(types::Outcome::Failed(failure)) | ExportResult::Verdict(types::Verdict::Failed(failure)) => {
            return Ok(CallOutcome::Failed { failure: checked_failure(failure)?, broke: false });
        }
        ExportResult::Outcome(types::Outcome::Waiting) | ExportResult::Verdict(types::Verdict::Waiting) => {
            return Err("it answered `waiting`, which only a `shared` plugin may".into());
        }
    };
    if !recorded.is_empty() {
        call.effects.apply(&mut recorded);
    }
    Ok(ended)
}

/// The ack that a handler returned, if the client asked for one.
fn returned_ack(call: &Call, reply: types::PayloadResult) -> Result<Option<Write>, String> {
    let payload = checked_payload(reply)?;
    let (Export::Event(event), Some(socket)) = (&call.export, &call.socket) else { return Ok(None) };
    let Some(ack) = event.ack else { return Ok(None) };
    let packet = ack_packet(socket.namespace().name(), ack, &payload);
    Ok(Some(Write::Ack { socket: socket.clone(), ack, packet }))
}

fn rewritten(call: &Call, rewrite: types::Rewrite) -> Result<CallOutcome, String> {
    let Export::EventMiddleware(_) = call.export else { return Err("only event middleware may rewrite".into()) };
    if validate::is_reserved(&rewrite.name) {
        return Err(format!("it rewrote an event to the reserved name {:?}", rewrite.name));
    }
    Ok(CallOutcome::Rewritten { name: rewrite.name, payload: checked_payload(rewrite.payload)? })
}

fn checked_payload(payload: types::PayloadResult) -> Result<Payload, String> {
    let payload = Payload { args: payload.args, attachments: payload.attachments };
    payload.validate().map_err(|fault| format!("it returned args that are no JSON array: {fault}"))
}

/// A failure of the guest's own, fit to be told.
fn checked_failure(failure: types::Failure) -> Result<Failure, String> {
    if let Some(data) = &failure.data {
        json::value(data).map_err(|fault| format!("the data of its failure is not JSON: {fault}"))?;
    }
    Ok(Failure { code: failure.code, message: failure.message, data: failure.data })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Export, is_unheard_by_clients};
    use crate::plugin::{Event, TimerCall};

    #[test]
    fn what_no_client_asked_for_fails_into_the_log() {
        let event = || Arc::new(Event::default());
        let timer = Arc::new(TimerCall { name: "tick".into(), data: "null".into() });
        let reason = "transport close";
        let unasked = [
            Export::Start,
            Export::Timer(timer),
            Export::Connection { kind: "new" },
            Export::Disconnecting { reason },
            Export::Disconnect { reason },
        ];
        assert!(unasked.iter().all(is_unheard_by_clients));
        let asked = [Export::ConnectMiddleware, Export::EventMiddleware(event()), Export::Event(event())];
        assert!(!asked.iter().any(is_unheard_by_clients));
    }
}

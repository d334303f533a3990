//! A generation of a plugin in `pooled` mode: one loaded version of it, which runs calls.
//!
//! While every instance of the pool is in use, a call waits for one, at most as long as the call may take, and then fails with
//! the code `SATURATED`.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use innkeeper_contract::codes::SATURATED;
use tokio::time::{Instant, timeout_at};

use super::applying::Applying;
use super::call::{Call, CallOutcome, Export, FailureKind};
use super::call_metrics::CallMetrics;
use super::contract::LinkedComponent;
use super::failure::Failure;
use super::failure_log::FailureLog;
use super::guest_run::GuestRun;
use super::host::{CallTimeExceeded, GenerationContext};
use super::outcome::outcome;
use super::permits::Permit;
use super::pool::{self, InstancePool};
use super::runner::{Figures, Runner};
use super::running::{RunTimeExceeded, Running};
use super::timers::PluginTimers;
use crate::adapter::Socket;
use crate::limit_hits::LimitHit;

/// One loaded version of a plugin.
pub(super) struct Generation<C: LinkedComponent> {
    context: Arc<GenerationContext>,
    pool: Arc<InstancePool<C>>,
    has_start: bool,
    metrics: CallMetrics,
}

impl<C: LinkedComponent> Generation<C> {
    pub(super) fn new(component: Arc<C>, context: GenerationContext, has_start: bool, metrics: CallMetrics) -> Self {
        let context = Arc::new(context);
        let pool = Arc::new(InstancePool::new(component, context.clone()));
        pool::spawn_trimming(&pool);
        Self { context, pool, has_start, metrics }
    }
}

impl<C: LinkedComponent> Runner for Generation<C> {
    fn name(&self) -> &Arc<str> {
        &self.context.plugin.name
    }

    fn call(self: Arc<Self>, call: Call) -> Pin<Box<dyn Future<Output = CallOutcome> + Send>> {
        Box::pin(self.run(call))
    }

    fn call_limit(&self) -> Duration {
        self.context.plugin.config.limits.call_deadline
    }

    fn figures(&self) -> Option<Figures<'_>> {
        let plugin = &self.context.plugin;
        Some(Figures {
            calls: &self.metrics,
            limit_hits: &plugin.limit_hits,
            timers: plugin.timers.len(),
            instances: self.pool.figures(),
            run_time: plugin.threads.run_time(),
            share_used: plugin.threads.share_used(),
            guest_thread_moves: plugin.threads.moved(),
            guest_thread_queue: plugin.threads.waiting(),
            rate_limit_keys: plugin.rate_limits.keys(),
            held_bytes: plugin.held.used(),
        })
    }

    fn timers(&self) -> Option<&Arc<PluginTimers>> {
        Some(&self.context.plugin.timers)
    }

    fn has_start(&self) -> bool {
        self.has_start
    }
}

impl<C: LinkedComponent> Generation<C> {
    /// Runs a call that begins now.
    async fn run(self: Arc<Self>, call: Call) -> CallOutcome {
        let begun = Instant::now();
        let ends_at = begun + self.call_limit();
        let (export, socket) = (call.export.clone(), call.socket.clone());
        let Some((permit, now)) = self.pool.permit(begun, ends_at).await else {
            let outcome = self.saturated(&export, socket.as_deref());
            self.metrics.ended(&export, begun.elapsed(), &outcome);
            return outcome;
        };
        let running = self.pool.running(now);
        let run = GuestRun::new(
            Box::pin(run_in_instance(self.pool.clone(), call, ends_at, running.clone(), permit)),
            running.clone(),
            self.context.plugin.threads.clone(),
        );
        // A wait ends with the call. What was answered in the last moment may still be worked on, for as long as a call may compute.
        let ended = timeout_at(ends_at + self.context.plugin.config.limits.run_deadline, run).await;
        let ended = ended.unwrap_or_else(|_| Err(CallTimeExceeded.into()));
        let (outcome, ended_at) = self.ended(&export, socket.as_deref(), ended, &running);
        self.metrics.ended(&export, ended_at - begun, &outcome);
        outcome
    }

    /// No instance was free.
    fn saturated(&self, export: &Export, socket: Option<&Socket>) -> CallOutcome {
        self.context.plugin.limit_hits.hit(LimitHit::Instances);
        self.log(export, socket, || "every instance was busy for all of call_ms".to_owned());
        let failure = Failure::new(SATURATED, "the server is busy, try again");
        CallOutcome::Failed { failure, kind: FailureKind::Saturated }
    }

    /// How a call ended, and when; and what the operator has to know of it is logged.
    fn ended(
        &self,
        export: &Export,
        socket: Option<&Socket>,
        ended: wasmtime::Result<Result<CallOutcome, String>>,
        running: &Running,
    ) -> (CallOutcome, Instant) {
        let limits = &self.context.plugin.config.limits;
        let (kind, cause) = match ended {
            Ok(Ok(outcome)) => {
                self.log_reported(export, socket, &outcome);
                return (outcome, Instant::from_std(running.ended()));
            }
            Ok(Err(cause)) => (FailureKind::Broke, Cause::Told(cause)),
            Err(error) if error.is::<CallTimeExceeded>() => {
                self.context.plugin.limit_hits.hit(LimitHit::CallTime);
                (FailureKind::CallTime, Cause::Told(format!("{CallTimeExceeded} ({:?})", limits.call_deadline)))
            }
            Err(error) if error.is::<RunTimeExceeded>() => {
                self.context.plugin.limit_hits.hit(LimitHit::RunTime);
                (FailureKind::RunTime, Cause::Ended(limits.run_deadline, error))
            }
            Err(error) => (FailureKind::Broke, Cause::Trap(error)),
        };
        self.log(export, socket, || cause.to_string());
        // It may have waited, and nobody polled it.
        (CallOutcome::Failed { failure: Failure::neutral(), kind }, Instant::now())
    }

    /// Logs a failure that the plugin reported, if no client learns of it.
    fn log_reported(&self, export: &Export, socket: Option<&Socket>, outcome: &CallOutcome) {
        let (CallOutcome::Failed { failure, .. } | CallOutcome::Rejected(failure)) = outcome else { return };
        // Connect middleware that fails could not decide: the operator has to know of it, although the client does too.
        let undecided = matches!((outcome, export), (CallOutcome::Failed { .. }, Export::ConnectMiddleware));
        if failure.is_silent() {
            FailureLog::write_silent(&self.context.label, &describe(export), socket, &failure.message);
        } else if undecided || is_unseen_by_clients(export) {
            self.log(export, socket, || failure.message.clone());
        }
    }

    fn log(&self, export: &Export, socket: Option<&Socket>, cause: impl FnOnce() -> String) {
        self.context.plugin.failures.write(&self.context.label, socket, || (describe(export), cause()));
    }
}

/// Why a call broke. It becomes text only where a line is written.
enum Cause {
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

/// Runs a call in an instance, and applies what it wrote. Whatever ends this future frees the instance and the permit.
///
/// Every call copies this future: what is rare and large is apart.
async fn run_in_instance<C: LinkedComponent>(
    pool: Arc<InstancePool<C>>,
    call: Call,
    ends_at: Instant,
    running: Arc<Running>,
    permit: Permit,
) -> wasmtime::Result<Result<CallOutcome, String>> {
    let mut instance = match pool.take() {
        Some(instance) => instance,
        None => Box::pin(pool.make(&running)).await?,
    };
    let entry = instance.begin(call, ends_at, running.clone(), permit)?;
    let returned = entry.enter().await?;
    running.go_home().await;
    let (ended, rest) = match instance.active() {
        Some(active) => {
            let ended = outcome(returned, active);
            let rest = if ended.is_ok() { Applying::begin(&active.call.effects, &mut active.recorded) } else { None };
            (ended, rest)
        }
        None => (Err("the call lost its state".into()), None),
    };
    if let Some(rest) = rest {
        Box::pin(rest.run(&running)).await;
    }
    if ended.is_ok()
        && let Some(active) = instance.active()
    {
        active.pass_budget_on();
    }
    instance.end();
    pool.release(instance);
    Ok(ended)
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

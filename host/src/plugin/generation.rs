//! A generation of a plugin in `pooled` mode: one loaded version of it, which runs calls.
//!
//! While every instance of the pool is in use, a call waits for one, at most as long as the call may take, and then fails with
//! the code `SATURATED`.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};

use super::applying::Applying;
use super::call::{Call, CallOutcome, Export, FailureKind};
use super::call_metrics::CallMetrics;
use super::contract::{ExportResult, LinkedComponent};
use super::failure::Failure;
use super::guest_run::GuestRun;
use super::host::{ActiveCall, CallTimeExceeded, GenerationContext};
use super::outcome::{self, Ended};
use super::permits::Permit;
use super::pool::{self, InstancePool};
use super::report::{self, Cause};
use super::runner::{Done, Figures, HandedOver, Runner};
use super::running::Running;
use super::server_event_queue::ServerEventQueue;
use super::timers::PluginTimers;
use crate::adapter::Socket;
use crate::effect::Effects;
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
        self.context.config.limits.call_deadline
    }

    fn figures(&self) -> Option<Figures<'_>> {
        Some(self.context.plugin.figures(&self.metrics, self.pool.figures()))
    }

    fn server_events(&self) -> Option<&Arc<ServerEventQueue>> {
        Some(&self.context.plugin.server_events)
    }

    fn timers(&self) -> Option<&Arc<PluginTimers>> {
        Some(&self.context.plugin.timers)
    }

    fn warm(self: Arc<Self>, _effects: Arc<dyn Effects>) -> HandedOver<()> {
        Box::pin(async move {
            let running = self.pool.running(Instant::now());
            let (pool, runs) = (self.pool.clone(), running.clone());
            let made = async move {
                pool.release(pool.make(&runs).await?);
                Ok(())
            };
            let made = GuestRun::new(Box::pin(made), running, self.context.plugin.threads.clone());
            let made = timeout(self.call_limit(), made).await.unwrap_or_else(|late| Err(late.into()));
            made.map_err(|error| format!("no instance of it can be made: {error:#}"))
        })
    }

    fn start(self: Arc<Self>, effects: Arc<dyn Effects>, kind: &'static str) -> Done {
        Box::pin(async move {
            if self.has_start {
                let export = Export::Start { instance: 0, kind };
                // A failure has been logged, and the plugin stays loaded all the same.
                self.run(Call { export, registration: None, socket: None, effects, progress: Arc::default() }).await;
            }
        })
    }
}

impl<C: LinkedComponent> Generation<C> {
    /// Runs a call that begins now.
    async fn run(self: Arc<Self>, call: Call) -> CallOutcome {
        if report::has_no_handler(&self.context, &call.export) {
            return CallOutcome::Done;
        }
        let begun = Instant::now();
        let ends_at = begun + self.call_limit();
        let (export, socket) = (call.export.clone(), call.socket.clone());
        let Some((permit, now)) = self.pool.permit(begun, ends_at).await else {
            let outcome = report::saturated(&self.context, LimitHit::Instances, &export, socket.as_deref());
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
        let ended = timeout_at(ends_at + self.context.config.limits.run_deadline, run).await;
        let ended = ended.unwrap_or_else(|_| Err(CallTimeExceeded.into()));
        let (outcome, ended_at) = self.ended(&export, socket.as_deref(), ended, &running);
        self.metrics.ended(&export, ended_at - begun, &outcome);
        outcome
    }

    /// How a call ended, and when; and what the operator has to know of it is logged.
    fn ended(
        &self,
        export: &Export,
        socket: Option<&Socket>,
        ended: wasmtime::Result<Result<CallOutcome, String>>,
        running: &Running,
    ) -> (CallOutcome, Instant) {
        let (kind, cause) = match ended {
            Ok(Ok(outcome)) => {
                report::reported(&self.context, export, socket, &outcome);
                return (outcome, Instant::from_std(running.ended()));
            }
            Ok(Err(cause)) => (FailureKind::Broke, Cause::Told(cause)),
            Err(error) => report::cause(&self.context, error),
        };
        report::failed(&self.context, export, socket, || cause.to_string());
        // It may have waited, and nobody polled it.
        (CallOutcome::Failed { failure: Failure::neutral(), kind }, Instant::now())
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
            let ended = ended(returned, active);
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

/// How the call ended. What is to be applied of it is then among what it recorded. The error is for the log: the plugin broke.
fn ended(returned: ExportResult, active: &mut ActiveCall) -> Result<CallOutcome, String> {
    active.check_returned(outcome::bytes(&returned))?;
    let Ended { outcome, ack } = outcome::outcome(returned, &active.call, active.limits().attachments)?;
    if let CallOutcome::Failed { .. } = outcome {
        active.forget();
    }
    active.recorded.extend(ack);
    Ok(outcome)
}

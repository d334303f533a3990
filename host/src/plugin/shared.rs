//! A generation of a plugin in `shared` mode: few instances, each of which serves many open calls.
//!
//! The calls of one connection go to one instance, for as long as the generation serves. A call goes into the mailbox of its instance,
//! and whoever made it awaits its end here; the instance's own task enters the guest.

mod await_end;
mod begins;
mod guest_task;
mod instance_task;
mod live;
mod mailbox;
mod meet;
mod orders;
mod stop;

use std::iter;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use innkeeper_contract::kinds;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};

use super::call::{Call, CallOutcome, Export};
use super::call_metrics::CallMetrics;
use super::contract::LinkedComponent;
use super::host::GenerationContext;
use super::open_call::{EndOfCall, OpenCall};
use super::permits::Permits;
use super::registration::{Hook, NamespaceRegistration, Registration};
use super::report;
use super::runner::{Done, Figures, HandedOver, InstanceFigures, Runner, Successors};
use super::server_event_queue::ServerEventQueue;
use super::timers::PluginTimers;
use crate::adapter::Socket;
use crate::effect::Effects;
use crate::limit_hits::LimitHit;
use await_end::await_end;
use instance_task::{InstanceStatus, InstanceTask, SharedParts};
use mailbox::{Mailbox, Order, QueuedCall};
use meet::instance_of;

/// One loaded version of a plugin.
pub(super) struct SharedGeneration<C: LinkedComponent> {
    parts: Arc<SharedParts<C>>,
    first: SharedInstance,
    others: Vec<SharedInstance>,
    has_tasks: AtomicBool,
    /// Set when the generation does not serve any more.
    successors: OnceLock<Arc<dyn Successors>>,
}

/// One instance, as those who call it have it.
struct SharedInstance {
    mailbox: Arc<Mailbox>,
    status: Arc<InstanceStatus>,
    /// One for each call that may be open in it.
    permits: Arc<Permits>,
}

impl<C: LinkedComponent> SharedGeneration<C> {
    pub(super) fn new(component: Arc<C>, context: GenerationContext, registration: &Registration, metrics: CallMetrics) -> Self {
        let limits = &context.config.limits;
        let (count, open_calls) = (limits.shared_instances, limits.open_calls_max);
        let instance =
            || SharedInstance { mailbox: Arc::default(), status: Arc::default(), permits: Permits::new(open_calls, 0) };
        let (first, others) = (instance(), (1..count).map(|_| instance()).collect());
        let has_connection = |namespace: &NamespaceRegistration| namespace.hooks.contains(&Hook::Connection);
        let parts = SharedParts {
            component,
            context: Arc::new(context),
            has_start: registration.start,
            instances: count,
            eager: registration.resumes_eagerly.then(|| registration.namespaces.clone()),
            has_snapshot: registration.snapshot,
            connections: registration.namespaces.iter().map(has_connection).collect(),
            runtime: Handle::current(),
            metrics,
        };
        let (has_tasks, successors) = (AtomicBool::new(false), OnceLock::new());
        Self { parts: Arc::new(parts), first, others, has_tasks, successors }
    }

    /// Begins the tasks of the instances, once.
    fn begin_tasks(&self, effects: &Arc<dyn Effects>) {
        if self.has_tasks.swap(true, Ordering::Relaxed) {
            return;
        }
        for (number, instance) in (0..).zip(self.all()) {
            let (mailbox, status) = (instance.mailbox.clone(), instance.status.clone());
            let task = InstanceTask::new(self.parts.clone(), number, mailbox, status, effects.clone());
            // Ends when the generation does not serve any more, or is dropped.
            guest_task::spawn(&self.parts.context.plugin.threads, &self.parts.runtime, task.serve());
        }
    }

    /// Makes the instances.
    async fn make_all(self: Arc<Self>, effects: Arc<dyn Effects>) -> Result<(), String> {
        self.begin_tasks(&effects);
        for number in 0..self.instances() {
            self.order(number, Order::Make).await??;
        }
        Ok(())
    }

    /// Starts the instances. They have been told so when this returns: whatever is ordered later, a stop for the next generation, comes
    /// after it.
    fn start_all(&self, effects: &Arc<dyn Effects>, kind: &'static str) -> Vec<oneshot::Receiver<()>> {
        self.begin_tasks(effects);
        let start = |instance: &SharedInstance| {
            let (started, has_started) = oneshot::channel();
            instance.mailbox.order(Order::Start(kind, started));
            has_started
        };
        self.all().map(start).collect()
    }

    /// Stops the instances, all at once.
    async fn stop_all(self: Arc<Self>, grace: Duration) {
        let until = Instant::now() + grace;
        let stop = |instance: &SharedInstance| {
            let (stopped, has_stopped) = oneshot::channel();
            instance.mailbox.order(Order::Stop(until, stopped));
            has_stopped
        };
        let stopping: Vec<_> = self.all().map(stop).collect();
        for has_stopped in stopping {
            // The task answers, or it has panicked.
            let _answered = has_stopped.await;
        }
    }

    /// Runs a call that begins now.
    async fn run(self: Arc<Self>, call: Call) -> CallOutcome {
        if let Export::Connection { kind: kinds::RESUMED } = call.export {
            // Its instances meet sockets by themselves.
            return CallOutcome::Done;
        }
        if report::has_no_handler(&self.parts.context, &call.export) {
            return CallOutcome::Done;
        }
        let begun = Instant::now();
        let ends_at = begun + self.call_limit();
        let (context, instance) = (&*self.parts.context, self.instance(call.socket.as_deref()));
        let (export, socket) = (call.export.clone(), call.socket.clone());
        let permit = match instance.permits.try_run() {
            Some(permit) => Some(permit),
            None => timeout_at(ends_at, instance.permits.run()).await.ok(),
        };
        let outcome = if permit.is_some() {
            let home = OpenCall::new(socket.clone(), call.progress.clone());
            let ending = match instance.mailbox.put(QueuedCall { call, home: home.clone() }) {
                Ok(()) => await_end(context, &instance.mailbox, home, &export, socket.as_deref(), ends_at).await,
                Err(QueuedCall { call, .. }) => EndOfCall::HandedBack(Box::new(call)),
            };
            match ending {
                EndOfCall::Ended(outcome) => outcome,
                EndOfCall::HandedBack(call) => {
                    drop(permit);
                    return self.run_elsewhere(*call).await;
                }
            }
        } else {
            report::saturated(context, LimitHit::OpenCalls, &export, socket.as_deref())
        };
        self.parts.metrics.ended(&export, begun.elapsed(), &outcome);
        outcome
    }

    /// Runs a call as the plugin serves now, if it does.
    async fn run_elsewhere(&self, call: Call) -> CallOutcome {
        match self.successors.get() {
            Some(successors) => successors.run(&self.parts.context.plugin.name, call).await,
            None => CallOutcome::Done,
        }
    }

    async fn order<T>(&self, instance: usize, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> Result<T, String> {
        let instance = self.all().nth(instance).ok_or("there is no such instance")?;
        let (reply, replied) = oneshot::channel();
        instance.mailbox.order(order(reply));
        match timeout(self.call_limit(), replied).await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(_)) => Err("the instance's task has ended".to_owned()),
            Err(_) => Err("the instance was busy for all of call_ms".to_owned()),
        }
    }

    /// The instance that serves the connection of this socket: always the same. The first has what concerns no socket.
    fn instance(&self, socket: Option<&Socket>) -> &SharedInstance {
        let number = socket.map_or(0, |socket| instance_of(socket, 1 + self.others.len()));
        number.checked_sub(1).and_then(|number| self.others.get(number)).unwrap_or(&self.first)
    }

    fn all(&self) -> impl Iterator<Item = &SharedInstance> {
        iter::once(&self.first).chain(&self.others)
    }
}

impl<C: LinkedComponent> Runner for SharedGeneration<C> {
    fn name(&self) -> &Arc<str> {
        &self.parts.context.plugin.name
    }

    fn call(self: Arc<Self>, call: Call) -> Pin<Box<dyn Future<Output = CallOutcome> + Send>> {
        Box::pin(self.run(call))
    }

    fn warm(self: Arc<Self>, effects: Arc<dyn Effects>) -> HandedOver<()> {
        Box::pin(self.make_all(effects))
    }

    fn start(self: Arc<Self>, effects: Arc<dyn Effects>, kind: &'static str) -> Done {
        let starting = self.start_all(&effects, kind);
        Box::pin(async move {
            for has_started in starting {
                // The task answers, or it has panicked, or the generation does not serve any more.
                let _answered = has_started.await;
            }
        })
    }

    fn stop(self: Arc<Self>, grace: Duration) -> Done {
        Box::pin(self.stop_all(grace))
    }

    fn go_on(&self) {
        self.all().for_each(|instance| instance.mailbox.order(Order::GoOn));
    }

    fn forward(&self, successors: Arc<dyn Successors>) {
        let _set_before = self.successors.set(successors);
        for instance in self.all() {
            for QueuedCall { call, home } in instance.mailbox.close() {
                home.hand_back(call);
            }
        }
    }

    fn forward_most(&self, successors: Arc<dyn Successors>) {
        let _set_before = self.successors.set(successors.clone());
        for instance in self.all() {
            for QueuedCall { call, home } in instance.mailbox.close_to_most(successors.clone()) {
                home.hand_back(call);
            }
            instance.mailbox.order(Order::GoOn);
        }
    }

    fn instances(&self) -> usize {
        1 + self.others.len()
    }

    fn snapshot(self: Arc<Self>, instance: usize) -> HandedOver<Option<String>> {
        Box::pin(async move {
            if !self.parts.has_snapshot {
                return Ok(None);
            }
            self.order(instance, Order::Snapshot).await?.map(Some)
        })
    }

    fn restore(self: Arc<Self>, instance: usize, state: String) -> HandedOver<()> {
        Box::pin(async move { self.order(instance, |reply| Order::Restore(state, reply)).await? })
    }

    fn call_limit(&self) -> Duration {
        self.parts.context.config.limits.call_deadline
    }

    fn figures(&self) -> Option<Figures<'_>> {
        let mut instances = InstanceFigures { running: 0, waiting: 0, idle: 0, queued: 0 };
        for instance in self.all() {
            let is_entered = instance.status.is_entered.load(Ordering::Relaxed);
            instances.running += usize::from(is_entered);
            instances.idle += usize::from(!is_entered);
            instances.waiting += instance.status.open_calls.load(Ordering::Relaxed);
            let (_, _, queued) = instance.permits.free_and_queued();
            instances.queued += queued + instance.mailbox.calls();
        }
        Some(self.parts.context.plugin.figures(&self.parts.metrics, instances))
    }

    fn server_events(&self) -> Option<&Arc<ServerEventQueue>> {
        Some(&self.parts.context.plugin.server_events)
    }

    fn timers(&self) -> Option<&Arc<PluginTimers>> {
        Some(&self.parts.context.plugin.timers)
    }
}

impl<C: LinkedComponent> Drop for SharedGeneration<C> {
    fn drop(&mut self) {
        self.all().for_each(|instance| drop(instance.mailbox.close()));
    }
}

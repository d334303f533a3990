//! The task of one instance in `shared` mode: it takes what has come to the mailbox, enters the guest for it, applies what the entry
//! recorded, and tells the connections which of their calls have ended.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use innkeeper_contract::kinds;
use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep, timeout_at};

use super::await_end::await_end;
use super::begins::Begins;
use super::live::{Live, Lost};
use super::mailbox::{Mailbox, Notes, QueuedCall};
use crate::adapter::{Socket, SocketId};
use crate::effect::Effects;
use crate::event_loops::WakeLater;
use crate::plugin::applying::Applying;
use crate::plugin::call::{Call, CallOutcome, Export, FailureKind};
use crate::plugin::call_metrics::CallMetrics;
use crate::plugin::clock::TICK;
use crate::plugin::contract::LinkedComponent;
use crate::plugin::failure::Failure;
use crate::plugin::host::{ActiveCall, CallTimeExceeded, GenerationContext};
use crate::plugin::instance::{Gone, Instance, Returned, SharedEntry};
use crate::plugin::open_call::{EndOfCall, OpenCall};
use crate::plugin::registration::NamespaceRegistration;
use crate::plugin::report;
use crate::plugin::running::Running;

/// How long the end of a call waits for those of others, so that a loop is woken once for all of them.
const WAKES_PUT_OFF: Duration = Duration::from_micros(200);

/// What all instances of one generation have in common.
pub(super) struct SharedParts<C: LinkedComponent> {
    pub(super) component: Arc<C>,
    pub(super) context: Arc<GenerationContext>,
    /// Whether `start` is called before anything else.
    pub(super) has_start: bool,
    /// How many instances there are.
    pub(super) instances: usize,
    /// What was registered, if the sockets that are connected are met right after a swap.
    pub(super) eager: Option<Vec<NamespaceRegistration>>,
    /// Whether there is something to hand over to the next generation.
    pub(super) has_snapshot: bool,
    /// For each registration, whether it has the hook `connection`.
    pub(super) connections: Vec<bool>,
    /// Where the clocks of what an instance waits for run.
    pub(super) runtime: Handle,
    pub(super) metrics: CallMetrics,
}

/// What `/metrics` shows of one instance.
#[derive(Default)]
pub(super) struct InstanceStatus {
    pub(super) is_entered: AtomicBool,
    /// Calls that have begun and not ended.
    pub(super) open_calls: AtomicUsize,
}

/// The task.
pub(super) struct InstanceTask<C: LinkedComponent> {
    pub(super) parts: Arc<SharedParts<C>>,
    pub(super) number: u32,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) status: Arc<InstanceStatus>,
    /// Where the writes of entries go that are made for no call of a dispatch.
    effects: Arc<dyn Effects>,
    /// None before the first entry, and after one that did not end cleanly.
    pub(super) live: Option<Live<C>>,
    pub(super) begins: Begins,
    /// Sockets that are still to be met, with the index of their namespace.
    pub(super) to_meet: Vec<(SocketId, u32)>,
    /// `start` has been ordered: an instance that is made from now on is started anew.
    pub(super) is_started: bool,
    /// The instance was lost, and the next begins at once.
    begins_again: bool,
    /// The number of the last ticket of the instance before.
    last_ticket: u64,
    clock: Option<Pin<Box<Sleep>>>,
}

/// An entry that has returned.
pub(super) struct Entered {
    pub(super) returned: Returned,
    pub(super) active: ActiveCall,
    pub(super) running: Arc<Running>,
}

impl<C: LinkedComponent> InstanceTask<C> {
    pub(super) fn new(
        parts: Arc<SharedParts<C>>,
        number: u32,
        mailbox: Arc<Mailbox>,
        status: Arc<InstanceStatus>,
        effects: Arc<dyn Effects>,
    ) -> Self {
        let (live, clock) = (None, None);
        let (begins, is_started) = (Begins::None, false);
        let to_meet = Vec::new();
        Self {
            parts,
            number,
            mailbox,
            status,
            effects,
            live,
            begins,
            to_meet,
            is_started,
            begins_again: false,
            last_ticket: 0,
            clock,
        }
    }

    /// Serves until the mailbox is closed.
    pub(super) async fn serve(mut self) {
        while self.changed().await {
            let turn = Instant::now();
            let mut woken = turn;
            while self.step().await {
                let now = Instant::now();
                if now - woken > WAKES_PUT_OFF {
                    WakeLater::wake_now();
                    woken = now;
                }
                if now - turn > TICK {
                    // At what the last step has asked, too: nothing else wakes this task for it.
                    self.look();
                    self.end_turn().await;
                    break;
                }
            }
        }
    }

    /// Enters the guest for what has come. Returns whether there was something. A call that goes on and one that begins take turns, so that
    /// neither kind keeps the other waiting for ever.
    async fn step(&mut self) -> bool {
        let mut has_worked = false;
        if std::mem::take(&mut self.begins_again) {
            // What is wrong with it has been logged.
            let _made = self.make().await;
        }
        if let Some(order) = self.mailbox.next_order() {
            self.obey(order).await;
            has_worked = true;
        }
        self.look();
        if self.stands_still() {
            return has_worked;
        }
        has_worked |= self.wake_guest().await;
        has_worked |= self.begin_resumed().await;
        let may_begin = self.may_begin();
        if let Some(call) = self.mailbox.next_call(&may_begin) {
            self.begin(call).await;
            has_worked = true;
        }
        if !has_worked {
            has_worked = self.meet_one().await;
        }
        self.stop_if_over();
        has_worked
    }

    /// Waits until something has come, or a ticket's time is up. False once the mailbox is closed.
    async fn changed(&mut self) -> bool {
        let deadline = self.live.as_mut().and_then(Live::next_deadline);
        let stops_at = if let Begins::Last { until, .. } = &self.begins { Some(*until) } else { None };
        let deadline = deadline.into_iter().chain(stops_at).min();
        let may_begin = self.may_begin();
        let has_answers = !self.stands_still() && self.live.as_ref().is_some_and(Live::has_answers);
        let has_more = self.begins_again || has_answers;
        let mut clock = deadline.map(|deadline| {
            let clock = self.clock.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
            // One that goes off too early is set again then; to set it later each time would cost more.
            if clock.is_elapsed() || deadline < clock.deadline() {
                clock.as_mut().reset(deadline);
            }
            clock
        });
        let mailbox = &self.mailbox;
        poll_fn(|context| match mailbox.poll_change(context, &may_begin) {
            Poll::Pending if has_more => Poll::Ready(true),
            Poll::Pending => clock.as_mut().map_or(Poll::Pending, |clock| clock.as_mut().poll(context).map(|()| true)),
            changed => changed,
        })
        .await
    }

    /// Lets others have their turn.
    async fn end_turn(&mut self) {
        let mut has_ended = false;
        poll_fn(|context| {
            if std::mem::replace(&mut has_ended, true) {
                return Poll::Ready(());
            }
            self.parts.context.plugin.threads.next_turn(context);
            Poll::Pending
        })
        .await;
    }

    /// Looks at the tickets and the calls that are noted in the mailbox.
    fn look(&mut self) {
        let Notes { tickets, given_up } = self.mailbox.take_notes();
        let Some(live) = &mut self.live else { return };
        given_up.into_iter().for_each(|call| live.give_up(call));
        let mailbox = &self.mailbox;
        live.look(&tickets, |ticket| mailbox.ticket_waker(ticket));
    }

    /// Wakes the guest for answered tickets, all at once. Returns whether there were any.
    async fn wake_guest(&mut self) -> bool {
        let Some((tickets, muted_by)) = self.live.as_mut().and_then(Live::next_answers) else { return false };
        // All of them may have been taken back.
        if !tickets.is_empty() {
            let call = self.own_call(Export::Wake);
            match self.enter(SharedEntry::Wake(tickets), call, muted_by).await {
                Ok(entered) => {
                    self.finish(entered.active, entered.running, false).await;
                    if let (Some(run), Some(live)) = (muted_by, &mut self.live) {
                        live.woke_resumed(run);
                    }
                }
                Err(error) => drop(self.lose(&Export::Wake, None, None, muted_by, error)),
            }
        }
        true
    }

    /// Begins a call.
    async fn begin(&mut self, queued: QueuedCall) {
        let ready = match self.make().await {
            Ok(()) if self.has_to_meet(&queued.call) => self.resume(&queued.call).await,
            made => made,
        };
        if let Err(kind) = ready {
            // It fails as the entry did that was made for it.
            queued.home.end(CallOutcome::Failed { failure: Failure::neutral(), kind });
        } else if let Some(QueuedCall { call, home }) = self.live.as_mut().and_then(|live| live.hold(queued)) {
            let _lost = self.run(call, home, false).await;
        }
    }

    /// Makes the instance, if there is none, and starts it, unless that is still to be ordered. What goes wrong is logged.
    pub(super) async fn make(&mut self) -> Result<(), FailureKind> {
        if self.live.is_some() {
            return Ok(());
        }
        self.instantiate().await?;
        if self.is_started { self.start(kinds::RESTARTED).await } else { Ok(()) }
    }

    async fn instantiate(&mut self) -> Result<(), FailureKind> {
        let (component, context) = (self.parts.component.clone(), self.parts.context.clone());
        let running = self.running(Instant::now());
        match context.plugin.threads.run(&running, Instance::new(&*component, &context, &running)).await {
            Ok(instance) => {
                self.live = Some(Live::new(instance, self.last_ticket, context.config.limits.call_deadline));
                Ok(())
            }
            Err(error) => {
                let (kind, cause) = report::cause(&context, error);
                let start = Export::Start { instance: self.number, kind: kinds::NEW };
                report::failed(&context, &start, None, || cause.to_string());
                Err(kind)
            }
        }
    }

    /// Runs a call that no dispatch awaits.
    pub(super) async fn run_own(&mut self, call: Call, is_muted: bool) -> Result<(), FailureKind> {
        let home = OpenCall::new(None, Arc::default());
        let (awaited, mailbox, parts) = (home.clone(), self.mailbox.clone(), self.parts.clone());
        let (export, socket, begins_at) = (call.export.clone(), call.socket.clone(), Instant::now());
        let ends_at = begins_at + parts.context.config.limits.call_deadline;
        let begun = self.run(call, home, is_muted).await;
        // Ends with the call, or when its time is up.
        self.parts.runtime.spawn(async move {
            let end = await_end(&parts.context, &mailbox, awaited, &export, socket.as_deref(), ends_at).await;
            if let EndOfCall::Ended(outcome) = end {
                parts.metrics.ended(&export, begins_at.elapsed(), &outcome);
            }
        });
        begun
    }

    /// Enters the guest for a call. The error: the instance is lost, and the call has failed with all that were open.
    pub(super) async fn run(&mut self, call: Call, home: Arc<OpenCall>, is_muted: bool) -> Result<(), FailureKind> {
        let id = self.context().plugin.next_call();
        let Some(live) = &mut self.live else { return Err(FailureKind::Broke) };
        if !home.begin(id) {
            return Ok(());
        }
        live.begin(id, &call, &home, is_muted);
        let (export, registration, socket) = (call.export.clone(), call.registration, call.socket.clone());
        let entry = SharedEntry::Call { id, export: export.clone(), registration, socket: socket.clone() };
        match self.enter(entry, call, is_muted.then_some(id)).await {
            Ok(Entered { returned: Returned::Call(returned), mut active, running }) => {
                let waits = self.live.as_mut().is_some_and(|live| live.returned(id, returned, &mut active));
                // The socket of a `connection` that waits is connected now, with all that it wrote.
                self.finish(active, running, waits && export.is_connecting()).await;
                if let Some(live) = self.live.as_mut().filter(|_| is_muted) {
                    live.resume(id);
                }
                Ok(())
            }
            Ok(_) => Ok(()),
            Err(error) => Err(self.lose(&export, socket.as_deref(), Some(id), None, error)),
        }
    }

    /// Enters the guest. The error: the instance is in an unknown state.
    pub(super) async fn enter(&mut self, entry: SharedEntry, mut call: Call, muted_by: Option<u64>) -> wasmtime::Result<Entered> {
        let now = Instant::now();
        let (running, context) = (self.running(now), self.parts.context.clone());
        let ends_at = now + context.config.limits.call_deadline;
        let live = self.live.as_mut().ok_or(Gone)?;
        call.effects = live.effects_of_entry(call.effects);
        self.status.is_entered.store(true, Ordering::Relaxed);
        let entered = live.instance.enter(entry, call, ends_at, running.clone(), muted_by);
        // The running time is bounded; a guest that blocks does not run.
        let returned = timeout_at(ends_at, context.plugin.threads.run(&running, entered)).await;
        self.status.is_entered.store(false, Ordering::Relaxed);
        let returned = returned.unwrap_or_else(|_| Err(CallTimeExceeded.into()))?;
        let active = live.instance.end_entry().ok_or(Gone)?;
        Ok(Entered { returned, active, running })
    }

    /// Applies what an entry has recorded. `releases`: with what was held back before.
    pub(super) async fn finish(&mut self, mut active: ActiveCall, running: Arc<Running>, releases: bool) {
        let effects = active.call.effects.clone();
        let (rest, is_left) = {
            // Each loop is woken once, for what was written and for the calls that have ended.
            let _later = WakeLater::begin();
            let rest = Applying::begin(&effects, &mut active.recorded);
            let is_left = releases && (rest.is_some() || effects.release_some());
            if rest.is_none() && !is_left {
                active.pass_budget_on();
                self.tell();
                return;
            }
            (rest, is_left)
        };
        let applied = async {
            if let Some(rest) = rest {
                rest.run(&running).await;
            }
            while is_left && effects.release_some() {
                running.next_turn().await;
            }
            Ok(())
        };
        // It is dropped where its time is up, and has then taken effect whole.
        let threads = self.context().plugin.threads.clone();
        let _whole = Box::pin(threads.run(&running, applied)).await;
        active.pass_budget_on();
        self.tell();
    }

    fn tell(&mut self) {
        let Some(live) = &mut self.live else { return };
        live.tell(&self.parts.context);
        self.status.open_calls.store(live.open_calls(), Ordering::Relaxed);
    }

    /// An entry did not end cleanly: what it recorded is dropped, and all open calls of the instance fail. `id`: the call that the entry
    /// was made for, `muted_by`: the `resumed` run that it belonged to.
    pub(super) fn lose(
        &mut self,
        export: &Export,
        socket: Option<&Socket>,
        id: Option<u64>,
        muted_by: Option<u64>,
        error: wasmtime::Error,
    ) -> FailureKind {
        let (kind, cause) = report::cause(&self.parts.context, error);
        let Some(live) = self.live.take() else { return kind };
        self.begins_again = live.has_served;
        let Lost { open, waited, not_begun, last_ticket } = live.lose(muted_by);
        self.last_ticket = last_ticket;
        self.mailbox.put_back(not_begun);
        let others = open.iter().filter(|begun| Some(begun.id) != id).count();
        report::failed(&self.parts.context, export, socket, || {
            format!("{cause}; the instance is lost, and with it {others} other open calls")
        });
        let _later = WakeLater::begin();
        for begun in open {
            let kind = if Some(begun.id) == id { kind } else { FailureKind::Broke };
            begun.home.end(CallOutcome::Failed { failure: Failure::neutral(), kind });
        }
        if let Some(QueuedCall { home, .. }) = waited {
            home.end(CallOutcome::Failed { failure: Failure::neutral(), kind });
        }
        self.status.open_calls.store(0, Ordering::Relaxed);
        kind
    }

    pub(super) fn context(&self) -> &GenerationContext {
        &self.parts.context
    }

    /// A call of the host itself.
    pub(super) fn own_call(&self, export: Export) -> Call {
        Call { export, registration: None, socket: None, effects: self.effects.clone(), progress: Arc::default() }
    }

    fn running(&self, now: Instant) -> Arc<Running> {
        let clock = self.parts.component.engine().clock().clone();
        Arc::new(Running::new(clock, self.context().config.limits.run_deadline, now.into_std()))
    }
}

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
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep, timeout_at};

use super::await_end::await_end;
use super::live::{Live, Lost};
use super::mailbox::{Mailbox, Notes, Order, QueuedCall};
use crate::adapter::Socket;
use crate::effect::Effects;
use crate::event_loops::WakeLater;
use crate::fixed_limits::SNAPSHOT_BYTES_MAX;
use crate::plugin::applying::Applying;
use crate::plugin::call::{Call, CallOutcome, Export, FailureKind};
use crate::plugin::clock::TICK;
use crate::plugin::contract::LinkedComponent;
use crate::plugin::failure::Failure;
use crate::plugin::host::{ActiveCall, CallTimeExceeded, GenerationContext};
use crate::plugin::instance::{Gone, Instance, Returned, SharedEntry};
use crate::plugin::open_call::OpenCall;
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
    /// Whether there is something to hand over to the next generation.
    pub(super) has_snapshot: bool,
    /// For each registration, whether it has the hook `connection`.
    pub(super) connections: Vec<bool>,
    /// Where the clocks of what an instance waits for run.
    pub(super) runtime: Handle,
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
    parts: Arc<SharedParts<C>>,
    number: u32,
    mailbox: Arc<Mailbox>,
    status: Arc<InstanceStatus>,
    /// Where the writes of entries go that are made for no call of a dispatch.
    effects: Arc<dyn Effects>,
    /// None before the first entry, and after one that did not end cleanly.
    live: Option<Live<C>>,
    begins: Begins,
    /// `start` has been ordered: an instance that is made from now on is started anew.
    is_started: bool,
    /// The instance was lost, and the next begins at once.
    begins_again: bool,
    /// The number of the last ticket of the instance before.
    last_ticket: u64,
    clock: Option<Pin<Box<Sleep>>>,
}

/// Which calls of the mailbox begin.
enum Begins {
    All,
    /// The instance is not started yet, or it has stopped.
    None,
    /// Those of sockets whose open calls wait for clients, which may depend on them; until no call is open, at the latest then.
    Last {
        until: Instant,
        stopped: oneshot::Sender<()>,
    },
}

/// An entry that has returned.
struct Entered {
    returned: Returned,
    active: ActiveCall,
    running: Arc<Running>,
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
        Self { parts, number, mailbox, status, effects, live, begins, is_started, begins_again: false, last_ticket: 0, clock }
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
        has_worked |= self.wake_guest().await;
        has_worked |= self.begin_resumed().await;
        if let Some(call) = self.next_call() {
            self.begin(call).await;
            has_worked = true;
        }
        self.stop_if_over();
        has_worked
    }

    /// The call that begins now.
    fn next_call(&mut self) -> Option<QueuedCall> {
        match &self.begins {
            Begins::All => self.mailbox.next_call(),
            Begins::None => None,
            Begins::Last { .. } => {
                let live = self.live.as_mut().filter(|live| live.waits_for_clients())?;
                let socket_of = |queued: &QueuedCall| queued.call.socket.as_ref().map(|socket| socket.id());
                self.mailbox.next_call_that(|queued| socket_of(queued).is_some_and(|socket| live.has_open_call_of(socket)))
            }
        }
    }

    /// Ends the stop, if no call is open or its time is up.
    fn stop_if_over(&mut self) {
        let Begins::Last { until, .. } = &self.begins else { return };
        let is_idle = self.live.as_mut().is_none_or(Live::is_idle);
        if !is_idle && Instant::now() < *until {
            return;
        }
        if let Some(live) = &mut self.live {
            let _later = WakeLater::begin();
            self.mailbox.put_back(live.fail_open_calls(&self.parts.context));
            self.status.open_calls.store(0, Ordering::Relaxed);
        }
        if let Begins::Last { stopped, .. } = std::mem::replace(&mut self.begins, Begins::None) {
            // Whoever asked may be gone.
            let _gone = stopped.send(());
        }
    }

    /// Waits until something has come, or a ticket's time is up. False once the mailbox is closed.
    async fn changed(&mut self) -> bool {
        let deadline = self.live.as_mut().and_then(Live::next_deadline);
        let stops_at = if let Begins::Last { until, .. } = &self.begins { Some(*until) } else { None };
        let deadline = deadline.into_iter().chain(stops_at).min();
        let calls_begin = matches!(self.begins, Begins::All);
        let has_more = self.begins_again || self.live.as_ref().is_some_and(Live::has_answers);
        let mut clock = deadline.map(|deadline| {
            let clock = self.clock.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
            // One that goes off too early is set again then; to set it later each time would cost more.
            if clock.is_elapsed() || deadline < clock.deadline() {
                clock.as_mut().reset(deadline);
            }
            clock
        });
        let mailbox = &self.mailbox;
        poll_fn(|context| match mailbox.poll_change(context, calls_begin) {
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

    /// Begins the calls that have waited for the `resumed` runs of their sockets. Returns whether there were any.
    async fn begin_resumed(&mut self) -> bool {
        let mut has_worked = false;
        while let Some(calls) = self.live.as_mut().and_then(Live::next_resumed) {
            has_worked = true;
            let mut calls = calls.into_iter();
            while let Some(QueuedCall { call, home }) = calls.next() {
                if self.run(call, home, false).await.is_err() {
                    self.mailbox.put_back(calls.collect());
                    break;
                }
            }
        }
        has_worked
    }

    /// Makes the instance, if there is none, and starts it, unless that is still to be ordered. What goes wrong is logged.
    async fn make(&mut self) -> Result<(), FailureKind> {
        if self.live.is_some() {
            return Ok(());
        }
        self.instantiate().await?;
        if self.is_started { self.start(kinds::RESTARTED).await } else { Ok(()) }
    }

    async fn start(&mut self, kind: &'static str) -> Result<(), FailureKind> {
        if !self.parts.has_start {
            return Ok(());
        }
        self.run_own(self.own_call(Export::Start { instance: self.number, kind }), false).await
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

    /// Whether the instance meets a socket that was connected before.
    fn has_to_meet(&self, call: &Call) -> bool {
        let (Some(socket), Some(registration), Some(live)) = (&call.socket, call.registration, &self.live) else { return false };
        let has_connection = usize::try_from(registration).ok().and_then(|index| self.parts.connections.get(index));
        !call.export.is_connecting() && has_connection == Some(&true) && !live.sockets.has_met(socket.id())
    }

    /// Runs `connection` for a socket that was connected before, muted.
    async fn resume(&mut self, about: &Call) -> Result<(), FailureKind> {
        let connection = self.own_call(Export::Connection { kind: kinds::RESUMED });
        let call = Call { registration: about.registration, socket: about.socket.clone(), ..connection };
        self.run_own(call, true).await
    }

    /// Runs a call that no dispatch awaits.
    async fn run_own(&mut self, call: Call, is_muted: bool) -> Result<(), FailureKind> {
        let home = OpenCall::new(None, Arc::default());
        let (awaited, mailbox, context) = (home.clone(), self.mailbox.clone(), self.parts.context.clone());
        let (export, socket) = (call.export.clone(), call.socket.clone());
        let ends_at = Instant::now() + context.config.limits.call_deadline;
        let begun = self.run(call, home, is_muted).await;
        // Ends with the call, or when its time is up.
        self.parts
            .runtime
            .spawn(async move { await_end(&context, &mailbox, awaited, &export, socket.as_deref(), ends_at).await });
        begun
    }

    /// Enters the guest for a call. The error: the instance is lost, and the call has failed with all that were open.
    async fn run(&mut self, call: Call, home: Arc<OpenCall>, is_muted: bool) -> Result<(), FailureKind> {
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
    async fn enter(&mut self, entry: SharedEntry, mut call: Call, muted_by: Option<u64>) -> wasmtime::Result<Entered> {
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
    async fn finish(&mut self, mut active: ActiveCall, running: Arc<Running>, releases: bool) {
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
    fn lose(
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

    async fn obey(&mut self, order: Order) {
        match order {
            Order::Stop(until, stopped) => return self.begins = Begins::Last { until, stopped },
            Order::GoOn => return self.begins = Begins::All,
            Order::Make(_) | Order::Start(..) | Order::Snapshot(_) | Order::Restore(..) => {}
        }
        let made = self.make().await.map_err(|_| "there is no instance; the log says why".to_owned());
        match order {
            Order::Stop(..) | Order::GoOn => {}
            Order::Make(reply) => drop(reply.send(made)),
            Order::Start(kind, started) => {
                self.is_started = true;
                self.begins = Begins::All;
                if made.is_ok() {
                    // What is wrong with it has been logged.
                    let _started = self.start(kind).await;
                }
                let _gone = started.send(());
            }
            Order::Snapshot(reply) => {
                let snapshot = match made {
                    Ok(()) => self.hand_over(Export::Snapshot, SharedEntry::Snapshot(self.number)).await,
                    Err(error) => Err(error),
                };
                // Whoever asked may be gone.
                let _gone = reply.send(snapshot);
            }
            Order::Restore(state, reply) => {
                let restored = match made {
                    Ok(()) => self.hand_over(Export::Restore, SharedEntry::Restore(self.number, state)).await,
                    Err(error) => Err(error),
                };
                let _gone = reply.send(restored.map(drop));
            }
        }
    }

    /// Takes the state of the instance, or gives it one. The error says what the guest, or a bound, has against it.
    async fn hand_over(&mut self, export: Export, entry: SharedEntry) -> Result<String, String> {
        let call = self.own_call(export.clone());
        let Entered { returned, active, running } = match self.enter(entry, call, None).await {
            Ok(entered) => entered,
            Err(error) => {
                let told = format!("{error:#}");
                self.lose(&export, None, None, None, error);
                return Err(told);
            }
        };
        self.finish(active, running, false).await;
        match returned {
            Returned::Snapshot(Ok(state)) if state.len() > SNAPSHOT_BYTES_MAX => {
                Err(format!("the snapshot has {} bytes, and at most {SNAPSHOT_BYTES_MAX} are handed over", state.len()))
            }
            Returned::Snapshot(Ok(state)) => Ok(state),
            Returned::Snapshot(Err(failure)) | Returned::Restored(Err(failure)) => Err(failure.message),
            Returned::Restored(Ok(())) | Returned::Call(_) | Returned::Woken => Ok(String::new()),
        }
    }

    fn context(&self) -> &GenerationContext {
        &self.parts.context
    }

    /// A call of the host itself.
    fn own_call(&self, export: Export) -> Call {
        Call { export, registration: None, socket: None, effects: self.effects.clone(), progress: Arc::default() }
    }

    fn running(&self, now: Instant) -> Arc<Running> {
        let clock = self.parts.component.engine().clock().clone();
        Arc::new(Running::new(clock, self.context().config.limits.run_deadline, now.into_std()))
    }
}

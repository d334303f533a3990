//! An instance in `shared` mode between its entries: its open calls, its sockets, and the answers that it is to be woken for.

use std::sync::Arc;
use std::time::Duration;

use foldhash::{HashMap, HashMapExt as _, HashSet};
use tokio::time::Instant;

use super::mailbox::QueuedCall;
use crate::adapter::SocketId;
use crate::effect::Effects;
use crate::plugin::call::{Call, CallOutcome, Export, FailureKind};
use crate::plugin::contract::{ExportResult, LinkedComponent};
use crate::plugin::failure::Failure;
use crate::plugin::host::{
    ActiveCall, Answered, BegunCall, EndedCall, EntryEffects, GenerationContext, KnownSockets, SharedState, Tickets,
};
use crate::plugin::instance::Instance;
use crate::plugin::open_call::OpenCall;
use crate::plugin::outcome::{Ended, bytes, outcome};
use crate::plugin::progress::OpenQuestions;
use crate::plugin::report;

/// Answered tickets for which the guest is woken at once; those beyond have an entry of their own, so that each ends within its running
/// time.
const TICKETS_PER_WAKE: usize = 1_000;

/// Why an open call fails when another generation takes over.
const SWAPPED_TOO_EARLY: &str = "another generation took over, and the call had not ended in swap_grace";

/// An instance, and what is noted about it.
pub(super) struct Live<C: LinkedComponent> {
    pub(super) instance: Instance<C>,
    pub(super) sockets: Arc<KnownSockets>,
    questions: OpenQuestions,
    had_questions: bool,
    /// The guest is to be woken for these.
    answered: Vec<Answered>,
    /// The call whose entry has returned, and which waits now.
    waits: Option<(u64, Arc<OpenCall>)>,
    /// Open calls that are not the last of their chain.
    in_chain: HashMap<u64, Arc<OpenCall>>,
    /// The sockets whose `resumed` run goes on, with the calls that wait for its end.
    resuming: HashMap<SocketId, Vec<QueuedCall>>,
    /// Those of them whose run has ended, or waits for nothing but time.
    resumed: Vec<SocketId>,
    /// It has served something.
    pub(super) has_served: bool,
}

/// What is left of a lost instance.
pub(super) struct Lost {
    /// Its open calls.
    pub(super) open: Vec<BegunCall>,
    /// The call for which the `resumed` run was made that broke: it fails with it, and the next one is the occasion for another run.
    pub(super) waited: Option<QueuedCall>,
    /// Calls that the next instance begins.
    pub(super) not_begun: Vec<QueuedCall>,
    /// The number of its last ticket.
    pub(super) last_ticket: u64,
}

impl<C: LinkedComponent> Live<C> {
    /// `last_ticket`: the number of the last ticket of the instance before. `kept`: how long answers are kept that the guest does not
    /// take.
    pub(super) fn new(mut instance: Instance<C>, last_ticket: u64, kept: Duration) -> Self {
        let (sockets, questions) = (Arc::<KnownSockets>::default(), OpenQuestions::default());
        let tickets = Tickets::of_instance(last_ticket, questions.clone(), kept);
        instance.share(SharedState { tickets, open: HashMap::new(), ended: Vec::new(), sockets: sockets.clone() });
        Self {
            instance,
            sockets,
            questions,
            had_questions: false,
            answered: Vec::new(),
            waits: None,
            in_chain: HashMap::new(),
            resuming: HashMap::new(),
            resumed: Vec::new(),
            has_served: false,
        }
    }

    /// Calls that have begun and not ended.
    pub(super) fn open_calls(&mut self) -> usize {
        self.instance.shared().map_or(0, |shared| shared.open.len())
    }

    /// Whether nothing is open, and no call waits for a `resumed` run.
    pub(super) fn is_idle(&mut self) -> bool {
        self.resuming.is_empty() && self.open_calls() == 0
    }

    /// Whether calls of sockets wait for clients. Nobody knows which of them does: all that wait.
    pub(super) fn waits_for_clients(&self) -> bool {
        self.questions.are_open()
    }

    /// The sockets of which calls are open.
    pub(super) fn sockets_of_open_calls(&mut self) -> HashSet<SocketId> {
        let socket = |begun: &BegunCall| Some(begun.call.socket.as_ref()?.id());
        self.instance.shared().map(|shared| shared.open.values().filter_map(socket).collect()).unwrap_or_default()
    }

    /// The time of the open calls is up: they fail. Returns the calls that have not begun.
    pub(super) fn fail_open_calls(&mut self, context: &GenerationContext) -> Vec<QueuedCall> {
        let open = self.instance.shared().map(|shared| std::mem::take(&mut shared.open)).unwrap_or_default();
        let mut open: Vec<_> = open.into_values().collect();
        open.sort_unstable_by_key(|begun| begun.id);
        for BegunCall { id, call, home } in open {
            self.call_ends(id, &call);
            report::failed(context, &call.export, call.socket.as_deref(), || SWAPPED_TOO_EARLY.to_owned());
            home.end(CallOutcome::Failed { failure: Failure::neutral(), kind: FailureKind::Broke });
        }
        self.resumed.clear();
        std::mem::take(&mut self.resuming).into_values().flatten().collect()
    }

    /// Where the writes of an entry go that is made for a call with these effects.
    pub(super) fn effects_of_entry(&self, own: Arc<dyn Effects>) -> Arc<dyn Effects> {
        if self.sockets.has_pending() { Arc::new(EntryEffects::new(own, self.sockets.clone())) } else { own }
    }

    /// The guest is about to be entered for the call of this number.
    pub(super) fn begin(&mut self, id: u64, call: &Call, home: &Arc<OpenCall>, is_muted: bool) {
        if let Some(socket) = &call.socket {
            if is_muted || matches!(call.export, Export::Connection { .. }) {
                self.sockets.meet(socket);
            } else {
                self.sockets.note(socket);
            }
            if call.export.is_connecting() && !is_muted {
                self.sockets.begin_pending(socket, &call.effects);
            }
        }
        if let Some(shared) = self.instance.shared() {
            shared.open.insert(id, BegunCall { id, call: call.clone(), home: home.clone() });
        }
    }

    /// The entry of a call has returned this. Returns whether the call waits.
    pub(super) fn returned(&mut self, id: u64, returned: ExportResult, active: &mut ActiveCall) -> bool {
        let Some(shared) = self.instance.shared() else { return false };
        if let ExportResult::Waiting = returned {
            self.waits = shared.open.get(&id).map(|begun| (id, begun.home.clone()));
            return self.waits.is_some();
        }
        // It may have ended by `settle` before: that counts.
        if let Some(begun) = shared.open.remove(&id) {
            let attachments_max = active.limits().attachments;
            let ended = active.check_returned(bytes(&returned)).and_then(|()| outcome(returned, &begun.call, attachments_max));
            let outcome = ended.map(|Ended { outcome, ack }| {
                active.add_ack(ack);
                outcome
            });
            shared.ended.push(EndedCall { begun, outcome });
        }
        false
    }

    /// Keeps a call for later, if the `resumed` run of its socket goes on. Else the call is returned.
    pub(super) fn hold(&mut self, call: QueuedCall) -> Option<QueuedCall> {
        let Some(held) = call.call.socket.as_ref().and_then(|socket| self.resuming.get_mut(&socket.id())) else {
            return Some(call);
        };
        held.push(call);
        None
    }

    /// The entry of this `resumed` run has returned: as long as the run has questions open, the other calls of its socket wait.
    pub(super) fn resume(&mut self, run: u64) {
        if let Some(socket) = self.socket_of(run).filter(|_| self.has_questions_of(run)) {
            self.resuming.insert(socket, Vec::new());
        }
    }

    /// A later entry of this `resumed` run has returned.
    pub(super) fn woke_resumed(&mut self, run: u64) {
        if let Some(socket) = self.socket_of(run)
            && !self.has_questions_of(run)
        {
            self.resumed.push(socket);
        }
    }

    /// The calls that need not wait any more for the `resumed` run of their socket.
    pub(super) fn next_resumed(&mut self) -> Option<Vec<QueuedCall>> {
        while let Some(socket) = self.resumed.pop() {
            if let Some(held) = self.resuming.remove(&socket) {
                return Some(held);
            }
        }
        None
    }

    /// The socket of an open `resumed` run.
    fn socket_of(&mut self, run: u64) -> Option<SocketId> {
        Some(self.instance.shared()?.open.get(&run)?.call.socket.as_ref()?.id())
    }

    fn has_questions_of(&mut self, run: u64) -> bool {
        self.instance.shared().is_some_and(|shared| shared.tickets.has_questions_of(run))
    }

    /// What the entry wrote has been applied: the connections learn which of their calls have ended, and which may be overtaken now.
    pub(super) fn tell(&mut self, context: &GenerationContext) {
        if let Some((id, call)) = self.waits.take() {
            call.wait(&self.questions);
            if call.waits_in_chain() {
                self.in_chain.insert(id, call);
            }
        }
        let ended = self.instance.shared().map(|shared| std::mem::take(&mut shared.ended));
        for EndedCall { begun: BegunCall { id, call, home }, outcome } in ended.into_iter().flatten() {
            let socket = call.socket.as_deref();
            self.call_ends(id, &call);
            let outcome = match outcome {
                Ok(outcome) => {
                    report::reported(context, &call.export, socket, &outcome);
                    outcome
                }
                Err(cause) => {
                    report::failed(context, &call.export, socket, || cause);
                    CallOutcome::Failed { failure: Failure::neutral(), kind: FailureKind::Broke }
                }
            };
            home.end(outcome);
        }
        self.tell_of_questions();
        self.has_served = true;
    }

    /// With the first open question to a client, calls that wait in their chain may be overtaken.
    fn tell_of_questions(&mut self) {
        let has_questions = self.questions.are_open();
        if has_questions != self.had_questions {
            self.had_questions = has_questions;
            if has_questions {
                self.in_chain.values().for_each(|call| call.wake());
            }
        }
    }

    /// Nobody awaits the call of this number any more.
    pub(super) fn give_up(&mut self, id: u64) {
        if let Some(begun) = self.instance.shared().and_then(|shared| shared.open.remove(&id)) {
            self.call_ends(id, &begun.call);
        }
    }

    fn call_ends(&mut self, id: u64, call: &Call) {
        self.in_chain.remove(&id);
        if let Some(socket) = call.socket.as_ref().filter(|_| call.export.is_connecting()) {
            self.sockets.end_pending(socket.id());
            if !self.resuming.is_empty() {
                self.resumed.push(socket.id());
            }
        }
    }

    /// Looks at tickets. `waker` wakes the one of a number.
    pub(super) fn look(&mut self, woken: &[u64], waker: impl Fn(u64) -> std::task::Waker) {
        if let Some(shared) = self.instance.shared() {
            shared.tickets.look(woken, waker, &mut self.answered);
        }
    }

    /// When tickets have to be looked at again.
    pub(super) fn next_deadline(&mut self) -> Option<Instant> {
        self.instance.shared()?.tickets.next_deadline()
    }

    pub(super) fn has_answers(&self) -> bool {
        !self.answered.is_empty()
    }

    /// The answered tickets for the next entry, and the `resumed` run that they belong to: so long as that has not ended, they are muted.
    pub(super) fn next_answers(&mut self) -> Option<(Vec<u64>, Option<u64>)> {
        let shared = self.instance.shared()?;
        let muted_by = |answered: &Answered| answered.muted_by.filter(|call| shared.open.contains_key(call));
        let first = muted_by(self.answered.first()?);
        let mut tickets = Vec::new();
        let mut is_next = |answered: &Answered| {
            let is_next = muted_by(answered) == first && tickets.len() < TICKETS_PER_WAKE;
            if is_next {
                tickets.push(answered.ticket);
            }
            is_next
        };
        self.answered.retain(|answered| !is_next(answered));
        Some((shared.tickets.report(tickets), first))
    }

    /// The instance did not end an entry cleanly, which belonged to this `resumed` run, or to none. Its memory is dropped.
    pub(super) fn lose(mut self, muted_by: Option<u64>) -> Lost {
        let broken = muted_by.and_then(|run| self.socket_of(run)).and_then(|socket| self.resuming.get_mut(&socket));
        let waited = broken.filter(|held| !held.is_empty()).map(|held| held.remove(0));
        let not_begun = self.resuming.into_values().flatten().collect();
        let Some(shared) = self.instance.shared() else { return Lost { open: Vec::new(), waited, not_begun, last_ticket: 0 } };
        let ended = std::mem::take(&mut shared.ended);
        // Those that the entry ended have not: what they wrote is dropped with it.
        let mut open: Vec<_> =
            ended.into_iter().map(|ended| ended.begun).chain(shared.open.drain().map(|(_, begun)| begun)).collect();
        open.sort_unstable_by_key(|begun| begun.id);
        Lost { open, waited, not_begun, last_ticket: shared.tickets.last() }
    }
}

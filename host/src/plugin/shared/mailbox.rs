//! What comes to an instance in `shared` mode: calls that are to begin, tickets to look at, calls that nobody awaits any more.
//!
//! The task of the instance is woken by the first thing that comes while it waits, and by none of those behind it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use foldhash::HashSet;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::adapter::SocketId;
use crate::plugin::call::{Call, Export};
use crate::plugin::open_call::OpenCall;
use crate::plugin::runner::Successors;

/// The mailbox of one instance. Its calls are bounded by the permits of those who put them in, its tickets by their number.
#[derive(Default)]
pub(super) struct Mailbox {
    /// Never held while the instance's task is woken.
    state: Mutex<MailboxState>,
}

#[derive(Default)]
struct MailboxState {
    calls: VecDeque<QueuedCall>,
    orders: VecDeque<Order>,
    tickets: Vec<u64>,
    given_up: Vec<u64>,
    /// The task that waits.
    waker: Option<Waker>,
    is_closed: bool,
    /// The generation does not serve any more: only the last calls on namespaces that are closing still come in.
    successors: Option<Arc<dyn Successors>>,
}

impl MailboxState {
    fn takes(&self, call: &Call) -> bool {
        let is_last = |successors: &Arc<dyn Successors>| {
            let ends = matches!(call.export, Export::Disconnecting(_) | Export::Disconnect(_));
            ends && call.socket.as_ref().is_some_and(|socket| successors.is_closing(socket))
        };
        !self.is_closed && self.successors.as_ref().is_none_or(is_last)
    }
}

/// A call that has not begun.
pub(super) struct QueuedCall {
    pub(super) call: Call,
    pub(super) home: Arc<OpenCall>,
}

/// What the host wants of the instance itself.
pub(super) enum Order {
    /// The instance is made. No call begins in it yet.
    Make(oneshot::Sender<Result<(), String>>),
    /// `start` is called, with this kind, and calls begin. Answered when it has returned.
    Start(&'static str, oneshot::Sender<()>),
    /// No further call begins. Answered when those that are open have ended, or failed at this time.
    Stop(Instant, oneshot::Sender<()>),
    /// Calls begin again.
    GoOn,
    Snapshot(oneshot::Sender<Result<String, String>>),
    Restore(String, oneshot::Sender<Result<(), String>>),
}

/// Which calls begin.
pub(super) enum MayBegin {
    All,
    None,
    /// Those about these sockets.
    Of(HashSet<SocketId>),
}

impl MayBegin {
    fn includes(&self, queued: &QueuedCall) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Of(sockets) => queued.call.socket.as_ref().is_some_and(|socket| sockets.contains(&socket.id())),
        }
    }
}

/// What the task looks at before it enters the guest.
#[derive(Default)]
pub(super) struct Notes {
    /// Tickets that something has woken.
    pub(super) tickets: Vec<u64>,
    /// Numbers of calls that nobody awaits.
    pub(super) given_up: Vec<u64>,
}

impl Mailbox {
    /// A call of a connection wakes the task when the others of its loop have had their turn. Where the task has ended the call comes
    /// back.
    pub(super) fn put(&self, call: QueuedCall) -> Result<(), QueuedCall> {
        let socket = call.call.socket.clone();
        let mut rejected = None;
        let task =
            self.changed(|state| if state.takes(&call.call) { state.calls.push_back(call) } else { rejected = Some(call) });
        match (socket, task) {
            (Some(socket), Some(task)) => socket.sink().wake_other(task),
            (None, Some(task)) => task.wake(),
            (_, None) => {}
        }
        rejected.map_or(Ok(()), Err)
    }

    /// Calls that have not begun come before all others. Where the generation does not serve any more by then, they go to the one that does.
    pub(super) fn put_back(&self, calls: Vec<QueuedCall>) {
        if calls.is_empty() {
            return;
        }
        let mut rejected = Vec::new();
        self.change(|state| {
            let (taken, others): (Vec<_>, _) = calls.into_iter().partition(|queued| state.takes(&queued.call));
            taken.into_iter().rev().for_each(|call| state.calls.push_front(call));
            rejected = others;
        });
        for QueuedCall { call, home } in rejected {
            home.hand_back(call);
        }
    }

    pub(super) fn order(&self, order: Order) {
        self.change(|state| state.orders.push_back(order));
    }

    /// The call of this number has begun, and nobody awaits it any more.
    pub(super) fn give_up(&self, call: u64) {
        self.change(|state| state.given_up.push(call));
    }

    /// From now on only the last calls on namespaces that are closing come in. Returns the calls that have not begun.
    pub(super) fn close_to_most(&self, successors: Arc<dyn Successors>) -> VecDeque<QueuedCall> {
        let mut calls = VecDeque::new();
        self.change(|state| {
            state.successors = Some(successors);
            calls = std::mem::take(&mut state.calls);
        });
        calls
    }

    /// The task ends. Returns the calls that have not begun.
    pub(super) fn close(&self) -> VecDeque<QueuedCall> {
        let mut calls = VecDeque::new();
        self.change(|state| {
            state.is_closed = true;
            calls = std::mem::take(&mut state.calls);
        });
        calls
    }

    /// Calls that have not begun.
    pub(super) fn calls(&self) -> usize {
        self.lock().calls.len()
    }

    pub(super) fn take_notes(&self) -> Notes {
        let mut state = self.lock();
        Notes { tickets: std::mem::take(&mut state.tickets), given_up: std::mem::take(&mut state.given_up) }
    }

    pub(super) fn next_order(&self) -> Option<Order> {
        self.lock().orders.pop_front()
    }

    /// The next call that may begin, whatever stands before it.
    pub(super) fn next_call(&self, may_begin: &MayBegin) -> Option<QueuedCall> {
        let mut state = self.lock();
        let index = state.calls.iter().position(|call| may_begin.includes(call))?;
        let next = state.calls.remove(index);
        if state.calls.is_empty() {
            // A burst leaves no memory behind.
            state.calls.shrink_to(16);
        }
        next
    }

    /// Ready when there is something: `false` once the mailbox is closed. Calls are something only if they may begin.
    pub(super) fn poll_change(&self, context: &mut Context<'_>, may_begin: &MayBegin) -> Poll<bool> {
        let mut state = self.lock();
        if state.is_closed {
            return Poll::Ready(false);
        }
        let is_empty = state.orders.is_empty() && state.tickets.is_empty() && state.given_up.is_empty();
        if !is_empty || state.calls.iter().any(|call| may_begin.includes(call)) {
            return Poll::Ready(true);
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }

    /// What wakes the ticket of this number.
    pub(super) fn ticket_waker(self: &Arc<Self>, ticket: u64) -> Waker {
        Arc::new(TicketWaker { mailbox: self.clone(), ticket }).into()
    }

    fn change(&self, change: impl FnOnce(&mut MailboxState)) {
        if let Some(task) = self.changed(change) {
            task.wake();
        }
    }

    /// Changes the mailbox. Returns the task, if it has to be woken for that.
    fn changed(&self, change: impl FnOnce(&mut MailboxState)) -> Option<Waker> {
        let mut state = self.lock();
        change(&mut state);
        state.waker.take()
    }

    fn lock(&self) -> MutexGuard<'_, MailboxState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts the number of a ticket into the mailbox.
struct TicketWaker {
    mailbox: Arc<Mailbox>,
    ticket: u64,
}

impl Wake for TicketWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.mailbox.change(|state| state.tickets.push(self.ticket));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Mailbox, MayBegin, QueuedCall};
    use crate::effect::LocalEffects;
    use crate::plugin::call::{Call, Export};
    use crate::plugin::open_call::{EndOfCall, OpenCall};

    #[tokio::test]
    async fn a_call_that_is_put_back_when_the_next_generation_serves_is_handed_to_that_one() {
        let mailbox = Mailbox::default();
        let effects = Arc::new(LocalEffects::new(1, None, Arc::default()));
        let call = Call { export: Export::Wake, registration: None, socket: None, effects, progress: Arc::default() };
        let home = OpenCall::new(None, Arc::default());
        assert!(mailbox.put(QueuedCall { call, home: home.clone() }).is_ok());
        let taken = mailbox.next_call(&MayBegin::All).unwrap();
        mailbox.put_back(vec![taken]);
        let taken = mailbox.next_call(&MayBegin::All).unwrap();
        assert!(mailbox.close().is_empty());
        mailbox.put_back(vec![taken]);
        assert!(matches!(home.ended().await, EndOfCall::HandedBack(_)));
        assert_eq!(mailbox.calls(), 0);
    }
}

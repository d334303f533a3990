//! The tasks of this instance that wait, and the tickets for which they do.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use innkeeper_plugin::bindings::Ticket;
use innkeeper_plugin::bindings::innkeeper::plugin::calls;

pub(crate) type Work = Pin<Box<dyn Future<Output = ()>>>;
type TaskId = u64;

thread_local! {
    static WAITING: RefCell<HashMap<TaskId, Work>> = RefCell::default();
    static TICKETS: RefCell<Tickets> = RefCell::default();
    static CURRENT: Cell<TaskId> = const { Cell::new(0) };
}

#[derive(Default)]
struct Tickets {
    /// Which task waits for which ticket.
    awaited: HashMap<Ticket, TaskId>,
    /// Reported before a task waited for them.
    reported: BTreeSet<Ticket>,
}

/// The number of a task that begins.
pub(crate) fn next_id() -> TaskId {
    thread_local! {
        static LAST: Cell<TaskId> = const { Cell::new(0) };
    }
    LAST.set(LAST.get() + 1);
    LAST.get()
}

/// Polls a task. Wakers are not used: `wake` knows by the ticket which task goes on.
pub(crate) fn poll<T>(id: TaskId, work: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    let outer = CURRENT.replace(id);
    let polled = work.poll(&mut Context::from_waker(Waker::noop()));
    CURRENT.set(outer);
    polled
}

/// Keeps a task that waits.
pub(crate) fn keep(id: TaskId, work: Work) {
    WAITING.with_borrow_mut(|waiting| waiting.insert(id, work));
}

/// The export `wake`: what waited for these tickets goes on, in their order.
pub fn wake(tickets: &[Ticket]) {
    for ticket in tickets {
        let task = TICKETS.with_borrow_mut(|known| {
            let task = known.awaited.remove(ticket);
            if task.is_none() {
                known.reported.insert(*ticket);
            }
            task
        });
        let Some((id, mut work)) = task.and_then(|id| WAITING.with_borrow_mut(|waiting| waiting.remove_entry(&id))) else {
            continue;
        };
        if poll(id, Pin::new(&mut work)).is_pending() {
            keep(id, work);
        }
    }
}

/// Waits until the host has reported a ticket. Dropped before that, it takes the question back.
pub async fn answered(ticket: Ticket) {
    Answered { ticket, waits: false }.await;
}

struct Answered {
    ticket: Ticket,
    waits: bool,
}

impl Future for Answered {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let ticket = self.ticket;
        let there = TICKETS.with_borrow_mut(|known| {
            if self.waits {
                return !known.awaited.contains_key(&ticket);
            }
            let there = known.reported.remove(&ticket);
            if !there {
                known.awaited.insert(ticket, CURRENT.get());
            }
            there
        });
        self.waits = !there;
        if there { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Answered {
    fn drop(&mut self) {
        if self.waits && TICKETS.with_borrow_mut(|known| known.awaited.remove(&self.ticket)).is_some() {
            calls::cancel(self.ticket);
        }
    }
}

//! The questions of a call: what was asked, until when, and the answer.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use innkeeper_contract::limits::{NAME_BYTES, OPEN_TICKETS_MAX};
use innkeeper_contract::{Refusal, refusals};
use tokio::time::Instant;

use super::fetch::{Fetched, FetchedPage};
use crate::adapter::{Question, QuestionAnswers, SocketId};
use crate::budget::Held;
use crate::rate_limit::Decision;
use crate::store::Entry;

/// Longer than any call may be: such a sleep ends with its call.
const LONGEST_SLEEP: Duration = Duration::from_secs(86_400);

/// All questions of a call that were not taken yet.
#[derive(Default)]
pub(crate) struct Tickets {
    /// In the order asked, so that ids ascend. Few at once: nearly every question is taken before the next.
    open: Vec<(u64, Ticket)>,
    last: u64,
}

/// One question.
pub(crate) struct Ticket {
    content: TicketContent,
    /// When the question counts as answered, with or without an answer.
    until: Instant,
    /// What its answer may take, until the guest has taken it.
    held: Option<Held>,
}

/// The answer to come, with what it takes of the plugin's budget.
pub(super) type PendingAnswer = Pin<Box<dyn Future<Output = (Result<HostAnswer, Refusal>, Option<Held>)> + Send>>;

enum TicketContent {
    Clients(ClientQuestion),
    Fetched(Fetched),
    Ids(VecDeque<SocketId>),
    /// Asked of a part of the host, which works on it whether or not the call waits.
    Pending(PendingAnswer),
    Ready(Result<HostAnswer, Refusal>),
    Sleep,
}

/// The answer of a part of the host.
pub(crate) enum HostAnswer {
    Value(Option<Vec<u8>>),
    Done(bool),
    Number(i64),
    Entries(Vec<Entry>),
    Names(Vec<Arc<str>>),
    Count(u32),
    Decision(Decision),
}

impl HostAnswer {
    /// Bytes of its texts and values.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Value(value) => value.as_ref().map_or(0, Vec::len),
            Self::Entries(entries) => entries.iter().map(|(key, value)| key.len() + value.len() + NAME_BYTES).sum(),
            Self::Names(names) => names.iter().map(|name| name.len() + NAME_BYTES).sum(),
            Self::Done(_) | Self::Number(_) | Self::Count(_) | Self::Decision(_) => 0,
        }
    }
}

/// An emit that awaits acks. Dropping it closes the question, so that no socket keeps it.
struct ClientQuestion {
    ack: u64,
    question: Arc<Question>,
    /// To one socket: then silence is a failure.
    one: bool,
}

impl Drop for ClientQuestion {
    fn drop(&mut self) {
        self.question.close(self.ack);
    }
}

impl Ticket {
    /// A question to clients. Its time is cut to what is left of the call.
    pub(super) fn clients(ack: u64, question: Arc<Question>, one: bool, timeout_ms: Option<u32>, ends_at: Instant) -> Self {
        let own = timeout_ms.map(|ms| Instant::now() + Duration::from_millis(ms.into()));
        let until = own.map_or(ends_at, |own| own.min(ends_at));
        Self { content: TicketContent::Clients(ClientQuestion { ack, question, one }), until, held: None }
    }

    /// An answer that is there already.
    pub(super) fn fetched(fetched: Fetched) -> Self {
        Self { content: TicketContent::Fetched(fetched), until: Instant::now(), held: None }
    }

    /// Ids of sockets, in the order in which they are taken.
    pub(super) fn ids(ids: Vec<SocketId>) -> Self {
        Self { content: TicketContent::Ids(ids.into()), until: Instant::now(), held: None }
    }

    /// The same for an answer that is taken at once.
    pub(super) fn ready(answer: HostAnswer) -> Self {
        Self { content: TicketContent::Ready(Ok(answer)), until: Instant::now(), held: None }
    }

    /// Never cut to the call's time: a handler that sleeps past the end of its call must not wake and go on.
    pub(super) fn sleep(delay: Duration) -> Self {
        Self { content: TicketContent::Sleep, until: Instant::now() + delay.min(LONGEST_SLEEP), held: None }
    }

    /// A question to a part of the host, answered at the latest when the call ends.
    pub(super) fn future(answer: PendingAnswer, ends_at: Instant) -> Self {
        Self { content: TicketContent::Pending(answer), until: ends_at, held: None }
    }

    /// The same, and `held` is given back when the answer is taken.
    pub(super) fn holding(mut self, held: Held) -> Self {
        self.held = Some(held);
        self
    }

    fn poll(&mut self, now: Instant, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.content {
            TicketContent::Fetched(_) | TicketContent::Ids(_) | TicketContent::Ready(_) => return Poll::Ready(()),
            TicketContent::Pending(answer) => {
                if let Poll::Ready((answer, held)) = answer.as_mut().poll(context) {
                    self.content = TicketContent::Ready(answer);
                    self.held = held;
                    return Poll::Ready(());
                }
            }
            TicketContent::Clients(clients) if clients.question.poll(context).is_ready() => return Poll::Ready(()),
            TicketContent::Clients(_) | TicketContent::Sleep => {}
        }
        if self.until <= now { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Tickets {
    /// Whether one more question may be asked.
    pub(super) fn check_count(&self) -> Result<(), Refusal> {
        // More at once is a loop that forgot to wait.
        if self.open.len() >= OPEN_TICKETS_MAX {
            return Err(refusals::open_tickets());
        }
        Ok(())
    }

    pub(super) fn add(&mut self, ticket: Ticket) -> u64 {
        self.last += 1;
        self.open.push((self.last, ticket));
        self.last
    }

    pub(super) fn cancel(&mut self, ticket: u64) {
        self.remove(ticket);
    }

    /// Whether any of the tickets waits for clients.
    pub(super) fn await_clients(&self, tickets: &[u64]) -> bool {
        tickets.iter().any(|ticket| matches!(self.get(*ticket), Some(Ticket { content: TicketContent::Clients(_), .. })))
    }

    /// When the first of the tickets is answered at the latest.
    pub(super) fn first_end(&self, tickets: &[u64]) -> Option<Instant> {
        tickets.iter().filter_map(|ticket| self.get(*ticket)).map(|ticket| ticket.until).min()
    }

    /// Those of the tickets that are answered. One that is not open counts as answered; a sleep is removed.
    pub(super) fn answered(&mut self, tickets: &[u64], context: &mut Context<'_>) -> Vec<u64> {
        let now = Instant::now();
        let mut is_answered = |ticket: &u64| self.get_mut(*ticket).is_none_or(|open| open.poll(now, context).is_ready());
        let answered: Vec<u64> = tickets.iter().copied().filter(&mut is_answered).collect();
        for ticket in &answered {
            if matches!(self.get(*ticket), Some(Ticket { content: TicketContent::Sleep, .. })) {
                self.remove(*ticket);
            }
        }
        answered
    }

    /// The answers of clients.
    pub(super) fn take_client_answers(&mut self, ticket: u64) -> Result<QuestionAnswers, Refusal> {
        let TicketContent::Clients(clients) = self.take(ticket, |content| matches!(content, TicketContent::Clients(_)))? else {
            return Err(refusals::no_ticket(ticket));
        };
        let answers = clients.question.close(clients.ack);
        match (clients.one, answers.responses.is_empty(), answers.timed_out.is_empty()) {
            (false, ..) | (true, false, _) => Ok(answers),
            (true, true, false) => Err(refusals::timed_out()),
            (true, true, true) => Err(refusals::disconnected()),
        }
    }

    /// The next page of the sockets that were fetched. The ticket stays open while there are more.
    pub(super) fn take_fetched(&mut self, ticket: u64, most: usize) -> Result<FetchedPage, Refusal> {
        let Some(Ticket { content: TicketContent::Fetched(fetched), .. }) = self.get_mut(ticket) else {
            return Err(refusals::no_ticket(ticket));
        };
        let page = fetched.next_page(most);
        if !page.more {
            self.remove(ticket);
        }
        Ok(page)
    }

    /// The next ids of sockets, and whether there are more. The ticket stays open while there are.
    pub(super) fn take_ids(&mut self, ticket: u64, most: usize) -> Result<(Vec<String>, bool), Refusal> {
        let Some(Ticket { content: TicketContent::Ids(ids), .. }) = self.get_mut(ticket) else {
            return Err(refusals::no_ticket(ticket));
        };
        let page = ids.drain(..most.min(ids.len())).map(|id| id.to_string()).collect();
        let more = !ids.is_empty();
        if !more {
            self.remove(ticket);
        }
        Ok((page, more))
    }

    /// The answer of a part of the host. `pick` takes the kind of answer that was requested.
    pub(super) fn take_answer<T>(&mut self, ticket: u64, pick: fn(HostAnswer) -> Result<T, HostAnswer>) -> Result<T, Refusal> {
        match self.take(ticket, |content| matches!(content, TicketContent::Pending(_) | TicketContent::Ready(_)))? {
            TicketContent::Ready(answer) => pick(answer?).map_err(|_| refusals::no_ticket(ticket)),
            _ => Err(refusals::timed_out()),
        }
    }

    fn get(&self, ticket: u64) -> Option<&Ticket> {
        self.open.get(self.index(ticket)?).map(|(_, open)| open)
    }

    fn get_mut(&mut self, ticket: u64) -> Option<&mut Ticket> {
        let index = self.index(ticket)?;
        self.open.get_mut(index).map(|(_, open)| open)
    }

    fn remove(&mut self, ticket: u64) -> Option<Ticket> {
        self.index(ticket).map(|index| self.open.remove(index).1)
    }

    fn index(&self, ticket: u64) -> Option<usize> {
        self.open.binary_search_by_key(&ticket, |(id, _)| *id).ok()
    }

    fn take(&mut self, ticket: u64, fits: impl Fn(&TicketContent) -> bool) -> Result<TicketContent, Refusal> {
        let open = self.get_mut(ticket).filter(|open| fits(&open.content)).ok_or_else(|| refusals::no_ticket(ticket))?;
        if open.poll(Instant::now(), &mut Context::from_waker(Waker::noop())).is_pending() {
            return Err(refusals::unanswered(ticket));
        }
        self.remove(ticket).map(|open| open.content).ok_or_else(|| refusals::no_ticket(ticket))
    }
}

#[cfg(test)]
mod tests {
    use innkeeper_contract::limits::OPEN_TICKETS_MAX;
    use innkeeper_contract::refusals;

    use super::{HostAnswer, Ticket, Tickets};

    /// Here and not in a scenario, because the Rust SDK takes the answer to a question before it asks the next.
    #[tokio::test]
    async fn a_call_has_so_many_open_questions_and_no_more() {
        let mut tickets = Tickets::default();
        for number in 0..OPEN_TICKETS_MAX {
            assert_eq!(tickets.check_count(), Ok(()), "{number}");
            tickets.add(Ticket::ready(HostAnswer::Count(0)));
        }
        assert_eq!(tickets.check_count(), Err(refusals::open_tickets()));
        tickets.cancel(1);
        assert_eq!(tickets.check_count(), Ok(()));
    }
}

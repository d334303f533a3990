//! The questions that were not taken yet: of one call, or of an instance in `shared` mode.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use innkeeper_contract::limits::{INSTANCE_TICKETS_MAX, OPEN_TICKETS_MAX};
use innkeeper_contract::{Refusal, refusals};
use tokio::time::Instant;

use super::fetch::FetchedPage;
use super::open_tickets::OpenTickets;
use super::ticket::{HostAnswer, Ticket, TicketContent};
use crate::adapter::QuestionAnswers;
use crate::plugin::progress::OpenQuestions;

/// All questions of a call, or of an instance, that were not taken yet.
#[derive(Default)]
pub(crate) struct Tickets {
    open: OpenTickets,
    last: u64,
    of_instance: Option<Box<InstanceTickets>>,
}

/// What is noted about the tickets of an instance in `shared` mode, which outlive their calls.
struct InstanceTickets {
    /// Asked, and not looked at yet.
    asked: Vec<u64>,
    /// When tickets are looked at although nothing has woken them.
    deadlines: BTreeSet<(Instant, u64)>,
    /// The `resumed` run whose entry asks.
    muted_by: Option<u64>,
    /// How many questions each `resumed` run has open, sleeps left out.
    of_resumed: HashMap<u64, usize>,
    questions: OpenQuestions,
    /// How long an answer is kept that the guest does not take.
    kept: Duration,
}

/// An answer that an instance is woken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plugin) struct Answered {
    pub(in crate::plugin) ticket: u64,
    /// It was asked in this `resumed` run.
    pub(in crate::plugin) muted_by: Option<u64>,
}

impl Tickets {
    /// Of an instance in `shared` mode. Their numbers begin behind `last`, that of an instance before it.
    pub(in crate::plugin) fn of_instance(last: u64, questions: OpenQuestions, kept: Duration) -> Self {
        let (asked, deadlines) = (Vec::new(), BTreeSet::new());
        let of_resumed = HashMap::new();
        let of_instance = Box::new(InstanceTickets { asked, deadlines, muted_by: None, of_resumed, questions, kept });
        Self { open: OpenTickets::default(), last, of_instance: Some(of_instance) }
    }

    /// The number of the last ticket.
    pub(in crate::plugin) fn last(&self) -> u64 {
        self.last
    }

    /// Whether one more question may be asked.
    pub(super) fn check_count(&self) -> Result<(), Refusal> {
        // More at once is a loop that forgot to wait.
        match &self.of_instance {
            None if self.open.len() >= OPEN_TICKETS_MAX => Err(refusals::open_tickets()),
            Some(_) if self.open.len() >= INSTANCE_TICKETS_MAX => Err(refusals::instance_tickets()),
            _ => Ok(()),
        }
    }

    pub(super) fn add(&mut self, mut ticket: Ticket) -> u64 {
        self.last += 1;
        if let Some(instance) = &mut self.of_instance {
            instance.asked.push(self.last);
            ticket.watch.muted_by = instance.muted_by;
            if let Some(run) = ticket.resumed_run() {
                *instance.of_resumed.entry(run).or_default() += 1;
            }
            if let TicketContent::Clients(_) = ticket.content {
                ticket.watch.question = Some(instance.questions.open());
            }
        }
        self.open.insert(self.last, ticket);
        self.last
    }

    pub(super) fn cancel(&mut self, ticket: u64) {
        self.remove(ticket);
    }

    /// Whether any of the tickets waits for clients.
    pub(super) fn await_clients(&self, tickets: &[u64]) -> bool {
        tickets.iter().any(|ticket| matches!(self.open.get(*ticket), Some(Ticket { content: TicketContent::Clients(_), .. })))
    }

    /// When the first of the tickets is answered at the latest.
    pub(super) fn first_end(&self, tickets: &[u64]) -> Option<Instant> {
        tickets.iter().filter_map(|ticket| self.open.get(*ticket)).map(|ticket| ticket.until).min()
    }

    /// Those of the tickets that are answered. One that is not open counts as answered; a sleep is removed.
    pub(super) fn answered(&mut self, tickets: &[u64], context: &mut Context<'_>) -> Vec<u64> {
        let now = Instant::now();
        let mut is_answered = |ticket: &u64| self.open.get_mut(*ticket).is_none_or(|open| open.poll(now, context).is_ready());
        let answered: Vec<u64> = tickets.iter().copied().filter(&mut is_answered).collect();
        for ticket in &answered {
            self.remove_sleep(*ticket);
        }
        answered
    }

    /// The answers of clients.
    pub(super) fn take_client_answers(&mut self, ticket: u64) -> Result<QuestionAnswers, Refusal> {
        let TicketContent::Clients(clients) = self.take(ticket, |content| matches!(content, TicketContent::Clients(_)))?.content
        else {
            return Err(refusals::no_ticket(ticket));
        };
        let answers = clients.close();
        match (clients.one, answers.responses.is_empty(), answers.timed_out.is_empty()) {
            (false, ..) | (true, false, _) => Ok(answers),
            (true, true, false) => Err(refusals::timed_out()),
            (true, true, true) => Err(refusals::disconnected()),
        }
    }

    /// The next page of the sockets that were fetched. The ticket stays open while there are more.
    pub(super) fn take_fetched(&mut self, ticket: u64, most: usize) -> Result<FetchedPage, Refusal> {
        let open = self.answered_mut(ticket, |content| matches!(content, TicketContent::Fetched(_)))?;
        let (TicketContent::Fetched(fetched), nodes_missing) = (&mut open.content, open.nodes_missing) else {
            return Err(refusals::no_ticket(ticket));
        };
        let page = FetchedPage { nodes_missing, ..fetched.next_page(most) };
        if !page.more {
            self.remove(ticket);
        }
        Ok(page)
    }

    /// The next ids of sockets, whether there are more, and how many other nodes are missing. The ticket stays open while there are more.
    pub(super) fn take_ids(&mut self, ticket: u64, most: usize) -> Result<(Vec<String>, bool, u32), Refusal> {
        let open = self.answered_mut(ticket, |content| matches!(content, TicketContent::Ids(_)))?;
        let (TicketContent::Ids(ids), nodes_missing) = (&mut open.content, open.nodes_missing) else {
            return Err(refusals::no_ticket(ticket));
        };
        let page = ids.drain(..most.min(ids.len())).map(String::from).collect();
        let more = !ids.is_empty();
        if !more {
            self.remove(ticket);
        }
        Ok((page, more, nodes_missing))
    }

    /// Names of rooms, and how many other nodes are missing.
    pub(super) fn take_names(&mut self, ticket: u64) -> Result<(Vec<Arc<str>>, u32), Refusal> {
        let is_names =
            |content: &TicketContent| matches!(content, TicketContent::Names(_) | TicketContent::Ready(Ok(HostAnswer::Names(_))));
        let Ticket { content, nodes_missing, .. } = self.take(ticket, is_names)?;
        match content {
            TicketContent::Names(names) => Ok((names.finish(), nodes_missing)),
            TicketContent::Ready(Ok(HostAnswer::Names(names))) => Ok((names, nodes_missing)),
            _ => Err(refusals::no_ticket(ticket)),
        }
    }

    /// The answer of a part of the host. `pick` takes the kind of answer that was requested.
    pub(super) fn take_answer<T>(&mut self, ticket: u64, pick: fn(HostAnswer) -> Result<T, HostAnswer>) -> Result<T, Refusal> {
        Ok(self.take_counted(ticket, pick)?.0)
    }

    /// The same, and how many other nodes are missing.
    pub(super) fn take_counted<T>(
        &mut self,
        ticket: u64,
        pick: fn(HostAnswer) -> Result<T, HostAnswer>,
    ) -> Result<(T, u32), Refusal> {
        let open = self.take(ticket, |content| matches!(content, TicketContent::Pending(_) | TicketContent::Ready(_)))?;
        match open.content {
            TicketContent::Ready(answer) => {
                let picked = pick(answer?).map_err(|_| refusals::no_ticket(ticket))?;
                Ok((picked, open.nodes_missing))
            }
            _ => Err(refusals::timed_out()),
        }
    }

    fn remove(&mut self, ticket: u64) -> Option<Ticket> {
        let removed = self.open.remove(ticket)?;
        if let Some(instance) = &mut self.of_instance {
            if let Some(deadline) = removed.watch.deadline {
                instance.deadlines.remove(&(deadline, ticket));
            }
            if let Some(run) = removed.resumed_run()
                && let Entry::Occupied(mut open) = instance.of_resumed.entry(run)
            {
                *open.get_mut() -= 1;
                if *open.get() == 0 {
                    open.remove();
                }
            }
        }
        Some(removed)
    }

    /// A sleep has nothing to take. Returns whether the ticket was open.
    fn remove_sleep(&mut self, ticket: u64) -> bool {
        match self.open.get(ticket) {
            Some(Ticket { content: TicketContent::Sleep, .. }) => self.remove(ticket).is_some(),
            other => other.is_some(),
        }
    }

    fn take(&mut self, ticket: u64, fits: impl Fn(&TicketContent) -> bool) -> Result<Ticket, Refusal> {
        self.answered_mut(ticket, fits)?;
        self.remove(ticket).ok_or_else(|| refusals::no_ticket(ticket))
    }

    /// A ticket that is answered.
    fn answered_mut(&mut self, ticket: u64, fits: impl Fn(&TicketContent) -> bool) -> Result<&mut Ticket, Refusal> {
        let open = self.open.get_mut(ticket).filter(|open| fits(&open.content)).ok_or_else(|| refusals::no_ticket(ticket))?;
        if open.poll(Instant::now(), &mut Context::from_waker(Waker::noop())).is_pending() {
            return Err(refusals::unanswered(ticket));
        }
        open.add_peers();
        Ok(open)
    }
}

/// What the task of an instance in `shared` mode does with its tickets.
impl Tickets {
    /// What the entries from now on ask belongs to this `resumed` run, or to none.
    pub(in crate::plugin) fn mute(&mut self, by: Option<u64>) {
        if let Some(instance) = &mut self.of_instance {
            instance.muted_by = by;
        }
    }

    /// Looks at the tickets that were asked, those that something has woken, and those whose time is up. Adds to `answered` those for
    /// which the guest is to be woken. `waker` wakes the ticket of a number.
    pub(in crate::plugin) fn look(&mut self, woken: &[u64], waker: impl Fn(u64) -> Waker, answered: &mut Vec<Answered>) {
        let Some(instance) = &mut self.of_instance else { return };
        let asked = std::mem::take(&mut instance.asked);
        if asked.is_empty() && woken.is_empty() && instance.deadlines.is_empty() {
            return;
        }
        let now = Instant::now();
        for ticket in asked.iter().chain(woken) {
            self.look_at(*ticket, now, &waker, answered);
        }
        while let Some(instance) = &mut self.of_instance
            && let Some((_, ticket)) = instance.deadlines.first().copied().filter(|(deadline, _)| *deadline <= now)
        {
            instance.deadlines.pop_first();
            match self.open.get_mut(ticket) {
                // Nobody took the answer.
                Some(open) if open.watch.is_answered => drop(self.remove(ticket)),
                Some(open) => {
                    open.watch.deadline = None;
                    self.look_at(ticket, now, &waker, answered);
                }
                None => {}
            }
        }
    }

    fn look_at(&mut self, ticket: u64, now: Instant, waker: &impl Fn(u64) -> Waker, answered: &mut Vec<Answered>) {
        let (Some(open), Some(instance)) = (self.open.get_mut(ticket), &mut self.of_instance) else { return };
        if open.watch.is_answered {
            return;
        }
        let deadline = match open.poll(now, &mut Context::from_waker(&waker(ticket))) {
            Poll::Ready(()) => {
                open.watch.is_answered = true;
                answered.push(Answered { ticket, muted_by: open.watch.muted_by });
                now + instance.kept
            }
            Poll::Pending => open.until,
        };
        if let Some(before) = open.watch.deadline.replace(deadline) {
            instance.deadlines.remove(&(before, ticket));
        }
        instance.deadlines.insert((deadline, ticket));
    }

    /// Whether this `resumed` run has asked something that the guest has not taken the answer of, sleeps left out.
    pub(in crate::plugin) fn has_questions_of(&self, run: u64) -> bool {
        self.of_instance.as_ref().is_some_and(|instance| instance.of_resumed.contains_key(&run))
    }

    /// When tickets have to be looked at again, if nothing wakes one before.
    pub(in crate::plugin) fn next_deadline(&self) -> Option<Instant> {
        self.of_instance.as_ref()?.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// The guest is woken for these. One that it took back meanwhile is left out.
    pub(in crate::plugin) fn report(&mut self, mut tickets: Vec<u64>) -> Vec<u64> {
        tickets.retain(|ticket| self.remove_sleep(*ticket));
        tickets
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;
    use std::time::Duration;

    use innkeeper_contract::limits::{INSTANCE_TICKETS_MAX, OPEN_TICKETS_MAX};
    use innkeeper_contract::refusals;

    use super::{Answered, HostAnswer, Ticket, Tickets};
    use crate::plugin::progress::OpenQuestions;

    const KEPT: Duration = Duration::from_secs(5);

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

    fn of_instance() -> Tickets {
        Tickets::of_instance(100, OpenQuestions::default(), KEPT)
    }

    fn look(tickets: &mut Tickets) -> Vec<u64> {
        let mut answered = Vec::new();
        tickets.look(&[], |_| Waker::noop().clone(), &mut answered);
        answered.iter().map(|answered: &Answered| answered.ticket).collect()
    }

    #[tokio::test]
    async fn an_instance_has_so_many_open_questions_and_no_more() {
        let mut tickets = of_instance();
        for _ in 0..INSTANCE_TICKETS_MAX {
            tickets.add(Ticket::ready(HostAnswer::Count(0)));
        }
        assert_eq!(tickets.check_count(), Err(refusals::instance_tickets()));
        tickets.cancel(101);
        assert_eq!(tickets.check_count(), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn an_instance_is_woken_once_for_each_ticket_and_an_answer_that_nobody_takes_is_dropped() {
        let mut tickets = of_instance();
        let ready = tickets.add(Ticket::ready(HostAnswer::Count(7)));
        let [late, early, cancelled] = [20, 10, 10].map(|ms| tickets.add(Ticket::sleep(Duration::from_millis(ms))));
        assert_eq!((ready, look(&mut tickets)), (101, vec![ready]));
        assert!(look(&mut tickets).is_empty());
        tokio::time::advance(Duration::from_millis(30)).await;
        assert_eq!(look(&mut tickets), [early, cancelled, late]);
        tickets.cancel(cancelled);
        assert_eq!(tickets.report(vec![early, cancelled, late, ready]), [early, late, ready]);
        assert_eq!(tickets.report(vec![early]), [0; 0], "a sleep is over when it was reported");
        tokio::time::advance(KEPT).await;
        assert!(look(&mut tickets).is_empty());
        assert_eq!(tickets.take_answer(ready, Ok).err(), Some(refusals::no_ticket(ready)));
        assert_eq!(tickets.next_deadline(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn many_tickets_are_found_and_taken_in_any_order() {
        let mut tickets = of_instance();
        let numbers: Vec<u64> = (0..100).map(|count| tickets.add(Ticket::ready(HostAnswer::Count(count)))).collect();
        for number in numbers.iter().rev() {
            assert!(tickets.take_answer(*number, Ok).is_ok());
        }
        assert_eq!(tickets.open.len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_resumed_run_asks_is_known_as_its_own() {
        let mut tickets = of_instance();
        tickets.mute(Some(9));
        let muted = tickets.add(Ticket::sleep(Duration::ZERO));
        assert!(!tickets.has_questions_of(9), "it waits for nothing but time");
        let question = tickets.add(Ticket::ready(HostAnswer::Count(1)));
        tickets.mute(None);
        let ordinary = tickets.add(Ticket::sleep(Duration::ZERO));
        let mut answered = Vec::new();
        tickets.look(&[], |_| Waker::noop().clone(), &mut answered);
        let found = |ticket, muted_by| Answered { ticket, muted_by };
        assert_eq!(answered, [found(muted, Some(9)), found(question, Some(9)), found(ordinary, None)]);
        assert!(tickets.has_questions_of(9));
        assert!(tickets.take_answer(question, Ok).is_ok());
        assert!(!tickets.has_questions_of(9));
    }
}

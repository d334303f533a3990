//! One question of a plugin: what was asked, until when, and the answer.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use innkeeper_contract::Refusal;
use innkeeper_contract::limits::NAME_BYTES;
use tokio::time::Instant;

use super::fetch::Fetched;
use super::names_page::NamesPage;
use crate::adapter::QuestionAnswers;
use crate::budget::Held;
use crate::effect::Asked;
use crate::packet::Payload;
use crate::peers::{PeerAnswer, PeerAnswers, PeerQuestion};
use crate::plugin::progress::OpenQuestion;
use crate::rate_limit::Decision;
use crate::store::Entry;

/// Longer than any call may be: such a sleep ends with its call.
const LONGEST_SLEEP: Duration = Duration::from_secs(86_400);

/// One question.
pub(crate) struct Ticket {
    pub(super) content: TicketContent,
    /// When the question counts as answered, with or without an answer.
    pub(super) until: Instant,
    /// What its answer may take, until the guest has taken it.
    held: Option<Held>,
    /// In `shared` mode.
    pub(super) watch: Watch,
    /// What other nodes are asked beside this one. Taken when their answers have been added to the content.
    pub(super) peers: Option<Arc<PeerQuestion>>,
    /// How many of them did not answer.
    pub(super) nodes_missing: u32,
}

/// What a `shared` instance notes about a ticket, which outlives its call.
#[derive(Default)]
pub(super) struct Watch {
    /// It was asked in a `resumed` run, the call of this number.
    pub(super) muted_by: Option<u64>,
    /// When it is looked at although nothing has woken it.
    pub(super) deadline: Option<Instant>,
    /// It is answered, and the guest will be woken for it, or was.
    pub(super) is_answered: bool,
    /// It awaits clients.
    pub(super) question: Option<OpenQuestion>,
}

/// The answer to come, with what it takes of the plugin's budget.
pub(super) type PendingAnswer = Pin<Box<dyn Future<Output = (Result<HostAnswer, Refusal>, Option<Held>)> + Send>>;

pub(super) enum TicketContent {
    Clients(ClientQuestion),
    Fetched(Fetched),
    Ids(VecDeque<Box<str>>),
    /// The rooms of this node, to which those of others are added.
    Names(NamesPage),
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
    Payloads(Vec<Payload>),
    Decision(Decision),
}

impl HostAnswer {
    /// Bytes of its texts and values.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Value(value) => value.as_ref().map_or(0, Vec::len),
            Self::Entries(entries) => entries.iter().map(|(key, value)| key.len() + value.len() + NAME_BYTES).sum(),
            Self::Names(names) => names.iter().map(|name| name.len() + NAME_BYTES).sum(),
            Self::Payloads(payloads) => payloads.iter().map(Payload::len).sum(),
            Self::Done(_) | Self::Number(_) | Self::Count(_) | Self::Decision(_) => 0,
        }
    }
}

/// An emit that awaits acks. Dropping it closes the question, so that no socket keeps it.
pub(super) struct ClientQuestion {
    asked: Asked,
    /// To one socket: then silence is a failure.
    pub(super) one: bool,
}

impl ClientQuestion {
    /// Closes the question, and takes what was answered.
    pub(super) fn close(&self) -> QuestionAnswers {
        self.asked.question.close(self.asked.ack)
    }
}

impl Drop for ClientQuestion {
    fn drop(&mut self) {
        self.close();
    }
}

impl Ticket {
    fn new(content: TicketContent, until: Instant) -> Self {
        Self { content, until, held: None, watch: Watch::default(), peers: None, nodes_missing: 0 }
    }

    /// A question to clients.
    pub(super) fn clients(asked: Asked, one: bool) -> Self {
        let until = Instant::now() + asked.timeout;
        Self::new(TicketContent::Clients(ClientQuestion { asked, one }), until)
    }

    /// An answer that is there already.
    pub(super) fn fetched(fetched: Fetched) -> Self {
        Self::new(TicketContent::Fetched(fetched), Instant::now())
    }

    /// Ids of sockets, in the order in which they are taken.
    pub(super) fn ids(ids: Vec<Box<str>>) -> Self {
        Self::new(TicketContent::Ids(ids.into()), Instant::now())
    }

    /// Names of rooms, with those of other nodes.
    pub(super) fn names(names: NamesPage) -> Self {
        Self::new(TicketContent::Names(names), Instant::now())
    }

    /// The answers of other nodes belong to it, and are awaited until then.
    pub(super) fn with_peers(mut self, peers: Arc<PeerQuestion>, until: Instant) -> Self {
        self.peers = Some(peers);
        self.until = until;
        self
    }

    /// Adds what other nodes answered, once it is there.
    pub(super) fn add_peers(&mut self) {
        let Some(peers) = self.peers.take() else { return };
        let PeerAnswers { answers, nodes_missing } = peers.close();
        self.nodes_missing = nodes_missing;
        for answer in answers {
            match (&mut self.content, answer) {
                (TicketContent::Fetched(fetched), PeerAnswer::Sockets(sockets)) => fetched.add(sockets),
                (TicketContent::Ids(ids), PeerAnswer::Ids(more)) => ids.extend(more.into_iter().map(String::into_boxed_str)),
                (TicketContent::Names(names), PeerAnswer::Rooms(rooms)) => names.add(rooms),
                (TicketContent::Ready(Ok(HostAnswer::Count(count))), PeerAnswer::Ids(ids)) => {
                    *count = count.saturating_add(u32::try_from(ids.len()).unwrap_or(u32::MAX));
                }
                (TicketContent::Ready(Ok(HostAnswer::Payloads(payloads))), PeerAnswer::ServerEvent(payload)) => {
                    payloads.push(payload)
                }
                _ => {}
            }
        }
        if let TicketContent::Ids(ids) = &mut self.content {
            ids.make_contiguous().sort_unstable();
        }
    }

    /// The same for an answer that is taken at once.
    pub(super) fn ready(answer: HostAnswer) -> Self {
        Self::new(TicketContent::Ready(Ok(answer)), Instant::now())
    }

    /// Never cut to the call's time: a handler that sleeps past the end of its call must not wake and go on.
    pub(super) fn sleep(delay: Duration) -> Self {
        Self::new(TicketContent::Sleep, Instant::now() + delay.min(LONGEST_SLEEP))
    }

    /// A question to a part of the host, answered at the latest when the call ends.
    pub(super) fn future(answer: PendingAnswer, ends_at: Instant) -> Self {
        Self::new(TicketContent::Pending(answer), ends_at)
    }

    /// The same, and `held` is given back when the answer is taken.
    pub(super) fn holding(mut self, held: Held) -> Self {
        self.held = Some(held);
        self
    }

    /// The `resumed` run that has asked this, unless it only sleeps.
    pub(super) fn resumed_run(&self) -> Option<u64> {
        self.watch.muted_by.filter(|_| !matches!(self.content, TicketContent::Sleep))
    }

    pub(super) fn poll(&mut self, now: Instant, context: &mut Context<'_>) -> Poll<()> {
        if let Some(peers) = &self.peers
            && peers.poll(context).is_pending()
            && now < self.until
        {
            return Poll::Pending;
        }
        match &mut self.content {
            TicketContent::Fetched(_) | TicketContent::Ids(_) | TicketContent::Names(_) | TicketContent::Ready(_) => {
                return Poll::Ready(());
            }
            TicketContent::Pending(answer) => {
                if let Poll::Ready((answer, held)) = answer.as_mut().poll(context) {
                    self.content = TicketContent::Ready(answer);
                    self.held = held;
                    return Poll::Ready(());
                }
            }
            TicketContent::Clients(clients) if clients.asked.question.poll(context).is_ready() => return Poll::Ready(()),
            TicketContent::Clients(_) | TicketContent::Sleep => {}
        }
        if self.until <= now { Poll::Ready(()) } else { Poll::Pending }
    }
}

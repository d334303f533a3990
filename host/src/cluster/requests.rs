//! The requests of this node that others have not all answered yet.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};

use crate::adapter::Question;
use crate::fixed_limits::PEER_REQUESTS_MAX;
use crate::peers::PeerQuestion;

/// Who awaits the answers to a request.
#[derive(Clone)]
pub(super) enum Asking {
    /// A question to the other nodes.
    Peers(Weak<PeerQuestion>, Asked),
    /// A question to clients, those of other nodes included.
    Clients(Weak<Question>),
}

/// What the other nodes are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Ids,
    Sockets,
    Rooms,
    ServerEvent,
    Nodes,
}

/// The open requests, by the numbers that travel with them.
pub(super) struct OpenRequests {
    uid: Box<str>,
    next: AtomicU64,
    open: Mutex<HashMap<Box<str>, Asking>>,
}

impl OpenRequests {
    pub(super) fn new(uid: &str) -> Self {
        Self { uid: uid.into(), next: AtomicU64::new(0), open: Mutex::default() }
    }

    /// Keeps a request until nobody awaits its answers any more. Returns its number, unique in the cluster; nothing if so many are open
    /// already.
    pub(super) fn open(&self, asking: Asking) -> Option<String> {
        let mut open = self.lock();
        if open.len() >= PEER_REQUESTS_MAX {
            open.retain(|_, asking| asking.is_awaited());
        }
        if open.len() >= PEER_REQUESTS_MAX {
            return None;
        }
        // Relaxed: each number only has to differ from the others.
        let number = format!("{}-{:x}", self.uid, self.next.fetch_add(1, Ordering::Relaxed));
        open.insert(number.as_str().into(), asking);
        Some(number)
    }

    /// Who awaits the answer to this request.
    pub(super) fn find(&self, number: &str) -> Option<Asking> {
        self.lock().get(number).cloned()
    }

    /// Forgets those whose answers nobody awaits any more.
    pub(super) fn forget(&self) {
        self.lock().retain(|_, asking| asking.is_awaited());
    }

    /// This node hears no answers: all open requests end with what they have.
    pub(super) fn give_up(&self) {
        let all = std::mem::take(&mut *self.lock());
        all.into_values().for_each(Asking::give_up);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Asking>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Asking {
    fn is_awaited(&self) -> bool {
        match self {
            Self::Peers(question, _) => question.strong_count() > 0,
            Self::Clients(question) => question.strong_count() > 0,
        }
    }

    /// So many other nodes get the request.
    pub(super) fn expect(&self, nodes: u32) {
        match self {
            Self::Peers(question, _) => drop(question.upgrade().map(|question| question.expect(nodes))),
            Self::Clients(question) => drop(question.upgrade().map(|question| question.expect_peers(nodes))),
        }
    }

    pub(super) fn give_up(self) {
        match self {
            Self::Peers(question, _) => drop(question.upgrade().map(|question| question.give_up())),
            Self::Clients(question) => drop(question.upgrade().map(|question| question.give_up_peers())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Asked, Asking, OpenRequests};
    use crate::budget::Budget;
    use crate::fixed_limits::PEER_REQUESTS_MAX;
    use crate::peers::PeerQuestion;

    #[test]
    fn a_request_is_open_while_somebody_awaits_it_and_their_number_is_bounded() {
        let requests = OpenRequests::new("web1abcdef");
        let question = Arc::new(PeerQuestion::new(Budget::new(1).part()));
        let ask = || requests.open(Asking::Peers(Arc::downgrade(&question), Asked::Ids));
        let number = ask().unwrap();
        assert!(number.starts_with("web1abcdef-") && requests.find(&number).is_some());
        for _ in 1..PEER_REQUESTS_MAX {
            assert!(ask().is_some());
        }
        assert!(ask().is_none());
        drop(question);
        requests.forget();
        assert!(requests.find(&number).is_none());
        let other = Arc::new(PeerQuestion::new(Budget::new(1).part()));
        assert!(requests.open(Asking::Peers(Arc::downgrade(&other), Asked::Ids)).is_some());
    }
}

//! The sockets that an instance in `shared` mode has had calls about.
//!
//! An entry can be about other sockets than the one that it was made for: an answer lets a call go on that began earlier. So the
//! instance finds the sockets of its calls here, also those that are not in their namespace yet or any more.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use foldhash::{HashMap, HashMapExt as _};

use crate::adapter::{Socket, SocketId};
use crate::budget::Held;
use crate::effect::{Effects, Write};
use crate::packet::EncodedPacket;

/// The table is not searched for sockets that are gone before it has so many.
const FEW: usize = 1_024;

/// The sockets of one instance. They are not kept alive by it.
#[derive(Default)]
pub(in crate::plugin) struct KnownSockets {
    table: Mutex<Table>,
    /// Sockets whose writes are held back; saves the lock where there is none.
    pending: AtomicUsize,
}

struct Table {
    by_id: HashMap<SocketId, Known>,
    /// Beyond so many, sockets that are gone are removed.
    sweep_at: usize,
}

struct Known {
    socket: Weak<Socket>,
    /// The instance has run `connection` for it, of whatever kind.
    is_met: bool,
    /// What holds back the writes of its connect chain, while a call of that is open in this instance.
    pending: Option<Arc<dyn Effects>>,
}

impl Default for Table {
    fn default() -> Self {
        Self { by_id: HashMap::new(), sweep_at: FEW }
    }
}

impl KnownSockets {
    /// A call about the socket begins.
    pub(in crate::plugin) fn note(&self, socket: &Arc<Socket>) {
        self.lock().entry(socket);
    }

    /// `connection` has run for the socket.
    pub(in crate::plugin) fn meet(&self, socket: &Arc<Socket>) {
        self.lock().entry(socket).is_met = true;
    }

    /// Whether `connection` has run for the socket.
    pub(in crate::plugin) fn has_met(&self, socket: SocketId) -> bool {
        self.lock().by_id.get(&socket).is_some_and(|known| known.is_met)
    }

    /// A call of the socket's connect chain begins, whose writes go there.
    pub(in crate::plugin) fn begin_pending(&self, socket: &Arc<Socket>, effects: &Arc<dyn Effects>) {
        let before = self.lock().entry(socket).pending.replace(effects.clone());
        self.pending.fetch_add(usize::from(before.is_none()), Ordering::Relaxed);
    }

    /// The call has ended.
    pub(in crate::plugin) fn end_pending(&self, socket: SocketId) {
        let before = self.lock().by_id.get_mut(&socket).and_then(|known| known.pending.take());
        self.pending.fetch_sub(usize::from(before.is_some()), Ordering::Relaxed);
    }

    /// Whether the writes of any socket are held back.
    pub(in crate::plugin) fn has_pending(&self) -> bool {
        self.pending.load(Ordering::Relaxed) > 0
    }

    pub(super) fn find(&self, socket: SocketId) -> Option<Arc<Socket>> {
        self.lock().by_id.get(&socket)?.socket.upgrade()
    }

    /// What holds back the writes of this socket.
    fn pending(&self, socket: SocketId) -> Option<Arc<dyn Effects>> {
        if !self.has_pending() {
            return None;
        }
        self.lock().by_id.get(&socket)?.pending.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn entry(&mut self, socket: &Arc<Socket>) -> &mut Known {
        if self.by_id.len() >= self.sweep_at && !self.by_id.contains_key(&socket.id()) {
            self.by_id.retain(|_, known| known.socket.strong_count() > 0);
            self.sweep_at = FEW.max(2 * self.by_id.len());
        }
        let new = || Known { socket: Arc::downgrade(socket), is_met: false, pending: None };
        self.by_id.entry(socket.id()).or_insert_with(new)
    }
}

/// Where the writes of one entry go: to the effects of the call that it was made for, but those about a socket whose connect chain
/// waits in this instance are held back with the others of that chain.
pub(in crate::plugin) struct EntryEffects {
    own: Arc<dyn Effects>,
    sockets: Arc<KnownSockets>,
}

impl EntryEffects {
    pub(in crate::plugin) fn new(own: Arc<dyn Effects>, sockets: Arc<KnownSockets>) -> Self {
        Self { own, sockets }
    }

    /// What holds back the writes about this socket, unless the entry was made for its own connect chain.
    fn other(&self, socket: &Arc<Socket>) -> Option<Arc<dyn Effects>> {
        self.sockets.pending(socket.id()).filter(|pending| !Arc::ptr_eq(pending, &self.own))
    }

    /// Hands over the writes that others hold back; what is left is the entry's own.
    fn hand_over(&self, writes: &mut Vec<Write>) {
        if !self.sockets.has_pending() {
            return;
        }
        for write in std::mem::take(writes) {
            match write.socket().and_then(|socket| self.other(socket)) {
                Some(other) => other.apply(&mut vec![write]),
                None => writes.push(write),
            }
        }
    }
}

impl Effects for EntryEffects {
    fn apply(&self, writes: &mut Vec<Write>) {
        self.hand_over(writes);
        self.own.apply(writes);
    }

    fn apply_some(&self, writes: &mut VecDeque<Write>) {
        let mut all = Vec::from(std::mem::take(writes));
        self.hand_over(&mut all);
        *writes = all.into();
        self.own.apply_some(writes);
    }

    fn admit(&self, socket: &Arc<Socket>, connect: &EncodedPacket, held: &mut VecDeque<Write>) {
        self.own.admit(socket, connect, held);
    }

    fn hold(&self, held: Held) {
        self.own.hold(held);
    }

    fn release_some(&self) -> bool {
        self.own.release_some()
    }

    fn held(&self, about: Option<&Arc<Socket>>, read: &mut dyn FnMut(&[Write])) {
        self.own.held(about, read);
        if let Some(about) = about
            && let Some(other) = self.other(about)
        {
            other.held(Some(about), read);
        }
    }
}

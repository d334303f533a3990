//! The frames that wait in an outbox, with the bytes of each socket, and what has to leave by when.

use std::{collections::VecDeque, mem, sync::Arc, time::Duration};

use smallvec::SmallVec;
use tokio::time::Instant;

use crate::{
    engine::payload,
    frame::{Frame, SocketShare},
    waiting_bytes::WaitingBytes,
};

/// Bytes that a websocket takes at once. They count against the bound until all of them are written.
const BATCH_BYTES: usize = 256 * 1024;

/// The frames that wait for one client, in order.
pub(super) struct Queue {
    frames: VecDeque<Frame>,
    /// The cost of `frames`.
    queued: usize,
    /// The cost of what the transport has taken and not written.
    in_transit: usize,
    bytes_max: usize,
    /// The parts of the sockets that are not closed. There are few, mostly one, so they are searched one by one.
    open: SmallVec<[Part; 1]>,
    last_part: u32,
    /// The cost of all that has ever left.
    left: u64,
    drain: Option<Drain>,
}

/// The part of a socket that is open.
struct Part {
    owner: SocketShare,
    queued: usize,
    /// Too much waited for this socket: it takes nothing more, and the task will disconnect it.
    is_evicted: bool,
}

/// When so much has to have left.
struct Drain {
    left: u64,
    by: Instant,
}

/// What became of a packet that needs room.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum MakeRoom {
    /// It fits.
    Fits,
    /// It fits, because what waited for this socket has been dropped, which takes nothing more.
    Evicted(SocketShare),
    /// It does not fit.
    Full,
}

impl Queue {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            frames: VecDeque::new(),
            queued: 0,
            in_transit: 0,
            bytes_max,
            open: SmallVec::new(),
            last_part: 0,
            left: 0,
            drain: None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// The cost of all that has not been written.
    pub(super) fn bytes(&self) -> usize {
        self.queued + self.in_transit
    }

    pub(super) fn open(&mut self) -> SocketShare {
        self.last_part += 1;
        let owner = SocketShare(self.last_part);
        self.open.push(Part { owner, queued: 0, is_evicted: false });
        owner
    }

    /// How many sockets are open.
    pub(super) fn open_sockets(&self) -> usize {
        self.open.len()
    }

    /// Whether frames for this socket are taken.
    pub(super) fn is_open(&self, owner: SocketShare) -> bool {
        owner == SocketShare::CONNECTION || self.open.iter().any(|part| part.owner == owner && !part.is_evicted)
    }

    /// Closes the part of a socket; what is queued for it stays and counts for the connection. False if it was closed.
    pub(super) fn close(&mut self, owner: SocketShare) -> bool {
        let Some(index) = self.open.iter().position(|part| part.owner == owner) else { return false };
        self.open.swap_remove(index);
        true
    }

    /// Makes room for a packet of this cost, if that takes no more than to drop what waits for the socket that has the most: it has
    /// flooded the client, and the others on the connection need not pay for that. `received` are bytes of the client that wait to be
    /// handled: they leave less room.
    pub(super) fn make_room(
        &mut self,
        owner: SocketShare,
        cost: usize,
        received: usize,
        evicted: &mut VecDeque<Frame>,
    ) -> MakeRoom {
        let room = self.bytes_max.saturating_sub(received);
        if self.bytes().saturating_add(cost) <= room {
            return MakeRoom::Fits;
        }
        if self.open.len() < 2 {
            return MakeRoom::Full;
        }
        let with_packet = |part: &Part| part.queued + if part.owner == owner { cost } else { 0 };
        let Some(fullest) = self.open.iter_mut().filter(|part| !part.is_evicted).max_by_key(|part| with_packet(part)) else {
            return MakeRoom::Full;
        };
        // What the transport has taken cannot be dropped. If that is the most of it, nothing is known about who flooded.
        if with_packet(fullest) <= self.in_transit {
            return MakeRoom::Full;
        }
        fullest.is_evicted = true;
        let fullest = fullest.owner;
        self.evict(fullest, evicted);
        let needed = if fullest == owner { 0 } else { cost };
        if self.bytes().saturating_add(needed) <= room { MakeRoom::Evicted(fullest) } else { MakeRoom::Full }
    }

    /// Moves out what waits for a socket. The rest of a packet of which the transport has the begin stays: without it the client
    /// could not read what follows.
    fn evict(&mut self, owner: SocketShare, evicted: &mut VecDeque<Frame>) {
        let rest = self.frames.iter().take_while(|frame| frame.is_binary()).count();
        let behind = self.frames.split_off(rest);
        let (out, kept): (VecDeque<_>, VecDeque<_>) = behind.into_iter().partition(|frame| frame.owner() == owner);
        self.frames.extend(kept);
        let cost = out.iter().map(Frame::cost).sum();
        self.taken(owner, cost);
        self.left += cost as u64;
        *evicted = out;
    }

    pub(super) fn push(&mut self, owner: SocketShare, frames: &[Frame]) {
        let cost: usize = frames.iter().map(Frame::cost).sum();
        self.queued += cost;
        if let Some(part) = self.open.iter_mut().find(|part| part.owner == owner) {
            part.queued += cost;
        }
        self.frames.extend(frames.iter().map(|frame| frame.of(owner)));
    }

    /// Fills `batch`, which is empty. The `written` bytes of the batch before have left. Returns the bytes of the new batch.
    pub(super) fn refill(&mut self, batch: &mut VecDeque<Frame>, written: usize) -> usize {
        self.left(written);
        if self.queued <= BATCH_BYTES {
            mem::swap(batch, &mut self.frames);
            let taken = mem::take(&mut self.queued);
            self.open.iter_mut().for_each(|part| part.queued = 0);
            self.in_transit += taken;
            return taken;
        }
        let mut taken = 0;
        while taken < BATCH_BYTES {
            let Some(frame) = self.frames.pop_front() else { break };
            taken += frame.cost();
            self.taken(frame.owner(), frame.cost());
            batch.push_back(frame);
        }
        self.in_transit += taken;
        taken
    }

    /// Takes the frames that fit into a polling body of `length_max` bytes, at least one frame, and their cost.
    pub(super) fn take(&mut self, length_max: usize) -> (VecDeque<Frame>, usize) {
        let (mut frames, mut length, mut cost) = (VecDeque::new(), 0, 0);
        while let Some(next) = self.frames.front() {
            length += payload::encoded_length(next);
            if length > length_max && !frames.is_empty() {
                break;
            }
            let Some(frame) = self.frames.pop_front() else { break };
            self.taken(frame.owner(), frame.cost());
            cost += frame.cost();
            frames.push_back(frame);
        }
        self.in_transit += cost;
        (frames, cost)
    }

    /// Something that the transport had taken has been written, or dropped.
    pub(super) fn left(&mut self, cost: usize) {
        self.in_transit = self.in_transit.saturating_sub(cost);
        self.left += cost as u64;
    }

    /// Moves everything out.
    pub(super) fn discard(&mut self) -> VecDeque<Frame> {
        self.left += mem::take(&mut self.queued) as u64;
        self.open.iter_mut().for_each(|part| part.queued = 0);
        mem::take(&mut self.frames)
    }

    /// Gives the memory of an empty queue back.
    pub(super) fn shrink(&mut self) {
        if self.frames.is_empty() && self.frames.capacity() > 0 {
            self.frames = VecDeque::new();
        }
    }

    pub(super) fn count_as_waiting(&self, count: &Arc<WaitingBytes>) {
        self.frames.iter().for_each(|frame| frame.count_as_waiting(count));
    }

    /// By when all that waits has to have left, if anything waits. When it has, what waits by then gets the same time.
    pub(super) fn drain_deadline(&mut self, now: Instant, timeout: Duration) -> Option<Instant> {
        if self.bytes() == 0 {
            self.drain = None;
            return None;
        }
        match &self.drain {
            Some(drain) if self.left < drain.left => Some(drain.by),
            _ => {
                let by = now + timeout;
                self.drain = Some(Drain { left: self.left + self.bytes() as u64, by });
                Some(by)
            }
        }
    }

    fn taken(&mut self, owner: SocketShare, cost: usize) {
        self.queued = self.queued.saturating_sub(cost);
        if let Some(part) = self.open.iter_mut().find(|part| part.owner == owner) {
            part.queued = part.queued.saturating_sub(cost);
        }
    }
}

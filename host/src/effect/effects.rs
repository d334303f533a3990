//! Where the writes and questions of calls go.

use std::collections::VecDeque;
use std::sync::Arc;

use super::write::Write;
use crate::adapter::Socket;
use crate::budget::Held;
use crate::packet::EncodedPacket;

/// Receives what the calls of one dispatch write and ask. The local adapter applies it; for a pending socket it is held back.
pub(crate) trait Effects: Send + Sync {
    /// Applies the writes of one call, all together, and takes them out of the list.
    fn apply(&self, writes: &mut Vec<Write>);

    /// Applies the first of the writes, as many as keep others waiting for a moment only, and takes them out of the list. Each write
    /// takes effect whole.
    fn apply_some(&self, writes: &mut VecDeque<Write>) {
        self.apply(&mut std::mem::take(writes).into());
    }

    /// Adds a pending socket to its namespace and applies the writes that were held back for it, as many as [`Effects::apply_some`], in
    /// one step. `connect` is its CONNECT packet.
    fn admit(&self, socket: &Arc<Socket>, connect: &EncodedPacket, held: &mut VecDeque<Write>);

    /// Takes over what the writes of a call take of a budget, and gives it back when they have taken effect.
    fn hold(&self, held: Held) {
        drop(held);
    }

    /// Applies what is held back, because a call of this dispatch waits or flushes, in parts as [`Effects::apply_some`] does. Returns
    /// whether more is left.
    fn release_some(&self) -> bool;

    /// Calls `read` with the writes that are held back; a read about this socket sees them as done.
    fn held(&self, about: Option<&Arc<Socket>>, read: &mut dyn FnMut(&[Write]));
}

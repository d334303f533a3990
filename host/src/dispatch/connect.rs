//! Connecting: connect middleware, the `connection` calls, and the one step that adds the socket to its namespace.
//!
//! Until that step nothing can reach the socket, and the writes of its `connection` calls are held back. So a client that has
//! received its CONNECT packet, or an event about the new socket, finds the socket in its rooms already.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use innkeeper_contract::kinds;
use innkeeper_contract::refusals::INVALID_NAMESPACE;

use super::dispatcher::Dispatcher;
use super::failure;
use crate::adapter::{Socket, SocketState};
use crate::budget::Held;
use crate::effect::{Effects, Write};
use crate::packet::{EncodedPacket, connect_error_packet, connect_packet, disconnect_packet};
use crate::plugin::{Call, CallOutcome, Chain, Export, Failure, Hook, Member, Progress, Registry};
use crate::reason::DisconnectReason;

/// Runs the chain. Returns the plugins whose place in the `connection` chain the socket reached: `disconnect` is called for
/// them.
pub(super) async fn connect(
    dispatcher: Arc<Dispatcher>,
    socket: Arc<Socket>,
    chain: Option<Arc<Chain>>,
    progress: Arc<Progress>,
) -> Vec<Arc<str>> {
    let pending = Arc::new(PendingConnect {
        socket,
        registry: dispatcher.registry.clone(),
        effects: dispatcher.effects.clone(),
        phase: Mutex::new(ConnectPhase::Middleware(Vec::new())),
        budgets: Mutex::default(),
    });
    let Some(chain) = chain else {
        // It was removed when the client had just asked for it.
        pending.refuse(&Failure::new("", INVALID_NAMESPACE));
        return Vec::new();
    };
    match pending.middleware(&chain, &progress).await {
        Ok(()) => {}
        Err(Stopped::Gone) => return Vec::new(),
        Err(Stopped::Refused(refusal)) => {
            pending.refuse(&refusal);
            return Vec::new();
        }
    }
    let reached = pending.connection(&chain, &progress).await;
    while pending.release_some() {
        tokio::task::yield_now().await;
    }
    let socket = &pending.socket;
    if socket.state() == SocketState::Connected {
        let (conn, ns, sid) = (socket.connection(), socket.namespace().name(), socket.id());
        tracing::debug!(conn, ns, %sid, "a socket is connected");
    }
    reached
}

/// A pending socket while its chain runs. As [`Effects`] it holds back what must not be seen yet.
struct PendingConnect {
    socket: Arc<Socket>,
    registry: Arc<Registry>,
    effects: Arc<dyn Effects>,
    /// First in the order of locks: held while the writes of this chain are applied. Only the calls of this chain take it.
    phase: Mutex<ConnectPhase>,
    /// What the writes that are held back take of the budgets of their plugins.
    budgets: Mutex<Vec<Held>>,
}

enum ConnectPhase {
    /// What middleware writes to the socket itself is held back; what it writes to others is applied.
    Middleware(Vec<Write>),
    /// Everything is held back.
    Connection(Vec<Write>),
    /// The socket is in its namespace; what was held back is applied in parts.
    Releasing(VecDeque<Write>),
    /// The socket is in its namespace: nothing is held back.
    Admitted,
}

/// Why the socket gets no further than its middleware.
enum Stopped {
    Refused(Failure),
    /// The client went meanwhile.
    Gone,
}

impl PendingConnect {
    async fn middleware(self: &Arc<Self>, chain: &Chain, progress: &Arc<Progress>) -> Result<(), Stopped> {
        for member in chain.members.iter().filter(|member| member.has(Hook::ConnectMiddleware)) {
            if self.is_gone() {
                return Err(Stopped::Gone);
            }
            match member.plugin.clone().call(self.call(member, Export::ConnectMiddleware, progress)).await {
                CallOutcome::Done | CallOutcome::Rewritten { .. } => {}
                CallOutcome::Rejected(failure) | CallOutcome::Failed { failure, .. } => return Err(Stopped::Refused(failure)),
            }
        }
        self.phase().end_middleware();
        Ok(())
    }

    async fn connection(self: &Arc<Self>, chain: &Chain, progress: &Arc<Progress>) -> Vec<Arc<str>> {
        let mut reached = Vec::new();
        let last = chain.members.iter().rposition(|member| member.has(Hook::Connection));
        for (index, member) in chain.members.iter().enumerate() {
            if self.is_gone() {
                break;
            }
            reached.push(member.plugin.name().clone());
            if !member.has(Hook::Connection) {
                continue;
            }
            if Some(index) == last {
                progress.set_last(member.registration.overtakable_connection);
            }
            let ended = member.plugin.clone().call(self.call(member, Export::Connection { kind: kinds::NEW }, progress)).await;
            if let CallOutcome::Failed { failure, .. } | CallOutcome::Rejected(failure) = ended {
                self.apply(&mut vec![failure::error_event(&self.socket, &failure)]);
            }
        }
        reached
    }

    fn is_gone(&self) -> bool {
        self.socket.state() == SocketState::Disconnected
    }

    fn call(self: &Arc<Self>, member: &Member, export: Export, progress: &Arc<Progress>) -> Call {
        Call {
            export,
            registration: Some(member.index),
            socket: Some(self.socket.clone()),
            effects: self.clone(),
            progress: progress.clone(),
        }
    }

    fn refuse(&self, refusal: &Failure) {
        let namespace = self.socket.namespace();
        let (conn, ns, sid) = (self.socket.connection(), namespace.name(), self.socket.id());
        tracing::debug!(conn, ns, %sid, "a socket is refused: {}", refusal.message);
        self.socket.enqueue(&connect_error_packet(namespace.name(), &refusal.message, refusal.data.as_deref()), false);
        namespace.lock().disconnect(&self.socket, DisconnectReason::Refused, None);
    }

    /// Where no plugin registers the namespace any more, the socket ends before it has begun.
    fn refuse_if_removed(&self) {
        if self.socket.state() == SocketState::Pending && !self.is_served() {
            let namespace = self.socket.namespace();
            self.socket.enqueue(&connect_error_packet(namespace.name(), INVALID_NAMESPACE, None), false);
            namespace.lock().disconnect(&self.socket, DisconnectReason::ServerNamespaceDisconnect, None);
        }
    }

    /// Whoever removes the namespace disconnects the sockets that are in it then. One that is added to it right now looks itself.
    fn disconnect_if_removed(&self) {
        if !self.is_served() {
            let namespace = self.socket.namespace();
            let last = Some(disconnect_packet(namespace.name()));
            namespace.lock().disconnect(&self.socket, DisconnectReason::ServerNamespaceDisconnect, last);
        }
    }

    fn is_served(&self) -> bool {
        self.registry.serving(self.socket.namespace()).is_some()
    }

    fn budgets(&self) -> MutexGuard<'_, Vec<Held>> {
        self.budgets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn phase(&self) -> MutexGuard<'_, ConnectPhase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConnectPhase {
    fn end_middleware(&mut self) {
        if let Self::Middleware(held) = self {
            *self = Self::Connection(std::mem::take(held));
        }
    }
}

impl Effects for PendingConnect {
    fn apply(&self, writes: &mut Vec<Write>) {
        match &mut *self.phase() {
            ConnectPhase::Middleware(held) => {
                let is_own = |write: &mut Write| write.socket().is_some_and(|socket| Arc::ptr_eq(socket, &self.socket));
                held.extend(writes.extract_if(.., is_own));
                self.effects.apply(writes);
            }
            ConnectPhase::Connection(held) => held.append(writes),
            ConnectPhase::Releasing(left) => left.extend(writes.drain(..)),
            ConnectPhase::Admitted => self.effects.apply(writes),
        }
    }

    fn apply_some(&self, writes: &mut VecDeque<Write>) {
        let is_admitted = matches!(*self.phase(), ConnectPhase::Admitted);
        if is_admitted { self.effects.apply_some(writes) } else { self.apply(&mut std::mem::take(writes).into()) }
    }

    fn admit(&self, socket: &Arc<Socket>, connect: &EncodedPacket, held: &mut VecDeque<Write>) {
        self.effects.admit(socket, connect, held);
    }

    fn hold(&self, held: Held) {
        if held.bytes() > 0 && !matches!(*self.phase(), ConnectPhase::Admitted) {
            self.budgets().push(held);
        }
    }

    /// The step: the socket is added to its namespace, and what was held back is applied, or the first part of it.
    fn release_some(&self) -> bool {
        let mut phase = self.phase();
        let left = match &mut *phase {
            ConnectPhase::Connection(held) => {
                let connect = connect_packet(self.socket.namespace().name(), self.socket.id().as_str());
                let mut held = std::mem::take(held).into();
                self.refuse_if_removed();
                self.effects.admit(&self.socket, &connect, &mut held);
                self.disconnect_if_removed();
                held
            }
            ConnectPhase::Releasing(left) => {
                self.effects.apply_some(left);
                std::mem::take(left)
            }
            ConnectPhase::Middleware(_) | ConnectPhase::Admitted => return false,
        };
        let is_left = !left.is_empty();
        *phase = if is_left { ConnectPhase::Releasing(left) } else { ConnectPhase::Admitted };
        if !is_left {
            self.budgets().clear();
        }
        is_left
    }

    fn held(&self, _about: Option<&Arc<Socket>>, read: &mut dyn FnMut(&[Write])) {
        if let ConnectPhase::Middleware(held) | ConnectPhase::Connection(held) = &*self.phase() {
            read(held);
        }
    }
}

impl Drop for PendingConnect {
    /// Where the chain is dropped between two parts, what was held back has taken effect whole.
    fn drop(&mut self) {
        if let ConnectPhase::Releasing(left) = self.phase.get_mut().unwrap_or_else(PoisonError::into_inner) {
            self.effects.apply(&mut std::mem::take(left).into());
        }
    }
}

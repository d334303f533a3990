//! Which sockets a guest means: the `target` of the contract, and what it resolves to.

use std::sync::Arc;

use innkeeper_contract::{Refusal, flags, refusals};
use smallvec::SmallVec;

use super::state::InstanceState;
use crate::adapter::{Namespace, RoomFilter, Socket, SocketId};
use crate::effect::{Flags, Target};
use crate::plugin::capability::Capability;
use crate::plugin::validate;

/// A target as a guest names it.
pub(crate) struct GuestTarget {
    pub(crate) namespace: String,
    pub(crate) rooms: Vec<String>,
    pub(crate) except: Vec<String>,
    /// An open list; unknown ones are ignored.
    pub(crate) flags: Vec<String>,
}

impl GuestTarget {
    fn is_pattern(&self) -> bool {
        self.has_flag(flags::PATTERN)
    }

    fn flags(&self) -> Flags {
        Flags { volatile: self.has_flag(flags::VOLATILE), local: self.has_flag(flags::LOCAL) }
    }

    fn has_flag(&self, name: &str) -> bool {
        self.flags.iter().any(|flag| flag == name)
    }
}

impl InstanceState {
    /// The socket of this id, if the plugin may reach its namespace.
    pub(super) fn socket(&mut self, id: &str) -> Result<Arc<Socket>, Refusal> {
        self.find(id)?.ok_or_else(|| refusals::no_socket(id))
    }

    /// The same for writes, which do nothing if there is no such socket.
    pub(super) fn find(&mut self, id: &str) -> Result<Option<Arc<Socket>>, Refusal> {
        let active = self.active()?;
        if let Some(own) = active.call.socket.as_ref().filter(|own| own.id().as_str() == id) {
            return Ok(Some(own.clone()));
        }
        let Some(id) = SocketId::parse(id) else { return Ok(None) };
        // Of those that calls of a `shared` instance are about, some are not in their namespace.
        let known = self.shared.as_ref().and_then(|shared| shared.sockets.find(id));
        let Some(found) = known.or_else(|| self.context.plugin.services.adapter.find(id)) else { return Ok(None) };
        self.check_namespace(found.namespace().name())?;
        Ok(Some(found))
    }

    /// The same for what may concern a socket or none. `None`: there is no socket of this id any more.
    pub(super) fn find_optional(&mut self, id: Option<&str>) -> Result<Option<Option<Arc<Socket>>>, Refusal> {
        let Some(id) = id else { return Ok(Some(None)) };
        Ok(self.find(id)?.map(Some))
    }

    /// The namespace and the rooms that a target names.
    pub(super) fn target(&mut self, target: GuestTarget) -> Result<Target, Refusal> {
        if target.is_pattern() {
            return Err(refusals::only_emits_to_patterns());
        }
        let flags = target.flags();
        let rooms = RoomFilter { any: validate::rooms(target.rooms)?, except: validate::rooms(target.except)? };
        let namespace = self.namespace(&target.namespace)?;
        Ok(Target { namespace, rooms, flags })
    }

    /// The same for an emit, which can be to all namespaces that the plugin serves by a pattern.
    pub(super) fn emit_targets(&mut self, target: GuestTarget) -> Result<SmallVec<[Target; 1]>, Refusal> {
        if !target.is_pattern() {
            return Ok(SmallVec::from_iter([self.target(target)?]));
        }
        let (served, pattern) = (&self.context.namespaces, &target.namespace);
        if !served.has_pattern(pattern) {
            return Err(refusals::no_pattern(pattern));
        }
        let mut namespaces = self.context.plugin.services.adapter.namespaces();
        namespaces.retain(|namespace| served.has_by_pattern(namespace.name(), pattern));
        let flags = target.flags();
        let rooms = RoomFilter { any: validate::rooms(target.rooms)?, except: validate::rooms(target.except)? };
        Ok(namespaces.into_iter().map(|namespace| Target { namespace, rooms: rooms.clone(), flags }).collect())
    }

    /// The namespace of this name, if the plugin may reach it.
    pub(super) fn namespace(&mut self, name: &str) -> Result<Arc<Namespace>, Refusal> {
        let own = self.active()?.call.socket.as_ref().map(|socket| socket.namespace());
        if let Some(own) = own.filter(|own| own.name() == name) {
            return Ok(own.clone());
        }
        self.check_namespace(name)?;
        let adapter = &self.context.plugin.services.adapter;
        let existing = if self.serves(name) { Some(adapter.namespace(name)) } else { adapter.existing(name) };
        existing.ok_or_else(|| refusals::no_namespace(name))
    }

    fn check_namespace(&self, name: &str) -> Result<(), Refusal> {
        if self.serves(name) || self.context.capabilities.covers(Capability::Namespaces, name) {
            return Ok(());
        }
        Err(refusals::namespace_denied(name))
    }

    fn serves(&self, name: &str) -> bool {
        self.context.namespaces.has(name)
    }
}

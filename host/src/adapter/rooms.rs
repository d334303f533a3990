//! The members of a namespace and its rooms: where a socket joins a room, leaves it, and is found in it.
//!
//! The type of the sockets is a parameter, because a socket refers to its namespace, and the namespace has this table.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::id::{IdHash, SocketId};

/// Selects sockets of a namespace: those in any of `any` (all, if that is empty) and in none of `except`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RoomFilter {
    pub(crate) any: Vec<Box<str>>,
    pub(crate) except: Vec<Box<str>>,
}

/// A socket cannot join, because it would then be in more rooms than one socket may be in. It has joined none of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooManyRooms;

/// The sockets of a namespace, and its rooms. A room exists while it has members.
pub(super) struct RoomTable<S> {
    sockets: HashMap<SocketId, Member<S>, IdHash>,
    /// Without the rooms that are named like a socket: those would be one entry for each socket.
    rooms: HashMap<Arc<str>, HashMap<SocketId, S, IdHash>>,
}

/// The sockets that a filter leaves out.
enum Excepted<'a, S> {
    Nobody,
    One(SocketId),
    Members(&'a HashMap<SocketId, S, IdHash>),
    Listed(HashSet<SocketId, IdHash>),
}

impl<S> Excepted<'_, S> {
    fn has(&self, id: SocketId) -> bool {
        match self {
            Self::Nobody => false,
            Self::One(one) => *one == id,
            Self::Members(members) => members.contains_key(&id),
            Self::Listed(ids) => ids.contains(&id),
        }
    }
}

struct Member<S> {
    socket: S,
    /// Whether the socket is in the room that has the socket's id as its name.
    in_own_room: bool,
    rooms: Vec<Arc<str>>,
}

impl<S> Default for RoomTable<S> {
    fn default() -> Self {
        Self { sockets: HashMap::default(), rooms: HashMap::new() }
    }
}

impl<S: Clone> RoomTable<S> {
    /// Adds a socket, which is in its own room only.
    pub(super) fn insert(&mut self, id: SocketId, socket: S) {
        self.sockets.insert(id, Member { socket, in_own_room: true, rooms: Vec::new() });
    }

    /// All sockets, in no particular order.
    pub(super) fn sockets(&self) -> impl Iterator<Item = &S> {
        self.sockets.values().map(|member| &member.socket)
    }

    /// How many sockets there are.
    pub(super) fn len(&self) -> usize {
        self.sockets.len()
    }

    /// How many rooms have members, without those that are named like their socket.
    pub(super) fn room_count(&self) -> usize {
        self.rooms.len()
    }

    /// Removes a socket. Returns the rooms that it was in.
    pub(super) fn remove(&mut self, id: SocketId) -> Vec<Arc<str>> {
        let Some(member) = self.sockets.remove(&id) else { return Vec::new() };
        for room in &member.rooms {
            self.remove_from_room(room, id);
        }
        member.all_rooms(id)
    }

    /// A socket joins all of these rooms, or none if it would then be in more than `rooms_max`. Returns how many rooms it is in
    /// besides its own; nothing if it is no member.
    pub(super) fn join(&mut self, id: SocketId, names: &[Box<str>], rooms_max: usize) -> Result<Option<usize>, TooManyRooms> {
        let Some(member) = self.sockets.get_mut(&id) else { return Ok(None) };
        member.check_join(id, names, &self.rooms, rooms_max)?;
        for name in names {
            if **name == *id.as_str() {
                member.in_own_room = true;
                continue;
            }
            let name = match self.rooms.get_key_value(&**name) {
                Some((name, _)) => name.clone(),
                None => Arc::from(&**name),
            };
            if self.rooms.entry(name.clone()).or_default().insert(id, member.socket.clone()).is_none() {
                member.rooms.push(name);
            }
        }
        Ok(Some(member.rooms.len()))
    }

    /// A socket leaves these rooms. Returns how many rooms it is in besides its own; nothing if it is no member.
    pub(super) fn leave(&mut self, id: SocketId, names: &[Box<str>]) -> Option<usize> {
        let mut left = HashSet::new();
        for name in names {
            if **name == *id.as_str() {
                self.sockets.get_mut(&id)?.in_own_room = false;
            } else if self.is_in(id, name) {
                self.remove_from_room(name, id);
                left.insert(&**name);
            }
        }
        let member = self.sockets.get_mut(&id)?;
        // All at once, because the list is searched for each of them.
        if !left.is_empty() {
            member.rooms.retain(|room| !left.contains(&**room));
        }
        Some(member.rooms.len())
    }

    /// The rooms of a member, its own included.
    pub(super) fn rooms_of(&self, id: SocketId) -> Option<Vec<Arc<str>>> {
        self.sockets.get(&id).map(|member| member.all_rooms(id))
    }

    /// Calls `visit` once for each socket that the filter selects, in no particular order.
    pub(super) fn each(&self, filter: &RoomFilter, mut visit: impl FnMut(&S)) {
        let excepted = self.excepted(&filter.except);
        match filter.any.as_slice() {
            [] => {
                for (id, member) in &self.sockets {
                    if !excepted.has(*id) {
                        visit(&member.socket);
                    }
                }
            }
            [room] => self.each_in(room, |id, socket| {
                if !excepted.has(id) {
                    visit(socket);
                }
            }),
            several => {
                let mut visited: HashSet<SocketId, IdHash> = HashSet::default();
                for room in several {
                    self.each_in(room, |id, socket| {
                        if !excepted.has(id) && visited.insert(id) {
                            visit(socket);
                        }
                    });
                }
            }
        }
    }

    /// The sockets in any of these rooms. In one room, the usual case, each socket is looked up; of several, all members are listed
    /// first, so that no socket is looked up in each of them.
    fn excepted(&self, rooms: &[Box<str>]) -> Excepted<'_, S> {
        match rooms {
            [] => Excepted::Nobody,
            [room] if SocketId::parse(room).is_none() => self.rooms.get(&**room).map_or(Excepted::Nobody, Excepted::Members),
            [room] if !self.rooms.contains_key(&**room) => {
                SocketId::parse(room).filter(|id| self.is_in(*id, room)).map_or(Excepted::Nobody, Excepted::One)
            }
            several => {
                let mut ids = HashSet::default();
                for room in several {
                    self.each_in(room, |id, _| {
                        ids.insert(id);
                    });
                }
                Excepted::Listed(ids)
            }
        }
    }

    /// How many sockets the filter selects at most, without a look at each of them.
    pub(super) fn count_at_most(&self, filter: &RoomFilter) -> usize {
        if filter.any.is_empty() {
            return self.sockets.len();
        }
        // One more for the socket whose own room it may be.
        filter.any.iter().map(|room| 1 + self.rooms.get(&**room).map_or(0, HashMap::len)).sum()
    }

    /// How many sockets the filter selects.
    pub(super) fn count(&self, filter: &RoomFilter) -> usize {
        if filter.any.is_empty() && filter.except.is_empty() {
            return self.sockets.len();
        }
        let mut count = 0;
        self.each(filter, |_| count += 1);
        count
    }

    /// The rooms that have members, without those that are named like a socket: at most `most` of those that begin with `prefix`, in
    /// the order of their bytes, after the name `after`.
    pub(super) fn room_names(&self, prefix: &str, after: Option<&str>, most: usize) -> Vec<Arc<str>> {
        let is_own = |name: &str| SocketId::parse(name).is_some_and(|id| self.sockets.contains_key(&id));
        let is_wanted = |name: &str| name.starts_with(prefix) && after.is_none_or(|after| name > after) && !is_own(name);
        let mut names: Vec<_> = self.rooms.keys().filter(|name| is_wanted(name)).cloned().collect();
        // A page of many is cheaper to select than all are to sort.
        if most < names.len() {
            names.select_nth_unstable(most);
            names.truncate(most);
        }
        names.sort_unstable();
        names
    }

    /// Whether the room has members, which may be a socket in its own room.
    pub(super) fn has_room(&self, room: &str) -> bool {
        self.rooms.contains_key(room) || SocketId::parse(room).is_some_and(|id| self.is_in(id, room))
    }

    /// How many members a room has, of those that `room_names` lists.
    pub(super) fn members_of(&self, room: &str) -> usize {
        self.rooms.get(room).map_or(0, HashMap::len)
    }

    fn each_in(&self, room: &str, mut visit: impl FnMut(SocketId, &S)) {
        for (id, socket) in self.rooms.get(room).into_iter().flatten() {
            visit(*id, socket);
        }
        let owner = SocketId::parse(room).and_then(|id| self.sockets.get(&id).map(|member| (id, member)));
        if let Some((id, member)) = owner
            && member.in_own_room
        {
            visit(id, &member.socket);
        }
    }

    fn is_in(&self, id: SocketId, room: &str) -> bool {
        if room == id.as_str() {
            return self.sockets.get(&id).is_some_and(|member| member.in_own_room);
        }
        self.rooms.get(room).is_some_and(|members| members.contains_key(&id))
    }

    /// Removes a socket from a room. The one place where it turns out whether the room still has members.
    fn remove_from_room(&mut self, room: &str, id: SocketId) {
        let Some(members) = self.rooms.get_mut(room) else { return };
        members.remove(&id);
        if members.is_empty() {
            self.rooms.remove(room);
        }
    }
}

impl<S> Member<S> {
    fn all_rooms(&self, id: SocketId) -> Vec<Arc<str>> {
        let own = self.in_own_room.then(|| Arc::from(id.as_str()));
        self.rooms.iter().cloned().chain(own).collect()
    }

    fn check_join(
        &self,
        id: SocketId,
        names: &[Box<str>],
        rooms: &HashMap<Arc<str>, HashMap<SocketId, S, IdHash>>,
        rooms_max: usize,
    ) -> Result<(), TooManyRooms> {
        let now = self.rooms.len() + usize::from(self.in_own_room);
        // Most joins are far below the bound: only near it the names are counted that are new to the socket.
        if now + names.len() <= rooms_max {
            return Ok(());
        }
        let is_new = |name: &str| match name == id.as_str() {
            true => !self.in_own_room,
            false => rooms.get(name).is_none_or(|members| !members.contains_key(&id)),
        };
        let new: HashSet<&str> = names.iter().map(|name| &**name).filter(|name| is_new(name)).collect();
        if new.is_empty() || now + new.len() <= rooms_max { Ok(()) } else { Err(TooManyRooms) }
    }
}

#[cfg(test)]
mod tests {
    use super::{RoomFilter, RoomTable, TooManyRooms};
    use crate::adapter::SocketId;

    fn names(names: impl IntoIterator<Item = impl ToString>) -> Vec<Box<str>> {
        names.into_iter().map(|name| name.to_string().into()).collect()
    }

    fn numbered(range: std::ops::Range<u32>) -> Vec<Box<str>> {
        names(range)
    }

    /// A table with one socket in its own room.
    fn table() -> (RoomTable<&'static str>, SocketId) {
        let (mut table, id) = (RoomTable::default(), SocketId::random().unwrap());
        table.insert(id, "ann");
        (table, id)
    }

    #[test]
    fn a_join_over_the_bound_joins_no_room() {
        let (mut table, id) = table();
        assert_eq!(table.join(id, &numbered(0..600), 1000), Ok(Some(600)));
        assert_eq!(table.join(id, &numbered(600..1200), 1000), Err(TooManyRooms));
        assert_eq!(table.rooms_of(id).unwrap().len(), 601);
        // 999 and its own room are 1,000 exactly.
        assert_eq!(table.join(id, &numbered(600..999), 1000), Ok(Some(999)));
        assert_eq!(table.join(id, &names(["one more"]), 1000), Err(TooManyRooms));
    }

    #[test]
    fn a_room_counts_once() {
        let (mut table, id) = table();
        assert_eq!(table.join(id, &names(["a", "a", "b", "a"]), 3), Ok(Some(2)));
        assert_eq!(table.join(id, &names(["b", "a", id.as_str()]), 3), Ok(Some(2)));
        assert_eq!(table.join(id, &names(["c"]), 3), Err(TooManyRooms));
        // Outside of its own room it may be in one more.
        assert_eq!(table.leave(id, &names([id.as_str()])), Some(2));
        assert_eq!(table.join(id, &names(["c"]), 3), Ok(Some(3)));
        assert_eq!(table.join(id, &names([id.as_str()]), 3), Err(TooManyRooms));
    }

    #[test]
    fn a_room_exists_while_it_has_members() {
        let (mut table, ann) = table();
        let bob = SocketId::random().unwrap();
        table.insert(bob, "bob");
        let _ = table.join(ann, &names(["a", "b"]), 9);
        let _ = table.join(bob, &names(["a"]), 9);
        table.remove(bob);
        assert!(table.rooms.contains_key("a"));
        table.leave(ann, &names(["a", "nowhere"]));
        assert!(!table.rooms.contains_key("a"));
        assert_eq!(table.remove(ann).len(), 2);
        assert!(table.rooms.is_empty() && table.sockets.is_empty());
        assert_eq!(table.join(ann, &names(["a"]), 9), Ok(None));
    }

    #[test]
    fn rooms_are_listed_in_order_without_those_of_sockets() {
        let (mut table, ann) = table();
        let bob = SocketId::random().unwrap();
        table.insert(bob, "bob");
        let _ = table.join(ann, &names(["game:2", "game:1", "hall", bob.as_str()]), 9);
        let listed = |prefix: &str, after: Option<&str>, most| {
            table.room_names(prefix, after, most).iter().map(|name| name.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(listed("", None, 10), ["game:1", "game:2", "hall"]);
        assert_eq!(listed("game:", None, 1), ["game:1"]);
        assert_eq!(listed("game:", Some("game:1"), 10), ["game:2"]);
        assert!(listed("g", Some("h"), 10).is_empty());
        assert_eq!((table.members_of("hall"), table.members_of("nowhere")), (1, 0));
        assert!(table.has_room("hall") && table.has_room(ann.as_str()) && !table.has_room("nowhere"));
        let all = RoomFilter::default();
        assert_eq!((table.count(&all), table.count(&RoomFilter { any: names(["hall"]), ..all })), (2, 1));
    }

    #[test]
    fn a_filter_selects_each_socket_once() {
        let (mut table, ann) = table();
        let bob = SocketId::random().unwrap();
        table.insert(bob, "bob");
        let _ = table.join(ann, &names(["a", "b"]), 9);
        let _ = table.join(bob, &names(["b"]), 9);
        let selected = |any: &[&str], except: &[&str]| {
            let mut selected = Vec::new();
            table.each(&RoomFilter { any: names(any), except: names(except) }, |socket| selected.push(*socket));
            selected.sort_unstable();
            selected
        };
        assert_eq!(selected(&[], &[]), ["ann", "bob"]);
        assert_eq!(selected(&["a", "b", ann.as_str()], &[]), ["ann", "bob"]);
        assert_eq!(selected(&["b"], &["a"]), ["bob"]);
        assert_eq!(selected(&[], &[bob.as_str()]), ["ann"]);
        assert_eq!(selected(&["b"], &["a", "nowhere"]), ["bob"]);
        assert_eq!(selected(&["b", "b"], &[ann.as_str(), bob.as_str()]), [""; 0]);
    }

    /// Each of these took minutes where the time grew with the square of the number of rooms.
    #[test]
    fn many_rooms_cost_no_more_than_their_number() {
        const MANY: u32 = 200_000;
        let (mut table, ann) = table();
        let all = numbered(0..MANY);
        assert_eq!(table.join(ann, &all, usize::MAX), Ok(Some(200_000)));
        for number in 0..1_000 {
            let id = SocketId::random().unwrap();
            table.insert(id, "member");
            let _ = table.join(id, &numbered(number..number + 100), usize::MAX);
        }
        let filter = RoomFilter { any: all.clone(), except: numbered(MANY..2 * MANY) };
        assert_eq!(table.count(&filter), 1_001);
        assert_eq!(table.count(&RoomFilter { any: Vec::new(), except: all.clone() }), 0);
        assert_eq!(table.leave(ann, &all), Some(0));
    }
}

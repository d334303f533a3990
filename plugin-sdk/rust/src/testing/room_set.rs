//! The rooms of one socket, and the limit on how many there are.

use innkeeper_contract::defaults::ROOMS_PER_SOCKET_MAX;
use std::collections::HashSet;

/// Rooms in the order in which they were joined. A room is in it once.
#[derive(Clone, Debug, Default)]
pub(super) struct RoomSet {
    rooms: Vec<String>,
}

impl RoomSet {
    /// The rooms of a socket that has just connected.
    pub(super) fn of_socket(id: &str) -> Self {
        Self { rooms: vec![id.to_owned()] }
    }

    pub(super) fn names(&self) -> &[String] {
        &self.rooms
    }

    pub(super) fn contains(&self, room: &String) -> bool {
        self.rooms.contains(room)
    }

    /// Joins all of these rooms, or none of them if those would be too many. Returns whether it joined.
    pub(super) fn join(&mut self, names: &[String]) -> bool {
        if self.would_exceed(names) {
            return false;
        }
        self.rooms.extend(self.new_among(names));
        true
    }

    pub(super) fn leave(&mut self, names: &[String]) {
        let left: HashSet<&String> = names.iter().collect();
        self.rooms.retain(|room| !left.contains(room));
    }

    pub(super) fn would_exceed(&self, names: &[String]) -> bool {
        if self.rooms.len() + names.len() <= ROOMS_PER_SOCKET_MAX {
            return false;
        }
        let new = self.new_among(names).len();
        new > 0 && self.rooms.len() + new > ROOMS_PER_SOCKET_MAX
    }

    /// Names of rooms that it does not have yet, each once.
    fn new_among(&self, names: &[String]) -> Vec<String> {
        let mut seen: HashSet<&String> = self.rooms.iter().collect();
        names.iter().filter(|name| seen.insert(name)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::RoomSet;

    fn names(numbers: std::ops::Range<u32>) -> Vec<String> {
        numbers.map(|number| number.to_string()).collect()
    }

    #[test]
    fn a_socket_is_in_so_many_rooms_and_no_more() {
        let mut rooms = RoomSet::of_socket("own");
        assert!(rooms.join(&names(0..600)));
        assert!(!rooms.join(&names(600..1_000)), "its own counts");
        assert!(rooms.join(&names(300..999)), "a room counts once");
        assert!(rooms.join(&names(0..999)), "what it is in already is no more");
        assert!(!rooms.join(&names(999..1_000)));
        rooms.leave(&names(0..1));
        assert!(rooms.join(&names(999..1_000)));
        assert_eq!(rooms.names().len(), 1_000);
    }
}

//! What a guest writes, checked when it is recorded: names, rooms, payloads. What an operator emits is checked alike.

use std::collections::HashSet;

use innkeeper_contract::limits::{EVENT_NAME_BYTES_MAX, PAGE_ENTRIES_MAX, ROOM_NAME_BYTES_MAX, ROOM_NAMES_MAX};
use innkeeper_contract::{Refusal, codes, events, refusals};

use crate::json::{self, Invalid};
use crate::packet::Payload;

/// Checks the name of an event that a guest emits.
pub(crate) fn event_name(name: &str) -> Result<(), Refusal> {
    if events::is_reserved(name) {
        return Err(refusals::reserved_event(name));
    }
    if name.len() > EVENT_NAME_BYTES_MAX {
        return Err(refusals::event_name());
    }
    Ok(())
}

/// Checks the name of an event between servers.
pub(super) fn server_event_name(name: &str) -> Result<(), Refusal> {
    if events::is_reserved_between_servers(name) {
        return Err(refusals::reserved_event(name));
    }
    if name.len() > EVENT_NAME_BYTES_MAX {
        return Err(refusals::event_name());
    }
    Ok(())
}

/// Checks the arguments of an emit or an ack.
pub(crate) fn payload(payload: Payload, attachments_max: usize) -> Result<Payload, Refusal> {
    if payload.attachments.len() > attachments_max {
        return Err(refusals::attachments(attachments_max));
    }
    payload.validate().map_err(|fault| invalid("args", &fault))
}

/// Checks names of rooms. A name counts once, however often it is listed.
pub(crate) fn rooms(mut rooms: Vec<String>) -> Result<Vec<Box<str>>, Refusal> {
    if rooms.iter().any(|room| room.len() > ROOM_NAME_BYTES_MAX) {
        return Err(refusals::room_name());
    }
    if rooms.len() > 1 {
        let mut seen = HashSet::with_capacity(rooms.len());
        let is_first: Vec<bool> = rooms.iter().map(|room| seen.insert(room.as_str())).collect();
        if seen.len() > ROOM_NAMES_MAX {
            return Err(refusals::room_names());
        }
        let mut is_first = is_first.into_iter();
        rooms.retain(|_| is_first.next().unwrap_or_default());
    }
    Ok(rooms.into_iter().map(String::into_boxed_str).collect())
}

/// Checks one JSON value.
pub(super) fn value(what: &str, text: &str) -> Result<(), Refusal> {
    json::value(text).map_err(|fault| invalid(what, &fault))
}

/// Checks how many entries a guest requests in a page.
pub(super) fn page(most: u32) -> Result<usize, Refusal> {
    if most > PAGE_ENTRIES_MAX {
        return Err(refusals::page_entries(most));
    }
    Ok(usize::try_from(most).unwrap_or(usize::MAX))
}

fn invalid(what: &str, fault: &Invalid) -> Refusal {
    match fault {
        Invalid::TooDeep => refusals::json_depth(what),
        Invalid::Syntax { .. } => Refusal::new(codes::INVALID, format!("{what}: {fault}")),
    }
}

#[cfg(test)]
mod tests {
    use innkeeper_contract::limits::PAGE_ENTRIES_MAX;
    use innkeeper_contract::refusals;

    use super::{page, rooms};

    #[test]
    fn a_name_counts_once_and_keeps_its_place() {
        let listed = ["b", "a", "b", "", "a"].map(str::to_owned);
        assert_eq!(rooms(listed.into()), Ok(["b", "a", ""].map(Box::from).into()));
    }

    /// Here and not in a scenario, because the Rust SDK asks for pages of the largest size itself.
    #[test]
    fn a_page_has_so_many_entries_and_no_more() {
        assert_eq!(page(PAGE_ENTRIES_MAX), Ok(10_000));
        assert_eq!(page(PAGE_ENTRIES_MAX + 1), Err(refusals::page_entries(PAGE_ENTRIES_MAX + 1)));
    }
}

//! What a plugin may send, checked when it is recorded.

use std::collections::HashSet;

use crate::error::{Error, Result};
use crate::payload::Payload;
use innkeeper_contract::limits::{
    EVENT_NAME_BYTES_MAX, JSON_DEPTH_MAX, RATE_LIMIT_KEY_BYTES_MAX, ROOM_NAME_BYTES_MAX, ROOM_NAMES_MAX,
};
use innkeeper_contract::{defaults, events, refusals};

/// Checks an event that a plugin emits.
pub(super) fn event(name: &str, sent: &Payload) -> Result<()> {
    if events::is_reserved(name) {
        return Err(Error::refused(refusals::reserved_event(name)));
    }
    if name.len() > EVENT_NAME_BYTES_MAX {
        return Err(Error::refused(refusals::event_name()));
    }
    payload(sent)
}

/// Checks an event for the other servers.
pub(super) fn server_event(name: &str, sent: &Payload) -> Result<()> {
    if events::is_reserved_between_servers(name) {
        return Err(Error::refused(refusals::reserved_event(name)));
    }
    if name.len() > EVENT_NAME_BYTES_MAX {
        return Err(Error::refused(refusals::event_name()));
    }
    if !sent.attachments.is_empty() {
        return Err(Error::refused(refusals::server_event_binary()));
    }
    payload(sent)
}

/// Checks the arguments of an emit or an ack.
pub(super) fn payload(payload: &Payload) -> Result<()> {
    if payload.attachments.len() > defaults::ATTACHMENTS_MAX {
        return Err(Error::refused(refusals::attachments(defaults::ATTACHMENTS_MAX)));
    }
    depth("args", &payload.args)
}

/// Checks how deep JSON text nests. This crate wrote the text, so it is JSON, and the brackets outside of its strings are all that counts.
pub(super) fn depth(what: &str, json: &str) -> Result<()> {
    let (mut depth, mut in_string, mut is_escaped) = (0_usize, false, false);
    for byte in json.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > JSON_DEPTH_MAX {
            return Err(Error::refused(refusals::json_depth(what)));
        }
    }
    Ok(())
}

/// Checks names of rooms.
pub(super) fn rooms(rooms: &[String]) -> Result<()> {
    if rooms.iter().any(|room| room.len() > ROOM_NAME_BYTES_MAX) {
        return Err(Error::refused(refusals::room_name()));
    }
    if rooms.len() > ROOM_NAMES_MAX && rooms.iter().collect::<HashSet<_>>().len() > ROOM_NAMES_MAX {
        return Err(Error::refused(refusals::room_names()));
    }
    Ok(())
}

/// Checks the key and the window of a rate limit.
pub(super) fn rate_limit(key: &str, window_ms: u64) -> Result<()> {
    if key.len() > RATE_LIMIT_KEY_BYTES_MAX {
        return Err(Error::refused(refusals::rate_limit_key()));
    }
    if window_ms == 0 {
        return Err(Error::refused(refusals::rate_limit_window()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::depth;
    use innkeeper_contract::limits::JSON_DEPTH_MAX;

    #[test]
    fn only_brackets_outside_of_strings_nest() {
        let brackets = "[".repeat(JSON_DEPTH_MAX + 1);
        assert!(depth("args", &format!(r#"["\"{brackets}\\",{{"{brackets}":1}}]"#)).is_ok());
        assert!(depth("args", &format!(r#"["\\",{brackets}"#)).is_err());
        assert!(depth("args", &"[],".repeat(JSON_DEPTH_MAX + 1)).is_ok());
    }
}

//! What a plugin may send, checked when it is recorded.

use crate::error::{Error, Result};
use crate::payload::Payload;
use innkeeper_contract::limits::{EVENT_NAME_BYTES_MAX, RATE_LIMIT_KEY_BYTES_MAX, ROOM_NAME_BYTES_MAX};
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

/// Checks the arguments of an emit or an ack.
pub(super) fn payload(payload: &Payload) -> Result<()> {
    if payload.attachments.len() > defaults::ATTACHMENTS_MAX {
        return Err(Error::refused(refusals::attachments(defaults::ATTACHMENTS_MAX)));
    }
    Ok(())
}

/// Checks names of rooms.
pub(super) fn rooms(rooms: &[String]) -> Result<()> {
    if rooms.iter().any(|room| room.len() > ROOM_NAME_BYTES_MAX) {
        return Err(Error::refused(refusals::room_name()));
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

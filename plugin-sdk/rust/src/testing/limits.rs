//! Bounds, with the host's defaults, and limits of rate.

use crate::error::{Error, Result};
use crate::payload::Payload;
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) const CALL_LIMIT: Duration = Duration::from_secs(10);
pub(super) const WRITES_MAX: usize = 50_000;
pub(super) const WRITE_BYTES_MAX: usize = 8 << 20;
pub(super) const LOG_LINES_MAX: usize = 100;
pub(super) const ROOMS_MAX: usize = 1_000;
pub(super) const DATA_BYTES_MAX: usize = 64 << 10;
pub(super) const TIMER_NAME_BYTES_MAX: usize = 256;
pub(super) const TIMER_DATA_BYTES_MAX: usize = 64 << 10;
const ATTACHMENTS_MAX: usize = 10;
const NAME_BYTES_MAX: usize = 1_024;
const RATE_KEY_BYTES_MAX: usize = 256;

/// Names that Socket.IO keeps for itself.
const RESERVED: [&str; 6] = ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

pub(super) fn is_reserved(event: &str) -> bool {
    RESERVED.contains(&event)
}

/// Checks an event that a plugin emits.
pub(super) fn event(name: &str, sent: &Payload) -> Result<()> {
    if is_reserved(name) {
        return Err(Error::host("invalid", format!("{name:?} is a reserved event name")));
    }
    if name.len() > NAME_BYTES_MAX {
        return Err(Error::host("limit", format!("an event's name has at most {NAME_BYTES_MAX} bytes")));
    }
    payload(sent)
}

pub(super) fn payload(payload: &Payload) -> Result<()> {
    if payload.attachments.len() > ATTACHMENTS_MAX {
        return Err(Error::host("limit", format!("a packet has at most {ATTACHMENTS_MAX} attachments")));
    }
    Ok(())
}

pub(super) fn rooms(rooms: &[String]) -> Result<()> {
    if rooms.iter().any(|room| room.len() > NAME_BYTES_MAX) {
        return Err(Error::host("limit", format!("a room's name has at most {NAME_BYTES_MAX} bytes")));
    }
    Ok(())
}

/// Checks what a limit of rate is asked of.
pub(super) fn check_key(key: &str, window_ms: u64) -> Result<()> {
    if key.len() > RATE_KEY_BYTES_MAX {
        return Err(Error::host("limit", format!("a key has at most {RATE_KEY_BYTES_MAX} bytes")));
    }
    if window_ms == 0 {
        return Err(Error::host("invalid", "a window needs a length"));
    }
    Ok(())
}

/// The windows of one plugin's keys.
#[derive(Default)]
pub(super) struct Windows {
    open: BTreeMap<String, (u32, Duration)>,
}

impl Windows {
    /// Takes points, and says how many the window has and when it closes. It opens with the first point, and what goes beyond the
    /// limit counts too.
    pub(super) fn consume(&mut self, key: &str, points: u32, window: Duration, now: Duration) -> (u32, Duration) {
        self.open.retain(|_, (_, closes)| *closes > now);
        let (consumed, closes) = self.open.entry(key.to_owned()).or_insert((0, now.saturating_add(window)));
        *consumed = consumed.saturating_add(points);
        (*consumed, *closes)
    }
}

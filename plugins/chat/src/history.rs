//! The messages of each room, kept in the bucket `messages` of the store for 30 days.

use crate::message::{Message, RoomId, Text};
use innkeeper_plugin::{Result, now_ms, store};
use serde_json::Value;
use std::time::Duration;

const BUCKET: &str = "messages";
const LIFETIME: Duration = Duration::from_secs(30 * 86_400);
const PAGE: u32 = 50;

/// Numbers a message and stores it. When this returns, it is on the disk.
pub(crate) fn keep(room_id: &RoomId, text: &Text, from: Value) -> Result<Message> {
    let bucket = store::bucket(BUCKET);
    let id = bucket.increment(&format!("#{}", room_id.as_str()), 1)?.unsigned_abs();
    let message = Message { id, room_id: room_id.clone(), text: text.clone(), from, sent_at: now_ms() };
    bucket.set_for(&key(room_id, id), &message, LIFETIME)?;
    Ok(message)
}

/// The last messages of a room, or the last before one of them; the newest last.
pub(crate) fn last(room: &RoomId, before: Option<u64>) -> Result<Vec<Message>> {
    let after = before.map(|id| key(room, id));
    let newest_first = store::bucket(BUCKET).scan(&prefix(room), after.as_deref(), PAGE)?;
    Ok(newest_first.into_iter().rev().map(|(_, message)| message).collect())
}

/// Keys count down, so that a scan meets the newest first.
fn key(room: &RoomId, id: u64) -> String {
    format!("{}{:016x}", prefix(room), u64::MAX - id)
}

/// The name's length stands in front, so that no room's prefix is the beginning of another's.
fn prefix(room: &RoomId) -> String {
    format!("{}:{}:", room.as_str().len(), room.as_str())
}

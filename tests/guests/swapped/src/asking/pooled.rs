//! The questions of a `pooled` plugin: the SDK's functions, which wait themselves.

use std::time::Duration;

use innkeeper_plugin::{Result, Socket, store};
use serde_json::Value;

/// Whether the memory of an instance is that of all its sockets.
pub(crate) const IS_SHARED: bool = false;

pub(crate) async fn sleep(delay: Duration) -> Result<()> {
    innkeeper_plugin::sleep(delay)
}

pub(crate) async fn ask(socket: &Socket, event: &str, value: u32) -> Result<Value> {
    socket.emit_with_ack(event, value)
}

pub(crate) async fn increment(key: &str) -> Result<i64> {
    store::bucket("swapped").increment(key, 1)
}

/// Only an instance that lives has timers of its own.
pub(crate) fn tick(_socket: Socket) {}

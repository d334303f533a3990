//! The events of other nodes that wait for a plugin. It handles them one at a time, in the order in which they came.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::call::ServerEventCall;
use crate::fixed_limits::{SERVER_EVENT_BYTES_MAX, SERVER_EVENTS_MAX};
use crate::limit_hits::{LimitHit, LimitHits};
use crate::log_limiter::LogLimiter;

/// The queue of one plugin.
pub(crate) struct ServerEventQueue {
    plugin: Arc<str>,
    waiting: Mutex<Waiting>,
    filled: Notify,
    limit_hits: Arc<LimitHits>,
    log: LogLimiter,
}

#[derive(Default)]
struct Waiting {
    events: VecDeque<ServerEventCall>,
    bytes: usize,
}

impl ServerEventQueue {
    pub(super) fn new(plugin: Arc<str>, limit_hits: Arc<LimitHits>) -> Self {
        Self { plugin, waiting: Mutex::default(), filled: Notify::new(), limit_hits, log: LogLimiter::new(1) }
    }

    /// Adds an event. Beyond the bound it is dropped: whoever emitted it does not learn of that, as with a node that is away.
    pub(crate) fn push(&self, event: ServerEventCall) {
        let bytes = event.len();
        let exceeded = {
            let mut waiting = self.lock();
            if waiting.events.len() >= SERVER_EVENTS_MAX {
                LimitHit::ServerEvents
            } else if waiting.bytes + bytes > SERVER_EVENT_BYTES_MAX {
                LimitHit::ServerEventBytes
            } else {
                waiting.bytes += bytes;
                waiting.events.push_back(event);
                self.filled.notify_one();
                return;
            }
        };
        self.limit_hits.hit(exceeded);
        if let Some(left_out) = self.log.admit() {
            let plugin = &*self.plugin;
            tracing::warn!(
                plugin,
                left_out,
                "server events come faster than the plugin handles them: at most {SERVER_EVENTS_MAX}, and {SERVER_EVENT_BYTES_MAX} bytes, wait"
            );
        }
    }

    /// The next event, as soon as there is one.
    pub(crate) async fn next(&self) -> ServerEventCall {
        loop {
            if let Some(event) = self.pop() {
                return event;
            }
            self.filled.notified().await;
        }
    }

    fn pop(&self) -> Option<ServerEventCall> {
        let mut waiting = self.lock();
        let event = waiting.events.pop_front()?;
        waiting.bytes -= event.len();
        Some(event)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{SERVER_EVENT_BYTES_MAX, SERVER_EVENTS_MAX, ServerEventCall, ServerEventQueue};
    use crate::adapter::Adapter;
    use crate::packet::{Message, Payload};

    fn event(name: usize, bytes: usize) -> ServerEventCall {
        let payload = Payload { args: "x".repeat(bytes), attachments: Vec::new() };
        let message = Message { name: name.to_string(), payload };
        ServerEventCall { namespace: Adapter::default().namespace("/"), message, reply: None }
    }

    #[tokio::test]
    async fn events_wait_in_order_and_so_many_of_them() {
        let limit_hits = Arc::default();
        let queue = ServerEventQueue::new("plugin".into(), Arc::clone(&limit_hits));
        for number in 0..SERVER_EVENTS_MAX + 2 {
            queue.push(event(number, 0));
        }
        assert_eq!(limit_hits.counted()["SERVER_EVENTS_MAX"], 2);
        for number in 0..SERVER_EVENTS_MAX {
            assert_eq!(queue.next().await.message.name, number.to_string());
        }
        queue.push(event(7, SERVER_EVENT_BYTES_MAX));
        assert_eq!(limit_hits.counted()["SERVER_EVENT_BYTES_MAX"], 1);
        queue.push(event(8, SERVER_EVENT_BYTES_MAX - 1));
        assert_eq!(queue.next().await.message.name, "8");
    }
}

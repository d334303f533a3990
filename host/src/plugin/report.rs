//! What the log says when a plugin breaks. Clients can provoke that, so lines are rationed, and what is left out is counted.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::sockets::Record;

const WINDOW: Duration = Duration::from_secs(10);
const LINES_PER_WINDOW: u32 = 20;

/// The failures of one plugin.
pub(crate) struct Reporter {
    /// `plugin@generation`.
    label: Arc<str>,
    window: Mutex<Option<Window>>,
}

struct Window {
    opened: Instant,
    lines: u32,
    left_out: u64,
}

impl Reporter {
    pub(crate) fn new(label: Arc<str>) -> Self {
        Self { label, window: Mutex::new(None) }
    }

    /// A call failed because the plugin broke.
    pub(crate) fn broke(&self, what: String, socket: &Record, cause: &str) {
        let Some(left_out) = self.admit(Instant::now()) else { return };
        let (plugin, sid, ns) = (&*self.label, socket.id(), socket.namespace().name());
        if left_out > 0 {
            tracing::error!(plugin, left_out, "failures like the next were left out of the log");
        }
        tracing::error!(plugin, ns, %sid, "{what} failed: {cause}");
    }

    /// Whether there may be a line now, and how many were left out before it.
    fn admit(&self, now: Instant) -> Option<u64> {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *window {
            Some(open) if now.duration_since(open.opened) < WINDOW => {
                if open.lines >= LINES_PER_WINDOW {
                    open.left_out += 1;
                    return None;
                }
                open.lines += 1;
                Some(0)
            }
            closed => {
                let left_out = closed.as_ref().map_or(0, |window| window.left_out);
                *closed = Some(Window { opened: now, lines: 1, left_out: 0 });
                Some(left_out)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LINES_PER_WINDOW, Reporter, WINDOW};
    use tokio::time::Instant;

    #[test]
    fn a_storm_of_failures_is_counted_not_written() {
        let reporter = Reporter::new("p@1".into());
        let start = Instant::now();
        let written = (0..100).filter(|_| reporter.admit(start).is_some()).count();
        assert_eq!(written, LINES_PER_WINDOW as usize);
        assert_eq!(reporter.admit(start + WINDOW), Some(100 - u64::from(LINES_PER_WINDOW)));
        assert_eq!(reporter.admit(start + WINDOW), Some(0));
    }
}

//! A limit on lines of the log, because lines that clients can cause at will must not fill a disk.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

const WINDOW: Duration = Duration::from_secs(10);

/// Admits at most so many lines in each window of ten seconds, and counts those that are left out.
#[derive(Debug)]
pub(crate) struct LogLimiter {
    lines_max: u32,
    window: Mutex<Option<Window>>,
}

#[derive(Debug)]
struct Window {
    opened: Instant,
    lines: u32,
    left_out: u64,
}

impl LogLimiter {
    pub(crate) fn new(lines_max: u32) -> Self {
        Self { lines_max, window: Mutex::new(None) }
    }

    /// Admits one line, and returns how many were left out before it; nothing if this one is left out.
    pub(crate) fn admit(&self) -> Option<u64> {
        self.admit_at(Instant::now())
    }

    fn admit_at(&self, now: Instant) -> Option<u64> {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *window {
            Some(open) if now.duration_since(open.opened) < WINDOW => {
                if open.lines >= self.lines_max {
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
    use super::{LogLimiter, WINDOW};
    use tokio::time::Instant;

    #[test]
    fn lines_over_the_limit_are_counted() {
        let limiter = LogLimiter::new(20);
        let start = Instant::now();
        assert_eq!((0..100).filter(|_| limiter.admit_at(start).is_some()).count(), 20);
        assert_eq!(limiter.admit_at(start + WINDOW), Some(80));
        assert_eq!(limiter.admit_at(start + WINDOW), Some(0));
    }
}

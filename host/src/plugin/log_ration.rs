//! How much of the log one plugin may take: so many bytes a day, because clients can make a guest write at will.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

const SECONDS_OF_DAY: f64 = 86_400.0;
/// The part of a day's bytes that can be written at once: an hour's.
const AT_ONCE: f64 = 24.0;
/// The part of those that only lines about errors may take: other lines leave it to them.
const KEPT_FOR_ERRORS: f64 = 4.0;
/// Time, level, target and the names of fields.
const BYTES_BESIDES: usize = 200;

/// The bytes that a plugin may still write. They grow with time, up to an hour's share.
#[derive(Debug)]
pub(super) struct LogRation {
    bytes_per_day: f64,
    left: Mutex<Left>,
}

#[derive(Debug)]
struct Left {
    bytes: f64,
    at: Instant,
}

impl LogRation {
    pub(super) fn new(bytes_per_day: usize) -> Self {
        // Exact up to nine million gigabytes.
        #[expect(clippy::cast_precision_loss, reason = "a number of bytes")]
        let bytes_per_day = bytes_per_day as f64;
        Self { bytes_per_day, left: Mutex::new(Left { bytes: bytes_per_day / AT_ONCE, at: Instant::now() }) }
    }

    /// Whether a line may be written whose texts have so many bytes. If it may, they are taken.
    pub(super) fn take(&self, bytes: usize, is_error: bool) -> bool {
        self.take_at(Instant::now(), bytes, is_error)
    }

    fn take_at(&self, now: Instant, bytes: usize, is_error: bool) -> bool {
        let at_once = self.bytes_per_day / AT_ONCE;
        #[expect(clippy::cast_precision_loss, reason = "a number of bytes")]
        let bytes = (bytes + BYTES_BESIDES) as f64;
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let grown = now.duration_since(left.at).as_secs_f64() * self.bytes_per_day / SECONDS_OF_DAY;
        *left = Left { bytes: (left.bytes + grown).min(at_once), at: now };
        let kept = if is_error { 0.0 } else { at_once / KEPT_FOR_ERRORS };
        let may = left.bytes - bytes >= kept;
        if may {
            left.bytes -= bytes;
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::LogRation;

    #[test]
    fn a_day_has_its_bytes_and_an_hour_of_them_can_be_written_at_once() {
        let ration = LogRation::new(24_000_000);
        let start = Instant::now();
        let lines = |seconds: u64, is_error| {
            let now = start + Duration::from_secs(seconds);
            (0..100_000).take_while(|_| ration.take_at(now, 800, is_error)).count()
        };
        assert_eq!(lines(0, false), 750);
        assert_eq!(lines(0, true), 250, "what is kept for errors");
        assert_eq!((lines(0, true), lines(900, false)), (0, 0));
        assert_eq!(lines(3_600, false), 750);
        assert_eq!(lines(1_000_000, false), 750, "no more is saved than can be written at once");
    }
}

//! The windows of rate limits.

use std::collections::BTreeMap;
use std::time::Duration;

/// The windows of one plugin's keys.
#[derive(Default)]
pub(super) struct Windows {
    open: BTreeMap<String, (u32, Duration)>,
}

impl Windows {
    /// Takes points, and returns how many the window has and when it closes. It opens with the first point, and what goes beyond the
    /// limit counts too.
    pub(super) fn consume(&mut self, key: &str, points: u32, window: Duration, now: Duration) -> (u32, Duration) {
        self.open.retain(|_, (_, closes)| *closes > now);
        let (consumed, closes) = self.open.entry(key.to_owned()).or_insert((0, now.saturating_add(window)));
        *consumed = consumed.saturating_add(points);
        (*consumed, *closes)
    }
}

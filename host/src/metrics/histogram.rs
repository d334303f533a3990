//! How long things took: a histogram of fixed buckets, without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The upper ends of the buckets, in microseconds: from a call that answers at once to one that waits as long as it may. Behind the
/// last one there is a bucket without an end.
const ENDS: [u64; 14] =
    [100, 250, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 10_000_000];

/// Counts of durations.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    /// One for each end, and one for what is beyond.
    counts: [AtomicU64; ENDS.len() + 1],
    sum_nanos: AtomicU64,
}

impl Histogram {
    /// Adds one duration. Relaxed: a reader may see the count without the sum, and is off by one then.
    pub(crate) fn add(&self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let bucket = ENDS.iter().take_while(|end| nanos > **end * 1_000).count();
        if let Some(count) = self.counts.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum_nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.counts.iter().all(|count| count.load(Ordering::Relaxed) == 0)
    }

    /// The upper ends of the buckets in seconds, and what is in each.
    pub(super) fn buckets(&self) -> Vec<(f64, u64)> {
        let ends = ENDS.iter().map(|end| Duration::from_micros(*end).as_secs_f64()).chain([f64::INFINITY]);
        ends.zip(self.counts.iter().map(|count| count.load(Ordering::Relaxed))).collect()
    }

    /// The sum of all durations in seconds.
    pub(super) fn sum(&self) -> f64 {
        Duration::from_nanos(self.sum_nanos.load(Ordering::Relaxed)).as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Histogram;

    #[test]
    fn a_duration_is_in_the_first_bucket_that_holds_it() {
        let histogram = Histogram::default();
        for micros in [0, 100, 101, 10_000_000, 10_000_001, 3_600_000_000] {
            histogram.add(Duration::from_micros(micros));
        }
        let filled: Vec<_> = histogram.buckets().into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(filled, [(0.000_1, 2), (0.000_25, 1), (10.0, 1), (f64::INFINITY, 2)]);
        assert!((histogram.sum() - 3_620.000_202).abs() < 1e-6);
    }
}

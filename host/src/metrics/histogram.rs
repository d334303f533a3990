//! How long things took: a histogram of fixed buckets, without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The upper ends of the buckets, in microseconds: from a call that answers at once to one that waits as long as it may. From 5 ms on
/// each is at most half as long again as the one before, so that two generations can be compared. Behind the last one there is a
/// bucket without an end.
const ENDS: [u64; 28] = [
    100, 250, 1_000, 2_500, 5_000, 7_000, 10_000, 15_000, 20_000, 25_000, 35_000, 50_000, 70_000, 100_000, 150_000, 200_000,
    250_000, 350_000, 500_000, 700_000, 1_000_000, 1_500_000, 2_000_000, 2_500_000, 3_500_000, 5_000_000, 7_000_000, 10_000_000,
];
/// Those of them that the page shows: each is a line for every histogram.
const SHOWN: [u64; 14] =
    [100, 250, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 10_000_000];
/// The number of buckets.
pub(crate) const BUCKETS: usize = ENDS.len() + 1;

/// Counts of durations.
#[derive(Debug)]
pub(crate) struct Histogram {
    /// One for each end, and one for what is beyond.
    counts: [AtomicU64; BUCKETS],
    sum_nanos: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: [const { AtomicU64::new(0) }; BUCKETS], sum_nanos: AtomicU64::new(0) }
    }
}

impl Histogram {
    /// Adds one duration. Relaxed: a reader may see the count without the sum, and is off by one then.
    pub(crate) fn add(&self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let bucket = ENDS.partition_point(|end| nanos > *end * 1_000);
        if let Some(count) = self.counts.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum_nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.counts.iter().all(|count| count.load(Ordering::Relaxed) == 0)
    }

    /// What is in each bucket.
    pub(crate) fn counts(&self) -> [u64; BUCKETS] {
        self.counts.each_ref().map(|count| count.load(Ordering::Relaxed))
    }

    /// The upper ends of the buckets that the page shows, in seconds, and what is in each.
    pub(super) fn buckets(&self) -> Vec<(f64, u64)> {
        let counts = self.counts();
        let mut counts = ENDS.iter().zip(&counts).chain([(&u64::MAX, &counts[ENDS.len()])]).peekable();
        let mut up_to = |end: u64| std::iter::from_fn(|| counts.next_if(|(own, _)| **own <= end)).map(|(_, count)| count).sum();
        let mut shown: Vec<_> = SHOWN.iter().map(|end| (Duration::from_micros(*end).as_secs_f64(), up_to(*end))).collect();
        shown.push((f64::INFINITY, up_to(u64::MAX)));
        shown
    }

    /// The sum of all durations in seconds.
    pub(super) fn sum(&self) -> f64 {
        Duration::from_nanos(self.sum_nanos.load(Ordering::Relaxed)).as_secs_f64()
    }
}

/// The shortest and the longest duration of each bucket, in seconds. The last one has no end.
pub(crate) fn bucket_ranges() -> impl Iterator<Item = (f64, f64)> {
    let ends = ENDS.iter().map(|end| Duration::from_micros(*end).as_secs_f64());
    let begins = [0.0].into_iter().chain(ends.clone());
    begins.zip(ends.chain([f64::INFINITY]))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{BUCKETS, ENDS, Histogram, SHOWN, bucket_ranges};

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

    #[test]
    fn the_page_shows_the_sums_of_several_buckets() {
        let histogram = Histogram::default();
        for micros in [5_001, 7_000, 7_001, 10_000, 10_001, 19_000, 25_000] {
            histogram.add(Duration::from_micros(micros));
        }
        assert!(SHOWN.iter().all(|end| ENDS.contains(end)) && ENDS.is_sorted());
        let filled: Vec<_> = histogram.buckets().into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(filled, [(0.01, 4), (0.025, 3)]);
        let filled: Vec<_> = bucket_ranges().zip(histogram.counts()).filter(|(_, count)| *count > 0).collect();
        let expected = [((0.005, 0.007), 2), ((0.007, 0.01), 2), ((0.01, 0.015), 1), ((0.015, 0.02), 1), ((0.02, 0.025), 1)];
        assert_eq!(filled, expected);
        assert_eq!(bucket_ranges().count(), BUCKETS);
    }
}

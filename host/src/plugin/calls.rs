//! The calls of a generation in numbers that can be compared with those of another one.

use crate::metrics::{BUCKETS, bucket_ranges};

/// How many calls have ended, how many of them broke, and how long they took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Calls {
    /// All that have ended.
    pub(crate) ended: u64,
    /// Those that trapped, took too long or had no instance. What a plugin refuses is not broken.
    pub(crate) broken: u64,
    /// All, by the buckets of [`Histogram`](crate::metrics::Histogram).
    pub(crate) durations: [u64; BUCKETS],
}

impl Calls {
    /// Those since an earlier count. Counters are read one after the other, so that a call may stand in one of them and not in another
    /// yet; nothing becomes less than zero.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let mut durations = self.durations;
        durations.iter_mut().zip(&earlier.durations).for_each(|(count, before)| *count = count.saturating_sub(*before));
        let ended = self.ended.saturating_sub(earlier.ended);
        Self { ended, broken: self.broken.saturating_sub(earlier.broken).min(ended), durations }
    }

    /// The seconds that this share of the calls did not exceed. Inside of a bucket, calls are taken as evenly spread; beyond the last end
    /// it is that end.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let mut left = self.durations.iter().map(|count| as_f64(*count)).sum::<f64>() * share;
        let mut longest = 0.0;
        for ((begin, end), count) in bucket_ranges().zip(self.durations) {
            let count = as_f64(count);
            if count > 0.0 && left <= count {
                return if end.is_finite() { begin + (end - begin) * left / count } else { begin };
            }
            left -= count;
            longest = if count > 0.0 { begin } else { longest };
        }
        longest
    }

    /// How many calls took longer than so many seconds; the inverse of [`quantile`](Self::quantile).
    pub(crate) fn slower_than(&self, seconds: f64) -> f64 {
        let slower = bucket_ranges().zip(self.durations).map(|((begin, end), count)| match (begin, end) {
            _ if seconds <= begin => as_f64(count),
            _ if seconds >= end || end.is_infinite() => 0.0,
            _ => as_f64(count) * (end - seconds) / (end - begin),
        });
        slower.sum()
    }
}

/// Counts are below 2⁵³, where each has a float of its own.
#[expect(clippy::cast_precision_loss, reason = "a share does not need more than 53 bits")]
pub(crate) fn as_f64(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Calls;
    use crate::metrics::Histogram;

    fn calls(millis: &[u64]) -> Calls {
        let histogram = Histogram::default();
        millis.iter().for_each(|millis| histogram.add(Duration::from_millis(*millis)));
        Calls { ended: millis.len() as u64, broken: 0, durations: histogram.counts() }
    }

    #[test]
    fn quantiles_lie_in_the_bucket_of_their_call() {
        let mut millis = vec![1; 90];
        millis.extend([30; 10]);
        let calls = calls(&millis);
        let p95 = calls.quantile(0.95);
        assert!((0.025..=0.035).contains(&p95), "{p95}");
        assert!((calls.slower_than(p95) - 5.0).abs() < 1e-9, "one is the inverse of the other");
        assert!(calls.quantile(0.5) <= 0.001);
        assert!((calls.slower_than(0.02) - 10.0).abs() < 1e-9 && calls.slower_than(0.1) < 1e-9);
        assert!(Calls::default().quantile(0.95) < 1e-9);
        let forever = self::calls(&[60_000; 20]);
        assert!((forever.quantile(0.95) - 10.0).abs() < 1e-9 && (forever.slower_than(1.0) - 20.0).abs() < 1e-9);
    }

    #[test]
    fn differences_are_never_below_zero() {
        let one = Calls { broken: 2, ..calls(&[1, 2, 3]) };
        let other = Calls { broken: 3, ..calls(&[1, 2, 3, 4]) };
        assert_eq!(other.since(&one), Calls { broken: 1, ..calls(&[4]) });
        assert_eq!(one.since(&other), Calls::default());
    }
}

//! How long it is waited before Redis is tried again.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(1);

/// Times that double up to a second, each with some chance in it, so that many servers do not come back in one moment.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    tries: u32,
}

impl Backoff {
    /// The next time to wait.
    pub(crate) fn next(&mut self) -> Duration {
        let whole = FIRST.saturating_mul(1 << self.tries.min(10)).min(LONGEST);
        self.tries = self.tries.saturating_add(1);
        let mut byte = [0];
        // Without random bytes all servers wait as long; they come back all the same.
        let _whatever = getrandom::fill(&mut byte);
        whole.mul_f64(0.5 + f64::from(byte[0]) / 510.0)
    }

    /// It has worked: the next failure waits as the first one.
    pub(crate) fn reset(&mut self) {
        self.tries = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::{Backoff, FIRST, LONGEST};

    #[test]
    fn it_waits_longer_each_time_and_never_longer_than_a_second() {
        let mut backoff = Backoff::default();
        let first = backoff.next();
        assert!(first >= FIRST / 2 && first <= FIRST);
        let waited: Vec<_> = (0..20).map(|_| backoff.next()).collect();
        assert!(waited.iter().all(|time| *time <= LONGEST) && waited[19] >= LONGEST / 2);
        backoff.reset();
        assert!(backoff.next() <= FIRST);
    }
}

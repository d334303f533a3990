//! Whether a new generation does worse than the one before.
//!
//! While both are loaded, the calls of the new one are looked at every [`INTERVAL`]: those of the last two seconds, of the last five, and
//! all since the switch, so that a fault is found at once that begins late, or that shows rarely. It does worse if in one of these
//! windows
//!
//! - more of its calls broke, by five points of a hundred; or
//! - the slowest twentieth of its calls took three times as long, and more than 20 ms.
//!
//! There are some hundred looks for each switch, so chance alone must hardly ever look like a fault:
//!
//! - A window has twenty calls, and four samples with calls in them.
//! - The difference has to be beyond noise: how much likelier two shares are than one (the G-test, which unlike a test of means holds
//!   for a few broken calls among thousands too). At [`EVIDENCE`] chance does that in six of a million looks; looks have most of their
//!   calls in common, so that fewer than one switch in two hundred is taken back for nothing.
//! - Calls do not break one by one: with one instance of a `shared` plugin all calls end that are open in it, and a client repeats what
//!   breaks. So the evidence is divided by how much more the samples differ than independent calls would, and it has to hold without
//!   the worst sample.
//!
//! Of generations that break one of five calls at fifty a second, ninety-nine of a hundred are found within two seconds, most within
//! one. Two things look alike: a client that begins, after the switch, to send for seconds what would have broken the old one too;
//! and, of an old one with few calls, one that was better and one that was not.

use std::fmt;
use std::time::Duration;

use crate::plugin::{Calls, as_f64};

/// How often the calls are looked at.
pub(crate) const INTERVAL: Duration = Duration::from_millis(250);
/// The samples of a window: two seconds, and five.
const WINDOWS: [usize; 2] = [8, 20];
/// Samples that are kept of the time before the longest of these windows. When they are twice as many, two become one.
const EARLIER: usize = 128;

/// Calls of a window: of fewer nothing is said.
const CALLS: f64 = 20.0;
/// Samples of a window that have calls.
const SAMPLES: usize = 4;
/// By how much more calls have to break.
const BROKEN_MORE: f64 = 0.05;
/// The share of the slowest calls, which has to take longer.
const SLOWEST: f64 = 0.05;
/// How many times as long they have to take.
const TIMES_SLOWER: f64 = 3.0;
/// What they have to take at least.
const SLOW_SECONDS: f64 = 0.02;
/// An old generation that never broke counts as if it had had so many calls at least: else the first fault after a start would have
/// nothing to be compared with.
const UNBROKEN_CALLS: f64 = 1_000.0;
/// What the logarithm of the ratio of both likelihoods has to exceed; about e⁻¹² of all looks do by chance.
const EVIDENCE: f64 = 12.0;

/// Watches a new generation.
#[derive(Debug)]
pub(crate) struct Probation {
    old: Baseline,
    /// The counts at the last look.
    last: Calls,
    /// One for each look, the earliest first.
    samples: Vec<Sample>,
}

/// Whether a generation may go on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Verdict {
    GoOn,
    /// The generation before has to take over again.
    Worse(Why),
}

/// What is worse, in a sentence for the log.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Why {
    Broken { calls: f64, broken: f64, old_calls: f64, old_broken: f64 },
    Slow { calls: f64, slow: f64, slow_seconds: f64, old_seconds: f64 },
}

/// The generation before.
#[derive(Debug)]
struct Baseline {
    all: Sample,
    /// What the slowest twentieth took at least; none if there were too few calls to know it.
    slowest_seconds: Option<f64>,
}

/// Calls of some time.
#[derive(Debug, Clone, Copy, Default)]
struct Sample {
    calls: f64,
    broken: f64,
    /// Those that took longer than the slow ones of the old generation may.
    slow: f64,
}

/// A number of calls, and how many of them are what is counted.
type Counted = (f64, f64);

impl Probation {
    /// `old`: the calls of the generation before, those of its last minutes or all; `new`: what the new one has counted at the switch.
    pub(crate) fn new(old: &Calls, new: &Calls) -> Self {
        let slowest_seconds = (as_f64(old.ended) >= CALLS).then(|| old.quantile(1.0 - SLOWEST));
        let baseline = Baseline { all: Sample::default(), slowest_seconds };
        Self { old: Baseline { all: baseline.sample(old), ..baseline }, last: *new, samples: Vec::new() }
    }

    /// Looks at what the new generation has counted since it was made.
    pub(crate) fn look(&mut self, calls: &Calls) -> Verdict {
        self.samples.push(self.old.sample(&calls.since(&self.last)));
        self.last = *calls;
        self.thin_out();
        let recent = WINDOWS.iter().filter_map(|length| self.samples.rchunks(*length).next());
        let mut found = recent.chain([self.samples.as_slice()]).filter_map(|window| self.old.worse(window));
        found.next().map_or(Verdict::GoOn, Verdict::Worse)
    }

    /// Keeps the number of samples bounded, however long the probation takes.
    fn thin_out(&mut self) {
        let recent = WINDOWS.into_iter().max().unwrap_or_default();
        if self.samples.len() < recent + 2 * EARLIER {
            return;
        }
        let later = self.samples.split_off(2 * EARLIER);
        let pairs = self.samples.chunks(2).map(|pair| pair.iter().copied().fold(Sample::default(), Sample::and));
        self.samples = pairs.chain(later).collect();
    }
}

impl Baseline {
    /// Calls of either generation.
    fn sample(&self, calls: &Calls) -> Sample {
        Sample {
            calls: as_f64(calls.ended),
            broken: as_f64(calls.broken),
            slow: self.slow_seconds().map_or(0.0, |seconds| calls.slower_than(seconds)),
        }
    }

    /// What the slowest twentieth of the new generation may take.
    fn slow_seconds(&self) -> Option<f64> {
        self.slowest_seconds.map(|seconds| (seconds * TIMES_SLOWER).max(SLOW_SECONDS))
    }

    /// What is worse in a window, if anything is.
    fn worse(&self, window: &[Sample]) -> Option<Why> {
        let all = window.iter().copied().fold(Sample::default(), Sample::and);
        if all.calls < CALLS || window.iter().filter(|sample| sample.calls > 0.0).count() < SAMPLES {
            return None;
        }
        let broken: Vec<Counted> = window.iter().map(|sample| (sample.calls, sample.broken)).collect();
        if is_beyond(&broken, known((self.all.calls, self.all.broken)), BROKEN_MORE) {
            let (old_calls, old_broken) = (self.all.calls, self.all.broken);
            return Some(Why::Broken { calls: all.calls, broken: all.broken, old_calls, old_broken });
        }
        let (old_seconds, slow_seconds) = self.slowest_seconds.zip(self.slow_seconds())?;
        let slow: Vec<Counted> = window.iter().map(|sample| (sample.calls, sample.slow)).collect();
        // Over a twentieth of all calls, and not by so much more than in the old generation, which has less than that.
        let more = SLOWEST - share((self.all.calls, self.all.slow));
        let is_slower = is_beyond(&slow, (self.all.calls, self.all.slow), more);
        is_slower.then_some(Why::Slow { calls: all.calls, slow: all.slow, slow_seconds, old_seconds })
    }
}

impl Sample {
    fn and(self, other: Self) -> Self {
        Self { calls: self.calls + other.calls, broken: self.broken + other.broken, slow: self.slow + other.slow }
    }
}

/// Whether the share in the samples is above the old one by `more`, and not by chance.
fn is_beyond(samples: &[Counted], old: Counted, more: f64) -> bool {
    let all = sum(samples);
    let Some(worst) = samples.iter().copied().max_by(|one, other| one.1.total_cmp(&other.1)) else { return false };
    let rest = (all.0 - worst.0, all.1 - worst.1);
    let is_more = |new: Counted| share(new) - share(old) > more;
    is_more(all) && is_more(rest) && evidence(rest, old) >= EVIDENCE * dispersion(samples)
}

/// The logarithm of how much likelier two shares are than one: G / 2.
fn evidence(new: Counted, old: Counted) -> f64 {
    let both = share((new.0 + old.0, new.1 + old.1));
    let of = |counted: Counted| {
        let part = |hits: f64, expected: f64| if hits > 0.0 && expected > 0.0 { hits * (hits / expected).ln() } else { 0.0 };
        part(counted.1, counted.0 * both) + part(counted.0 - counted.1, counted.0 * (1.0 - both))
    };
    of(new) + of(old)
}

/// How much more the samples differ than those of independent calls do, some chance included; 1 at least.
fn dispersion(samples: &[Counted]) -> f64 {
    let share = share(sum(samples));
    let variance = share * (1.0 - share);
    let deviations = samples.iter().filter(|(calls, _)| *calls > 0.0).map(|(calls, hits)| (hits - calls * share).powi(2) / calls);
    let (count, squares) = deviations.fold((0.0_f64, 0.0), |(count, sum), square| (count + 1.0, sum + square));
    if count < 2.0 || variance <= 0.0 {
        return 1.0;
    }
    let by_chance = 1.0 + (2.0 / (count - 1.0)).sqrt();
    (squares / variance / (count - 1.0) / by_chance).max(1.0)
}

/// What an old generation counts as. One that broke counts as it is: how often it does is the question.
fn known((calls, broken): Counted) -> Counted {
    if broken > 0.0 { (calls, broken) } else { (calls.max(UNBROKEN_CALLS), 0.0) }
}

fn sum(samples: &[Counted]) -> Counted {
    samples.iter().fold((0.0, 0.0), |sum, sample| (sum.0 + sample.0, sum.1 + sample.1))
}

fn share((calls, hits): Counted) -> f64 {
    if calls > 0.0 { hits / calls } else { 0.0 }
}

impl fmt::Display for Why {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |calls, hits| 100.0 * share((calls, hits));
        match *self {
            Self::Broken { calls, broken, old_calls, old_broken } => write!(
                out,
                "{broken} of {calls} calls broke ({:.1} %), of the generation before {old_broken} of {old_calls} ({:.1} %)",
                percent(calls, broken),
                percent(old_calls, old_broken)
            ),
            Self::Slow { calls, slow, slow_seconds, old_seconds } => write!(
                out,
                "{slow:.0} of {calls} calls ({:.1} %) took longer than {:.0} ms; of the generation before, 95 % took at most {:.1} ms",
                percent(calls, slow),
                1e3 * slow_seconds,
                1e3 * old_seconds
            ),
        }
    }
}

#[cfg(test)]
mod tests;

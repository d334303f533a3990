//! What is rolled back, and what is not: generations that are played with a generator of numbers whose seed is fixed.

use std::time::Duration;

use super::{EARLIER, INTERVAL, Probation, Verdict, WINDOWS};
use crate::metrics::Histogram;
use crate::plugin::Calls;

/// Looks of a second.
const SECOND: u64 = 1_000 / INTERVAL.as_millis() as u64;
/// Looks of the default probation.
const MINUTE: u64 = 60 * SECOND;

/// A generator of numbers: xorshift.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }

    fn is_one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }
}

/// A generation that is called.
#[derive(Default)]
struct Played {
    durations: Histogram,
    broken: u64,
}

impl Played {
    fn calls(&self) -> Calls {
        let durations = self.durations.counts();
        Calls { ended: durations.iter().sum(), broken: self.broken, durations }
    }

    fn call(&mut self, millis: u64, is_broken: bool) {
        self.durations.add(Duration::from_millis(millis));
        self.broken += u64::from(is_broken);
    }

    /// `count` calls of 3 ms, of which one in `many` breaks; none, if that is 0.
    fn with(count: u64, many: u64, numbers: &mut Numbers) -> Self {
        let mut played = Self::default();
        (0..count).for_each(|_| played.call(3, many > 0 && numbers.is_one_in(many)));
        played
    }
}

/// Looks at a new generation: `each` makes the calls of one look. At which look it is worse, and why.
fn watched(old: &Played, looks: u64, mut each: impl FnMut(u64, &mut Played)) -> Option<(u64, String)> {
    let (mut probation, mut new) = (Probation::new(&old.calls(), &Calls::default()), Played::default());
    (1..=looks).find_map(|look| {
        each(look, &mut new);
        match probation.look(&new.calls()) {
            Verdict::GoOn => None,
            Verdict::Worse(why) => Some((look, why.to_string())),
        }
    })
}

/// The calls of one look at so many a second, arriving at random.
fn arrive(per_second: u64, numbers: &mut Numbers, mut call: impl FnMut(&mut Numbers)) {
    for _ in 0..2 * per_second / SECOND {
        if numbers.is_one_in(2) {
            call(numbers);
        }
    }
}

#[test]
fn one_that_breaks_in_one_of_five_calls_is_found_within_two_seconds_of_its_first_failing_one() {
    let numbers = &mut Numbers(7);
    let mut taken = Vec::new();
    for (old_calls, old_many) in [(0, 0), (5, 0), (40, 0), (2_000, 0), (2_000, 500)] {
        for begins in [0, 1, 2, 30 * SECOND, 50 * SECOND + 1] {
            for _ in 0..10 {
                let old = Played::with(old_calls, old_many, numbers);
                let found = watched(&old, MINUTE, |look, new| {
                    arrive(50, numbers, |numbers| {
                        let is_broken = look > begins && numbers.is_one_in(5);
                        new.call(3, is_broken);
                    });
                });
                let (look, why) = found.expect("it is found");
                assert!(look > begins && why.contains("broke"), "{look}: {why}");
                taken.push(look - begins);
            }
        }
    }
    taken.sort_unstable();
    let late = taken.iter().filter(|looks| **looks > 2 * SECOND).count();
    assert!(late * 100 <= 2 * taken.len(), "{late} of {} take more than two seconds", taken.len());
    assert!(taken[taken.len() / 2] <= SECOND + 1, "most take a second: {taken:?}");
}

#[test]
fn one_in_five_at_even_distances_is_found_in_one_and_a_quarter_seconds() {
    let old = Played::with(1_000, 0, &mut Numbers(8));
    let (look, why) = watched(&old, MINUTE, |look, new| {
        // 50 calls a second.
        let calls = 25 * look / 2 - 25 * (look - 1) / 2;
        (0..calls).for_each(|_| {
            let is_broken = new.calls().ended % 5 == 4;
            new.call(3, is_broken);
        });
    })
    .expect("it is found");
    assert!(look <= SECOND + 1, "{look}: {why}");
    assert_eq!(why, "10 of 50 calls broke (20.0 %), of the generation before 0 of 1000 (0.0 %)");
}

#[test]
fn one_that_breaks_as_often_as_the_old_one_is_kept() {
    let numbers = &mut Numbers(11);
    let mut false_alarms = 0;
    for many in [100, 20, 5, 2] {
        for per_second in [4, 50, 400] {
            for _ in 0..10 {
                let old = Played::with(1_000, many, numbers);
                let found = watched(&old, MINUTE, |_, new| {
                    arrive(per_second, numbers, |numbers| new.call(3, numbers.is_one_in(many)));
                });
                false_alarms += u64::from(found.is_some());
            }
        }
    }
    assert_eq!(false_alarms, 0, "of 120 switches");
}

#[test]
fn one_whose_calls_break_together_is_kept_if_the_old_one_was_no_better() {
    let numbers = &mut Numbers(13);
    // An instance of a `shared` plugin traps once in two seconds, and with it up to forty calls end that were open.
    let each = |new: &mut Played, numbers: &mut Numbers| {
        arrive(100, numbers, |_| new.call(3, false));
        if numbers.is_one_in(2 * SECOND) {
            (0..numbers.below(40)).for_each(|_| new.call(3, true));
        }
    };
    let mut false_alarms = 0;
    for _ in 0..50 {
        let mut old = Played::default();
        (0..2 * MINUTE).for_each(|_| each(&mut old, numbers));
        false_alarms += u64::from(watched(&old, MINUTE, |_, new| each(new, numbers)).is_some());
    }
    assert!(false_alarms <= 1, "{false_alarms} of 50 switches");
}

#[test]
fn one_burst_of_broken_or_slow_calls_brings_nothing_back() {
    let numbers = &mut Numbers(17);
    let old = Played::with(1_000, 0, numbers);
    for (burst, millis, is_broken) in [(15, 3, true), (200, 3, true), (5_000, 3, true), (200, 900, false), (5_000, 900, false)] {
        for at in [1, 3, 40] {
            let found = watched(&old, MINUTE, |look, new| {
                arrive(50, numbers, |_| new.call(3, false));
                let count = if look == at { burst } else { 0 };
                (0..count).for_each(|_| new.call(millis, is_broken));
            });
            assert_eq!(found, None, "{burst} calls at the look {at}");
        }
    }
}

#[test]
fn one_with_three_calls_a_minute_is_kept_and_one_that_goes_on_breaking_is_not_kept_for_ever() {
    let old = Played::with(1_000, 0, &mut Numbers(19));
    let each = |look: u64, new: &mut Played| {
        if look.is_multiple_of(20 * SECOND) {
            new.call(3, true);
        }
    };
    assert_eq!(watched(&old, MINUTE, each), None);
    let (look, why) = watched(&old, 60 * MINUTE, each).expect("twenty calls that broke are enough");
    assert_eq!(look, 20 * 20 * SECOND);
    assert_eq!(why, "20 of 20 calls broke (100.0 %), of the generation before 0 of 1000 (0.0 %)");
}

#[test]
fn one_that_is_three_times_as_slow_is_found_and_one_that_is_twice_as_slow_or_fast_enough_is_kept() {
    let numbers = &mut Numbers(23);
    let found = |old_millis: u64, new_millis: u64, one_in: u64, numbers: &mut Numbers| {
        let mut old = Played::default();
        (0..1_000).for_each(|_| old.call(old_millis, false));
        watched(&old, MINUTE, |_, new| {
            arrive(50, numbers, |numbers| new.call(if numbers.is_one_in(one_in) { new_millis } else { old_millis }, false));
        })
    };
    for (old, new, one_in) in [(1, 50, 1), (1, 50, 5), (10, 60, 1), (30, 150, 1), (30, 150, 4), (200, 1_000, 1)] {
        let (look, why) = found(old, new, one_in, numbers).unwrap_or_else(|| panic!("{old} ms, then {new} ms"));
        assert!(look < 3 * SECOND && why.contains("took longer than"), "{look}: {why}");
    }
    // Twice as slow; slower, and fast all the same; and only one call in a hundred is slow.
    for (old, new, one_in) in [(30, 60, 1), (200, 400, 1), (1, 18, 1), (1, 900, 100)] {
        assert_eq!(found(old, new, one_in, numbers), None, "{old} ms, then {new} ms");
    }
    // Nothing is known of how long the old one took.
    let unknown = Played::with(19, 0, numbers);
    assert_eq!(watched(&unknown, MINUTE, |_, new| arrive(50, numbers, |_| new.call(900, false))), None);
}

#[test]
fn what_was_counted_before_the_switch_is_not_looked_at() {
    let old = Played::with(1_000, 0, &mut Numbers(29));
    let mut new = Played::default();
    (0..500).for_each(|_| new.call(3, true));
    let mut probation = Probation::new(&old.calls(), &new.calls());
    for _ in 0..MINUTE {
        (0..10).for_each(|_| new.call(3, false));
        assert_eq!(probation.look(&new.calls()), Verdict::GoOn);
    }
}

#[test]
fn a_long_probation_keeps_a_bounded_number_of_samples_and_all_calls() {
    let mut probation = Probation::new(&Calls::default(), &Calls::default());
    let mut new = Played::default();
    for _ in 0..5_000 {
        new.call(3, false);
        assert_eq!(probation.look(&new.calls()), Verdict::GoOn);
        assert!(probation.samples.len() < WINDOWS[1] + 2 * EARLIER);
    }
    let calls: f64 = probation.samples.iter().map(|sample| sample.calls).sum();
    assert!((calls - 5_000.0).abs() < 1e-6);
    assert!(probation.samples.iter().rev().take(WINDOWS[1]).all(|sample| sample.calls < 1.5), "the last are as they were");
}

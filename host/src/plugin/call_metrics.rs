//! How long the calls of one generation took, and how they failed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use foldhash::HashMap;

use super::call::{CallOutcome, Export, FailureKind};
use super::calls::Calls;
use super::registration::NamespaceRegistration;
use crate::fixed_limits::METRIC_NAMES_MAX;
use crate::metrics::Histogram;

/// The label of events that have none of their own.
const OTHER: &str = "other";
/// The exports, with the event of those that are for one.
const EXPORTS: [&str; 11] = [
    "connect-middleware",
    "connection",
    "event-middleware",
    "disconnecting",
    "disconnect",
    "start",
    "timer",
    "wake",
    "snapshot",
    "restore",
    "server-event",
];

/// What `/metrics` shows of the calls of one generation.
#[derive(Debug)]
pub(crate) struct CallMetrics {
    /// The number of the generation.
    generation: String,
    /// By event: those that the generation registered.
    events: HashMap<Box<str>, Histogram>,
    other_events: Histogram,
    /// One for each of [`EXPORTS`].
    exports: [Histogram; EXPORTS.len()],
    /// One for each kind.
    failures: [AtomicU64; FailureKind::ALL.len()],
}

impl CallMetrics {
    /// `label` is `plugin@generation`.
    pub(super) fn new(label: &str, namespaces: &[NamespaceRegistration]) -> Self {
        let generation = label.rsplit_once('@').map_or("", |(_, number)| number).to_owned();
        let events = namespaces.iter().flat_map(NamespaceRegistration::event_labels);
        let events = events.take(METRIC_NAMES_MAX).map(|event| (event.into(), Histogram::default())).collect();
        Self { generation, events, other_events: Histogram::default(), exports: Default::default(), failures: Default::default() }
    }

    /// A call has ended.
    pub(super) fn ended(&self, export: &Export, duration: Duration, outcome: &CallOutcome) {
        let histogram = match export {
            Export::Event(event) => Some(self.events.get(&*event.name).unwrap_or(&self.other_events)),
            other => self.exports.get(number_of(other)),
        };
        if let Some(histogram) = histogram {
            histogram.add(duration);
        }
        if let CallOutcome::Failed { kind, .. } = outcome
            && let Some(failures) = self.failures.get(*kind as usize)
        {
            failures.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn generation(&self) -> &str {
        &self.generation
    }

    /// Export, event and durations; what never happened is left out.
    pub(crate) fn durations(&self) -> Vec<(&'static str, &str, &Histogram)> {
        let mut events: Vec<_> = self.events.iter().map(|(event, histogram)| ("event", &**event, histogram)).collect();
        events.push(("event", OTHER, &self.other_events));
        events.extend(EXPORTS.iter().zip(&self.exports).map(|(export, histogram)| (*export, "", histogram)));
        events.retain(|(_, _, histogram)| !histogram.is_empty());
        events.sort_unstable_by_key(|(export, event, _)| (*export, *event));
        events
    }

    /// All calls together. What the plugin reported as a failure, and what its middleware refused, is not broken.
    pub(crate) fn calls(&self) -> Calls {
        let mut calls = Calls::default();
        // First: a call is added to a histogram before it is added here, so that no more calls are broken than have ended.
        let broken = FailureKind::ALL.iter().zip(&self.failures).filter(|((kind, _), _)| *kind != FailureKind::Reported);
        calls.broken = broken.map(|(_, count)| count.load(Ordering::Relaxed)).sum();
        let histograms = self.events.values().chain([&self.other_events]).chain(&self.exports);
        for counts in histograms.map(Histogram::counts) {
            calls.durations.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
        calls.ended = calls.durations.iter().sum();
        calls
    }

    /// The kinds of failures, with their numbers.
    pub(crate) fn failures(&self) -> impl Iterator<Item = (&'static str, u64)> {
        FailureKind::ALL.iter().zip(&self.failures).map(|((_, label), count)| (*label, count.load(Ordering::Relaxed)))
    }
}

/// The place among [`EXPORTS`].
fn number_of(export: &Export) -> usize {
    match export {
        Export::ConnectMiddleware => 0,
        Export::Connection { .. } => 1,
        Export::EventMiddleware(_) => 2,
        Export::Disconnecting(_) => 3,
        Export::Disconnect(_) => 4,
        Export::Start { .. } => 5,
        Export::Timer(_) => 6,
        Export::Wake => 7,
        Export::Snapshot => 8,
        Export::Restore => 9,
        Export::ServerEvent(_) => 10,
        // By its name.
        Export::Event(_) => EXPORTS.len(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::{CallMetrics, FailureKind, METRIC_NAMES_MAX};
    use crate::plugin::call::{CallOutcome, Event, Export};
    use crate::plugin::{Failure, NamespaceRegistration, Subscription};

    fn event(name: &str) -> Export {
        Export::Event(Arc::new(Event { name: name.into(), ..Event::default() }))
    }

    #[test]
    fn a_generation_has_metric_names_max_events_of_its_own_and_the_rest_is_other() {
        let events = (0..METRIC_NAMES_MAX + 5).map(|number| (format!("e{number:03}"), Subscription::default())).collect();
        let registration = NamespaceRegistration { name: "/".into(), events, ..Default::default() };
        let metrics = CallMetrics::new("chat@3", &[registration]);
        for name in ["e000", "e199", "e200", "made up"] {
            metrics.ended(&event(name), Duration::from_millis(1), &CallOutcome::Done);
        }
        for (kind, _) in FailureKind::ALL.into_iter().chain([(FailureKind::Broke, "")]) {
            let outcome = CallOutcome::Failed { failure: Failure::neutral(), kind };
            metrics.ended(&Export::ConnectMiddleware, Duration::ZERO, &outcome);
        }
        let durations: Vec<_> = metrics.durations().into_iter().map(|(export, event, _)| (export, event)).collect();
        assert_eq!(durations, [("connect-middleware", ""), ("event", "e000"), ("event", "e199"), ("event", "other")]);
        assert_eq!(
            metrics.failures().collect::<Vec<_>>(),
            [("reported", 1), ("saturated", 1), ("call_ms", 1), ("run_ms", 1), ("broke", 2)]
        );
        assert_eq!(metrics.generation(), "3");
        let calls = metrics.calls();
        assert_eq!((calls.ended, calls.broken), (4 + 6, 5), "what is reported is not broken");
    }
}

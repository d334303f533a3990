//! The page in Prometheus' text format.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::histogram::Histogram;

/// The media type of the page.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Names and values of labels.
pub(crate) type Labels<'a> = Vec<(&'static str, &'a str)>;

/// What writes the families of the page.
type Write = dyn Fn(&mut Page<'_>) -> fmt::Result + Send + Sync;

/// The page while it is written: one family after the other. A family without samples is left out.
pub(crate) struct Page<'a> {
    encoder: DescriptorEncoder<'a>,
}

impl Page<'_> {
    /// Numbers that only grow. `name` is without `_total`, which the page adds.
    pub(crate) fn counter<'l>(&mut self, name: &str, help: &str, samples: Vec<(Labels<'l>, u64)>) -> fmt::Result {
        self.family(name, help, MetricType::Counter, samples, |encoder, value| {
            encoder.encode_counter::<NoLabelSet, u64, f64>(value, None)
        })
    }

    /// The same in seconds.
    pub(crate) fn counter_of_seconds<'l>(&mut self, name: &str, help: &str, samples: Vec<(Labels<'l>, f64)>) -> fmt::Result {
        self.family(name, help, MetricType::Counter, samples, |encoder, value| {
            encoder.encode_counter::<NoLabelSet, f64, f64>(value, None)
        })
    }

    /// Numbers as they are now.
    pub(crate) fn gauge<'l>(&mut self, name: &str, help: &str, samples: Vec<(Labels<'l>, f64)>) -> fmt::Result {
        self.family(name, help, MetricType::Gauge, samples, |encoder, value| encoder.encode_gauge(value))
    }

    /// Durations, in seconds.
    pub(crate) fn histogram<'l>(&mut self, name: &str, help: &str, samples: Vec<(Labels<'l>, &Histogram)>) -> fmt::Result {
        self.family(name, help, MetricType::Histogram, samples, |encoder, histogram| {
            let buckets = histogram.buckets();
            let count = buckets.iter().map(|(_, count)| count).sum();
            encoder.encode_histogram::<NoLabelSet>(histogram.sum(), count, &buckets, None)
        })
    }

    fn family<T>(
        &mut self,
        name: &str,
        help: &str,
        kind: MetricType,
        samples: Vec<(Labels<'_>, T)>,
        write: impl Fn(&mut MetricEncoder<'_>, &T) -> fmt::Result,
    ) -> fmt::Result {
        if samples.is_empty() {
            return Ok(());
        }
        let mut family = self.encoder.encode_descriptor(name, help, None, kind)?;
        for (labels, value) in &samples {
            match labels.as_slice() {
                [] => write(&mut family, value)?,
                labels => write(&mut family.encode_family(&labels)?, value)?,
            }
        }
        Ok(())
    }
}

/// The whole page.
pub(crate) fn page(write: Arc<Write>) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Families(write)));
    let mut text = String::new();
    // A string takes all that is written into it.
    let _complete = prometheus_text::encode(&mut text, &registry);
    text
}

/// Writes all families when the page is encoded.
struct Families(Arc<Write>);

impl fmt::Debug for Families {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("Families")
    }
}

impl Collector for Families {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        (self.0)(&mut Page { encoder })
    }
}

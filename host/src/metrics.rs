//! What `/metrics` shows: the page in Prometheus' text format, and the counters of what is counted in many places.
//!
//! Every number stands where it arises, as an atomic; nothing is collected between two reads of the page. Labels come from the
//! configuration and from the registrations of plugins, never from clients, and their number is bounded.

mod events;
mod histogram;
mod page;

pub(crate) use events::EventCounters;
pub(crate) use histogram::{BUCKETS, Histogram, bucket_ranges};
pub(crate) use page::{CONTENT_TYPE, Labels, Page, page};

//! The joins among writes that are not applied yet, as far as they make rooms larger for the writes behind them.

use super::write::Write;
use crate::adapter::{Locked, RoomFilter};

/// How much larger a room may be than it is now.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Joins {
    /// By joins of one socket each.
    sockets: usize,
    /// By joins of all that match: any room may have everybody.
    everybody: bool,
}

impl Joins {
    /// Notes a write.
    pub(crate) fn note(&mut self, write: &Write) {
        match write {
            Write::Join { .. } => self.sockets += 1,
            Write::JoinAll { .. } => self.everybody = true,
            _ => {}
        }
    }

    /// How many sockets the filter selects at most behind those joins.
    pub(crate) fn count(&self, namespace: &Locked<'_>, filter: &RoomFilter) -> usize {
        let all = namespace.count_at_most(&RoomFilter::default());
        if self.everybody || filter.any.is_empty() {
            return all;
        }
        // A socket may join each of the rooms.
        let joined = self.sockets.min(all).saturating_mul(filter.any.len());
        namespace.count_at_most(filter).saturating_add(joined)
    }
}

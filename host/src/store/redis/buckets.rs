//! The buckets that this node writes to: their number is bounded, and those with entries that expire are swept.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use crate::fixed_limits::STORE_BUCKETS_MAX;
use crate::store::error::StoreError;
use crate::store::rules;

/// Names of buckets.
#[derive(Default)]
pub(super) struct Buckets {
    /// Held for a look.
    names: Mutex<Names>,
}

#[derive(Default)]
struct Names {
    written: BTreeSet<Box<str>>,
    /// Those that may have entries that expire.
    expiring: BTreeSet<Box<str>>,
}

impl Buckets {
    /// A bucket is written to. Refused if there are too many of them: a plugin could make as many as it likes.
    pub(super) fn note(&self, bucket: &str, expires: bool) -> Result<(), StoreError> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if !names.written.contains(bucket) {
            if names.written.len() >= STORE_BUCKETS_MAX {
                let message = format!("one node writes to at most {STORE_BUCKETS_MAX} buckets of the store");
                return Err(rules::limit("STORE_BUCKETS_MAX", message));
            }
            names.written.insert(bucket.into());
            // Others may have written to it, also this node before its start.
            names.expiring.insert(bucket.into());
        } else if expires && !names.expiring.contains(bucket) {
            names.expiring.insert(bucket.into());
        }
        Ok(())
    }

    /// Takes the names of buckets that may have entries that expire.
    pub(super) fn take_expiring(&self) -> BTreeSet<Box<str>> {
        std::mem::take(&mut self.names.lock().unwrap_or_else(PoisonError::into_inner).expiring)
    }

    /// Gives one back, which has some.
    pub(super) fn still_expiring(&self, bucket: Box<str>) {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).expiring.insert(bucket);
    }
}

#[cfg(test)]
mod tests {
    use super::Buckets;
    use crate::fixed_limits::STORE_BUCKETS_MAX;

    #[test]
    fn a_node_writes_to_so_many_buckets_and_no_more() {
        let buckets = Buckets::default();
        for number in 0..STORE_BUCKETS_MAX {
            buckets.note(&number.to_string(), false).unwrap();
        }
        assert!(buckets.note("one more", false).unwrap_err().to_string().contains("buckets"));
        assert_eq!((buckets.note("1", true), buckets.take_expiring().len()), (Ok(()), STORE_BUCKETS_MAX));
    }
}

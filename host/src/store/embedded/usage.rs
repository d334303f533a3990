//! The bytes of the entries in the file, by bucket, and the bounds of them.
//!
//! They are counted when the file is opened, which reads all of it anyway, and then kept by the thread that writes. So they are exact, and
//! nothing of them is in the file.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::fixed_limits::STORE_BUCKETS_MAX;
use crate::store::error::StoreError;
use crate::store::rules;

/// What an entry needs in the file besides its key and value, about.
pub(in crate::store) const ENTRY_BYTES: usize = 32;

/// Buckets that are added up for a plugin at each of its writes. For one that may use more, all of the file counts.
const SUMMED_BUCKETS: usize = 100;

/// The bounds of the file.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Quotas {
    pub(in crate::store) file_bytes: usize,
    pub(in crate::store) bucket_bytes: usize,
}

/// The bound of one plugin.
#[derive(Debug)]
pub(in crate::store) struct PluginQuota {
    bytes: usize,
    /// The buckets that the plugin may use; none if it may use all.
    buckets: Option<BTreeSet<String>>,
}

/// The bytes of each bucket that has any, and of all.
#[derive(Debug, Default)]
pub(super) struct Usage {
    buckets: BTreeMap<Box<str>, usize>,
    all: usize,
}

/// The bytes of the buckets that a transaction has changed, and of all.
pub(super) type Changed = (HashMap<Box<str>, usize>, usize);

/// What one transaction changes. It counts when the transaction is done.
pub(super) struct UsageChange<'u> {
    usage: &'u Usage,
    quotas: Quotas,
    /// The bytes of the buckets that were changed, as they will be.
    buckets: HashMap<Box<str>, usize>,
    /// How many of them had nothing before.
    new_buckets: usize,
    all: usize,
}

impl Quotas {
    /// Without bounds: for commands of the operator, and until a configuration says more.
    pub(in crate::store) const NONE: Self = Self { file_bytes: usize::MAX, bucket_bytes: usize::MAX };
}

impl PluginQuota {
    pub(in crate::store) fn new(bytes: usize, buckets: Option<&BTreeSet<String>>) -> Self {
        Self { bytes, buckets: buckets.filter(|buckets| buckets.len() <= SUMMED_BUCKETS).cloned() }
    }
}

impl Usage {
    /// Counts an entry that is in the file.
    pub(super) fn add(&mut self, bucket: &str, bytes: usize) {
        self.all += bytes;
        match self.buckets.get_mut(bucket) {
            Some(counted) => *counted += bytes,
            None => drop(self.buckets.insert(bucket.into(), bytes)),
        }
    }

    pub(super) fn change(&self, quotas: Quotas) -> UsageChange<'_> {
        UsageChange { usage: self, quotas, buckets: HashMap::new(), new_buckets: 0, all: self.all }
    }

    /// The transaction is done.
    pub(super) fn apply(&mut self, (buckets, all): Changed) {
        self.all = all;
        for (bucket, bytes) in buckets {
            match bytes {
                0 => self.buckets.remove(&bucket),
                bytes => self.buckets.insert(bucket, bytes),
            };
        }
    }

    fn of(&self, bucket: &str) -> usize {
        self.buckets.get(bucket).copied().unwrap_or_default()
    }
}

impl UsageChange<'_> {
    /// An entry of the bucket has so many bytes where it had others before. Refused if it adds some for which there is no room.
    pub(super) fn entry(
        &mut self,
        bucket: &str,
        before: usize,
        after: usize,
        plugin: Option<&Arc<PluginQuota>>,
    ) -> Result<(), StoreError> {
        let of_bucket = self.of(bucket);
        let (all, bytes) = (self.all - before + after, of_bucket - before + after);
        if after > before {
            if all > self.quotas.file_bytes {
                let most = self.quotas.file_bytes;
                let message = format!("the store's file holds at most {most} bytes (file_bytes_max in [store])");
                return Err(rules::limit("file_bytes_max", message));
            }
            if bytes > self.quotas.bucket_bytes {
                let most = self.quotas.bucket_bytes;
                let message = format!("a bucket of the store holds at most {most} bytes (bucket_bytes_max in [store])");
                return Err(rules::limit("bucket_bytes_max", message));
            }
            if of_bucket == 0 && self.usage.buckets.len() + self.new_buckets >= STORE_BUCKETS_MAX {
                let message = format!("the store's file has at most {STORE_BUCKETS_MAX} buckets");
                return Err(rules::limit("STORE_BUCKETS_MAX", message));
            }
            if let Some(plugin) = plugin.filter(|plugin| self.of_plugin(plugin) - before + after > plugin.bytes) {
                let message = format!("the plugin's buckets hold at most {} bytes (store_bytes_max of the plugin)", plugin.bytes);
                return Err(rules::limit("store_bytes_max", message));
            }
        }
        self.all = all;
        self.new_buckets += usize::from(of_bucket == 0 && after > 0);
        self.buckets.insert(bucket.into(), bytes);
        Ok(())
    }

    /// For [`Usage::apply`].
    pub(super) fn done(self) -> Changed {
        (self.buckets, self.all)
    }

    fn of(&self, bucket: &str) -> usize {
        self.buckets.get(bucket).copied().unwrap_or_else(|| self.usage.of(bucket))
    }

    fn of_plugin(&self, plugin: &PluginQuota) -> usize {
        plugin.buckets.as_ref().map_or(self.all, |buckets| buckets.iter().map(|bucket| self.of(bucket)).sum())
    }
}

/// What an entry counts for.
pub(super) fn entry_bytes(bucket: &str, key: &str, value: usize) -> usize {
    bucket.len() + key.len() + value + ENTRY_BYTES
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use super::{PluginQuota, Quotas, Usage};
    use crate::fixed_limits::STORE_BUCKETS_MAX;

    fn code(result: Result<(), crate::store::StoreError>) -> String {
        result.err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_adds_bytes_is_refused_at_each_bound_and_what_takes_some_away_never() {
        let mut usage = Usage::default();
        usage.add("a", 60);
        usage.add("b", 30);
        let plugin = |bytes, names: &[&str]| {
            let buckets = names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
            Arc::new(PluginQuota::new(bytes, (!buckets.is_empty()).then_some(&buckets)))
        };
        let mut change = usage.change(Quotas { file_bytes: 101, bucket_bytes: 70 });
        assert!(code(change.entry("b", 0, 12, None)).contains("file_bytes_max"));
        assert!(code(change.entry("a", 50, 61, None)).contains("bucket_bytes_max"));
        assert!(code(change.entry("b", 0, 5, Some(&plugin(34, &["b"])))).contains("store_bytes_max"));
        assert!(code(change.entry("b", 0, 5, Some(&plugin(94, &[])))).contains("store_bytes_max"));
        assert_eq!(code(change.entry("b", 0, 5, Some(&plugin(35, &["b"])))), "");
        assert_eq!(code(change.entry("a", 60, 0, Some(&plugin(1, &[])))), "");
        let done = change.done();
        usage.apply(done);
        assert_eq!((usage.all, usage.of("a"), usage.of("b"), usage.buckets.len()), (35, 0, 35, 1));
    }

    #[test]
    fn a_file_has_so_many_buckets_and_no_more() {
        let mut usage = Usage::default();
        (1..STORE_BUCKETS_MAX).for_each(|number| usage.add(&number.to_string(), 1));
        assert_eq!(code(usage.change(Quotas::NONE).entry("one more", 0, 1, None)), "");
        usage.add("last", 1);
        assert!(code(usage.change(Quotas::NONE).entry("one more", 0, 1, None)).contains("buckets"));
        assert_eq!(code(usage.change(Quotas::NONE).entry("last", 0, 1, None)), "");
    }
}

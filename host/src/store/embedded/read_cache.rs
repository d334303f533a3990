//! Values that were read lately, kept in memory: the record of a user that connects, the settings of a room. To read one of them again
//! costs no thread and no transaction.
//!
//! The cache never answers what a read of the file would not: a write removes the old value before the write is answered, and a
//! failure of the disk empties the cache. Where a read and a write cross, the stamp shows the reader that its value may be old.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Names and values of one of the two halves.
const HALF_BYTES: usize = 4 << 20;
/// A larger value is worth a read of the file, and would push too many others out.
const CACHED_ENTRY_BYTES: usize = 16 << 10;

/// The entries that were read lately, in two halves: when the young half is full, it takes the place of the old one, and what was not
/// read in the meantime is gone.
#[derive(Default)]
pub(super) struct ReadCache {
    /// Held for one look-up, or while the writes of one commit are removed.
    state: Mutex<CacheState>,
}

#[derive(Default)]
struct CacheState {
    young: CacheHalf,
    old: CacheHalf,
    /// Grows with each commit.
    commits: u64,
}

#[derive(Default)]
struct CacheHalf {
    /// By bucket and key.
    buckets: HashMap<Box<str>, HashMap<Box<str>, CacheEntry>>,
    bytes: usize,
}

/// When it expires (0: never), and the value.
type CacheEntry = (u64, Box<[u8]>);

/// What a look found.
pub(super) enum Lookup {
    Found(u64, Vec<u8>),
    /// The cache does not have the value. What is read from the file now may be kept, unless a write comes
    /// first.
    Absent(ReadStamp),
}

/// When a read began.
#[derive(Clone, Copy)]
pub(super) struct ReadStamp(u64);

impl ReadCache {
    pub(super) fn get(&self, bucket: &str, key: &str) -> Lookup {
        let state = &mut *self.lock();
        if let Some((expires, value)) = state.young.get(bucket, key) {
            return Lookup::Found(*expires, value.to_vec());
        }
        let Some((expires, value)) = state.old.remove(bucket, key) else { return Lookup::Absent(ReadStamp(state.commits)) };
        let found = Lookup::Found(expires, value.to_vec());
        state.insert(bucket, key, (expires, value));
        found
    }

    /// Keeps what was read, if nothing was written since.
    pub(super) fn keep(&self, ReadStamp(commits): ReadStamp, bucket: &str, key: &str, expires: u64, value: &[u8]) {
        if size(bucket, key, value) > CACHED_ENTRY_BYTES {
            return;
        }
        let state = &mut *self.lock();
        if state.commits == commits {
            state.insert(bucket, key, (expires, value.into()));
        }
    }

    /// Removes the entries that a commit has written.
    pub(super) fn forget<'w>(&self, written: impl Iterator<Item = (&'w str, &'w str)>) {
        let state = &mut *self.lock();
        state.commits += 1;
        for (bucket, key) in written {
            state.young.remove(bucket, key);
            state.old.remove(bucket, key);
        }
    }

    /// Empties the cache, because the file may have other values now.
    pub(super) fn forget_all(&self) {
        let state = &mut *self.lock();
        *state = CacheState { commits: state.commits + 1, ..CacheState::default() };
    }

    fn lock(&self) -> MutexGuard<'_, CacheState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CacheState {
    fn insert(&mut self, bucket: &str, key: &str, entry: CacheEntry) {
        let bytes = size(bucket, key, &entry.1);
        if self.young.bytes + bytes > HALF_BYTES {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.remove(bucket, key);
        self.young.bytes += bytes;
        self.young.buckets.entry(bucket.into()).or_default().insert(key.into(), entry);
    }
}

impl CacheHalf {
    fn get(&self, bucket: &str, key: &str) -> Option<&CacheEntry> {
        self.buckets.get(bucket)?.get(key)
    }

    fn remove(&mut self, bucket: &str, key: &str) -> Option<CacheEntry> {
        let entries = self.buckets.get_mut(bucket)?;
        let entry = entries.remove(key)?;
        if entries.is_empty() {
            self.buckets.remove(bucket);
        }
        self.bytes -= size(bucket, key, &entry.1);
        Some(entry)
    }
}

/// What an entry holds, with what the tables need for it.
fn size(bucket: &str, key: &str, value: &[u8]) -> usize {
    bucket.len() + key.len() + value.len() + 64
}

#[cfg(test)]
mod tests {
    use super::{CACHED_ENTRY_BYTES, HALF_BYTES, Lookup, ReadCache, ReadStamp};

    fn stamp(cache: &ReadCache) -> ReadStamp {
        match cache.get("b", "never there") {
            Lookup::Absent(stamp) => stamp,
            Lookup::Found(..) => panic!("it was never there"),
        }
    }

    fn value(cache: &ReadCache, key: &str) -> Option<Vec<u8>> {
        match cache.get("b", key) {
            Lookup::Found(_, value) => Some(value),
            Lookup::Absent(_) => None,
        }
    }

    #[test]
    fn what_was_written_since_the_read_began_is_not_kept() {
        let cache = ReadCache::default();
        let before = stamp(&cache);
        cache.forget([("b", "other")].into_iter());
        cache.keep(before, "b", "k", 0, b"old");
        assert_eq!(value(&cache, "k"), None);

        cache.keep(stamp(&cache), "b", "k", 0, b"new");
        cache.keep(stamp(&cache), "b", "stays", 0, b"1");
        cache.forget([("b", "k")].into_iter());
        assert_eq!((value(&cache, "k"), value(&cache, "stays").is_some()), (None, true));

        let before = stamp(&cache);
        cache.forget_all();
        cache.keep(before, "b", "k", 0, b"old");
        assert_eq!((value(&cache, "k"), value(&cache, "stays")), (None, None));
    }

    #[test]
    fn the_cache_keeps_what_is_read_again_and_no_more_than_its_bound() {
        let cache = ReadCache::default();
        cache.keep(stamp(&cache), "b", "large", 0, &vec![0; CACHED_ENTRY_BYTES]);
        assert_eq!(value(&cache, "large"), None);

        let filling = vec![0; 10_000];
        for number in 0..4 * HALF_BYTES / filling.len() {
            cache.keep(stamp(&cache), "b", &number.to_string(), 0, &filling);
            cache.keep(stamp(&cache), "b", "wanted", 0, b"1");
            assert!(value(&cache, "wanted").is_some());
            let state = cache.lock();
            assert!(state.young.bytes <= HALF_BYTES && state.old.bytes <= HALF_BYTES);
        }
        assert_eq!(value(&cache, "0"), None);
    }
}

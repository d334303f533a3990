//! What was read lately, kept in memory: a user who connects, a room's settings. Such a read costs no thread and no transaction.
//!
//! It never answers what a read of the file would not: whoever writes forgets the old value before the write is answered, and a
//! failure of the disk forgets everything. Where a read and a write cross, the age tells the reader that what it has may be old.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Names and values of one of the two generations.
const BYTES_MAX: usize = 4 << 20;
/// A larger value is worth a look into the file, and would push too many others out.
const ENTRY_BYTES_MAX: usize = 16 << 10;

/// The entries that were read lately. There are two generations: when the young one is full, it takes the place of the old one,
/// and what nobody has asked for in the meantime is gone.
#[derive(Default)]
pub(super) struct Recent {
    /// Held for one look, or for the forgetting of one commit.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    young: Generation,
    old: Generation,
    /// Grows with each commit.
    age: u64,
}

#[derive(Default)]
struct Generation {
    /// By bucket and key.
    buckets: HashMap<Box<str>, HashMap<Box<str>, Entry>>,
    bytes: usize,
}

/// When it expires (0: never), and the value.
type Entry = (u64, Box<[u8]>);

/// What a look found.
pub(super) enum Look {
    Found(u64, Vec<u8>),
    /// It may be kept once it was read, unless a write comes first.
    Absent(Age),
}

/// When a read began.
#[derive(Clone, Copy)]
pub(super) struct Age(u64);

impl Recent {
    pub(super) fn look(&self, bucket: &str, key: &str) -> Look {
        let state = &mut *self.lock();
        if let Some((expires, value)) = state.young.get(bucket, key) {
            return Look::Found(*expires, value.to_vec());
        }
        let Some((expires, value)) = state.old.remove(bucket, key) else { return Look::Absent(Age(state.age)) };
        let found = Look::Found(expires, value.to_vec());
        state.insert(bucket, key, (expires, value));
        found
    }

    /// Keeps what was read, if nothing was written since.
    pub(super) fn keep(&self, Age(age): Age, bucket: &str, key: &str, expires: u64, value: &[u8]) {
        if size(bucket, key, value) > ENTRY_BYTES_MAX {
            return;
        }
        let state = &mut *self.lock();
        if state.age == age {
            state.insert(bucket, key, (expires, value.into()));
        }
    }

    /// These were written.
    pub(super) fn forget<'w>(&self, written: impl Iterator<Item = (&'w str, &'w str)>) {
        let state = &mut *self.lock();
        state.age += 1;
        for (bucket, key) in written {
            state.young.remove(bucket, key);
            state.old.remove(bucket, key);
        }
    }

    /// The file is not what it was.
    pub(super) fn forget_all(&self) {
        let state = &mut *self.lock();
        *state = State { age: state.age + 1, ..State::default() };
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn insert(&mut self, bucket: &str, key: &str, entry: Entry) {
        let bytes = size(bucket, key, &entry.1);
        if self.young.bytes + bytes > BYTES_MAX {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.remove(bucket, key);
        self.young.bytes += bytes;
        self.young.buckets.entry(bucket.into()).or_default().insert(key.into(), entry);
    }
}

impl Generation {
    fn get(&self, bucket: &str, key: &str) -> Option<&Entry> {
        self.buckets.get(bucket)?.get(key)
    }

    fn remove(&mut self, bucket: &str, key: &str) -> Option<Entry> {
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
    use super::{Age, BYTES_MAX, ENTRY_BYTES_MAX, Look, Recent};

    fn age(recent: &Recent) -> Age {
        match recent.look("b", "never there") {
            Look::Absent(age) => age,
            Look::Found(..) => panic!("it was never there"),
        }
    }

    fn value(recent: &Recent, key: &str) -> Option<Vec<u8>> {
        match recent.look("b", key) {
            Look::Found(_, value) => Some(value),
            Look::Absent(_) => None,
        }
    }

    #[test]
    fn what_was_written_since_the_read_began_is_not_kept() {
        let recent = Recent::default();
        let before = age(&recent);
        recent.forget([("b", "other")].into_iter());
        recent.keep(before, "b", "k", 0, b"old");
        assert_eq!(value(&recent, "k"), None);

        recent.keep(age(&recent), "b", "k", 0, b"new");
        recent.keep(age(&recent), "b", "stays", 0, b"1");
        recent.forget([("b", "k")].into_iter());
        assert_eq!((value(&recent, "k"), value(&recent, "stays").is_some()), (None, true));

        let before = age(&recent);
        recent.forget_all();
        recent.keep(before, "b", "k", 0, b"old");
        assert_eq!((value(&recent, "k"), value(&recent, "stays")), (None, None));
    }

    #[test]
    fn it_keeps_what_is_asked_for_and_no_more_than_its_bound() {
        let recent = Recent::default();
        recent.keep(age(&recent), "b", "large", 0, &vec![0; ENTRY_BYTES_MAX]);
        assert_eq!(value(&recent, "large"), None);

        let filling = vec![0; 10_000];
        for number in 0..4 * BYTES_MAX / filling.len() {
            recent.keep(age(&recent), "b", &number.to_string(), 0, &filling);
            recent.keep(age(&recent), "b", "wanted", 0, b"1");
            assert!(value(&recent, "wanted").is_some());
            let state = recent.lock();
            assert!(state.young.bytes <= BYTES_MAX && state.old.bytes <= BYTES_MAX);
        }
        assert_eq!(value(&recent, "0"), None);
    }
}

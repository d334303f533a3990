//! The file itself: two tables of redb, and what each operation does to them.
//!
//! An entry has its expiry beside the value, and a row in a second table that is ordered by time, for the sweep. Both change in one
//! transaction. A failure of the disk closes the file until the writer has opened it again, because redb refuses all work after one.

use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use redb::{Database, ReadableDatabase, ReadableTable, Table, TableDefinition, WriteTransaction};

use super::open;
use super::read_cache::{Lookup, ReadCache, ReadStamp};
use super::usage::{Changed, PluginQuota, Quotas, Usage, UsageChange, entry_bytes};
use crate::store::api::Entry;
use crate::store::clock::{Clock, is_alive};
use crate::store::error::StoreError;
use crate::store::operation::{Operation, Rows, WriteResult};
use crate::store::rules;

/// Bucket and key; when it expires (0: never) and the value.
const ENTRIES: TableDefinition<(&str, &str), (u64, &[u8])> = TableDefinition::new("entries");
/// When, bucket and key of everything that expires.
const EXPIRIES: TableDefinition<(u64, &str, &str), ()> = TableDefinition::new("expiries");
/// Expired entries that one commit removes.
const SWEEP_BATCH: usize = 1_000;

/// One answer for each write, and whether more has expired than was swept.
pub(super) type Committed = (Vec<Result<WriteResult, StoreError>>, bool);

/// What the cache has of a key.
pub(super) enum Cached {
    Value(Option<Vec<u8>>),
    Unknown(ReadStamp),
}

/// One write, and the bound of the plugin that asked for it.
pub(super) struct Write<'w> {
    pub(super) bucket: &'w str,
    pub(super) key: &'w str,
    pub(super) operation: &'w Operation,
    pub(super) quota: Option<&'w Arc<PluginQuota>>,
}

/// The open file.
pub(super) struct StoreFile {
    path: PathBuf,
    quotas: Quotas,
    /// Held by the thread that writes, while it does.
    usage: Mutex<Usage>,
    clock: Clock,
    /// Read by every operation; written when the file is opened again. None between a failure and that.
    database: RwLock<Option<Database>>,
    cache: ReadCache,
    /// Whether the last commit failed, so that the log has the change and not each failure.
    failing: AtomicBool,
}

impl StoreFile {
    pub(super) fn open(path: &Path, clock: Clock, quotas: Quotas) -> Result<Self, StoreError> {
        let usage = Mutex::default();
        let database = open::open(path, true, &|database| {
            let transaction = database.begin_write()?;
            transaction.open_table(ENTRIES)?;
            transaction.open_table(EXPIRIES)?;
            transaction.commit()?;
            count(database, &usage)
        })?;
        let (database, failing) = (RwLock::new(Some(database)), AtomicBool::new(false));
        Ok(Self { path: path.to_owned(), quotas, usage, clock, database, cache: ReadCache::default(), failing })
    }

    pub(super) fn is_open(&self) -> bool {
        self.database.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Opens the file again after a failure. What was acknowledged before is in it.
    pub(super) fn reopen(&self) {
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        // First, for the file is locked as long as it is open.
        *database = None;
        self.cache.forget_all();
        // What was open when it failed may have been written.
        match open::open(&self.path, false, &|database| count(database, &self.usage)) {
            Ok(opened) => *database = Some(opened),
            Err(error) => tracing::error!("{error}"),
        }
    }

    /// The value, if the cache has it.
    pub(super) fn cached(&self, bucket: &str, key: &str) -> Cached {
        match self.cache.get(bucket, key) {
            Lookup::Found(expires, value) => Cached::Value(is_alive(expires, (self.clock)()).then_some(value)),
            Lookup::Absent(stamp) => Cached::Unknown(stamp),
        }
    }

    /// The value as the file has it. `stamp` is from the look into the cache before.
    pub(super) fn get(&self, bucket: &str, key: &str, stamp: ReadStamp) -> Result<Option<Vec<u8>>, StoreError> {
        let now = (self.clock)();
        self.with(|database| {
            let table = database.begin_read()?.open_table(ENTRIES)?;
            let found = table.get((bucket, key))?;
            Ok(found.and_then(|found| {
                let (expires, value) = found.value();
                self.cache.keep(stamp, bucket, key, expires, value);
                is_alive(expires, now).then(|| value.to_vec())
            }))
        })
    }

    pub(super) fn scan(&self, bucket: &str, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let now = (self.clock)();
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded((bucket, after)),
            _ => Bound::Included((bucket, prefix)),
        };
        self.with(|database| {
            let table = database.begin_read()?.open_table(ENTRIES)?;
            let mut scanned = rules::ScanAnswer::default();
            for row in table.range::<(&str, &str)>((from, Bound::Unbounded))? {
                let (name, row) = row?;
                let ((in_bucket, key), (expires, value)) = (name.value(), row.value());
                if scanned.entries.len() >= limit || in_bucket != bucket || !key.starts_with(prefix) {
                    break;
                }
                if !is_alive(expires, now) {
                    continue;
                }
                if let Err(refused) = scanned.push(key, value) {
                    return Ok(Err(refused));
                }
            }
            Ok(Ok(scanned.entries))
        })?
    }

    /// Does all writes in one transaction, which is on the disk when this returns.
    pub(super) fn commit(&self, writes: &[Write<'_>], sweeps: bool) -> Result<Committed, StoreError> {
        let now = (self.clock)();
        if writes.is_empty() && !(sweeps && self.has_expired(now)) {
            return Ok((Vec::new(), false));
        }
        let mut usage = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = self.with(|database| {
            let transaction = database.begin_write()?;
            let changed = change(&transaction, writes, sweeps, now, usage.change(self.quotas))?;
            transaction.commit()?;
            Ok(changed)
        });
        let committed = changed.map(|(committed, change)| {
            usage.apply(change);
            committed
        });
        drop(usage);
        // Before the writes are answered.
        self.cache.forget(writes.iter().map(|write| (write.bucket, write.key)));
        let failed = committed.is_err();
        if self.failing.swap(failed, Ordering::Relaxed) && !failed {
            tracing::info!(path = %self.path.display(), "the store works again");
        }
        if failed && self.is_open() {
            self.reopen();
        }
        committed
    }

    pub(super) fn has_expired(&self, now: u64) -> bool {
        let first = self.with(|database| {
            let table = database.begin_read()?.open_table(EXPIRIES)?;
            let first = table.first()?.map(|(row, _)| row.value().0);
            Ok(first)
        });
        first.is_ok_and(|first| first.is_some_and(|expires| !is_alive(expires, now)))
    }

    /// Uses the open file. A failure is logged, and so is a panic of redb, which trusts what it finds in a file.
    fn with<T>(&self, work: impl FnOnce(&Database) -> Result<T, redb::Error>) -> Result<T, StoreError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let database = database.as_ref().ok_or(StoreError::Unavailable)?;
        let worked = catch_unwind(AssertUnwindSafe(|| work(database)));
        let failure = match worked {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the file is damaged".to_owned(),
        };
        if !self.failing.swap(true, Ordering::Relaxed) {
            let path = self.path.display();
            tracing::error!(%path, error = failure, "the store cannot be used; free space on its disk, or restore the file");
        }
        Err(StoreError::Unavailable)
    }
}

/// Counts the bytes of all entries.
fn count(database: &Database, usage: &Mutex<Usage>) -> Result<(), redb::Error> {
    let mut counted = Usage::default();
    for row in database.begin_read()?.open_table(ENTRIES)?.iter()? {
        let (name, row) = row?;
        let ((bucket, key), (_, value)) = (name.value(), row.value());
        counted.add(bucket, entry_bytes(bucket, key, value.len()));
    }
    *usage.lock().unwrap_or_else(PoisonError::into_inner) = counted;
    Ok(())
}

fn change(
    transaction: &WriteTransaction,
    writes: &[Write<'_>],
    sweeps: bool,
    now: u64,
    usage: UsageChange<'_>,
) -> Result<(Committed, Changed), redb::Error> {
    let (entries, expiries) = (transaction.open_table(ENTRIES)?, transaction.open_table(EXPIRIES)?);
    let mut tables = Tables { entries, expiries, now, usage, quota: None };
    let mut answers = Vec::with_capacity(writes.len());
    for write in writes {
        tables.quota = write.quota.cloned();
        answers.push(write.operation.apply(&mut tables, write.bucket, write.key)?);
    }
    let more = sweeps && tables.sweep()?;
    Ok(((answers, more), tables.usage.done()))
}

/// The tables while they are written.
struct Tables<'t> {
    entries: Table<'t, (&'static str, &'static str), (u64, &'static [u8])>,
    expiries: Table<'t, (u64, &'static str, &'static str), ()>,
    now: u64,
    usage: UsageChange<'t>,
    /// Of the plugin whose write is done.
    quota: Option<Arc<PluginQuota>>,
}

impl Rows for Tables<'_> {
    type Failure = redb::Error;

    fn now(&self) -> u64 {
        self.now
    }

    fn present(&self, bucket: &str, key: &str) -> Result<Option<(u64, Vec<u8>)>, redb::Error> {
        let found = self.entries.get((bucket, key))?;
        Ok(found.and_then(|found| {
            let (expires, value) = found.value();
            is_alive(expires, self.now).then(|| (expires, value.to_vec()))
        }))
    }

    /// With the row in the order of time.
    fn put(
        &mut self,
        bucket: &str,
        key: &str,
        value: Option<&[u8]>,
        expires: u64,
    ) -> Result<Result<(), StoreError>, redb::Error> {
        let before = self.entries.get((bucket, key))?.map(|old| (old.value().0, old.value().1.len()));
        let bytes = |value: Option<usize>| value.map_or(0, |value| entry_bytes(bucket, key, value));
        let (old, new) = (bytes(before.map(|(_, value)| value)), bytes(value.map(<[u8]>::len)));
        if let Err(refused) = self.usage.entry(bucket, old, new, self.quota.as_ref()) {
            return Ok(Err(refused));
        }
        match value {
            Some(value) => drop(self.entries.insert((bucket, key), (expires, value))?),
            None => drop(self.entries.remove((bucket, key))?),
        }
        if let Some((before, _)) = before.filter(|(before, _)| *before != 0) {
            self.expiries.remove((before, bucket, key))?;
        }
        if value.is_some() && expires != 0 {
            self.expiries.insert((expires, bucket, key), ())?;
        }
        Ok(Ok(()))
    }
}

impl Tables<'_> {
    /// Removes expired entries, up to the bound. Returns whether the bound was reached.
    fn sweep(&mut self) -> Result<bool, redb::Error> {
        let mut expired = Vec::new();
        for row in self.expiries.iter()?.take(SWEEP_BATCH) {
            let (row, ()) = row.map(|(row, unit)| (row, unit.value()))?;
            let (expires, bucket, key) = row.value();
            if is_alive(expires, self.now) {
                break;
            }
            expired.push((bucket.to_owned(), key.to_owned()));
        }
        for (bucket, key) in &expired {
            // What takes bytes away is never refused.
            let _removed = self.put(bucket, key, None, 0)?;
        }
        Ok(expired.len() >= SWEEP_BATCH)
    }
}

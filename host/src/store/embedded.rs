//! A store in one file of this machine.
//!
//! One thread writes. All writes that are queued when the thread begins a commit go into that commit, and a write is answered when its
//! commit is on the disk: a single write costs one flush of the disk, and many at once share it. What was read lately is answered from
//! memory; every other read takes a snapshot on a thread where it may wait for the disk.

mod file;
mod holder;
mod open;
mod read_cache;
pub(super) mod usage;
mod writer;

use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

use super::api::{Entry, Store, StoreFuture};
use super::clock::{Clock, wall_clock};
use super::error::StoreError;
use super::in_flight::InFlight;
use super::operation::{Operation, WriteResult};
use super::rules;
use file::{Cached, StoreFile};

use usage::{PluginQuota, Quotas};
use writer::WriteJob;

/// The store, as one plugin uses it.
pub(crate) struct Embedded {
    open: Arc<Open>,
    /// What this plugin has in flight: it takes nothing from others.
    in_flight: Arc<InFlight>,
    quota: Option<Arc<PluginQuota>>,
}

/// The open file and the thread that writes it.
struct Open {
    file: Arc<StoreFile>,
    /// None only while the store is dropped: the end of the queue ends the writer.
    queue: Option<mpsc::Sender<WriteJob>>,
    writer: Option<JoinHandle<()>>,
}

impl Embedded {
    /// Opens the file, or makes it, with its folder.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_with(path, wall_clock(), Quotas::NONE)
    }

    pub(super) fn open_with(path: &Path, clock: Clock, quotas: Quotas) -> Result<Self, StoreError> {
        let file = Arc::new(StoreFile::open(path, clock, quotas)?);
        let (queue, jobs) = mpsc::channel();
        let for_writer = file.clone();
        // Ends with the queue; `drop` waits for it.
        let started = std::thread::Builder::new().name("store".into()).spawn(move || writer::run(&for_writer, &jobs));
        let remedy = "raise the limit of threads (ulimit -u)";
        let failed = |error: std::io::Error| StoreError::Open { path: path.to_owned(), what: error.to_string(), remedy };
        let open = Open { file, queue: Some(queue), writer: Some(started.map_err(failed)?) };
        Ok(Self { open: Arc::new(open), in_flight: Arc::default(), quota: None })
    }

    /// The same store for a plugin, with bounds of its own.
    pub(super) fn for_plugin(&self, quota: PluginQuota) -> Self {
        Self { open: self.open.clone(), in_flight: Arc::default(), quota: Some(Arc::new(quota)) }
    }

    fn write(&self, bucket: &str, key: &str, operation: Operation) -> StoreFuture<WriteResult> {
        let queued = self.queue(bucket, key, operation);
        Box::pin(async move {
            // A writer that has ended answers nothing.
            queued?.await.unwrap_or(Err(StoreError::Unavailable))
        })
    }

    fn queue(
        &self,
        bucket: &str,
        key: &str,
        operation: Operation,
    ) -> Result<oneshot::Receiver<Result<WriteResult, StoreError>>, StoreError> {
        rules::check_names(bucket, key)?;
        operation.check()?;
        let permit = InFlight::take(&self.in_flight, bucket.len() + key.len() + operation.bytes())?;
        let (answer, receiver) = oneshot::channel();
        let job = WriteJob { bucket: bucket.into(), key: key.into(), operation, quota: self.quota.clone(), answer, permit };
        let queue = self.open.queue.as_ref().ok_or(StoreError::Unavailable)?;
        queue.send(job).map_err(|_| StoreError::Unavailable)?;
        Ok(receiver)
    }

    fn done(&self, bucket: &str, key: &str, operation: Operation) -> StoreFuture<bool> {
        let written = self.write(bucket, key, operation);
        Box::pin(async move { written.await.map(|written| matches!(written, WriteResult::Done(true))) })
    }

    /// Reads on a thread of its own, if the rules allow it (`checked`).
    fn read<T: Send + 'static>(
        &self,
        checked: Result<(), StoreError>,
        read: impl FnOnce(&StoreFile) -> Result<T, StoreError> + Send + 'static,
    ) -> StoreFuture<T> {
        let started = checked.and_then(|()| InFlight::take(&self.in_flight, 0)).map(|permit| {
            let file = self.open.file.clone();
            tokio::task::spawn_blocking(move || {
                let read = read(&file);
                drop(permit);
                read
            })
        });
        Box::pin(async move { started?.await.unwrap_or(Err(StoreError::Unavailable)) })
    }
}

impl Store for Embedded {
    fn get(&self, bucket: &str, key: &str) -> StoreFuture<Option<Vec<u8>>> {
        let checked = rules::check_names(bucket, key);
        let stamp = match self.open.file.cached(bucket, key) {
            Cached::Value(value) => return Box::pin(std::future::ready(Ok(value))),
            Cached::Unknown(stamp) => stamp,
        };
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        self.read(checked, move |file| file.get(&bucket, &key, stamp))
    }

    fn set(&self, bucket: &str, key: &str, value: Vec<u8>, ttl: Option<Duration>) -> StoreFuture<bool> {
        self.done(bucket, key, Operation::Set { value, ttl })
    }

    fn delete(&self, bucket: &str, key: &str) -> StoreFuture<bool> {
        self.done(bucket, key, Operation::Delete)
    }

    fn increment(&self, bucket: &str, key: &str, by: i64) -> StoreFuture<i64> {
        let written = self.write(bucket, key, Operation::Increment { by });
        Box::pin(async move {
            match written.await? {
                WriteResult::Number(number) => Ok(number),
                WriteResult::Done(_) => Err(StoreError::Unavailable),
            }
        })
    }

    fn compare_and_swap(&self, bucket: &str, key: &str, expected: Option<Vec<u8>>, value: Option<Vec<u8>>) -> StoreFuture<bool> {
        self.done(bucket, key, Operation::Swap { expected, value })
    }

    fn scan(&self, bucket: &str, prefix: &str, after: Option<&str>, limit: u32) -> StoreFuture<Vec<Entry>> {
        let checked = rules::check_scan(bucket, prefix, after, limit);
        let (bucket, prefix, after) = (bucket.to_owned(), prefix.to_owned(), after.map(str::to_owned));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        self.read(checked, move |file| file.scan(&bucket, &prefix, after.as_deref(), limit))
    }
}

impl Drop for Open {
    /// Lets the writer finish what is queued and close the file well, so that the next start has nothing to mend.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            let _panicked = writer.join();
        }
    }
}

/// A new folder for a test.
#[cfg(test)]
pub(super) fn folder(name: &str) -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("innkeeper-store-{name}-{}", std::process::id()));
    let _absent = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[cfg(test)]
mod tests;

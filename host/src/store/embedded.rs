//! A store in one file of this machine.
//!
//! One thread writes. What is queued when it comes around goes into one commit, and a write is answered when that commit is on the
//! disk: a single write costs one flush of the disk, and many at once share it. What was read lately is
//! answered from memory; every other read takes a snapshot on a thread where it may wait for the disk.

mod file;
mod load;
mod opening;
mod recent;
mod writer;

use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::oneshot;

use super::{Answer, Entry, Store, StoreError, rules};
use file::{Data, Operation, Recalled, Written};
use load::Load;
use writer::Job;

/// Milliseconds since 1970. Expiry outlives the host, so no clock of this process would do.
pub(super) type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The time of this machine.
pub(super) fn wall_clock() -> Clock {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    Arc::new(move || u64::try_from(now()).unwrap_or(u64::MAX))
}

/// The open file and the thread that writes it.
pub(crate) struct Embedded {
    data: Arc<Data>,
    load: Arc<Load>,
    /// None only while it is dropped: the end of the queue ends the writer.
    queue: Option<mpsc::Sender<Job>>,
    writer: Option<JoinHandle<()>>,
}

impl Embedded {
    /// Opens the file, or makes it, with its folder.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_with(path, wall_clock())
    }

    pub(super) fn open_with(path: &Path, clock: Clock) -> Result<Self, StoreError> {
        let data = Arc::new(Data::open(path, clock)?);
        let (queue, jobs) = mpsc::channel();
        let for_writer = data.clone();
        // Ends with the queue; `drop` waits for it.
        let started = std::thread::Builder::new().name("store".into()).spawn(move || writer::run(&for_writer, &jobs));
        let remedy = "raise the limit of threads (ulimit -u)";
        let failed = |error: std::io::Error| StoreError::Open { path: path.to_owned(), what: error.to_string(), remedy };
        Ok(Self { data, load: Arc::default(), queue: Some(queue), writer: Some(started.map_err(failed)?) })
    }

    fn write(&self, bucket: &str, key: &str, operation: Operation) -> Answer<Written> {
        let queued = self.queue(bucket, key, operation);
        Box::pin(async move {
            // A writer that is gone answers nothing.
            queued?.await.unwrap_or(Err(StoreError::Unavailable))
        })
    }

    fn queue(
        &self,
        bucket: &str,
        key: &str,
        operation: Operation,
    ) -> Result<oneshot::Receiver<Result<Written, StoreError>>, StoreError> {
        rules::check_names(bucket, key)?;
        operation.check()?;
        let share = Load::take(&self.load, operation.bytes())?;
        let (answer, receiver) = oneshot::channel();
        let job = Job { bucket: bucket.into(), key: key.into(), operation, answer, share };
        let queue = self.queue.as_ref().ok_or(StoreError::Unavailable)?;
        queue.send(job).map_err(|_| StoreError::Unavailable)?;
        Ok(receiver)
    }

    fn done(&self, bucket: &str, key: &str, operation: Operation) -> Answer<bool> {
        let written = self.write(bucket, key, operation);
        Box::pin(async move { written.await.map(|written| matches!(written, Written::Done(true))) })
    }

    /// Reads on a thread of its own. `checked`: what the rules say of the question.
    fn read<T: Send + 'static>(
        &self,
        checked: Result<(), StoreError>,
        read: impl FnOnce(&Data) -> Result<T, StoreError> + Send + 'static,
    ) -> Answer<T> {
        let started = checked.and_then(|()| Load::take(&self.load, 0)).map(|share| {
            let data = self.data.clone();
            tokio::task::spawn_blocking(move || {
                let read = read(&data);
                drop(share);
                read
            })
        });
        Box::pin(async move { started?.await.unwrap_or(Err(StoreError::Unavailable)) })
    }
}

impl Store for Embedded {
    fn get(&self, bucket: &str, key: &str) -> Answer<Option<Vec<u8>>> {
        let checked = rules::check_names(bucket, key);
        let age = match self.data.recall(bucket, key) {
            Recalled::Value(value) => return Box::pin(std::future::ready(Ok(value))),
            Recalled::Nothing(age) => age,
        };
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        self.read(checked, move |data| data.get(&bucket, &key, age))
    }

    fn set(&self, bucket: &str, key: &str, value: Vec<u8>, ttl: Option<Duration>) -> Answer<bool> {
        self.done(bucket, key, Operation::Set { value, ttl })
    }

    fn delete(&self, bucket: &str, key: &str) -> Answer<bool> {
        self.done(bucket, key, Operation::Delete)
    }

    fn increment(&self, bucket: &str, key: &str, by: i64) -> Answer<i64> {
        let written = self.write(bucket, key, Operation::Increment { by });
        Box::pin(async move {
            match written.await? {
                Written::Number(number) => Ok(number),
                Written::Done(_) => Err(StoreError::Unavailable),
            }
        })
    }

    fn compare_and_swap(&self, bucket: &str, key: &str, expected: Option<Vec<u8>>, value: Option<Vec<u8>>) -> Answer<bool> {
        self.done(bucket, key, Operation::Swap { expected, value })
    }

    fn scan(&self, bucket: &str, prefix: &str, after: Option<&str>, limit: u32) -> Answer<Vec<Entry>> {
        let checked = rules::check_scan(bucket, prefix, after, limit);
        let (bucket, prefix, after) = (bucket.to_owned(), prefix.to_owned(), after.map(str::to_owned));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        self.read(checked, move |data| data.scan(&bucket, &prefix, after.as_deref(), limit))
    }
}

impl Drop for Embedded {
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
